"""Prediction sets of many runs at every target: how often they hold the right tag, and how large they are."""

import math
from typing import NamedTuple

from imagetagger.evaluation.coverage_curve import target_label
from imagetagger.prediction.decision import CONFORMAL_SETS
from imagetagger.report.comparison.curves import Line, Panel, Point, spread_evenly
from imagetagger.report.comparison.line_plot import Scale
from imagetagger.report.comparison.run_metrics import TOP1
from imagetagger.report.comparison.runs import Run
from imagetagger.report.comparison.varied_settings import VariedSetting, independent, run_label, setting_groups


class TargetCurves(NamedTuple):
    """Curves of rules with the same kind of target: a coverage, a sum of probabilities, or a number of tags.

    Attributes:
        key: of the plots' names: "coverage", "sum" or "tags".
        scale: of the target.
        coverage: of the sets over their target.
        size: mean size of the sets over their target.
    """

    key: str
    scale: Scale
    coverage: Panel
    size: Panel


class CoverageCurves(NamedTuple):
    """The curves that are drawn.

    Attributes:
        by_target: by kind of target.
        size_at: size of the sets over their coverage, which all rules share.
        drawn: number of curves.
        total: number of different curves of runs that differ in more than the seed.
    """

    by_target: tuple[TargetCurves, ...]
    size_at: Panel
    drawn: int
    total: int


def coverage_curves(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> CoverageCurves | None:
    """The different curves of the runs; None if none was evaluated.

    Of runs that differ by seed the first is drawn; of too many lines those evenly from the best top-1 to the worst,
    both among them.
    """
    others = tuple(setting for setting in independent(settings) if setting.key != "seed")
    different: dict[str, int] = {}
    for i in (group[0] for group in setting_groups(settings, len(runs), ("seed",)).values()):
        curve = runs[i].record.coverage_curve
        if any(coverage is not None for coverage in curve.coverage):
            different.setdefault(repr([curve.rule, curve.coverage, curve.set_size]), i)
    ranked = sorted(different.values(), key=lambda i: -TOP1.of(runs[i]).value)
    drawn = sorted(spread_evenly(ranked))
    if not drawn:
        return None
    rows_by_label: dict[str, list[int]] = {}
    for i in drawn:
        rows_by_label.setdefault(target_label(runs[i].record.coverage_curve.rule), []).append(i)

    def panel(rows: list[int], x: str, y: str, label: str, is_share: bool) -> Panel:
        lines = [Line(run_label(others, i), _points(runs[i], x, y)) for i in rows]
        return Panel(y, label, is_share, tuple(line for line in lines if line.points))

    def by_target(label: str, rows: list[int]) -> TargetCurves:
        is_share = all(runs[i].record.coverage_curve.rule in CONFORMAL_SETS for i in rows)
        return TargetCurves(
            key=label.split()[-1],
            scale=Scale(label, is_share),
            coverage=panel(rows, "target", "coverage", "sets with the right tag", True),
            size=panel(rows, "target", "set_size", "tags per set, mean", False),
        )

    size_at = panel(drawn, "coverage", "set_size", "tags per set, mean", False)
    return CoverageCurves(tuple(by_target(*item) for item in rows_by_label.items()), size_at, len(drawn), len(ranked))


def _points(run: Run, x: str, y: str) -> tuple[Point, ...]:
    curve = run.record.coverage_curve
    pairs = zip(getattr(curve, x), getattr(curve, y), strict=True)
    return tuple(Point(a, b, math.nan, math.nan, 1) for a, b in pairs if a is not None and b is not None)
