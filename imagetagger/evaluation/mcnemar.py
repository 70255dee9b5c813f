"""McNemar's test: whether two classifiers differ by more than chance on the same pictures."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom


class PairedTest(NamedTuple):
    """Two classifiers on the same pictures.

    Attributes:
        lost: pictures that only the first classifies correctly.
        won: pictures that only the second does.
        p_value: of the exact test; see `mcnemar_p_value`.
    """

    lost: int
    won: int
    p_value: float


def mcnemar_test(first: np.ndarray, second: np.ndarray) -> PairedTest:
    """Compare two classifiers by whether they classify each picture correctly, bool (N,) both."""
    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    return PairedTest(lost, won, float(mcnemar_p_value(lost, won)))


def mcnemar_p_value(b: np.ndarray | int, c: np.ndarray | int) -> np.ndarray:
    """Two-sided p-value of the exact test for counts b and c of pictures that only one of two classified correctly.

    p = min(1, 2 P(Binomial(b + c, 1/2) <= min(b, c)))

    Source: McNemar 1947, Note on the sampling error of the difference between correlated proportions.

    >>> mcnemar_p_value(np.array([0, 1]), np.array([6, 1])).tolist()
    [0.03125, 1.0]
    """
    return np.minimum(2 * binom.cdf(np.minimum(b, c), np.add(b, c), 0.5), 1.0)
