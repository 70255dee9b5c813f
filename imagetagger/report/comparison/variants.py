"""What quantizing costs and gains: size, latency and accuracy of every variant that runs have evaluated."""

import math
from typing import NamedTuple

from imagetagger.experiment.record import VariantRecord
from imagetagger.report.comparison.curves import MAX_LINES, Line, Panel, Point
from imagetagger.report.comparison.line_plot import Scale
from imagetagger.report.comparison.run_metrics import known_value
from imagetagger.report.comparison.runs import Run

LISTED_VARIANTS = 100
"""Rows of the table of variants."""


class VariantRow(NamedTuple):
    """A variant in one run; NaN where unknown.

    Attributes:
        run: its index among the runs.
        name: of the variant.
        is_lead: whether the run's metrics are those of this variant.
        megabytes: of the model's file.
        milliseconds: to embed a picture, on all cores of the machine.
        record: its metrics.
    """

    run: int
    name: str
    is_lead: bool
    megabytes: float
    milliseconds: float
    record: VariantRecord


def variant_rows(runs: tuple[Run, ...]) -> tuple[VariantRow, ...]:
    """The variants of every run that has compared some with float32, the one that leads first."""
    rows = [
        VariantRow(i, name, name == run.record.variant, known_value(variant.bytes) / 1e6, _latency(variant), variant)
        for i, run in enumerate(runs)
        if any(variant.cosine_to_float is not None for variant in run.record.variants.values())
        for name, variant in run.record.variants.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.run, not row.is_lead)))


def variant_panels(rows: tuple[VariantRow, ...]) -> list[tuple[str, Panel, Scale]]:
    """Top-1 of the variants over their size and over their latency, by name of the plot."""
    panels = []
    for name, key, label in (("size", "megabytes", "megabytes"), ("latency", "milliseconds", "milliseconds a picture")):
        lines: dict[str, list[Point]] = {}
        for row in rows:
            x, y = getattr(row, key), known_value(row.record.top1)
            if math.isfinite(x) and math.isfinite(y):
                lines.setdefault(row.name, []).append(Point(x, y, math.nan, math.nan, 1))
        if lines:
            drawn = tuple(Line(variant, tuple(sorted(points))) for variant, points in lines.items())[:MAX_LINES]
            panels.append((name, Panel("top1", "first prediction right", True, drawn), Scale(label)))
    return panels


def _latency(variant: VariantRecord) -> float:
    return 1000 / variant.images_per_second if variant.images_per_second else math.nan
