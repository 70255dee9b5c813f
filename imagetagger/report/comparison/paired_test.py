r"""Whether one run is really better than another: paired tests on the same pictures.

Of n pictures, b are classified correctly by the first run only and c by the second only. McNemar's exact test gives the
p-value of each pair; see evaluation/mcnemar.py. The difference (b - c) / n has the adjusted Wald interval, with
u = (b + 1) / (n + 2) and v = (c + 1) / (n + 2),

    u - v +- 1.96 sqrt((u + v - (u - v)^2) / (n + 2)).

Many comparisons find differences by chance. Holm's p-values, in order of p over all m pairs,

    q_(i) = max over j <= i of min(1, (m - j + 1) p_(j)),

keep the chance of even one false "real" at 5 %, also for pairs chosen after a look at the metrics, such as each run
with the best one. The test is about these classifiers on pictures like these; what another choice of training pictures
would do, several seeds show.

Sources: Dietterich 1998, Approximate statistical tests for comparing supervised classification learning algorithms;
Holm 1979, A simple sequentially rejective multiple test procedure; Bonett and Price 2012, Adjusted Wald confidence
interval for a difference of binomial proportions based on paired data.
"""

import base64
from typing import NamedTuple

import numpy as np

from imagetagger.evaluation.mcnemar import mcnemar_p_value
from imagetagger.experiment.record import PicturesRecord

SIGNIFICANCE_LEVEL = 0.05
"""A difference is real where Holm's p-value is below."""
NORMAL_QUANTILE = 1.959964
"""Standard deviations to either side that hold 95 %."""


class PairedComparison(NamedTuple):
    """All pairs of R runs on the same N pictures; each field (R, R), row against column.

    Attributes:
        only: pictures that only the row classified correctly.
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
        """Whether run i and run j differ by more than chance."""
        return bool(self.adjusted[i, j] < SIGNIFICANCE_LEVEL)


def unpack_correct(pictures: PicturesRecord) -> np.ndarray:
    """Which first predictions are correct, bool (N,)."""
    packed = np.frombuffer(base64.b64decode(pictures.top1), np.uint8)
    return np.unpackbits(packed, count=pictures.count).astype(bool)


def compare_pairs(is_correct: np.ndarray) -> PairedComparison:
    """Compare all pairs of R runs.

    Args:
        is_correct: bool (R, N), the pictures that each classified correctly, N > 0.
    """
    runs, n = is_correct.shape
    correct = is_correct.astype(np.float32)  # exact up to 16 million pictures
    only = np.rint(correct @ (1 - correct).T).astype(np.int64)
    p = mcnemar_p_value(only, only.T)
    u, v = (only + 1) / (n + 2), (only.T + 1) / (n + 2)
    reach = NORMAL_QUANTILE * np.sqrt((u + v - (u - v) ** 2) / (n + 2))
    np.fill_diagonal(reach, 0)
    rows, columns = np.triu_indices(runs, 1)
    adjusted = np.ones((runs, runs))
    adjusted[rows, columns] = adjusted[columns, rows] = holm(p[rows, columns])
    return PairedComparison(only, (only - only.T) / n, u - v - reach, u - v + reach, p, adjusted)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's p-values of M tests (M,): below 0.05 where even one false alarm among all has a chance of 5 %.

    >>> holm(np.array([0.04, 0.01, 0.03])).tolist()
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
