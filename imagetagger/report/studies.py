"""What a setting does: figures of runs along one axis, seeds averaged, one line for each combination of the others."""

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student  # type: ignore[import-untyped]

from imagetagger.report import axes as settings
from imagetagger.report import figures
from imagetagger.report.axes import SIZES, Axis
from imagetagger.report.comparison import NORMAL
from imagetagger.report.figures import Figure, Told
from imagetagger.report.runs import Run

MOST_LINES = 8
"""Lines of a plot that can still be told apart."""
DECADE = 10
"""Values that span more are drawn on a logarithmic axis."""
SIZE = "pictures to learn from"
PANELS: dict[str, tuple[Figure, ...]] = {
    "calibrate": (figures.COVERAGE, figures.SET_SIZE, figures.ECE, figures.LOG_LOSS),
    "backbone": (figures.TOP1, figures.TOP5, figures.rate(), figures.size_at(0.9)),
    "other": (figures.TOP1, figures.TOP5, figures.size_at(0.9), figures.ECE),
}
"""What is drawn, by the section of the setting."""
OF_VARIANT = (("top1", "first guess right", True), ("cosine_to_float", "cosine to float", False))


class Point(NamedTuple):
    """A figure of the runs at one place: mean, 95 % interval (NaN where unknown), and how many they are."""

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
    """A plot of one figure.

    Attributes:
        key: unique among the panels of a study.
        label: of the figure, on the axis.
        is_share: whether that is said in percent.
        lines: of the combinations that are drawn.
    """

    key: str
    label: str
    is_share: bool
    lines: tuple[Line, ...]


