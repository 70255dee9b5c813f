"""The plot of many runs: metrics over an axis as lines with 95 % bands, or as points."""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from imagetagger.report.canvas import FOREGROUND, LINE_STYLES, PAPER, Plot, empty_plot, percents
from imagetagger.report.comparison.curves import DECADE, Line, Panel, Point, spread_evenly

MARKERS = {"o": 6, "s": 6, "^": 7, "D": 6, "v": 7, "P": 7.5, "X": 7.5, "*": 10}
"""Of the lines, to distinguish them without colour, with sizes that look alike."""
MAX_MARKED_POINTS = 40
"""Points of a line that are marked one by one."""
MAX_DARK_BANDS = 4
"""Lines whose bands can be dark: those of more overlap."""
MAX_TICKS = 6
"""Values on the axis that get a tick each."""
TICK_DISTANCE = 0.11
"""Share of the width that two ticks need between them."""
MAX_LETTERS = 46
"""Letters of a line's label that fit across a plot."""
LEGEND_ROW = 13.6
"""Height of a row of the legend in units."""
MAX_DESCRIBED_POINTS = 3
"""Points of a line in the text for screen readers."""


class Scale(NamedTuple):
    """The horizontal axis of a plot."""

    label: str
    is_share: bool = False
    is_log: bool = False
    is_count: bool = False


def line_plot(name: str, panel: Panel, scale: Scale, *, joined: bool = True, diagonal: bool = False) -> Plot:
    """A metric over an axis.

    Args:
        name: of the plot, unique in a page.
        panel: the metric and its lines, each of one point at least.
        scale: the axis.
        joined: whether points of a line are joined.
        diagonal: whether to draw where the metric equals its target.
    """
    legend = [_short(line.label) for line in panel.lines] if any(line.label for line in panel.lines) else []
    columns = 2 if legend and max(map(len, legend)) <= MAX_LETTERS // 2 - 4 else 1
    above = LEGEND_ROW * math.ceil(len(legend) / columns) + 6 * bool(legend)
    height = 234 + above

    def draw() -> Figure:
        figure, (axes,) = empty_plot(height, bottom=39 / height, top=1 - (5 + above) / height)
        axes.set(xlabel=scale.label, ylabel=panel.label)
        _set_axes(axes, panel, scale)
        if diagonal:
            low = max(axes.get_xlim()[0], axes.get_ylim()[0])
            axes.plot([low, 1], [low, 1], color=FOREGROUND, lw=1, ls=(0, (4, 3)))
        shade = 0.16 if len(panel.lines) <= MAX_DARK_BANDS else 0.07
        for line, color, marker in zip(panel.lines, LINE_STYLES, MARKERS, strict=False):
            _draw_line(axes, line, color, marker, joined, shade)
        if legend:
            place = {"loc": "lower left", "bbox_to_anchor": (-0.17, 1.01), "borderaxespad": 0, "ncols": columns}
            marks = [axes.plot([], [], color=c, marker=m, ms=MARKERS[m], lw=2, ls="-" if joined else "")[0]
                     for c, m, _ in zip(LINE_STYLES, MARKERS, legend, strict=False)]  # fmt: skip
            axes.legend(marks, legend, **place, handlelength=1.6, columnspacing=1.2, labelspacing=0.25, fontsize=10.5)
        return figure

    texts = [f"{_plain(line.label)}: {_describe(line.points, panel, scale)}".removeprefix(": ") for line in panel.lines]
    return Plot(name, f"{panel.label.capitalize()} over {scale.label}. {'; '.join(texts)}.", draw)


