"""How the networks of many runs were fine-tuned: metrics of the tuning pictures over the epochs."""

import math
from typing import NamedTuple

from imagetagger.experiment.training_record import EpochRecord
from imagetagger.report.comparison.curves import Line, Panel, Point, spread_evenly
from imagetagger.report.comparison.run_metrics import TOP1, known_value
from imagetagger.report.comparison.runs import Run
from imagetagger.report.comparison.varied_settings import VariedSetting, independent, run_label, setting_groups

MIN_CURVES = 2
"""Fewer are not compared: a run's own page has its curves."""


class TrainingCurves(NamedTuple):
    """Curves of runs that were fine-tuned.

    Attributes:
        panels: loss and top-1 of the tuning pictures after each epoch.
        drawn: how many runs are drawn, MAX_LINES at most.
        total: how many there are, of those that differ by seed the first.
    """

    panels: tuple[Panel, ...]
    drawn: int
    total: int


def training_curves(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> TrainingCurves | None:
    """The curves of the runs that evaluated tuning pictures; None if they are fewer than MIN_CURVES.

    Of runs that differ by seed the first is drawn; of too many lines those evenly from the best top-1 to the worst.
    """
    others = tuple(setting for setting in independent(settings) if setting.key != "seed")
    groups = setting_groups(settings, len(runs), ("seed",)).values()
    trained = [next((i for i in group if _points(runs[i], "tuning_loss")), None) for group in groups]
    ranked = sorted((i for i in trained if i is not None), key=lambda i: -_finite(TOP1.of(runs[i]).value))
    if len(ranked) < MIN_CURVES:
        return None
    drawn = sorted(spread_evenly(ranked))

    def panel(key: str, label: str, is_share: bool) -> Panel:
        lines = (Line(run_label(others, i), _points(runs[i], key)) for i in drawn)
        return Panel(key, label, is_share, tuple(line for line in lines if line.points))

    panels = (
        panel("tuning_loss", "cross-entropy, nats", False),
        panel("tuning_top1", "first prediction right", True),
    )
    return TrainingCurves(tuple(panel for panel in panels if panel.lines), len(drawn), len(ranked))


def _points(run: Run, key: str) -> tuple[Point, ...]:
    epochs: list[EpochRecord] = run.record.training.epochs if run.record.training else []
    values = [(epoch.epoch, known_value(getattr(epoch, key))) for epoch in epochs]
    return tuple(Point(epoch, value, math.nan, math.nan, 1) for epoch, value in values if math.isfinite(value))


def _finite(value: float) -> float:
    return value if math.isfinite(value) else -math.inf
