"""What a conformal guarantee is worth with few calibration pictures: the distribution of the coverage.

The coverage of split-conformal sets is the chance that the set of a new picture contains its true tag, given the
calibration pictures. Over all draws of n independent ones it is distributed as

    Beta(k, n + 1 - k),    k = ceil(level (n + 1)),

if no two scores are equal, and is higher otherwise. Its mean k / (n + 1) is what the guarantee promises; of one draw it
may be far from that. Pictures of one burst are not independent: n is then the number of groups.

Sources: Vovk 2012, Conditional validity of inductive conformal predictors; Angelopoulos and Bates 2023, Conformal
prediction: a gentle introduction, section 3.2; Zwart 2025, Probabilistic conformal coverage guarantees in small-data
settings, arXiv 2509.15349.
"""

import msgspec
import numpy as np
from scipy.stats import beta

from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD, threshold_at
from imagetagger.prediction.decision import PredictionSetRule


def coverage_interval(calibration_pictures: int, coverage: float, *, level: float = 0.9) -> tuple[float, float] | None:
    """The central interval that contains the coverage of new pictures in a share `level` of calibrations.

    Args:
        calibration_pictures: n, those that the thresholds are set on, at least 0.
        coverage: target, in (0, 1]; the next higher one of COVERAGE_LEVELS is used, as by `threshold_at`.
        level: of the interval.

    Returns:
        Lowest and highest coverage; None if n pictures are too few for the target, so that sets contain every tag.

    >>> [round(end, 3) for end in coverage_interval(60, 0.9)]
    [0.833, 0.956]
    """
    rank = float(_ranks(calibration_pictures, threshold_at(COVERAGE_LEVELS, coverage)))
    if rank > calibration_pictures:
        return None
    low, high = beta.ppf([(1 - level) / 2, (1 + level) / 2], rank, calibration_pictures + 1 - rank)
    return float(low), float(high)


def corrected_level(calibration_pictures: int, coverage: float, confidence: float) -> float | None:
    """The lowest of COVERAGE_LEVELS at which new pictures are covered as often as wanted, with confidence.

    Args:
        calibration_pictures: n, those that the thresholds are set on, at least 0.
        coverage: wanted, in (0, 1).
        confidence: chance that a calibration reaches it, in (0, 1).

    Returns:
        The level; None if n pictures are too few for any.

    >>> round(corrected_level(60, 0.9, 0.9), 3), corrected_level(10, 0.9, 0.9)
    (0.935, None)
    """
    ranks = _ranks(calibration_pictures, COVERAGE_LEVELS)
    is_possible = ranks <= calibration_pictures
    ranks = ranks[is_possible]
    reached = beta.sf(coverage, ranks, calibration_pictures + 1 - ranks) >= confidence
    return float(COVERAGE_LEVELS[is_possible][reached.argmax()]) if reached.any() else None


def correct_rule(rule: PredictionSetRule, calibration_pictures: int, confidence: float) -> PredictionSetRule:
    """Return a rule whose sets reach each coverage with confidence, not only on average over calibrations.

    Each threshold is replaced by that of the level that `corrected_level` gives; sets contain every tag where the
    pictures are too few. Rules without a guarantee stay as they are.
    """
    if not rule.thresholds:
        return rule
    levels = [corrected_level(calibration_pictures, float(level), confidence) for level in COVERAGE_LEVELS]
    thresholds = np.asarray(rule.thresholds)
    corrected = [INFINITE_THRESHOLD if level is None else threshold_at(thresholds, level) for level in levels]
    threshold = threshold_at(np.asarray(corrected), rule.coverage or 0.0)
    return msgspec.structs.replace(rule, thresholds=tuple(corrected), threshold=threshold)


def _ranks(pictures: int, level: np.ndarray | float) -> np.ndarray:
    """Which of the ascending scores of n pictures is the threshold of a level, from 1; n + 1 for none."""
    return np.ceil(np.minimum(level, 1.0) * (pictures + 1) - 1e-9)
