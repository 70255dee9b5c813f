"""Which tags people set, and of which pictures: what an archive is learned from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from imagetagger.archive.keywords.fields import Keyword, is_same_keyword, keyword_key

MIN_PICTURES = 3
"""Pictures of a tag that can be learned: one to predict, and two others to learn from."""
INTERNAL = frozenset({"_digikam_internal_tags_"})
"""Broadest keywords in which programs keep what is no tag of a picture."""


class SetKeywords(NamedTuple):
    """What people did with the tags of one picture, in all of its files.

    Attributes:
        people: keywords that they set.
        withdrawn: keywords that were written by a tagger, and that they deleted.
    """

    people: tuple[Keyword, ...] = ()
    withdrawn: tuple[Keyword, ...] = ()


class LabelledPictures(NamedTuple):
    """N pictures that people tagged, under the C tags that have enough pictures.

    Attributes:
        keywords: the C tags.
        contents: ids of the N pictures.
        labels: bool (N, C), which tags a picture has: those that people set, and those above them that people set
            elsewhere.
        is_withdrawn: bool (N, C), which tags people deleted.
    """

    keywords: tuple[Keyword, ...]
    contents: tuple[str, ...]
    labels: np.ndarray
    is_withdrawn: np.ndarray


def label_pictures(pictures: Mapping[str, SetKeywords], min_pictures: int = MIN_PICTURES) -> LabelledPictures:
    """Return the pictures that people tagged, with their labels under the tags of at least some pictures.

    Args:
        pictures: by content id.
        min_pictures: tags of fewer are left out.
    """
    found = {keyword_key(keyword): keyword for one in pictures.values() for keyword in usable(one.people)}
    keywords = full_keywords(found.values())
    tagged = [content for content, one in sorted(pictures.items()) if one.people or one.withdrawn]
    labels = mark_tags(keywords, [pictures[content].people for content in tagged], is_at_or_below)
    is_withdrawn = mark_tags(keywords, [pictures[content].withdrawn for content in tagged], is_deleted_by) & ~labels
    has_enough = labels.sum(0) >= min_pictures
    kept = np.flatnonzero(has_enough)
    labels, is_withdrawn = labels[:, kept], is_withdrawn[:, kept]
    says_something = labels.any(1) | is_withdrawn.any(1)
    return LabelledPictures(
        tuple(keywords[i] for i in kept),
        tuple(content for content, says in zip(tagged, says_something, strict=True) if says),
        labels[says_something],
        is_withdrawn[says_something],
    )


def usable(keywords: Iterable[Keyword]) -> tuple[Keyword, ...]:
    """Return the keywords that say what a picture shows, as far as one can know."""
    return tuple(keyword for keyword in keywords if keyword[0].casefold() not in INTERNAL)


def full_keywords(keywords: Iterable[Keyword]) -> tuple[Keyword, ...]:
    """Return keywords by name, without the short forms of others: ("finch",) is ("bird", "finch") if that is there.

    >>> full_keywords([("finch",), ("bird", "finch"), ("cat",)])
    (('bird', 'finch'), ('cat',))
    """
    by_key = {keyword_key(keyword): keyword for keyword in keywords}
    long = {keyword_key(keyword[-1:]) for keyword in by_key.values() if len(keyword) > 1}
    return tuple(by_key[key] for key in sorted(by_key) if len(by_key[key]) > 1 or key not in long)


def is_at_or_below(keyword: Keyword, broader: Keyword) -> bool:
    """Whether a keyword is another one or below it.

    >>> is_at_or_below(("animal", "bird", "finch"), ("animal", "bird"))
    True
    """
    return any(is_same_keyword(keyword[:end], broader) for end in range(1, len(keyword) + 1))


def is_deleted_by(keyword: Keyword, tag: Keyword) -> bool:
    """Whether people who deleted a keyword do not want a tag: the same, or one below; it was written below others.

    >>> is_deleted_by(("auto", "dog"), ("dog", "poodle")), is_deleted_by(("dog", "poodle"), ("dog",))
    (True, False)
    """
    return any(is_at_or_below(tag, keyword[start:]) for start in range(len(keyword)))


def mark_tags(
    tags: Sequence[Keyword], pictures: Sequence[Iterable[Keyword]], says: Callable[[Keyword, Keyword], bool]
) -> np.ndarray:
    """Return of which tags the keywords of N pictures say something, bool (N, C).

    Args:
        tags: C of them.
        pictures: their keywords.
        says: whether a keyword says something of a tag.
    """
    columns: dict[Keyword, np.ndarray] = {}  # people use few different keywords
    marked = np.zeros((len(pictures), len(tags)), bool)
    for row, own in enumerate(pictures):
        for keyword in usable(own):
            if keyword not in columns:
                columns[keyword] = np.array([says(keyword, tag) for tag in tags], bool)
            marked[row] |= columns[keyword]
    return marked
