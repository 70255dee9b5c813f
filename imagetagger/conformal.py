"""Thresholds with a guarantee: the right tag is inside as often as wanted. NumPy only: the shipped tagger shares it.

Split conformal prediction: pictures that nothing was fitted on say how badly right tags fit, and a quantile of that is
the threshold. While the pictures to come are of the same kind (exchangeable), the guarantee needs nothing else.
A user who teaches breaks that; adaptive conformal inference then follows what the user's own lessons say.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

LEVELS = np.arange(1, 200) / 200
"""Coverages that a bundle keeps thresholds for: any wanted one gets the next higher."""

EVERYTHING = 1e9
"""A threshold that no nonconformity exceeds; JSON has no infinity."""

SIZES = (1, 2, 4, 8, 16)
"""Where the strata of set sizes begin."""


def thresholds(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the threshold of each of LEVELS, float64 (L,).

    The smallest score s such that true tags score at most s with weight >= level (n + 1) of n pictures, a picture's
    tags sharing its weight of 1: a right tag of a new picture then scores at most s with probability >= level.

    Args:
        scores: (N, C) nonconformity of every tag on pictures that nothing was fitted on.
        truth: bool (N, C) their true tags, at least one each.

    Source: Vovk, Gammerman and Shafer 2005, Algorithmic learning in a random world; Angelopoulos and Bates 2023,
    Conformal prediction: a gentle introduction, section 1.
    """
    picture, tag = np.nonzero(truth)
    weight = 1 / np.maximum(truth.sum(1), 1)[picture]
    score = scores[picture, tag]
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(weight[order])
    index = np.searchsorted(reached, LEVELS * (len(scores) + 1) - 1e-9)  # sums of thirds fall short of 1
    return np.append(score[order], EVERYTHING)[index]


def threshold(thresholds: np.ndarray, coverage: float) -> float:
    """Return the threshold for a coverage: that of the next higher level, everything beyond the highest.

    >>> threshold(LEVELS, 0.9), threshold(LEVELS, 0.901), threshold(LEVELS, 0.999)
    (0.9, 0.905, 1000000000.0)
    """
    index = int(np.searchsorted(LEVELS, coverage - 1e-12))
    return float(thresholds[index]) if index < len(LEVELS) else EVERYTHING


def adapt(coverage: float, missed: Iterable[float], rate: float) -> float:
    """Return the nominal coverage to ask for, after some pictures of which the tags became known.

    alpha <- alpha + rate (1 - coverage - missed), kept in -rate .. 1, picture by picture: a miss asks for larger sets,
    a hit for slightly smaller ones. In the long run no more than 1 - coverage is missed, whatever the pictures are:
    after n of them, at most (1 + rate) / (rate n) more. Misses when sets held everything are those of another tagger,
    whose lessons were added; they do not pile up below -rate.

    Args:
        coverage: wanted, in (0, 1).
        missed: of each picture, the share of its tags that its set did not hold.
        rate: how fast; 0 changes nothing.

    Returns:
        1 - alpha, in 0 .. 1 + rate; at 1 or above, sets hold everything.

    Source: Gibbs and Candes 2021, Adaptive conformal inference under distribution shift.
    """
    alpha = 1 - coverage
    for share in missed:
        alpha = min(1.0, max(-rate, alpha + rate * (1 - coverage - share)))
    return 1 - alpha


class Stratum(NamedTuple):
    """Pictures with sets of some sizes: from `low` to `high`, which is None for the last stratum."""

    low: int
    high: int | None
    pictures: int
    coverage: float


def by_size(members: np.ndarray, truth: np.ndarray) -> list[Stratum]:
    """Return the coverage of sets of similar sizes, those strata that have pictures: bool (N, C) both.

    A rule that is honest picture by picture covers alike in all of them.
    """
    size, held = members.sum(1), _held(members, truth)
    result = []
    for low, after in zip(SIZES, (*SIZES[1:], None), strict=True):
        some = (size >= low) & (size < (after or np.inf))
        if some.any():
            result.append(Stratum(low, after - 1 if after else None, int(some.sum()), float(held[some].mean())))
    return result


def by_tag(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the share of each tag's pictures whose set holds it, (C,); NaN for a tag without pictures."""
    pictures = truth.sum(0)
    return np.where(pictures > 0, (members & truth).sum(0) / np.maximum(pictures, 1), np.nan)


def _held(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (members & truth).sum(1) / np.maximum(truth.sum(1), 1)
