"""Whether a run's tag sets hold for every tag alike."""

from typing import NamedTuple

import numpy as np

from imagetagger.confusion import TagAccuracy

CLOSE = 0.05
"""A tag's share this far from the promise still counts as kept."""


class ByTag(NamedTuple):
    """Whether sets hold the right tag for each tag alike.

    Attributes:
        promise: share of its pictures whose set should hold a tag: the promised one, else that of all pictures.
        share: (T,) the share that does, of tags that have pictures.
        close: share of these tags that lie within CLOSE of the promise.
        above: share of them that lie higher still.
        expected: `close` if every tag kept the promise and only chance moved it.
        pictures: of a tag, median.
        tags: all of them, the worst first.
    """

    promise: float
    share: np.ndarray
    close: float
    above: float
    expected: float
    pictures: float
    tags: list[TagAccuracy]


def by_tag(coverage: np.ndarray, truth: np.ndarray, names: list[str], promise: float) -> ByTag:
    """Return whether sets hold the right tag for each tag alike.

    Args:
        coverage: (C,) share of each tag's pictures whose set holds it.
        truth: bool (N, C), N > 0.
        names: of the tags.
        promise: see ByTag.
    """
    pictures, seen = truth.sum(0), truth.any(0)
    share, counts = coverage[seen], pictures[seen]
    tags = [TagAccuracy(names[t], round(coverage[t] * pictures[t]), int(pictures[t])) for t in np.flatnonzero(seen)]
    tags.sort(key=lambda tag: (tag.right / tag.pictures, -tag.pictures))
    chance = np.random.default_rng(0).binomial(counts, promise, (1000, len(counts))) / counts
    return ByTag(
        promise=promise,
        share=share,
        close=_close(share, promise),
        above=float((share > promise + CLOSE + 1e-9).mean()),
        expected=_close(chance, promise),
        pictures=float(np.median(counts)),
        tags=tags,
    )


def _close(share: np.ndarray, promise: float) -> float:
    return float((np.abs(share - promise) <= CLOSE + 1e-9).mean())
