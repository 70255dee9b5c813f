"""The metrics of a run that reports compare, with their 95 % intervals where they have them."""

import math
from collections.abc import Callable
from typing import NamedTuple

from imagetagger.options import HIGHER_IS_BETTER
from imagetagger.report.comparison.runs import Run

COMPARED_COVERAGES = (0.8, 0.9, 0.95)
"""Coverages at which set sizes are compared."""


class MetricEstimate(NamedTuple):
    """The value of a metric and its 95 % interval; NaN where unknown."""

    value: float
    low: float = math.nan
    high: float = math.nan


class RunMetric(NamedTuple):
    """A metric that runs are compared by.

    Attributes:
        key: its name in files.
        label: its name on an axis.
        is_share: whether it is a share, shown in percent.
        of: computes it from a run.
    """

    key: str
    label: str
    is_share: bool
    of: Callable[[Run], MetricEstimate]


def evaluated_metric(key: str, label: str, is_share: bool) -> RunMetric:
    """One of the metrics of evaluation/metrics.py."""

    def of(run: Run) -> MetricEstimate:
        ends = run.record.confidence_intervals.get(key, (None, None))
        return MetricEstimate(*map(known_value, (getattr(run.metrics, key), *ends)))

    return RunMetric(key, label, is_share, of)


def variant_metric(name: str, key: str, label: str, is_share: bool) -> RunMetric:
    """A metric of a variant; unknown in runs without it."""

    def of(run: Run) -> MetricEstimate:
        return MetricEstimate(known_value(getattr(run.record.variants.get(name), key, None)))

    return RunMetric(key, label, is_share, of)


def set_size_at(level: float) -> RunMetric:
    """Mean size of the smallest sets of a run's rule that reach a coverage on the pictures of the evaluation."""

    def of(run: Run) -> MetricEstimate:
        curve = run.record.coverage_curve
        for coverage, size in zip(curve.coverage, curve.set_size, strict=True):
            if coverage is not None and coverage >= level:
                return MetricEstimate(known_value(size))
        return MetricEstimate(math.nan)

    return RunMetric(f"size_at_{100 * level:g}", f"tags per set at {100 * level:g}\u00a0% coverage", False, of)


def embedding_rate() -> RunMetric:
    """Pictures per second of the network; unknown if the embeddings came from the cache."""

    def of(run: Run) -> MetricEstimate:
        if (stage := run.record.stages.get("embed")) is None:
            return MetricEstimate(math.nan)
        measured = None if stage.cached else stage.images_per_second
        return MetricEstimate(known_value(stage.raw_images_per_second or measured))

    return RunMetric("images_per_second", "pictures per second", False, of)


def training_minutes() -> RunMetric:
    """Minutes spent on fine-tuning; unknown in runs without it."""

    def of(run: Run) -> MetricEstimate:
        training = run.record.training
        return MetricEstimate(training.seconds / 60 if training and training.epochs else math.nan)

    return RunMetric("training_minutes", "minutes of training", False, of)


def known_value(value: float | None) -> float:
    """A number of a record, NaN for null."""
    return math.nan if value is None else float(value)


TOP1 = evaluated_metric("top1", "first prediction right", True)
TOP5 = evaluated_metric("top5", "right among the first 5", True)
LOG_LOSS = evaluated_metric("log_loss", "log loss", False)
ECE = evaluated_metric("ece", "calibration error", True)
COVERAGE = evaluated_metric("coverage", "sets with the right tag", True)
SET_SIZE = evaluated_metric("set_size", "tags per set, mean", False)
EVALUATED_METRICS = {metric.key: metric for metric in (TOP1, TOP5, LOG_LOSS, ECE, COVERAGE, SET_SIZE)}
EVALUATED_METRICS["top10"] = evaluated_metric("top10", "right among the first 10", True)


def objective_metric(runs: tuple[Run, ...]) -> RunMetric:
    """The metric of the best run: the one that all runs were tuned for, else top-1."""
    metrics = {run.settings.get("optimized_metric") for run in runs}
    is_tuning = all(run.settings.get("evaluate.split") == "tuning" for run in runs)
    return EVALUATED_METRICS.get(str(metrics.pop()), TOP1) if is_tuning and len(metrics) == 1 else TOP1


def sort_key(run: Run, by: RunMetric = TOP1) -> tuple[float, ...]:
    """Sort key of runs, least for the best: a metric; of equal ones, size of sets and log loss."""
    sign = -1 if by.key in HIGHER_IS_BETTER else 1
    values = (sign * by.of(run).value, set_size_at(0.9).of(run).value, LOG_LOSS.of(run).value)
    return tuple(value if math.isfinite(value) else math.inf for value in values)


def best_group(runs: tuple[Run, ...], groups: list[list[int]]) -> list[int] | None:
    """The runs of the best setting: that with the best mean of the objective metric over its seeds.

    The luckiest of many seeds would promise more than another seed gives.

    Args:
        runs: all.
        groups: rows of the runs that differ by seed only.

    Returns:
        Their rows, first that of the run nearest to their mean; None if none was evaluated.
    """
    by = objective_metric(runs)
    usable = [[i for i in rows if math.isfinite(by.of(runs[i]).value)] for rows in groups]

    def mean_key(rows: list[int]) -> tuple[float, ...]:
        keys = [sort_key(runs[i], by) for i in rows]
        return tuple(math.fsum(values) / len(values) for values in zip(*keys, strict=True))

    best = min(filter(None, usable), key=mean_key, default=None)
    return best and sorted(best, key=lambda i: abs(sort_key(runs[i], by)[0] - mean_key(best)[0]))


def total_seconds(run: Run) -> float:
    """Duration of a run's stages together."""
    return math.fsum(stage.seconds for stage in run.record.stages.values())
