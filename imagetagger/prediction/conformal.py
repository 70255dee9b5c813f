"""Conformal thresholds: prediction sets that contain the true tag with a guaranteed probability.

Split conformal prediction: the threshold is a quantile of the true tags' nonconformity on pictures that nothing was
fitted on. The guarantee needs only that new pictures are exchangeable with those. A user who teaches breaks that;
adaptive conformal inference then follows the misses in the user's own lessons. NumPy only: it ships with the tagger.
"""

from collections.abc import Iterable

import numpy as np

COVERAGE_LEVELS = np.arange(1, 200) / 200
"""Coverages that a bundle has thresholds for; a target in between gets the next higher one."""

INFINITE_THRESHOLD = 1e9
"""A threshold that no nonconformity exceeds; JSON has no infinity."""


def conformal_thresholds(scores: np.ndarray, labels_onehot: np.ndarray) -> np.ndarray:
    """Return the threshold of each of COVERAGE_LEVELS, float64 (L,).

    The smallest score s such that true tags of total weight >= level (n + 1) score at most s. The tags of each of the
    n pictures share its weight of 1. A true tag of a new picture then scores at most s with probability >= level.

    Args:
        scores: (N, C) nonconformity of every tag on pictures that nothing was fitted on.
        labels_onehot: bool (N, C), at least one true tag per picture.

    Source: Vovk, Gammerman and Shafer 2005, Algorithmic learning in a random world; Angelopoulos and Bates 2023,
    Conformal prediction: a gentle introduction, section 1.
    """
    picture, tag = np.nonzero(labels_onehot)
    weight = 1 / np.maximum(labels_onehot.sum(1), 1)[picture]
    calibration_scores = scores[picture, tag]
    order = np.argsort(calibration_scores, kind="stable")
    target_weight = COVERAGE_LEVELS * (len(scores) + 1) - 1e-9  # sums of thirds fall short of 1
    index = np.searchsorted(np.cumsum(weight[order]), target_weight)
    return np.append(calibration_scores[order], INFINITE_THRESHOLD)[index]


def threshold_at(thresholds: np.ndarray, coverage: float) -> float:
    """Return the threshold of the lowest level >= coverage; INFINITE_THRESHOLD beyond the highest level.

    >>> tuple(threshold_at(COVERAGE_LEVELS, coverage) for coverage in (0.9, 0.901, 0.999))
    (0.9, 0.905, 1000000000.0)
    """
    index = int(np.searchsorted(COVERAGE_LEVELS, coverage - 1e-12))
    return float(thresholds[index]) if index < len(COVERAGE_LEVELS) else INFINITE_THRESHOLD


def adapt_coverage(coverage: float, miss_rates: Iterable[float], step_size: float) -> float:
    """Return the coverage to use next, after pictures whose true tags became known.

    alpha <- alpha + step_size (1 - coverage - miss_rate), clipped to -step_size .. 1, picture by picture: a miss
    enlarges the sets, a hit shrinks them slightly. Whatever the pictures are, the mean miss rate of n of them exceeds
    1 - coverage by at most (1 + step_size) / (step_size n). Misses of sets that contained everything come from another
    tagger, whose lessons were merged; the clip at -step_size keeps them from accumulating.

    Args:
        coverage: the target, in (0, 1).
        miss_rates: for each picture, the share of its tags that its set missed.
        step_size: gamma of the source; 0 changes nothing.

    Returns:
        1 - alpha, in 0 .. 1 + step_size; at 1 or above, sets contain everything.

    Source: Gibbs and Candes 2021, Adaptive conformal inference under distribution shift.
    """
    alpha = 1 - coverage
    for miss_rate in miss_rates:
        alpha = min(1.0, max(-step_size, alpha + step_size * (1 - coverage - miss_rate)))
    return 1 - alpha
