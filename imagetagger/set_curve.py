"""Tag sets at every demand at once: how often they hold the right tag, and how large they are, without fitting again.

A set grows with what is asked of it, so every tag of every picture has one least demand that lets it in. Counting those
demands gives the figures of all sets in one pass over the probabilities.
"""

from typing import Any, NamedTuple

import numpy as np

from imagetagger import conformal
from imagetagger.decide import CONFORMAL, TagSet

LEVELS = conformal.LEVELS[conformal.LEVELS >= 0.3]
"""Coverages, or sums of probabilities, of a curve."""
COUNTS = 20
"""Numbers of tags of a curve, at least, where there are so many tags."""
CHOICES = {"top_k": (1, 2, 3, 5, 10, 20)}
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Curve(NamedTuple):
    """Tag sets of T demands.

    Attributes:
        asked: (T,) coverages, sums of probabilities or numbers of tags, ascending.
        coverage: (T,) share of true tags that the sets hold.
        size: (T,) their mean size.
        single: (T,) share of sets of one tag.
        precision: (T,) share of the tags in all sets that are right.
        own: which of `asked` is the run's.
        rule: of the sets.
    """

    asked: np.ndarray
    coverage: np.ndarray
    size: np.ndarray
    single: np.ndarray
    precision: np.ndarray
    own: int
    rule: str

    @property
    def label(self) -> str:
        """What was asked for, as a plot's axis says it."""
        return label(self.rule)

    def said(self, index: int) -> str:
        """Return one of the demands as a reader sees it."""
        return demand(self.rule, self.asked[index])

    def choices(self) -> list[tuple[str, float, float, bool]]:
        """Return a few rows to list: demand, coverage, mean size, and whether it is the run's."""
        listed = np.isin(self.asked, CHOICES.get(self.rule, SHARES))
        listed[self.own] = True
        rows = zip(range(len(self.asked)), self.coverage.tolist(), self.size.tolist(), strict=True)
        return [(self.said(i), held, mean, i == self.own) for i, held, mean in rows if listed[i]]


def label(rule: str) -> str:
    """Return what is asked of a rule's sets, as a plot's axis says it."""
    return {"cumulative": "sum asked for", "top_k": "tags asked for"}.get(rule, "coverage asked for")


def own(tag_set: TagSet) -> float:
    """Return what a run's sets were asked for: a coverage, a sum or a number of tags."""
    return tag_set.threshold if tag_set.coverage is None else tag_set.coverage


def demand(rule: str, asked: float) -> str:
    """Return a demand as a reader sees it.

    >>> demand("cumulative", 0.9), demand("top_k", 5.0)
    ('0.9', '5')
    """
    return f"{100 * asked:g}\u00a0%" if rule in CONFORMAL else f"{asked:g}"


def demands(tag_set: TagSet, tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what could be asked of sets among C tags, ascending, and the threshold of each; the run's is among them.

    Coverages for which there were too few pictures are left out: their sets would hold everything.
    """
    mine = own(tag_set)
    if tag_set.rule == "top_k":
        asked = np.union1d(np.arange(1, min(tags, max(COUNTS, mine)) + 1), mine)
        return asked, asked
    asked = np.union1d(LEVELS, mine)
    if not tag_set.thresholds:
        return asked, asked
    limits = np.array([conformal.threshold(np.asarray(tag_set.thresholds), coverage) for coverage in asked])
    kept = (limits < conformal.EVERYTHING) | (asked == mine)
    return asked[kept], limits[kept]


def curve(misfit: np.ndarray, probabilities: np.ndarray, truth: np.ndarray, tag_set: TagSet) -> Curve:
    """Return the figures of the tag sets of a rule, whatever might be asked of it.

    Args:
        misfit: (N, C) nonconformity of the rule; see tagset.
        probabilities: (N, C); figures are NaN where N is 0.
        truth: bool (N, C), at least one a picture.
        tag_set: the run's.
    """
    asked, limits = demands(tag_set, truth.shape[1])
    side: Any = "left" if tag_set.rule in CONFORMAL else "right"  # see tagset.within
    least = np.searchsorted(limits, misfit, side)
    if least.size:
        np.put_along_axis(least, probabilities.argmax(1)[:, None], 0, 1)  # the first guess is in every set
    tags, count = truth.sum(1), len(asked)

    def summed(least: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(least, weights, count + 1)[:count].cumsum().astype(np.float64)

    n = len(truth) or np.nan
    right, shown = summed(least[truth]), summed(least.ravel())
    second = np.partition(least, 1, 1)[:, 1] if least.shape[1] > 1 else np.full(len(least), count)
    return Curve(
        asked=asked,
        coverage=summed(least[truth], (truth / np.maximum(tags, 1)[:, None])[truth]) / n,
        size=shown / n,
        single=1 - summed(second) / n,
        precision=right / np.where(shown, shown, np.nan),
        own=int(np.searchsorted(asked, own(tag_set))),
        rule=tag_set.rule,
    )
