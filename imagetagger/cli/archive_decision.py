"""What `archive tag` and `archive review` write and ask: predictions of all pictures, and what is decided of them."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from imagetagger.cli.archive import OpenArchive
from imagetagger.cli.terminal import CommandError, step_bar

if TYPE_CHECKING:
    from imagetagger.archive.people import FileKeywords
    from imagetagger.archive.predicting import Predictions
    from imagetagger.archive.promise.decide import ArchiveDecision
    from imagetagger.archive.tagging.labelled import SetKeywords
    from imagetagger.archive.tagging.learn import LearnedTags


DEFAULT_PRECISION = 0.95
"""Share of right tags that is promised, or asked of the tagger's own estimate, unless a command line says otherwise."""


class DecidedArchive(NamedTuple):
    """What is predicted and decided of an archive's N pictures.

    Attributes:
        contents: ids of the pictures.
        people: what people did with the tags of each picture, by content id.
        predictions, decision: of the pictures.
        precision: that is promised of learned tags, or asked of the tagger's own estimate.
    """

    contents: tuple[str, ...]
    people: "dict[str, SetKeywords]"
    predictions: "Predictions"
    decision: "ArchiveDecision"
    precision: float


def decide_archive(archive: OpenArchive, options: argparse.Namespace, read: "Sequence[FileKeywords]") -> DecidedArchive:
    """Predict the tags of an archive's pictures, and decide which are written or want a look.

    Args:
        archive: is open, and its pictures are embedded.
        options: of the command.
        read: keywords of its files.
    """
    from imagetagger.archive.catalogue.embeddings import load_embeddings
    from imagetagger.archive.people import set_keywords
    from imagetagger.archive.predicting import predict_pictures
    from imagetagger.archive.promise.decide import decide_tags
    from imagetagger.archive.tagging.labelled import SetKeywords
    from imagetagger.archive.tagging.plan import settled_tags

    learned = load_learned_tags(archive, options)
    contents, embeddings = load_embeddings(archive.catalogue, archive.space, archive.folders)
    people = set_keywords(archive.catalogue, read)
    tagger = archive.tagger if learned is None else learned
    precision = options.precision or (DEFAULT_PRECISION if learned is None else learned.precision)
    predictions = predict_pictures(_shown(embeddings), archive.bundle, tagger, precision)
    settled = settled_tags(
        predictions.keywords,
        [people.get(content, SetKeywords()) for content in contents],
        leave_tagged=predictions.is_learned and not options.all,
    )
    decision = decide_tags(predictions.probability, predictions.promises, is_settled=settled, embeddings=embeddings)
    return DecidedArchive(contents, people, predictions, decision, precision)


def load_learned_tags(archive: OpenArchive, options: argparse.Namespace) -> "LearnedTags | None":
    """Return the tags that were learned, if there are any and they are wanted."""
    from imagetagger.archive.catalogue.learned import load_learned
    from imagetagger.archive.tagging.learned_file import decode_learned

    if options.everyday:
        return None
    data = load_learned(archive.catalogue, archive.space)
    if data is None:
        _check_other_spaces(archive)
        return None
    learned = decode_learned(data)
    if learned.bundle != archive.bundle.manifest.digest:
        raise CommandError(
            "tags were learned with another bundle, which measured what is promised: `imagetagger archive learn` learns"
            " them with this one, and --everyday takes the tags of this one"
        )
    if options.precision not in (None, learned.precision):
        raise CommandError(
            f"got --precision {options.precision:g}, but {learned.precision:g} was promised when tags were learned: "
            f"`imagetagger archive learn --precision {options.precision:g}` promises another one"
        )
    return learned


def _check_other_spaces(archive: OpenArchive) -> None:
    """Refuse to use the everyday tags where tags were learned from embeddings of another kind only."""
    from imagetagger.archive.catalogue.learned import list_learned
    from imagetagger.archive.embedding.embed import describe_space
    from imagetagger.archive.tagging.learned_file import decode_learned

    for space, data in list_learned(archive.catalogue):
        count = len(decode_learned(data).keywords)
        raise CommandError(
            f"{count:,} tags were learned, but from embeddings by the {describe_space(space)}; these options use the "
            f"{describe_space(archive.space)}: run `imagetagger archive learn` again with these options, use those "
            "that you learned with, or take the tagger's own tags with --everyday"
        )


def _shown(embeddings: np.ndarray) -> Iterator[np.ndarray]:
    with step_bar("predicting") as show:
        for i, embedding in enumerate(embeddings, 1):
            yield embedding
            show(i, len(embeddings))