class Study(NamedTuple):
    """What one setting does.

    Attributes:
        key: of the setting.
        label: of the axis.
        is_size: whether it is the number of pictures to learn from.
        is_log: whether its values span more than a decade.
        is_joined: whether runs that differ in nothing else can be joined by a line; where not, each point is a run.
        panels: of the figures that differ between runs.
        combinations: of the other settings.
        drawn: how many of them are drawn, so that there are MOST_LINES at most.
        seeds: runs averaged at a point, at most.
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


def studies(runs: tuple[Run, ...], axes: tuple[Axis, ...]) -> tuple[Study, ...]:
    """Return a study of each numeric setting that varies; the size of the data first, whichever setting chose it."""
    sizes = tuple(axis.key for axis in axes if axis.key in SIZES)
    trained = [float(run.result["data"]["train"]) for run in runs]
    found = [_study(runs, axes, sizes, SIZE, trained)] if sizes and len(set(trained)) > 1 else []
    found += [
        _study(runs, axes, (axis.key,), axis.name, [float(value) for value in axis.values])
        for axis in settings.free(axes)
        if axis.is_numeric and axis.key not in ("seed", *SIZES)
    ]
    return tuple(one for one in found if one.panels)


def average(told: list[Told], same_pictures: bool) -> Told:
    r"""Return the mean of a figure over R runs that differ by seed, with a 95 % interval that holds both errors.

    A run's own interval says what other pictures to be tried on would give: variance v_i = ((high - low) / 3.92)^2, on
    average v. The spread between runs, s^2, says what other seeds would. Runs on the same pictures share the first
    error, which no number of seeds reduces: V = v + s^2 / R. Runs on pictures of their own do not: V = (v + s^2) / R,
    which is wide rather than narrow, as s^2 has some of the first error too, but from two or three runs cannot tell how
    much. What V owes to the spread of few runs is known from R - 1 differences only, so that Student's quantile widens
    the interval, with Satterthwaite's degrees of freedom.

    One run keeps its own interval, which need not be symmetric. Where runs have none, the interval is that of seeds
    alone, and seeds that agree to the last digit say nothing of what others would give.

    Source: Satterthwaite 1946, An approximate distribution of estimates of variance components.
    """
    values = np.array([one.value for one in told])
    if len(told) == 1:
        return told[0]
    mean, spread = float(values.mean()), float(values.var(ddof=1)) / len(told)
    own = np.array([((one.high - one.low) / (2 * NORMAL)) ** 2 for one in told])
    pictures = float(own.mean()) if np.isfinite(own).all() else 0.0
    variance = (pictures if same_pictures else pictures / len(told)) + spread
    if not variance > 0:
        return Told(mean)
    freedom = variance**2 / spread**2 * (len(told) - 1) if spread > 0 else math.inf
    reach = (NORMAL if math.isinf(freedom) else float(student.ppf(0.975, freedom))) * math.sqrt(variance)
    return Told(mean, mean - reach, mean + reach)


def spread_out(found: list[Any], most: int = MOST_LINES) -> list[Any]:
    """Return at most so many of a list, evenly from its first to its last.

    >>> spread_out(list(range(10)), 4)
    [0, 3, 6, 9]
    """
    return [found[i] for i in np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))]


def _study(
    runs: tuple[Run, ...], axes: tuple[Axis, ...], keys: tuple[str, ...], label: str, places: list[float]
) -> Study:
    chosen = [axis for axis in axes if axis.key in keys]
    kept = tuple(axis for axis in settings.free(axes) if axis.key not in (*keys, "seed"))
    groups = list(settings.groups(axes, len(runs), (*keys, "seed")).values())
    at = [tuple(axis.values[i] for axis in chosen) for i in range(len(runs))]
    joined = 2 * sum(len(group) for group in groups if len({at[i] for i in group}) > 1) >= len(runs)
    if joined:
        drawn = [(settings.label(kept, group[0]), group) for group in _by_rank(runs, groups)]
    else:
        drawn = [("", list(range(len(runs))))]
    section = keys[0].split(".")[0]

    def panel(figure: Figure, lines: list[tuple[str, Figure, list[int]]]) -> Panel:
        told = [Line(said, _points(runs, one, group, at, places, joined)) for said, one, group in lines]
        return Panel(figure.key, figure.label, figure.is_share, tuple(line for line in told if line.points))

    wanted = PANELS.get(section, PANELS["other"])
    if not joined:  # a search: what it looked for, and the first guess
        looked = figures.MEASURED.get(str(runs[0].settings.get("objective")), figures.LOG_LOSS)
        wanted = tuple({one.key: one for one in (looked, figures.TOP1)}.values())
    panels = [panel(figure, [(said, figure, group) for said, group in drawn]) for figure in wanted]
    if joined and len(drawn) == 1:  # there is room for more levels
        levels = [(f"{100 * level:g}\u00a0% inside", figures.size_at(level), drawn[0][1]) for level in figures.LEVELS]
        several = panel(Figure("size_at", "tags in a set", False, wanted[0].of), levels)
        panels = [several if one.key == "size_at_90" else one for one in panels]
    if section == "export" and joined:
        kinds = len({name for run in runs for name in run.result["variants"]})
        drawn = drawn[: max(1, MOST_LINES // kinds)]
        panels = [panel(figures.variant("", *told), _variants(runs, drawn, told)) for told in OF_VARIANT]
    return Study(
        key=keys[0],
        label=label,
        is_size=label == SIZE,
        is_log=min(places) > 0 and max(filter(math.isfinite, places), default=0) / min(places) > DECADE,
        is_joined=joined,
        panels=tuple(one for one in panels if _varies(one)),
        combinations=len(groups) if joined else 1,
        drawn=len(drawn),
        seeds=max((point.runs for one in panels for line in one.lines for point in line.points), default=1),
    )


def _by_rank(runs: tuple[Run, ...], groups: list[list[int]]) -> list[list[int]]:
    """Return the groups that are drawn, in their order: all, or evenly from the best to the worst mean top-1."""
    if len(groups) <= MOST_LINES:
        return groups
    mean = [np.nan_to_num(np.mean([figures.TOP1.of(runs[i]).value for i in group])) for group in groups]
    drawn = spread_out(sorted(range(len(groups)), key=lambda g: -mean[g]))
    return [groups[g] for g in sorted(drawn)]


def _variants(
    runs: tuple[Run, ...], drawn: list[tuple[str, list[int]]], told: tuple[str, str, bool]
) -> list[tuple[str, Figure, list[int]]]:
    names = dict.fromkeys(name for run in runs for name in run.result["variants"])
    return [
        (", ".join(filter(None, [said, name])), figures.variant(name, *told), group)
        for said, group in drawn
        for name in names
    ]


def _points(
    runs: tuple[Run, ...], figure: Figure, group: list[int], at: list[tuple], places: list[float], joined: bool
) -> tuple[Point, ...]:
    together: dict[object, list[int]] = {}
    for i in group:
        if math.isfinite(figure.of(runs[i]).value) and math.isfinite(places[i]):
            together.setdefault(at[i] if joined else i, []).append(i)
    points = []
    for rows in (part for group in together.values() for part in _of_different_seeds(runs, group)):
        same = len({runs[i].result["pictures"]["fingerprint"] for i in rows}) == 1
        mean = average([figure.of(runs[i]) for i in rows], same)
        low, high = max(mean.low, 0.0), min(mean.high, 1.0) if figure.is_share else mean.high
        points.append(Point(float(np.mean([places[i] for i in rows])), mean.value, low, high, len(rows)))
    return tuple(sorted(points))


def _of_different_seeds(runs: tuple[Run, ...], rows: list[int]) -> list[list[int]]:
    """Return runs of one place, parted so that no seed is twice in a part: of one seed, other code is no other seed."""
    seen: Counter[Any] = Counter()
    parts: dict[int, list[int]] = {}
    for i in rows:
        seed = runs[i].settings.get("seed")
        parts.setdefault(seen[seed], []).append(i)
        seen[seed] += 1
    return list(parts.values())


def _varies(panel: Panel) -> bool:
    return len({point.mean for line in panel.lines for point in line.points}) > 1
