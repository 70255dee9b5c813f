"""Whether the prediction sets of a run cover every tag alike."""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from imagetagger.experiment.evaluation_record import TagRecord

CLOSE_SHARE = 0.05
"""A coverage this far from the target still counts as close."""


class CoverageByTag(NamedTuple):
    """Coverage of each of the T tags that have pictures.

    Attributes:
        target: the guaranteed coverage, else the coverage of all pictures together.
        share: (T,) share of each tag's pictures whose set holds it.
        close: share of the tags whose coverage is within CLOSE_SHARE of the target.
        above: share of the tags whose coverage is higher still.
        expected: `close` if every tag had the target as its probability and only chance moved it.
        pictures: per tag, median.
        tags: with their covered pictures as correct ones, the worst first.
    """

    target: float
    share: np.ndarray
    close: float
    above: float
    expected: float
    pictures: float
    tags: list[TagRecord]


def rank_by_coverage(coverage: np.ndarray, pictures: np.ndarray, names: list[str], target: float) -> CoverageByTag:
    """Rank the tags by their coverage.

    Args:
        coverage: (C,) share of each tag's pictures whose set holds it; ignored for tags without pictures.
        pictures: int (C,), of each tag; not all 0.
        names: of the C tags.
        target: see CoverageByTag.
    """
    has_pictures = pictures > 0
    share, counts = coverage[has_pictures], pictures[has_pictures]
    rows = [(names[t], round(coverage[t] * pictures[t]), int(pictures[t])) for t in np.flatnonzero(has_pictures)]
    reach = CLOSE_SHARE + 1e-9
    low, high = np.ceil((target - reach) * counts), np.floor((target + reach) * counts)
    return CoverageByTag(
        target=target,
        share=share,
        close=float((np.abs(share - target) <= reach).mean()),
        above=float((share > target + reach).mean()),
        expected=float((binom.cdf(high, counts, target) - binom.cdf(low - 1, counts, target)).mean()),
        pictures=float(np.median(counts)),
        tags=[TagRecord(*row) for row in sorted(rows, key=lambda row: (row[1] / row[2], -row[2]))],
    )
