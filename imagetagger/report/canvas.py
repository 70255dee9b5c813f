"""One drawing for page and paper: inline SVG that follows the page's light or dark, or a file in real colours."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

FOREGROUND, MUTED, PAPER, ACCENT, WARN = "C0", "C1", "C2", "C3", "C4"
"""Colours by their place in matplotlib's cycle, which page and paper fill in."""
LINE_STYLES = (ACCENT, WARN, "C5", "C6", "C7", "C8", "C9", MUTED)
"""Colours of lines in one plot; markers distinguish them without colour."""
COLORS = {
    "currentColor": "#1f262c",
    "var(--muted)": "#5d6872",
    "var(--card)": "#ffffff",
    "var(--accent)": "#1b6ca8",
    "var(--warn)": "#b34700",
    "var(--green)": "#2b7a3d",
    "var(--violet)": "#7a4aa8",
    "var(--pink)": "#b03a78",
    "var(--teal)": "#157f84",
    "var(--olive)": "#7d6b00",
}
"""The cycle: variables of the style sheet on a page, their values in light on paper."""
STAND_INS = [f"#0{i:x}0{i:x}0{i + 1:x}" for i in range(1, len(COLORS) + 1)]
"""What matplotlib, which knows no variables of a style sheet, draws a page's colours with."""
WIDTH = 360
"""Units across a plot whose letters are 11 high: still readable across a phone."""
PIXELS = 216
"""Pixels per inch of paper: three per unit."""
STYLE = {
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "axes.spines.left"), False),
    **dict.fromkeys(("ytick.left", "xtick.bottom"), False),
    **dict.fromkeys(("axes.labelcolor", "xtick.color", "ytick.color", "axes.edgecolor", "grid.color"), MUTED),
    **dict.fromkeys(("text.color", "legend.labelcolor"), FOREGROUND),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), "none"),
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelpad": 5,
    "axes.unicode_minus": True,
    "grid.alpha": 0.25,
    "font.size": 11,
    "legend.frameon": False,
    "text.parse_math": False,  # names of tags and settings are not formulas
}
"""Matplotlib's settings while it draws."""
ON_PAPER: dict[str, Any] = {"savefig.facecolor": PAPER, "savefig.bbox": "tight", "savefig.pad_inches": 0.08}
"""On a page, letters may reach beyond the plot; a file would cut them off."""


class Plot(NamedTuple):
    """A plot, drawn once for each medium.

    Attributes:
        name: unique in a page, and the name of its file.
        alt: what it shows, as text for screen readers.
        draw: draws it, in the colours of the cycle.
    """

    name: str
    alt: str
    draw: Callable[[], Figure]


def inline(plot: Plot) -> str:
    """Draw a plot as an SVG element that fills its container; the same plot gives the same bytes."""
    with _settings(plot.name, STAND_INS, {"svg.fonttype": "none"}):
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        source = _save(plot.draw(), FigureCanvasSVG, "svg", 72, no_metadata).decode()
    start, body = re.split(r"(?<=>)", source[source.index("<svg") :], maxsplit=1)
    box = re.search(r'viewBox="[^"]*"', start)
    body = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r" *font-family: [^;\"]*;?", "", re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body))
    for stand_in, color in zip(STAND_INS, COLORS, strict=True):
        body = body.replace(stand_in, color)
    body = re.sub(r"\s*\n\s*", "\n", body)
    alt = escape(re.sub(r"(?<=\d)%", " %", plot.alt))
    return f'<svg {box[0] if box else ""} role="img" aria-label="{alt}" stroke-linejoin="round">{body}'


def paper(plot: Plot) -> dict[str, bytes]:
    """Draw a plot as files, "svg" and "png", in the colours of a light page."""
    metadata = {"Title": plot.name, "Description": plot.alt}
    with _settings(plot.name, list(COLORS.values()), {**ON_PAPER, "svg.fonttype": "path"}):
        figure = plot.draw()
        svg = _save(figure, FigureCanvasSVG, "svg", 72, {**metadata, "Date": None, "Creator": None})
        return {"svg": svg, "png": _save(figure, FigureCanvasAgg, "png", PIXELS, {**metadata, "Software": None})}


def empty_plot(height: float, rows: int = 1, **grid: Any) -> tuple[Figure, np.ndarray]:
    """A figure so many units high, and its axes, (rows,)."""
    figure = Figure((WIDTH / 72, height / 72))
    layout = {"left": 0.155, "right": 0.97, "top": 0.98, **grid}
    return figure, figure.subplots(rows, sharex=True, squeeze=False, gridspec_kw=layout)[:, 0]


def percents(digits: int = 0) -> PercentFormatter:
    """A tick formatter for shares."""
    return PercentFormatter(1, decimals=digits, symbol="\u00a0%")


@contextmanager
def _settings(name: str, colors: list[str], more: dict[str, Any]) -> Iterator[None]:
    """Hold matplotlib's settings; a plot's name keeps its ids apart from those of the page's other plots."""
    settings: Any = {**STYLE, **more, "svg.hashsalt": name, "axes.prop_cycle": cycler(color=colors)}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a page's own font may well have it
        yield


def _save(figure: Figure, canvas: Any, form: str, dots: int, metadata: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    canvas(figure)
    figure.savefig(file, format=form, dpi=dots, metadata=metadata)
    return file.getvalue()
