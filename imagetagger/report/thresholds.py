"""Tag sets of many runs at every threshold: how often they hold the right tag, and how large they are."""

import math
from typing import NamedTuple

from imagetagger import set_curve
from imagetagger.decide import CONFORMAL
from imagetagger.report import axes as settings
from imagetagger.report import figures
from imagetagger.report.axes import Axis
from imagetagger.report.lines import Scale
from imagetagger.report.runs import Run
from imagetagger.report.studies import Line, Panel, Point, spread_out


class Demanded(NamedTuple):
    """Sets of rules that are asked for the same thing.

    Attributes:
        key: of the plots' names.
        scale: what is asked of them.
        coverage: how often they hold the right tag.
        size: how many tags they have on average.
        promised: whether the coverage was promised to be what was asked.
    """

    key: str
    scale: Scale
    coverage: Panel
    size: Panel
    promised: bool


class Thresholds(NamedTuple):
    """What is drawn of tag sets.

    Attributes:
        demanded: by what was asked.
        size_at: their size over how often they held the right tag, which all rules share.
        drawn: curves.
        of: curves that differ, of runs that differ in more than the seed.
    """

    demanded: tuple[Demanded, ...]
    size_at: Panel
    drawn: int
    of: int


def thresholds(runs: tuple[Run, ...], axes: tuple[Axis, ...]) -> Thresholds | None:
    """Return what is drawn of the tag sets: one curve for each that differs; None where nothing was tried.

    Of runs that differ by seed the first is drawn; where too many lines are left, those evenly from the best top-1 to
    the worst, both among them.
    """
    firsts = [group[0] for group in settings.groups(axes, len(runs), ("seed",)).values()]
    apart = tuple(axis for axis in settings.free(axes) if axis.key != "seed")
    different: dict[str, int] = {}
    for i in firsts:
        demands = runs[i].result["demands"]
        if any(held is not None for held in demands["coverage"]):
            different.setdefault(repr([demands[key] for key in ("rule", "coverage", "set_size")]), i)
    ranked = sorted(different.values(), key=lambda i: -figures.TOP1.of(runs[i]).value)
    drawn = sorted(spread_out(ranked))
    if not drawn:
        return None
    asked: dict[str, list[int]] = {}
    for i in drawn:
        asked.setdefault(set_curve.label(runs[i].result["demands"]["rule"]), []).append(i)

    def panel(rows: list[int], x: str, y: str, label: str, is_share: bool) -> Panel:
        lines = [Line(settings.label(apart, i), _points(runs[i], x, y)) for i in rows]
        return Panel(y, label, is_share, tuple(line for line in lines if line.points))

    def demanded(label: str, rows: list[int]) -> Demanded:
        rules = {runs[i].result["demands"]["rule"] for i in rows}
        return Demanded(
            key=label.split()[0],
            scale=Scale(label, is_share=rules <= set(CONFORMAL)),
            coverage=panel(rows, "asked", "coverage", "sets that hold the right tag", True),
            size=panel(rows, "asked", "set_size", "tags in a set, mean", False),
            promised=rules <= set(CONFORMAL),
        )

    size_at = panel(drawn, "coverage", "set_size", "tags in a set, mean", False)
    return Thresholds(tuple(demanded(*item) for item in asked.items()), size_at, len(drawn), len(ranked))


def _points(run: Run, x: str, y: str) -> tuple[Point, ...]:
    demands = run.result["demands"]
    pairs = zip(demands[x], demands[y], strict=True)
    return tuple(Point(a, b, math.nan, math.nan, 1) for a, b in pairs if a is not None and b is not None)
