"""McNemar's test: whether two classifiers differ by more than chance on the same pictures."""

import numpy as np
from scipy.stats import binom


def mcnemar_p_value(b: np.ndarray | int, c: np.ndarray | int) -> np.ndarray:
    """Two-sided p-value of the exact test for counts b and c of pictures that only one of two classified correctly.

    p = min(1, 2 P(Binomial(b + c, 1/2) <= min(b, c)))

    Source: McNemar 1947, Note on the sampling error of the difference between correlated proportions.

    >>> mcnemar_p_value(np.array([0, 1]), np.array([6, 1])).tolist()
    [0.03125, 1.0]
    """
    return np.minimum(2 * binom.cdf(np.minimum(b, c), np.add(b, c), 0.5), 1.0)
