"""What a setting does: metrics over its values, seeds averaged, one line per combination of the other settings."""

import math
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy.stats import t as student

from imagetagger.report.comparison.paired_test import NORMAL_QUANTILE
from imagetagger.report.comparison.run_metrics import (
    COMPARED_COVERAGES,
    COVERAGE,
    ECE,
    EVALUATED_METRICS,
    LOG_LOSS,
    SET_SIZE,
    TOP1,
    TOP5,
    MetricEstimate,
    RunMetric,
    embedding_rate,
    set_size_at,
    training_minutes,
    variant_metric,
)
from imagetagger.report.comparison.runs import Run
from imagetagger.report.comparison.varied_settings import (
    SIZE_SETTINGS,
    VariedSetting,
    independent,
    of_different_seeds,
    run_label,
    setting_groups,
)

T = TypeVar("T")

MAX_LINES = 8
"""Lines of a plot that can still be distinguished."""
DECADE = 10
"""Values that span more are drawn on a logarithmic axis."""
SIZE_LABEL = "training pictures"
PANELS: dict[str, tuple[RunMetric, ...]] = {
    "calibrate": (COVERAGE, SET_SIZE, ECE, LOG_LOSS),
    "backbone": (TOP1, TOP5, embedding_rate(), set_size_at(0.9)),
    "training": (TOP1, TOP5, set_size_at(0.9), training_minutes()),
    "other": (TOP1, TOP5, set_size_at(0.9), ECE),
}
"""Metrics that are drawn, by the section of the setting."""
VARIANT_METRICS = (("top1", "first prediction right", True), ("cosine_to_float", "cosine to float32", False))


class Point(NamedTuple):
    """A metric of `runs` runs at one x: mean and 95 % interval (NaN where unknown)."""

    x: float
    mean: float
    low: float
    high: float
    runs: int


class Line(NamedTuple):
    """The points of one combination of the other settings, from left to right."""

    label: str
    points: tuple[Point, ...]


class Panel(NamedTuple):
    """A plot of one metric.

    Attributes:
        key: unique among the panels of a setting.
        label: of the metric, on the axis.
        is_share: whether it is shown in percent.
        lines: of the combinations that are drawn.
    """

    key: str
    label: str
    is_share: bool
    lines: tuple[Line, ...]


class SettingCurves(NamedTuple):
    """What one setting does.

    Attributes:
        key: of the setting.
        label: of the axis.
        is_size: whether it is the number of training pictures.
        is_log: whether its values span more than a decade.
        is_joined: whether lines join runs that differ in nothing else; otherwise each point is a run.
        panels: of the metrics that differ between runs.
        combinations: of the other settings.
        drawn: how many of them are drawn, MAX_LINES at most.
        seeds: most runs averaged at a point.
    """

    key: str
    label: str
    is_size: bool
    is_log: bool
    is_joined: bool
    panels: tuple[Panel, ...]
    combinations: int
    drawn: int
    seeds: int

    @property
    def has_bands(self) -> bool:
        """Whether anything drawn has an interval."""
        return any(math.isfinite(point.low) for panel in self.panels for line in panel.lines for point in line.points)


def setting_curves(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> tuple[SettingCurves, ...]:
    """Curves over each numeric setting that varies; first over the number of training pictures, whatever set it."""
    sizes = tuple(setting.key for setting in settings if setting.key in SIZE_SETTINGS)
    trained = [float(run.record.data.train) for run in runs]
    curves = [_curves(runs, settings, sizes, SIZE_LABEL, trained)] if sizes and len(set(trained)) > 1 else []
    curves += [
        _curves(runs, settings, (setting.key,), setting.name, [float(value) for value in setting.values])
        for setting in independent(settings)
        if setting.is_numeric and setting.key not in ("seed", *SIZE_SETTINGS)
    ]
    return tuple(curve for curve in curves if curve.panels)


def average_runs(estimates: list[MetricEstimate], same_pictures: bool) -> MetricEstimate:
    r"""Mean of a metric over R runs that differ by seed, with a 95 % interval of both errors.

    A run's own interval is the error of the pictures it is evaluated on: variance v_i = ((high - low) / 3.92)^2, on
    average v. The spread between runs, s^2, is the error of the seed. Runs on the same pictures share the first error,
    which no number of seeds reduces: V = v + s^2 / R. Runs on different pictures do not: V = (v + s^2) / R, which is
    wide rather than narrow, as s^2 includes some of the first error too, but two or three runs cannot show how much.
    The part of V that comes from the spread of few runs is known from R - 1 differences only, so Student's quantile
    widens the interval, with Satterthwaite's degrees of freedom.

    One run keeps its own interval, which may be asymmetric. Runs without intervals get that of seeds alone; seeds that
    agree to the last digit get none.

    Source: Satterthwaite 1946, An approximate distribution of estimates of variance components.
    """
    if len(estimates) == 1:
        return estimates[0]
    values, low, high = np.array(estimates).T
    mean, spread = float(values.mean()), float(values.var(ddof=1)) / len(estimates)
    by_pictures = ((high - low) / (2 * NORMAL_QUANTILE)) ** 2
    pictures = float(by_pictures.mean()) if np.isfinite(by_pictures).all() else 0.0
    variance = (pictures if same_pictures else pictures / len(estimates)) + spread
    if not variance > 0:
        return MetricEstimate(mean)
    freedom = variance**2 / spread**2 * (len(estimates) - 1) if spread > 0 else math.inf
    reach = (NORMAL_QUANTILE if math.isinf(freedom) else float(student.ppf(0.975, freedom))) * math.sqrt(variance)
    return MetricEstimate(mean, mean - reach, mean + reach)


def average_metric(runs: tuple[Run, ...], metric: RunMetric, rows: list[int]) -> MetricEstimate:
    """Mean of a metric over runs that differ by seed, see `average_runs`; a share's interval stays in 0 .. 1."""
    same_pictures = len({runs[i].record.pictures.fingerprint for i in rows}) == 1
    mean = average_runs([metric.of(runs[i]) for i in rows], same_pictures)
    return mean._replace(low=max(mean.low, 0.0), high=min(mean.high, 1.0) if metric.is_share else mean.high)


def spread_evenly(items: list[T], most: int = MAX_LINES) -> list[T]:
    """At most so many items of a list, evenly from its first to its last.

    >>> spread_evenly(list(range(10)), 4)
    [0, 3, 6, 9]
    """
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int))]


