"""Prediction sets at every target at once: how often they contain the true tag, and how large they are.

A set grows with its target (a coverage, a sum of probabilities or a number of tags), so every tag of every picture has
one least target that lets it in. Counting those targets gives the metrics of all sets in one pass.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD, threshold_at
from imagetagger.prediction.decision import CONFORMAL_SETS, PredictionSetRule
from imagetagger.prediction.prediction_sets import nonconformity

CURVE_LEVELS = COVERAGE_LEVELS[COVERAGE_LEVELS >= 0.3]
"""Coverages, or sums of probabilities, of a curve."""
CURVE_SIZES = 20
"""Least numbers of tags on a curve, where there are that many tags."""
LISTED_SIZES = {"top_k": (1, 2, 3, 5, 10, 20)}
LISTED_COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class CoverageCurve(NamedTuple):
    """Prediction sets at T targets.

    Attributes:
        target: (T,) coverages, sums of probabilities or numbers of tags, ascending.
        coverage: (T,) share of true tags that the sets contain.
        size: (T,) mean size of the sets.
        singleton: (T,) share of sets of one tag.
        precision: (T,) share of the tags in all sets that are true.
        selected: index of the run's own target.
        rule: of the sets.
    """

    target: np.ndarray
    coverage: np.ndarray
    size: np.ndarray
    singleton: np.ndarray
    precision: np.ndarray
    selected: int
    rule: str

    @property
    def label(self) -> str:
        """The target, as a plot's axis names it."""
        return target_label(self.rule)

    def target_text(self, index: int) -> str:
        """One of the targets as a reader sees it."""
        return format_target(self.rule, self.target[index])

    def listed_rows(self) -> list[tuple[str, float, float, bool]]:
        """Rows for a short list: target, coverage, mean size, and whether it is the run's own."""
        is_listed = np.isin(self.target, LISTED_SIZES.get(self.rule, LISTED_COVERAGES))
        is_listed[self.selected] = True
        rows = zip(range(len(self.target)), self.coverage.tolist(), self.size.tolist(), strict=True)
        return [(self.target_text(i), covered, mean, i == self.selected) for i, covered, mean in rows if is_listed[i]]


def target_label(rule: str) -> str:
    """What the target of a rule is, as a plot's axis names it."""
    return {"cumulative": "target sum", "top_k": "number of tags"}.get(rule, "target coverage")


def own_target(rule: PredictionSetRule) -> float:
    """The target of a run's sets: a coverage, a sum or a number of tags."""
    return rule.threshold if rule.coverage is None else rule.coverage


def format_target(rule: str, target: float) -> str:
    """A target as a reader sees it.

    >>> format_target("cumulative", 0.9), format_target("top_k", 5.0)
    ('0.9', '5')
    """
    return f"{100 * target:g}\u00a0%" if rule in CONFORMAL_SETS else f"{target:g}"


def curve_targets(rule: PredictionSetRule, tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Possible targets among C tags, ascending, and the threshold of each; the run's own is among them.

    Coverages that the calibration pictures are too few for are left out: their sets would contain every tag.
    """
    selected = own_target(rule)
    if rule.rule == "top_k":
        targets = np.union1d(np.arange(1, min(tags, max(CURVE_SIZES, selected)) + 1), selected)
        return targets, targets
    targets = np.union1d(CURVE_LEVELS, selected)
    if not rule.thresholds:
        return targets, targets
    thresholds = np.array([threshold_at(np.asarray(rule.thresholds), coverage) for coverage in targets])
    is_finite = (thresholds < INFINITE_THRESHOLD) | (targets == selected)
    return targets[is_finite], thresholds[is_finite]


def coverage_curve(probabilities: np.ndarray, labels_onehot: np.ndarray, rule: PredictionSetRule) -> CoverageCurve:
    """Coverage, size and precision of the prediction sets of a rule at every target.

    Args:
        probabilities: (N, C); metrics are NaN for no pictures.
        labels_onehot: bool (N, C), at least one true tag per picture.
        rule: the run's.
    """
    targets, thresholds = curve_targets(rule, labels_onehot.shape[1])
    side: Any = "left" if rule.rule in CONFORMAL_SETS else "right"  # see prediction_sets.sets_from_scores
    least = np.searchsorted(thresholds, nonconformity(probabilities, rule.rule), side)
    if least.size:
        np.put_along_axis(least, probabilities.argmax(1)[:, None], 0, 1)  # the first prediction is in every set
    tags, count = labels_onehot.sum(1), len(targets)

    def cumulative(least: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(least, weights, count + 1)[:count].cumsum().astype(np.float64)

    n = len(labels_onehot) or np.nan
    correct, shown = cumulative(least[labels_onehot]), cumulative(least.ravel())
    second = np.partition(least, 1, 1)[:, 1] if least.shape[1] > 1 else np.full(len(least), count)
    weights = (labels_onehot / np.maximum(tags, 1)[:, None])[labels_onehot]
    return CoverageCurve(
        target=targets,
        coverage=cumulative(least[labels_onehot], weights) / n,
        size=shown / n,
        singleton=1 - cumulative(second) / n,
        precision=correct / np.where(shown, shown, np.nan),
        selected=int(np.searchsorted(targets, own_target(rule))),
        rule=rule.rule,
    )


def mean_curve(curves: Sequence[CoverageCurve], pictures: Sequence[int]) -> CoverageCurve:
    """Return the mean of curves of one rule at their common targets, weighted by their numbers of pictures."""
    if len(curves) == 1:
        return curves[0]
    targets = reduce(np.intersect1d, [curve.target for curve in curves])
    rows = [np.searchsorted(curve.target, targets) for curve in curves]

    def mean(name: str) -> np.ndarray:
        return np.average([getattr(curve, name)[row] for curve, row in zip(curves, rows, strict=True)], 0, pictures)

    selected = int(np.searchsorted(targets, curves[0].target[curves[0].selected]))
    return CoverageCurve(
        targets, mean("coverage"), mean("size"), mean("singleton"), mean("precision"), selected, curves[0].rule
    )