def value_text(value: float, is_share: bool) -> str:
    """A value with as many digits as a plot shows.

    >>> value_text(0.1234, True), value_text(12345.6, False), value_text(0.01234, False)
    ('12.3%', '12,346', '0.0123')
    """
    if is_share:
        return f"{100 * value:.1f}%"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _draw_line(axes: Axes, line: Line, color: str, marker: str, joined: bool, shade: float) -> None:
    x, mean, low, high = np.array([point[:4] for point in line.points]).T
    every = 1 if len(x) <= MAX_MARKED_POINTS or not joined else (len(x) // 12, len(x) // 6)
    marks: Any = {"marker": marker, "ms": MARKERS[marker], "mec": PAPER, "mew": 1, "markevery": every}
    is_known = np.isfinite(low) & np.isfinite(high)
    if joined and len(x) > 1:
        axes.fill_between(x, low, high, where=is_known, color=color, alpha=shade, lw=0)
    elif is_known.any():
        axes.vlines(x[is_known], low[is_known], high[is_known], color=color, lw=1.5, alpha=0.45)
    axes.plot(x, mean, color=color, lw=2, ls="-" if joined else "", clip_on=False, **marks)


def _set_axes(axes: Axes, panel: Panel, scale: Scale) -> None:
    """Set both axes' limits, ticks and formats."""
    points = [point for line in panel.lines for point in line.points]
    x = np.unique([point.x for point in points])
    if scale.is_log:
        axes.set_xscale("log")
        factor = (x[-1] / x[0]) ** 0.04
        axes.set_xlim(x[0] / factor, x[-1] * factor)
    else:
        pad = 0.04 * (x[-1] - x[0]) or max(abs(x[0]) * 0.1, 0.1)
        axes.set_xlim(x[0] - pad, x[-1] + pad)
    _set_ticks(axes, x, scale)
    values = np.array([[point.mean, point.low, point.high] for point in points])
    bottom, top = float(np.nanmin(values)), float(np.nanmax(values))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    if panel.is_share:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))  # their labels are whole percents
        pad = 0.06 * (top - bottom) or 0.02
        bottom, top = max(0, bottom - pad), min(1 + pad / 3, top + pad)
        axes.yaxis.set_major_formatter(percents(0 if top - bottom > 0.045 else 1))
    elif bottom > 0 and top / bottom > DECADE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: value_text(value, False)))
        bottom, top = bottom / 1.12, top * 1.12
    else:
        pad = 0.08 * (top - bottom) or 0.05 * abs(top) or 0.05
        bottom, top = max(0, bottom - pad) if bottom >= 0 else bottom - pad, top + pad
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.set_ylim(bottom, top)


def _set_ticks(axes: Axes, x: np.ndarray, scale: Scale) -> None:
    """Set a tick at each value if there are few and far between, else at round numbers."""
    pixels = axes.transData.transform([(value, 0.5 if scale.is_log else 0) for value in x])[:, 0]
    width = np.ptp(axes.transAxes.transform([(0, 0), (1, 0)])[:, 0])
    axes.xaxis.set_minor_locator(NullLocator())
    if len(x) <= MAX_TICKS and (len(x) < 2 or np.diff(pixels).min() > TICK_DISTANCE * width):
        axes.xaxis.set_major_locator(FixedLocator(x.tolist()))
    elif scale.is_log:
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if x[-1] / x[0] > 300 else (1, 2, 5)))
    else:
        steps = [1, 2, 5, 10] if scale.is_count else [1, 2, 2.5, 5, 10]
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=steps, integer=scale.is_count))
    axes.xaxis.set_major_formatter(
        percents() if scale.is_share else FuncFormatter(lambda value, _: f"{value:,.6g}" if value else "0")
    )


def _describe(points: tuple[Point, ...], panel: Panel, scale: Scale) -> str:
    return ", ".join(
        f"{value_text(point.mean, panel.is_share)} at {value_text(point.x, scale.is_share)}"
        for point in spread_evenly(list(points), MAX_DESCRIBED_POINTS)
    )


def _plain(label: str) -> str:
    return " ".join(label.encode("utf-8", "replace").decode().split())


def _short(label: str) -> str:
    plain = _plain(label)
    return plain if len(plain) <= MAX_LETTERS else plain[: MAX_LETTERS - 1] + "\u2026"
