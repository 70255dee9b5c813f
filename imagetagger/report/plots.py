"""Plots of one run; canvas.py draws them for page and paper."""

import math
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator

from imagetagger.evaluation.coverage_curve import CoverageCurve
from imagetagger.experiment.evaluation_record import ReliabilityBins
from imagetagger.prediction.decision import CONFORMAL_SETS
from imagetagger.report.canvas import ACCENT, FOREGROUND, MUTED, PAPER, WARN, Plot, empty_plot, percents

MAX_BARS = 60
SHARE_BARS = 20
MARKED_EPOCHS = 30
"""Epochs of a line that are marked one by one."""
EPOCH_LINE_STYLES: tuple[dict[str, Any], ...] = (
    {"color": ACCENT, "marker": "o"},
    {"color": MUTED, "marker": "s", "ls": (0, (4, 2))},
)
THOUSANDS = "{x:,.0f}"


class EpochLine(NamedTuple):
    """A metric after each epoch, counted from 1; None and NaN where unknown."""

    label: str
    values: list[float | None]


def reliability_plot(name: str, bins: ReliabilityBins) -> Plot:
    """Accuracy over confidence in B equal-width bins, with the number of pictures below."""
    count, summed, correct = (np.array(field, float) for field in (bins.count, bins.confidence, bins.correct))
    middle, is_used = (np.arange(len(count)) + 0.5) / len(count), count > 0
    accuracy, confidence = correct[is_used] / count[is_used], summed[is_used] / count[is_used]

    def draw() -> Figure:
        figure, (upper, lower) = empty_plot(330, 2, bottom=0.135, height_ratios=(3.4, 1), hspace=0.14)
        common, width = np.minimum(accuracy, confidence), 0.88 / len(count)
        upper.bar(middle[is_used], common, width, color=ACCENT)
        upper.bar(middle[is_used], accuracy - common, width, common, color=ACCENT, alpha=0.4)
        upper.bar(middle[is_used], confidence - common, width, common, color=WARN, alpha=0.35)
        upper.plot([0, 1], [0, 1], color=FOREGROUND, lw=1, ls=(0, (4, 3)))
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="correct")
        lower.bar(middle, count, width, color=MUTED, alpha=0.75)
        lower.set(ylim=(0, 1.08 * max(count.max(), 1)), ylabel="pictures")
        lower.set_xlabel("confidence in the first prediction")
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_formatter(percents())
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        lower.yaxis.set_major_formatter(THOUSANDS)
        figure.align_ylabels()
        return figure

    texts = (f"confidence {c:.0%}: {a:.0%} correct" for c, a in zip(confidence, accuracy, strict=True))
    return Plot(name, f"Reliability diagram. {'; '.join(texts)}.", draw)


def coverage_plot(name: str, curve: CoverageCurve) -> Plot:
    """Coverage of the tag sets over their target, with the run's own target marked."""
    covered = float(curve.coverage[curve.selected])

    def draw() -> Figure:
        figure, (axes,) = empty_plot(240, bottom=0.18)
        is_count = curve.rule == "top_k"
        low = np.floor(10 * min(curve.coverage.min(), 0.9 if is_count else curve.target[0])) / 10
        if not is_count:
            axes.plot([low, 1], [low, 1], color=FOREGROUND, lw=1, ls=(0, (4, 3)))
        axes.plot(curve.target, curve.coverage, color=ACCENT, lw=2.2)
        axes.set(ylim=(low, 1 + 0.04 * (1 - low)), ylabel="sets with the right tag")
        axes.yaxis.set_major_formatter(percents())
        _mark(axes, curve, covered, f"{100 * covered:.1f} %")
        return figure

    at = curve.target_text(curve.selected)
    return Plot(name, f"Coverage over {curve.label}: {covered:.1%} at {at}, the target of this run.", draw)


def set_size_plot(name: str, curve: CoverageCurve) -> Plot:
    """Mean size of the tag sets over their target, with the run's own target marked."""
    mean = float(curve.size[curve.selected])

    def draw() -> Figure:
        figure, (axes,) = empty_plot(240, bottom=0.18)
        axes.plot(curve.target, curve.size, color=ACCENT, lw=2.2)
        axes.set(ylim=(0, 1.08 * curve.size.max()), ylabel="tags per set, mean")
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        _mark(axes, curve, mean, f"{mean:.1f} tags")
        return figure

    at = curve.target_text(curve.selected)
    return Plot(name, f"Mean set size over {curve.label}: {mean:.1f} at {at}, the target of this run.", draw)


def shares_plot(name: str, share: np.ndarray, target: float) -> Plot:
    """Histogram of T tags by the share (T,) of their pictures' sets that hold them, T > 0, with a target marked."""
    counts = np.bincount(np.minimum(np.floor(share * SHARE_BARS + 1e-9), SHARE_BARS - 1).astype(int))
    counts = np.pad(counts, (0, SHARE_BARS - len(counts)))
    middle, low = (np.arange(SHARE_BARS) + 0.5) / SHARE_BARS, min(np.floor(10 * share.min()) / 10, 0.5)

    def draw() -> Figure:
        figure, (axes,) = empty_plot(240, bottom=0.18)
        axes.bar(middle, counts, 0.88 / SHARE_BARS, color=ACCENT)
        axes.axvline(target, color=FOREGROUND, lw=1, ls=(0, (4, 3)))
        axes.set(xlim=(low, 1), ylim=(0, 1.15 * counts.max()), xlabel="sets that hold the tag", ylabel="tags")
        axes.xaxis.set_major_formatter(percents())
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        _label(axes, f"{100 * target:.3g} %", target, 1.12 * counts.max())
        return figure

    worst, best = f"{share.min():.0%}", f"{share.max():.0%}"
    return Plot(name, f"Histogram of how often sets hold each tag: from {worst} to {best} of its pictures.", draw)


