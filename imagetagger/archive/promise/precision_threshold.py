"""The lowest threshold of a probability that promises a precision, for one tag or for several together.

Precision is not a monotone loss: a lower threshold may raise it. So conformal risk control does not apply, and
thresholds are tested one after another, from the highest down ("Learn then Test" by fixed-sequence testing). Each test
is exact: of the n labelled pictures at or above a threshold, the number of wrong ones is binomial, and the hypothesis
"precision below the target" is rejected if so few wrong ones have a probability of at most 1 - confidence under it.
The first test that fails ends the sequence, and the last one that passed gives the threshold.

The first test has to be chosen without looking at what is right. 59 pictures, all of them right, are the fewest that
pass for 95 % at 95 %, but there one wrong label ends it all. So the sequence begins where the model expects to pass: M
pictures reach the target by their own probability, and the first test is at the fewest that afford as many wrong ones
as M do.

Guarantee: if labelled and new pictures are independent draws of one kind, then with probability >= confidence over the
labelled ones, either nothing is promised, or new pictures at or above the threshold have the precision. It holds for
any number of pictures, with ties, and for probabilities that are not calibrated. As the first test is found by
counting, it also needs that among thresholds that miss the target, a lower one has no higher precision.
docs/precision.md proves it.

Sources: Angelopoulos et al. 2021, Learn then Test, arXiv 2110.01052; Clopper and Pearson 1934, The use of confidence
or fiducial limits illustrated in the case of the binomial.
"""

import functools
from typing import NamedTuple

import numpy as np

MIN_THRESHOLD = 0.5
"""Least threshold: many sure pictures afford some wrong ones, which is not a reason to write unlikely tags."""


class PrecisionThreshold(NamedTuple):
    """A threshold that promises a precision, and what it rests on.

    Attributes:
        threshold: pictures with at least this probability have the precision; None if it cannot be promised.
        evidence: labelled pictures at or above it; 0 without one.
        right: how many of them are right.
    """

    threshold: float | None
    evidence: int
    right: int


NO_THRESHOLD = PrecisionThreshold(None, 0, 0)


def precision_threshold(
    probability: np.ndarray,
    is_right: np.ndarray,
    precision: float = 0.95,
    confidence: float = 0.95,
    *,
    least: float = MIN_THRESHOLD,
) -> PrecisionThreshold:
    """Return the lowest threshold at or above which pictures have a precision, with confidence; see the module.

    Args:
        probability: (n,) of labelled pictures, by a tag that was learned without them.
        is_right: bool (n,), whether each has the tag.
        precision: target, in (0, 1).
        confidence: probability that the promise is kept, in (0, 1).
        least: no threshold below it is tested.

    Raises:
        ValueError: a target is out of range, or a probability is not a number.

    >>> precision_threshold(np.linspace(1, 0.5, 59), np.ones(59, bool))
    PrecisionThreshold(threshold=0.5, evidence=59, right=59)
    >>> precision_threshold(np.linspace(1, 0.5, 58), np.ones(58, bool)).threshold is None
    True
    """
    if np.isnan(probability).any():
        raise ValueError(f"picture {int(np.isnan(probability).argmax())} has the probability nan, expected a number")
    allowed = allowed_errors(len(probability), precision, confidence)
    expected = int((probability >= precision).sum())
    first_size = np.searchsorted(allowed, max(allowed[expected], 0))  # the fewest that afford as many wrong ones
    order = np.argsort(-probability, kind="stable")
    order = order[probability[order] >= least]
    descending = probability[order]
    is_last_of_ties = np.diff(descending, append=-np.inf) < 0
    count = np.flatnonzero(is_last_of_ties) + 1
    wrong = np.cumsum(~is_right[order])[is_last_of_ties]
    tested = count >= first_size
    passed = tested & np.logical_and.accumulate((wrong <= allowed[count]) | ~tested)
    if not passed.any():
        return NO_THRESHOLD
    evidence, errors = int(count[passed][-1]), int(wrong[passed][-1])
    return PrecisionThreshold(float(descending[evidence - 1]), evidence, evidence - errors)


def allowed_errors(pictures: int, precision: float, confidence: float) -> np.ndarray:
    """Return the most wrong ones among n = 0, 1, ..., `pictures` that show a precision, int64 (pictures + 1,).

    The largest e with P(Binomial(n, 1 - precision) <= e) <= 1 - confidence; -1 where even e = 0 does not show it.
    The distribution function F(n, e) and its last term f follow from those of n - 1:
    F(n, e) = F(n - 1, e) - (1 - precision) f(n - 1, e).

    Raises:
        ValueError: a target is out of range.

    >>> np.flatnonzero(np.diff(allowed_errors(200, 0.95, 0.95))) + 1
    array([ 59,  93, 124, 153, 181])
    """
    size = 1 << pictures.bit_length()  # tags with about as many pictures share one table
    return _error_table(size, _checked(precision, "precision"), _checked(confidence, "confidence"))[: pictures + 1]


@functools.lru_cache(maxsize=32)
def _error_table(size: int, precision: float, confidence: float) -> np.ndarray:
    """Return `allowed_errors` of n = 0 ... size - 1, read-only."""
    error_rate, tail = 1 - precision, 1 - confidence
    result = np.full(size, -1)
    errors, cumulative, term = 0, 1.0, 1.0
    for n in range(1, size):
        cumulative -= error_rate * term
        term *= n / (n - errors) * precision
        while cumulative <= tail:
            term *= (n - errors) / (errors + 1) * error_rate / precision
            cumulative += term
            errors += 1
        result[n] = errors - 1
    result.setflags(write=False)
    return result


def pictures_needed(precision: float, confidence: float, wrong: int = 0) -> int:
    """Return the fewest pictures that show a precision with so many wrong ones among them.

    Without a wrong one n >= log(1 - confidence) / log(precision).

    >>> [pictures_needed(0.95, 0.95, wrong) for wrong in range(4)], pictures_needed(0.99, 0.95)
    ([59, 93, 124, 153], 299)
    """
    pictures = 64
    while (allowed := allowed_errors(pictures, precision, confidence))[-1] < wrong:
        pictures *= 2
    return int(np.searchsorted(allowed, wrong))


def _checked(share: float, name: str) -> float:
    if not 0 < share < 1:
        raise ValueError(f"got {name}={share!r}, expected a share above 0 and below 1, such as 0.95")
    return share
