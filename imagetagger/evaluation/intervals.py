"""Confidence intervals of metrics: exact ones of rates, bootstrap ones of everything else.

Pictures of one group (a burst, near twins) say less than as many independent ones. The bootstrap then resamples whole
groups, and the exact interval counts fewer pictures, n / deff (t_(n-1) / t_(G-1))^2, where the design effect

    deff = (n - 1) / n  G / (G - 1)  sum_g (x_g - n_g p)^2 / (n p (1 - p)),  at least 1,

is how much larger the variance of the rate p is than that of n independent pictures (of the n_g pictures of group g,
x_g count), and the ratio of Student's quantiles allows for an estimate of it from few groups G. A rate of 0 or 1 shows
nothing of it, and each group counts once.

Sources: Clopper and Pearson 1934, The use of confidence or fiducial limits illustrated in the case of the binomial;
Korn and Graubard 1998, Confidence intervals for proportions with small expected number of positive counts estimated
from survey data, for the effective number; Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 13.
"""

import numpy as np
from scipy.stats import beta
from scipy.stats import t as student

from imagetagger.evaluation.metrics import Metrics, compute_metrics, empty_metrics

RATE_METRICS = {"top1": "top1", "top5": "top5", "top10": "top10", "coverage": "covered"}
"""Metrics that are shares of pictures, and the field of `Metrics` that counts them."""


@np.errstate(invalid="ignore")  # a true tag that was never learned costs infinitely much
def confidence_intervals(
    observed: Metrics,
    groups: np.ndarray | None = None,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Intervals of the metrics: exact for rates, bootstrap percentiles for the others; empty without pictures.

    ECE gets none: few pictures per bin bias it upwards, and resampling adds the same bias once more. Nor does coverage
    get an exact one where pictures have several tags, of which a set may contain some.

    Args:
        observed: from `observe_predictions`.
        groups: (N,), equal for pictures that are not independent; None if all are.
        resamples: bootstrap samples; 0 for no intervals at all.
        level: of confidence, in (0, 1).
        seed: of the resampling.
    """
    n = len(observed.count)
    if not n or not resamples:
        return {}
    index = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    columns = np.stack(observed[:-3], 1)  # all but the bins, which ECE alone needs
    rates = {name: getattr(observed, field) for name, field in RATE_METRICS.items()}
    exact = {name: counts for name, counts in rates.items() if np.isin(counts, (0, 1)).all()}
    sums = np.zeros((index.max() + 1, columns.shape[1]))
    np.add.at(sums, index, columns)
    rng = np.random.default_rng(seed)
    counts = (np.bincount(rng.integers(0, len(sums), len(sums)), minlength=len(sums)) for _ in range(resamples))
    draws = [
        compute_metrics(empty_metrics()._replace(**dict(zip(Metrics._fields, count @ sums, strict=False))))
        for count in counts
    ]
    tails = (50 * (1 - level), 50 * (1 + level))

    def interval(name: str) -> tuple[float, float]:
        if name in exact:
            return rate_interval(exact[name], groups, level=level)
        low, high = np.percentile([draw[name] for draw in draws], tails)
        return float(low), float(high)

    return {name: interval(name) for name in draws[0] if name != "ece"}


def rate_interval(
    outcomes: np.ndarray, groups: np.ndarray | None = None, *, level: float = 0.95
) -> tuple[float, float]:
    """The Clopper-Pearson interval of the rate of outcomes that are 1, for grouped pictures with fewer of them.

    low and high are the (1 - level) / 2 quantile of Beta(x, n - x + 1) and the (1 + level) / 2 quantile of
    Beta(x + 1, n - x); n independent pictures, x of them 1. It covers the true rate at least as often as it says.

    Args:
        outcomes: (N,), 0 or 1, N > 0.
        groups: (N,), see `confidence_intervals`.
        level: of confidence, in (0, 1).

    >>> [round(end, 3) for end in rate_interval(np.ones(6))]
    [0.541, 1.0]
    """
    rate = float(np.mean(outcomes))
    n = len(outcomes) if groups is None else effective_pictures(outcomes, groups, level=level)
    x, tail = rate * n, (1 - level) / 2
    low = float(beta.ppf(tail, x, n - x + 1)) if rate > 0 else 0.0
    high = float(beta.ppf(1 - tail, x + 1, n - x)) if rate < 1 else 1.0
    return low, high


def effective_pictures(outcomes: np.ndarray, groups: np.ndarray, *, level: float = 0.95) -> float:
    """How many independent pictures say as much about the rate of outcomes as these do, see above; 1 to n.

    Args:
        outcomes: (N,), 0 or 1, N > 0.
        groups: (N,).
        level: of the confidence interval that it is for.
    """
    n, rate = len(outcomes), float(np.mean(outcomes))
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if rate in (0, 1) or len(sizes) < 2:
        return float(len(sizes))
    deviations = np.bincount(index, outcomes) - sizes * rate
    per_group = np.square(deviations).sum() / (n * rate * (1 - rate))
    design_effect = (n - 1) / n * len(sizes) / (len(sizes) - 1) * per_group
    few_groups = student.ppf((1 + level) / 2, [n - 1, len(sizes) - 1])
    return float(max(n / max(design_effect, 1.0) * (few_groups[0] / few_groups[1]) ** 2, 1.0))
