"""What the tags that people set say about the tags that they did not set."""

from typing import Literal

import numpy as np

Negatives = Literal["tagged", "all"]
"""Pictures without a tag that count as its negatives: those with at least one tag by a person, or all."""


def find_evidence(labels: np.ndarray, negatives: Negatives = "tagged") -> np.ndarray:
    """Return which pictures say something about which tags, bool (N, C): those that have it, and its negatives.

    People tag one-sidedly: who set `dog` need not have set `grass`. Whatever is assumed, a picture that shows a tag and
    lacks it counts as wrong, so the measured precision is a lower bound and thresholds are higher than they had to be.
    A picture without any tag was most probably never looked at, hence `tagged`. Where people answered about single
    tags, in a review, build the mask of these answers instead: then the precision is the precision.

    Args:
        labels: bool (N, C), what people set.
        negatives: `all` if people looked at every picture.

    Raises:
        ValueError: another assumption.

    >>> find_evidence(np.array([[True, False], [False, False]])).astype(int)
    array([[1, 1],
           [0, 0]])
    """
    if negatives not in ("tagged", "all"):
        raise ValueError(f"got negatives={negatives!r}, expected 'tagged' or 'all'")
    is_tagged = labels.any(1, keepdims=True) | (negatives == "all")
    return np.broadcast_to(is_tagged, labels.shape)
