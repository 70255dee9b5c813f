"""The tags of a bundle and its broader terms, for an archive from which nothing was learned yet."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from imagetagger.archive.keywords.fields import Keyword
from imagetagger.archive.promise.tag_promises import TagPromise
from imagetagger.bundle.labels import Label, Term
from imagetagger.tagger.tagger import Tagger
from imagetagger.terms.paths import term_path


class EverydayTags(NamedTuple):
    """The words that a tagger describes pictures with.

    Attributes:
        keywords: of the tags that are not hidden, then of the broader terms, each after its own broader ones.
        below: float64 (words, C), 1 for those of the tagger's C tags that belong to a word.
    """

    keywords: tuple[Keyword, ...]
    below: np.ndarray


def everyday_tags(tagger: Tagger, labels: Sequence[Label], terms: Sequence[Term]) -> EverydayTags:
    """Return the words of a tagger.

    Args:
        tagger: with the tags that its user taught, renamed or hid.
        labels: of its bundle.
        terms: of its bundle.
    """
    words = tagger.words
    all_words: tuple[Label | Term, ...] = (*labels, *terms)
    broader = {word.id: word.broader for word in all_words}
    usable = {key for key, is_usable in zip(words.terms, words.is_usable, strict=True) if is_usable}
    visible = np.flatnonzero(~words.is_hidden)
    own = np.eye(len(words.tags), dtype=bool)[visible]
    ids = [*(words.tags[i] for i in visible), *(key for key in words.terms if key in usable)]
    below = np.concatenate([own, words.graph.below[np.asarray([key in usable for key in words.terms], bool)]])
    return EverydayTags(tuple(_keyword(key, words.names, broader, usable) for key in ids), below.astype(np.float64))


def _keyword(key: str, names: Mapping[str, str], broader: Mapping[str, Sequence[str]], usable: set[str]) -> Keyword:
    """Return a word's name after those of its broader terms that people use, the broadest first."""
    path = [names[each] for each in term_path(key, broader, usable)]
    return tuple(name for i, name in enumerate(path) if name not in path[i + 1 :])


def estimated_promises(count: int, precision: float) -> tuple[TagPromise, ...]:
    """Return thresholds by the tagger's own probabilities, which nobody has checked on this archive."""
    return (TagPromise(precision, 0, None, None, False, 0),) * count


def predict_everyday(tagger: Tagger, tags: EverydayTags, embedding: np.ndarray) -> np.ndarray:
    """Return the probability of each word for an embedding (D,), float64 (words,): the sum of those of its tags."""
    return np.minimum(tags.below @ tagger.probabilities(embedding), 1)