def _curves(
    runs: tuple[Run, ...], settings: tuple[VariedSetting, ...], keys: tuple[str, ...], label: str, x: list[float]
) -> SettingCurves:
    """Curves over the settings `keys`, each run at its x."""
    others = tuple(setting for setting in independent(settings) if setting.key not in (*keys, "seed"))
    groups = list(setting_groups(settings, len(runs), (*keys, "seed")).values())
    values = [tuple(setting.values[i] for setting in settings if setting.key in keys) for i in range(len(runs))]
    is_joined = 2 * sum(len(group) for group in groups if len({values[i] for i in group}) > 1) >= len(runs)
    if is_joined:
        drawn = [(run_label(others, group[0]), group) for group in _drawn_groups(runs, groups)]
    else:
        drawn, values = [("", list(range(len(runs))))], [(i,) for i in range(len(runs))]

    def panel(metric: RunMetric, lines: list[tuple[str, RunMetric, list[int]]]) -> Panel:
        drawn_lines = (Line(text, _points(runs, of, group, x, values)) for text, of, group in lines)
        return Panel(metric.key, metric.label, metric.is_share, tuple(line for line in drawn_lines if line.points))

    if keys[0].startswith("export.") and is_joined:
        names = dict.fromkeys(name for run in runs for name in run.record.variants)
        drawn = drawn[: max(1, MAX_LINES // len(names))]
        panels = [
            panel(variant_metric("", *metric), _variant_lines(list(names), drawn, metric)) for metric in VARIANT_METRICS
        ]
    else:
        metrics = PANELS.get(keys[0].split(".")[0], PANELS["other"])
        if not is_joined:  # a search: the metric that was optimised, and the first prediction
            optimised = EVALUATED_METRICS.get(str(runs[0].settings.get("optimized_metric")), LOG_LOSS)
            metrics = tuple({metric.key: metric for metric in (optimised, TOP1)}.values())
        panels = [panel(metric, [(text, metric, group) for text, group in drawn]) for metric in metrics]
        if is_joined and len(drawn) == 1:  # there is room for more coverages
            levels = [(f"{100 * c:g}\u00a0% coverage", set_size_at(c), drawn[0][1]) for c in COMPARED_COVERAGES]
            several = panel(RunMetric("size_at", "tags per set", False, TOP1.of), levels)
            panels = [several if p.key == "size_at_90" else p for p in panels]
    return SettingCurves(
        key=keys[0],
        label=label,
        is_size=label == SIZE_LABEL,
        is_log=min(x) > 0 and max(filter(math.isfinite, x), default=0) / min(x) > DECADE,
        is_joined=is_joined,
        panels=tuple(filter(_varies, panels)),
        combinations=len(groups) if is_joined else 1,
        drawn=len(drawn),
        seeds=max((point.runs for p in panels for line in p.lines for point in line.points), default=1),
    )


def _drawn_groups(runs: tuple[Run, ...], groups: list[list[int]]) -> list[list[int]]:
    """The groups that are drawn, in their order: all, or evenly from the best to the worst mean top-1."""
    if len(groups) <= MAX_LINES:
        return groups
    mean = [np.nan_to_num(np.mean([TOP1.of(runs[i]).value for i in group])) for group in groups]
    drawn = spread_evenly(sorted(range(len(groups)), key=lambda g: -mean[g]))
    return [groups[g] for g in sorted(drawn)]


def _variant_lines(
    names: list[str], drawn: list[tuple[str, list[int]]], metric: tuple[str, str, bool]
) -> list[tuple[str, RunMetric, list[int]]]:
    return [
        (", ".join(filter(None, [text, name])), variant_metric(name, *metric), group)
        for text, group in drawn
        for name in names
    ]


def _points(
    runs: tuple[Run, ...], metric: RunMetric, group: list[int], x: list[float], values: list[tuple[Any, ...]]
) -> tuple[Point, ...]:
    """The points of a line; runs of equal values that differ by seed share one."""
    rows_at: dict[Any, list[int]] = {}
    for i in group:
        if math.isfinite(metric.of(runs[i]).value) and math.isfinite(x[i]):
            rows_at.setdefault(values[i], []).append(i)
    parts = (part for together in rows_at.values() for part in of_different_seeds(runs, together))
    points = (
        Point(float(np.mean([x[i] for i in rows])), *average_metric(runs, metric, rows), len(rows)) for rows in parts
    )
    return tuple(sorted(points))


def _varies(panel: Panel) -> bool:
    return len({point.mean for line in panel.lines for point in line.points}) > 1