def set_size_histogram(name: str, sizes: np.ndarray) -> Plot:
    """Histogram of N pictures by the size of their tag set, (N,), N > 0."""
    largest = int(sizes.max())
    step = -(-largest // MAX_BARS)
    edges = np.arange(1, largest + step + 1, step)
    median = float(np.median(sizes))

    def draw() -> Figure:
        figure, (axes,) = empty_plot(240, bottom=0.18)
        counts = np.histogram(sizes, edges)[0]
        axes.bar(edges[:-1] + step / 2 - 0.5, counts, 0.88 * step, color=ACCENT)
        axes.axvline(median, color=FOREGROUND, lw=1, ls=(0, (1, 2)))
        axes.set(xlim=(0.5, max(edges[-1] - 0.5, 3.5)), ylim=(0, 1.15 * counts.max()))
        axes.set(xlabel="tags per set", ylabel="pictures")
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(THOUSANDS)
        _label(axes, f"median {median:g}", median, 1.12 * counts.max())
        return figure

    return Plot(name, f"Histogram of set sizes: from {int(sizes.min())} to {largest}, median {median:g}.", draw)


def epoch_plot(
    name: str, label: str, lines: list[EpochLine], kept: int, *, is_share: bool = False, from_zero: bool = False
) -> Plot | None:
    """Metrics over the epochs of a training.

    Args:
        name: of the plot, unique in a page.
        label: of the metric.
        lines: the one that matters most first.
        kept: the epoch whose weights were kept.
        is_share: whether the metric is shown in percent.
        from_zero: whether the axis begins at 0.

    Returns:
        The plot; None if no value is known.
    """
    known = [(line.label, np.array(line.values, float)) for line in lines]
    known = [(text, np.where(np.isfinite(values), values, np.nan)) for text, values in known]
    known = [(text, values) for text, values in known if np.isfinite(values).any()]
    if not known:
        return None
    epochs, above = len(known[0][1]), 26 if len(known) > 1 else 5
    low, high = (float(pick([pick(values) for _, values in known])) for pick in (np.nanmin, np.nanmax))
    pad = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    bottom, top = max(0.0, low - pad) if low >= 0 and not from_zero else min(low, 0.0), high + pad

    def draw() -> Figure:
        height = 234 + above
        left = 0.2 if high < 0.01 and not is_share else 0.155  # digits of small numbers take room
        figure, (axes,) = empty_plot(height, bottom=39 / height, top=1 - above / height, left=left)
        for (text, values), style in zip(known, EPOCH_LINE_STYLES, strict=False):
            mark = {"ms": 6, "mec": PAPER, "mew": 1} if epochs <= MARKED_EPOCHS else {"marker": ""}
            axes.plot(np.arange(1, epochs + 1), values, lw=2, clip_on=False, label=text, **(style | mark))
        axes.set(xlabel="epoch", ylabel=label, xlim=(max(1 - 0.03 * epochs, 0.5), max(1.03 * epochs, 1.5)))
        axes.set_ylim(bottom, min(1, top) if is_share else top)
        few: Any = FixedLocator(list(range(1, epochs + 1)))
        axes.xaxis.set_major_locator(few if epochs < 7 else MaxNLocator(7, steps=[1, 2, 5, 10], integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10] if is_share else [1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(percents(0 if top - bottom > 0.045 else 1) if is_share else "{x:,.6g}")
        if 1 <= kept <= epochs:
            axes.axvline(kept, color=FOREGROUND, lw=1, ls=(0, (1, 2)))
        if len(known) > 1:
            place: Any = {"loc": "lower left", "bbox_to_anchor": (-0.17, 1.02), "borderaxespad": 0, "ncols": 2}
            axes.legend(**place, handlelength=2.4, columnspacing=1.2, fontsize=10.5)
        return figure

    def value_at(values: np.ndarray, epoch: int) -> str:
        value = float(values[epoch - 1])
        if math.isnan(value):
            return "unknown"
        return f"{value:.1%}" if is_share else f"{value:,.4g}"

    shown = sorted({1, *([kept] if 1 <= kept <= epochs else []), epochs})
    texts = (
        f"{text}: {', '.join(f'{value_at(values, epoch)} after epoch {epoch}' for epoch in shown)}".removeprefix(": ")
        for text, values in known
    )
    return Plot(name, f"{label[0].upper()}{label[1:]} of each epoch. {'; '.join(texts)}.", draw)


def _mark(axes: Axes, curve: CoverageCurve, value: float, text: str) -> None:
    at, is_share = curve.target[curve.selected], curve.rule != "top_k"
    axes.set(xlim=(curve.target[0], 1) if is_share else (0, curve.target[-1]), xlabel=curve.label)
    if curve.rule in CONFORMAL_SETS:
        axes.xaxis.set_major_formatter(percents())
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=not is_share))
    axes.axvline(at, color=FOREGROUND, lw=1, ls=(0, (1, 2)))
    axes.plot(at, value, "o", color=ACCENT, ms=8, mec=PAPER, mew=1.5, clip_on=False)
    _label(axes, f"at {curve.target_text(curve.selected)}: {text}", at, value, away=11)


def _label(axes: Axes, text: str, x: float, y: float, away: float = 0) -> None:
    """Write beside a point where there is room; `away` keeps clear of a line that rises through it."""
    dx, align, dy = (-8, "right", away) if x > np.mean(axes.get_xlim()) else (8, "left", -away)
    axes.annotate(text, (x, y), (dx, dy - 4), textcoords="offset points", ha=align, color=FOREGROUND)
