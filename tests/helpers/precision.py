"""Tolerances from float32's own precision, which hold on every processor."""

import numpy as np

EPS = float(np.finfo(np.float32).eps)


def rounding(terms: int, magnitude: float = 1.0) -> float:
    """Bound the difference of two float32 sums of the same terms, added in any order.

    terms eps magnitude, where the absolute values of the terms sum to `magnitude`.
    Source: Higham 2002, Accuracy and stability of numerical algorithms, section 4.2: each sum errs by half of it.
    """
    return terms * EPS * float(magnitude)


def network_rounding(magnitude: float = 1.0) -> float:
    """Bound the difference of two float32 runs of a backbone whose largest embedding is `magnitude`.

    Each of 52 convolutions sums up to 960 terms, whose errors are independent and grow with the square root.
    """
    return 52 * 960**0.5 * EPS * float(magnitude)
