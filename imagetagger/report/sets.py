"""Tag sets of other demands than the run's, and whether the run's hold for every kind of picture."""

from typing import NamedTuple

import numpy as np

from imagetagger import conformal
from imagetagger.decide import CONFORMAL, TagSet
from imagetagger.report.examples import TagAccuracy
from imagetagger.tagset import nonconformity

LEVELS = conformal.LEVELS[conformal.LEVELS >= 0.3]
"""Coverages, or sums of probabilities, of a curve."""
COUNTS = 20
"""Numbers of tags of a curve, at least, where there are so many tags."""
CHOICES = {"top_k": (1, 2, 3, 5, 10, 20)}
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
CLOSE = 0.05
"""A tag's share this far from the promise still counts as kept."""


class Curve(NamedTuple):
    """Tag sets of T demands.

    Attributes:
        asked: (T,) coverages, sums of probabilities or numbers of tags, ascending.
        coverage: (T,) share of true tags that the sets hold.
        size: (T,) their mean size.
        own: which of `asked` is the run's.
        rule: of the sets.
    """

    asked: np.ndarray
    coverage: np.ndarray
    size: np.ndarray
    own: int
    rule: str

    @property
    def label(self) -> str:
        """What was asked for, as a plot's axis says it."""
        return {"cumulative": "sum asked for", "top_k": "tags asked for"}.get(self.rule, "coverage asked for")

    def said(self, index: int) -> str:
        """Return one of the demands as a reader sees it."""
        return demand(self.rule, self.asked[index])

    def choices(self) -> list[tuple[str, float, float, bool]]:
        """Return a few rows to list: demand, coverage, mean size, and whether it is the run's."""
        listed = np.isin(self.asked, CHOICES.get(self.rule, SHARES))
        listed[self.own] = True
        rows = zip(range(len(self.asked)), self.coverage.tolist(), self.size.tolist(), strict=True)
        return [(self.said(i), held, mean, i == self.own) for i, held, mean in rows if listed[i]]


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


def curve(probabilities: np.ndarray, truth: np.ndarray, tag_set: TagSet) -> Curve:
    """Return coverage and mean size of the tag sets of a rule, whatever might be asked of it.

    Args:
        probabilities: (N, C), N > 0.
        truth: bool (N, C), at least one a picture.
        tag_set: the run's.
    """
    asked, limits = demands(tag_set, truth.shape[1])
    score = nonconformity(probabilities, tag_set.rule)
    np.put_along_axis(score, probabilities.argmax(1)[:, None], -1.0, 1)  # the first guess is in every set
    # Sets grow with the demand: counting the least demand that lets each tag in does all at once; see tagset.members.
    least = np.searchsorted(limits, score, "left" if tag_set.rule in CONFORMAL else "right")
    share = (truth / truth.sum(1, keepdims=True))[truth]
    n, count = len(truth), len(asked)
    covered = np.bincount(least[truth], share, count + 1)[:count].cumsum()
    size = np.bincount(least.ravel(), minlength=count + 1)[:count].cumsum()
    return Curve(asked, covered / n, size / n, int(np.searchsorted(asked, own(tag_set))), tag_set.rule)


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
