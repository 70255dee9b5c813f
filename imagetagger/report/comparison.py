r"""Whether one run is really better than another: paired tests on the same pictures.

Of n pictures, b are told right by the first run only and c by the second only; those that both tell right, or neither,
say nothing. If the runs were equally good, b of b + c would be as likely heads as tails:

    p = min(1, 2 P(Binomial(b + c, 1/2) <= min(b, c)))

The difference (b - c) / n has the adjusted Wald interval, with u = (b + 1) / (n + 2) and v = (c + 1) / (n + 2),

    u - v +- 1.96 sqrt((u + v - (u - v)^2) / (n + 2)).

Many comparisons find differences where there are none. Holm's p-values, in order of p over all m pairs,

    q_(i) = max over j <= i of min(1, (m - j + 1) p_(j)),

keep the chance of even one false "real" at 5 %, also for pairs chosen after a look at the figures, such as each run
with the best one. The test is about these classifiers on pictures like these; it does not know what another choice of
training pictures would do, which seeds show.

Sources: McNemar 1947, Note on the sampling error of the difference between correlated proportions; Dietterich 1998,
Approximate statistical tests for comparing supervised classification learning algorithms; Holm 1979, A simple
sequentially rejective multiple test procedure; Bonett and Price 2012, Adjusted Wald confidence interval for a
difference of binomial proportions based on paired data.
"""

import base64
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binom  # type: ignore[import-untyped]

LEVEL = 0.05
"""A difference is real where Holm's p-value is below."""
NORMAL = 1.959964
"""Standard deviations to either side that hold 95 %."""


class Pairs(NamedTuple):
    """All pairs of R runs on the same N pictures; each field (R, R), row against column.

    Attributes:
        only: pictures that the row alone told right.
        difference: accuracy of the row less that of the column.
        low, high: its 95 % interval, of each pair by itself.
        p: of the exact test, of each pair by itself.
        adjusted: Holm's, over all pairs.
    """

    only: np.ndarray
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    adjusted: np.ndarray

    def is_real(self, i: int, j: int) -> bool:
        """Return whether run i and run j differ by more than chance."""
        return bool(self.adjusted[i, j] < LEVEL)


def unpack(pictures: dict[str, Any]) -> np.ndarray:
    """Return which pictures were told right at first guess, bool (N,); see result.pictures."""
    packed = np.frombuffer(base64.b64decode(pictures["top1"]), np.uint8)
    return np.unpackbits(packed, count=pictures["count"]).astype(bool)


def compare(right: np.ndarray) -> Pairs:
    """Compare all pairs of R runs.

    Args:
        right: bool (R, N), which pictures each told right, N > 0.
    """
    runs, n = right.shape
    told = right.astype(np.float32)  # exact up to 16 million pictures
    only = np.rint(told @ (1 - told).T).astype(np.int64)
    flipped = only.T
    p = mcnemar(only, flipped)
    u, v = (only + 1) / (n + 2), (flipped + 1) / (n + 2)
    reach = NORMAL * np.sqrt((u + v - (u - v) ** 2) / (n + 2))
    np.fill_diagonal(reach, 0)
    rows, columns = np.triu_indices(runs, 1)
    adjusted = np.ones((runs, runs))
    adjusted[rows, columns] = adjusted[columns, rows] = holm(p[rows, columns])
    return Pairs(only, (only - flipped) / n, u - v - reach, u - v + reach, p, adjusted)


def mcnemar(b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of the exact test for counts b and c of pictures that one of two alone told right.

    >>> mcnemar(np.array([0, 1]), np.array([6, 1])).tolist()
    [0.03125, 1.0]
    """
    return np.minimum(2 * binom.cdf(np.minimum(b, c), b + c, 0.5), 1.0)


def holm(p: np.ndarray) -> np.ndarray:
    """Return Holm's p-values of M tests (M,): below 0.05 where even one false alarm among all has a chance of 5 %.

    >>> holm(np.array([0.04, 0.01, 0.03])).tolist()
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1)
    return out
