"""From probabilities to tag sets. NumPy only: the shipped tagger shares it."""

import numpy as np


def ranked(probabilities: np.ndarray) -> np.ndarray:
    """Return tag indices by descending probability, (N, C); equal ones keep their order."""
    return np.argsort(-probabilities, axis=-1, kind="stable")


def cumulative(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Return the smallest sets of most probable tags whose probabilities sum to the threshold, bool (N, C).

    The tag that crosses the threshold is in the set, so no set is empty.

    >>> cumulative(np.array([[0.6, 0.1, 0.3]]), 0.8)
    array([[ True, False,  True]])

    Args:
        probabilities: (N, C), rows summing to 1.
        threshold: in (0, 1].

    Raises:
        ValueError: the threshold is out of range.
    """
    order = ranked(probabilities)
    before = sorted_mass_before(np.take_along_axis(probabilities, order, -1))
    members = np.empty(probabilities.shape, bool)
    np.put_along_axis(members, order, before < check_threshold(threshold), -1)
    return members


def sorted_mass_before(descending: np.ndarray) -> np.ndarray:
    """Return, for probabilities sorted in descending order, the mass before each one, (N, C)."""
    before = np.zeros_like(descending, np.float64)
    np.cumsum(descending[..., :-1], -1, np.float64, before[..., 1:])
    return before


def check_threshold(threshold: float) -> float:
    """Return a cumulative threshold, or raise ValueError where it is not in (0, 1]."""
    if not 0 < threshold <= 1:
        raise ValueError(f"got classifier.threshold={threshold}, expected a probability in (0, 1]")
    return threshold
