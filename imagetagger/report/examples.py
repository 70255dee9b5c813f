"""What went right and what went wrong: pictures to show, each with its tag set."""

from typing import NamedTuple

import numpy as np

from imagetagger.confusion import thumbnail
from imagetagger.data.dataset import Split, Tag
from imagetagger.tagset import ranked

CHIPS = 5
"""Tags shown of a set; the others are counted."""


class Chip(NamedTuple):
    """A tag that was considered for a picture.

    Attributes:
        name: of the tag.
        rank: 1 for the most probable.
        probability: in [0, 1].
        true: the picture has this tag.
        member: its tag set has it.
    """

    name: str
    rank: int
    probability: float
    true: bool
    member: bool


class Example(NamedTuple):
    """A picture and what was said of it.

    Attributes:
        key: where it came from.
        thumbnail: a data URI; None where the picture cannot be shown.
        names: of its true tags.
        said: the most probable tag.
        true: the most probable true tag; None where it has none.
        chips: the most probable tags of its set, and after them the true ones further down.
        size: tags in its set.
    """

    key: str
    thumbnail: str | None
    names: tuple[str, ...]
    said: str
    true: Chip | None
    chips: tuple[Chip, ...]
    size: int


def bold_count(count: int) -> int:
    """Return how many of `count` wrong pictures are there for being the most confident mistakes."""
    return (count + 1) // 2


def choose(confidence: np.ndarray, correct: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return the rows of up to `count` pictures that are right, and of as many that are wrong.

    The right ones are drawn at random. Of the wrong ones half are the most confident mistakes.

    Args:
        confidence: (N,) probability of the most probable tag.
        correct: bool (N,) that tag is right.
        count: of each kind.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    right = rng.permutation(np.flatnonzero(correct))[:count]
    wrong = np.flatnonzero(~correct)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    bold = wrong[: bold_count(count)]
    return right, np.concatenate([bold, rng.permutation(wrong[len(bold) :])[: count - len(bold)]])


def describe(
    rows: np.ndarray,
    tags: tuple[Tag, ...],
    split: Split,
    probabilities: np.ndarray,
    truth: np.ndarray,
    members: np.ndarray,
) -> list[Example]:
    """Return the examples at `rows`.

    Args:
        rows: (E,) of the pictures.
        tags: C tags.
        split: N pictures.
        probabilities: (N, C).
        truth: bool (N, C).
        members: bool (N, C), the tag sets.
    """
    orders = ranked(probabilities[rows])

    def example(row: int, order: np.ndarray, member: np.ndarray) -> Example:
        p, true, first = probabilities[row], truth[row], np.arange(len(order)) < CHIPS
        shown = np.flatnonzero((first & member[order]) | true[order])[: CHIPS + 3]
        drawn = [(int(r) + 1, order[r]) for r in shown]
        chips = [Chip(tags[t].name, rank, float(p[t]), bool(true[t]), bool(member[t])) for rank, t in drawn]
        best = next((chip for chip in chips if chip.true), None)
        return Example(
            key=str(split.keys[row]),
            thumbnail=thumbnail(split, row),
            names=tuple(tags[t].name for t in np.flatnonzero(true)),
            said=tags[order[0]].name,
            true=best,
            chips=tuple(chips),
            size=int(member.sum()),
        )

    return [example(int(row), *sets) for row, *sets in zip(rows, orders, members[rows], strict=True)]
