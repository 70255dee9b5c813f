r"""Whether one setting is really better than another: paired tests on the same pictures.

A picture counts for the setting whose seeds classified it correctly more often: of n pictures, b count for the first
and c for the second; with one seed they are those that only one of two runs classified correctly. So a picture counts
once however many seeds were evaluated on it, and pictures of other seeds add up. McNemar's exact test gives the p-value
of each pair; see evaluation/mcnemar.py. The difference of the mean accuracies has the adjusted Wald interval: where d
is the difference of the shares of seeds that classified a picture correctly, sum d = b - c and sum d^2 = b + c for one
seed, and m = sum d / (n + 2),

    m +- 1.96 sqrt(((2 + sum d^2) / (n + 2) - m^2) / (n + 2)).

Many comparisons find differences by chance. Holm's p-values, in order of p over all m pairs,

    q_(i) = max over j <= i of min(1, (m - j + 1) p_(j)),

keep the chance of even one false "real" at 5 %, also for pairs chosen after a look at the metrics, such as each setting
with the best one. The test is about these classifiers on pictures like these; what another choice of training pictures
would do, the spread of several seeds shows.

Sources: Dietterich 1998, Approximate statistical tests for comparing supervised classification learning algorithms;
Holm 1979, A simple sequentially rejective multiple test procedure; Bonett and Price 2012, Adjusted Wald confidence
interval for a difference of binomial proportions based on paired data.
"""

import base64
from typing import NamedTuple

import numpy as np

from imagetagger.evaluation.mcnemar import mcnemar_p_value
from imagetagger.experiment.evaluation_record import PicturesRecord

SIGNIFICANCE_LEVEL = 0.05
"""A difference is real where Holm's p-value is below."""
NORMAL_QUANTILE = 1.959964
"""Standard deviations to either side that hold 95 %."""


class PairedComparison(NamedTuple):
    """All pairs of R settings on the same N pictures; each field (R, R), row against column.

    Attributes:
        only: pictures that the row classified correctly in more seeds; with one seed, that only the row did.
        difference: mean accuracy of the row less that of the column.
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
        """Whether settings i and j differ by more than chance."""
        return bool(self.adjusted[i, j] < SIGNIFICANCE_LEVEL)


def unpack_correct(pictures: PicturesRecord) -> np.ndarray:
    """Which first predictions are correct, bool (N,)."""
    packed = np.frombuffer(base64.b64decode(pictures.top1), np.uint8)
    return np.unpackbits(packed, count=pictures.count).astype(bool)


def compare_pairs(correct: np.ndarray) -> PairedComparison:
    """Compare all pairs of R settings.

    Args:
        correct: (R, N), the share of a setting's seeds that classified each picture correctly, N > 0; bool for one.
    """
    settings, n = correct.shape
    shares = correct.astype(np.float64)
    only = np.stack([(row > shares + 1e-9).sum(1) for row in shares])
    total = shares.sum(1)
    difference = total[:, None] - total
    squares = np.stack([np.square(row - shares).sum(1) for row in shares])
    p, mean = mcnemar_p_value(only, only.T), difference / (n + 2)
    reach = NORMAL_QUANTILE * np.sqrt(((squares + 2) / (n + 2) - mean**2) / (n + 2))
    np.fill_diagonal(reach, 0)
    rows, columns = np.triu_indices(settings, 1)
    adjusted = np.ones((settings, settings))
    adjusted[rows, columns] = adjusted[columns, rows] = holm(p[rows, columns])
    return PairedComparison(only, difference / n, mean - reach, mean + reach, p, adjusted)


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
