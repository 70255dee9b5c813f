"""What a person is asked about pictures: the most probable tag of those in doubt, and which others there are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from imagetagger.archive.predicting import Predictions
from imagetagger.archive.promise.decide import ArchiveDecision, decide_tags
from imagetagger.archive.tagging.labelled import SetKeywords
from imagetagger.archive.tagging.plan import settled_tags
from imagetagger.system.printable import printable_text

MOST = 2000
"""Pictures of one review."""
SUGGESTIONS = 9
"""Tags that are suggested for a picture: a key of the keyboard for each."""
PLAUSIBLE = 0.5
"""Probability from which on a tag is asked about, and suggested in any case."""
LEAST = 0.02
"""Probability of a suggested tag."""


class Suggestion(NamedTuple):
    """A tag, by its index, and its probability."""

    tag: int
    probability: float


class Question(msgspec.Struct, frozen=True):
    """A picture that wants a look.

    Attributes:
        picture: content id.
        name, folder: of its file, printable; the folder as seen from that of the archive.
        asked: index of the tag in question; None if no plausible one is open.
        suggested: tags that nobody decided about, the most probable first.
    """

    picture: str
    name: str
    folder: str
    asked: int | None
    suggested: tuple[Suggestion, ...]


class Review(NamedTuple):
    """What is needed to ask about pictures again after some answers.

    Attributes:
        contents: ids of N pictures.
        predictions: for them, under C tags.
        leave_tagged: see `settled_tags`.
        paths: of each picture that can be asked about, the first of its files.
        folders: of the archive.
    """

    contents: tuple[str, ...]
    predictions: Predictions
    leave_tagged: bool
    paths: Mapping[str, Path]
    folders: tuple[Path, ...]


def first_questions(
    review: Review, decision: ArchiveDecision, people: Mapping[str, SetKeywords]
) -> tuple[list[Question], int]:
    """Return the pictures to look at, by tag and the most useful first, and how many more there are beyond `MOST`."""
    rows = [int(row) for group in decision.looks for row in group.pictures if review.contents[row] in review.paths]
    chosen = [review.contents[row] for row in rows[:MOST]]
    return ask(review, chosen, people), len(rows) - len(chosen)


def ask(review: Review, contents: Sequence[str], people: Mapping[str, SetKeywords]) -> list[Question]:
    """Return what to ask about pictures.

    Args:
        review: see there.
        contents: ids of the pictures.
        people: what people did with their tags so far, by content id.
    """
    row_of = {content: row for row, content in enumerate(review.contents)}
    keywords, probability, promises, _ = review.predictions
    probability = probability[[row_of[content] for content in contents]]
    settled = settled_tags(
        keywords,
        [people.get(content, SetKeywords()) for content in contents],
        leave_tagged=review.leave_tagged,
    )
    decision = decide_tags(probability, promises, is_settled=settled, plausible=PLAUSIBLE)
    asked = {int(row): group.tag for group in decision.looks for row in group.pictures}
    return [
        Question(
            content,
            printable_text(review.paths[content].name),
            printable_text(_folder(review.paths[content].parent, review.folders)),
            asked.get(row),
            _suggestions(probability[row], settled[row]),
        )
        for row, content in enumerate(contents)
    ]


def _suggestions(probability: np.ndarray, is_settled: np.ndarray) -> tuple[Suggestion, ...]:
    order = np.argsort(-probability, kind="stable").tolist()
    is_open = [tag for tag in order if not is_settled[tag] and probability[tag] >= LEAST]
    plausible = sum(probability[tag] >= PLAUSIBLE for tag in is_open)
    return tuple(
        Suggestion(tag, round(float(probability[tag]), 4)) for tag in is_open[: max(SUGGESTIONS, int(plausible))]
    )


def _folder(folder: Path, tops: Sequence[Path]) -> str:
    """Return a folder as seen from that of the archive, which is named itself only where there are several."""
    for top in map(Path.resolve, tops):
        if folder.is_relative_to(top):
            inside = folder.relative_to(top).parts
            return "/".join((top.name, *inside) if len(tops) > 1 else inside)
    return str(folder)
