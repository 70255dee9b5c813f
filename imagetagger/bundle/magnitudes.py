"""Bounds of the numbers in files: what is computed from them, squares and their sums, stays finite in float32."""

from collections.abc import Sequence

import numpy as np

MAX_MAGNITUDE = 1e6
"""Largest absolute value in an embedding, a mean or a score offset.

The square of a difference is then at most 4e12; times a count below 2^24, and summed over 2^16 features and 2^16 tags,
below 3e29, where float32 ends at 3e38. Networks give 0 to about 20, transforms vectors of length 1, heads offsets of
about 100.
"""

MAX_COUNT = 2**24
"""Largest count in float32 that grows when one picture is added."""

MIN_COUNT = 2.0**-24
"""Smallest count but 0: one divided by it is finite."""

MIN_SQUARES = float(np.finfo(np.float32).tiny)
"""Smallest m2 but 0. Numbers closer to 0 have fewer digits, and some processors take them for 0."""


def is_bounded(values: np.ndarray, low: float = -MAX_MAGNITUDE, high: float = MAX_MAGNITUDE) -> bool:
    """Whether all values are numbers from `low` to `high`."""
    return not values.size or bool(values.min() >= low and values.max() <= high)  # false for NaN; without a copy


def magnitude_problem(values: np.ndarray) -> str | None:
    """Why values, (D,), are no embedding; None if they can be one."""
    if is_bounded(values):
        return None
    first = values[~(np.abs(values) <= MAX_MAGNITUDE)][0]
    return f"got the value {first:g}, expected {_RANGE}"


_RANGE = f"{-MAX_MAGNITUDE:,.0f} to {MAX_MAGNITUDE:,.0f}"


def statistics_problem(
    count: np.ndarray, mean: np.ndarray, m2: np.ndarray, score_offset: np.ndarray, names: Sequence[str]
) -> str | None:
    """What is wrong with the statistics of tags; None if all are bounded.

    Args:
        count: (C,), 0, or MIN_COUNT to below MAX_COUNT.
        mean: (C, D), at most MAX_MAGNITUDE.
        m2: (C, D), 0, or MIN_SQUARES to the count times (2 MAX_MAGNITUDE)^2.
        score_offset: (C,), at most MAX_MAGNITUDE.
        names: of the C tags.
    """
    if (row := _first_wrong((count == 0) | ((count >= MIN_COUNT) & (count < MAX_COUNT)))) is not None:
        return f"count of the tag {names[row]!r} is {count[row]:g}, expected 0, or {MIN_COUNT:.1g} to {MAX_COUNT:,} - 1"
    for key, values in {"mean": mean, "score_offset": score_offset}.items():
        if not is_bounded(values) and (row := _first_wrong(np.abs(values) <= MAX_MAGNITUDE)) is not None:
            return f"{key} of the tag {names[row]!r}: {magnitude_problem(values[row : row + 1].ravel())}"
    largest = (2 * MAX_MAGNITUDE) ** 2
    is_right = (m2 == 0) | ((m2 >= MIN_SQUARES) & (m2 <= largest * count.astype(np.float64)[:, None]))
    if (row := _first_wrong(is_right)) is not None:
        value, expected = m2[row][~is_right[row]][0], f"0, or {MIN_SQUARES:.2g} to {largest:.0e} times the count"
        return f"m2 of the tag {names[row]!r} is {value:g}, expected {expected}, which is {count[row]:g}"
    return None


def _first_wrong(is_right: np.ndarray) -> int | None:
    return None if is_right.all() else int(np.argwhere(~is_right)[0][0])
