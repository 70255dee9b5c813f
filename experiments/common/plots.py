"""The looks that figures of studies share."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

matplotlib.use("agg")
from matplotlib import pyplot as plt

INK, BLUE, PALE_BLUE = "#1f262c", "#1b6ca8", "#a9cbe6"
ORANGE, PURPLE, GREEN, GREY = "#e2833a", "#7b6cb8", "#5a9367", "#9aa5ae"
LINE_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, INK, GREY)
DASHED = (0, (3, 2))


def panels(columns: int, width: float, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels side by side; sizes in inches."""
    figure, axes = plt.subplots(1, columns, figsize=(width, height), layout="constrained", squeeze=False, **options)
    return figure, list(axes[0])


def title(axes: Axes, text: str) -> None:
    """Set a panel's title, on the left."""
    axes.set_title(text, fontsize=10, loc="left")


def ticks(axes: Axes, values: Iterable[float], which: str = "x") -> None:
    """Label these values of an axis, which may be logarithmic, and no others."""
    values = list(values)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def bars(axes: Axes, labels: Sequence[str], values: Sequence[float], texts: Sequence[str], dark: str = "") -> None:
    """Draw horizontal bars from top to bottom, each with its text; the one labelled `dark` in a dark colour."""
    for y, (label, value, text) in enumerate(zip(labels[::-1], values[::-1], texts[::-1], strict=True)):
        axes.barh(y, value, 0.66, color=BLUE if label == dark else PALE_BLUE)
        axes.text(value, y, f" {text}", va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(labels)), labels[::-1])
    axes.tick_params(axis="y", length=0)
    axes.spines[["left"]].set_visible(False)


def line_with_band(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    color: str = BLUE,
    label: str | None = None,
) -> None:
    """Draw a line with markers in the band of its interval."""
    axes.plot(x, y, "o-", lw=2, color=color, label=label)
    axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0)


def level(axes: Axes, value: float, *, vertical: bool = False) -> None:
    """Mark a value with a dashed line."""
    draw = axes.axvline if vertical else axes.axhline
    draw(value, color=INK, lw=1, ls=DASHED)


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend without a frame."""
    axes.legend(frameon=False, fontsize=9, **options)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG and close it."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
