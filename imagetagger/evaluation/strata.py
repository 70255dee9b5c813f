"""Coverage of prediction sets by stratum: by the size of the set and by tag.

Sets of one coverage overall may cover large sets and small ones, or common tags and rare ones, differently.
"""

from typing import NamedTuple

import numpy as np

SET_SIZE_STRATA = (1, 2, 4, 8, 16)
"""Smallest set size of each stratum."""


class Stratum(NamedTuple):
    """Pictures with sets of `low` to `high` tags; `high` is None in the last stratum."""

    low: int
    high: int | None
    pictures: int
    coverage: float


def coverage_by_size(is_in_set: np.ndarray, labels_onehot: np.ndarray) -> list[Stratum]:
    """Return the coverage in each stratum of set sizes that has pictures.

    Args:
        is_in_set: bool (N, C), prediction sets.
        labels_onehot: bool (N, C), at least one true tag per picture.
    """
    size = is_in_set.sum(1)
    covered = (is_in_set & labels_onehot).sum(1) / np.maximum(labels_onehot.sum(1), 1)
    strata = []
    for low, after in zip(SET_SIZE_STRATA, (*SET_SIZE_STRATA[1:], None), strict=True):
        rows = (size >= low) & (size < (after or np.inf))
        if rows.any():
            strata.append(Stratum(low, after - 1 if after else None, int(rows.sum()), float(covered[rows].mean())))
    return strata


def coverage_by_tag(is_in_set: np.ndarray, labels_onehot: np.ndarray) -> np.ndarray:
    """Return the share of each tag's pictures whose set contains it, (C,); NaN for a tag without pictures."""
    pictures = labels_onehot.sum(0)
    return np.where(pictures > 0, (is_in_set & labels_onehot).sum(0) / np.maximum(pictures, 1), np.nan)
