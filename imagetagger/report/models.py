"""What quantizing costs and gains: size, latency and accuracy of every variant that runs have measured."""

import math
from typing import Any, NamedTuple

from imagetagger.report.figures import known
from imagetagger.report.lines import Scale
from imagetagger.report.runs import Run
from imagetagger.report.studies import MOST_LINES, Line, Panel, Point

LISTED = 100
"""Rows of the table of variants."""


class Model(NamedTuple):
    """A network of one arithmetic in one run; NaN where unknown.

    Attributes:
        run: its place among the runs.
        name: of the arithmetic.
        megabytes: of the model's file.
        milliseconds: to embed a picture, on all cores of the machine.
        figures: all that was measured of it.
    """

    run: int
    name: str
    megabytes: float
    milliseconds: float
    figures: dict[str, Any]


def models(runs: tuple[Run, ...]) -> tuple[Model, ...]:
    """Return the variants of every run that has measured one beside its own network."""
    return tuple(
        Model(i, name, known(one["bytes"]) / 1e6, _latency(one["images_per_second"]), one)
        for i, run in enumerate(runs)
        if any(one.get("cosine_to_float") is not None for one in run.result["variants"].values())
        for name, one in run.result["variants"].items()
    )


def panels(found: tuple[Model, ...]) -> list[tuple[str, Panel, Scale]]:
    """Return top-1 of the variants over their size and over their latency, by name of the plot."""
    out = []
    for name, key, label in (("size", "megabytes", "megabytes"), ("latency", "milliseconds", "milliseconds a picture")):
        lines: dict[str, list[Point]] = {}
        for one in found:
            x, y = getattr(one, key), known(one.figures["top1"])
            if math.isfinite(x) and math.isfinite(y):
                lines.setdefault(one.name, []).append(Point(x, y, math.nan, math.nan, 1))
        if lines:
            told = [Line(variant, tuple(sorted(points))) for variant, points in lines.items()][:MOST_LINES]
            out.append((name, Panel("top1", "first guess right", True, tuple(told)), Scale(label)))
    return out


def _latency(rate: float | None) -> float:
    return 1000 / rate if rate else math.nan
