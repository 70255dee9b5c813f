"""Plots of one run; see canvas for how they come to page and paper."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from imagetagger.decide import CONFORMAL
from imagetagger.report.canvas import ACCENT, INK, MUTED, PAPER, WARN, Plot, blank, percents
from imagetagger.set_curve import Curve

MOST_BARS = 60
SHARE_BARS = 20
THOUSANDS = "{x:,.0f}"


def unbinned(bins: dict[str, list[float]]) -> list[np.ndarray]:
    """Return what `reliability` draws of the bins of a result: count, confidence and correct, (B,) each."""
    return [np.array(bins[key], float) for key in ("count", "confidence", "correct")]


def reliability(name: str, count: np.ndarray, confidence: np.ndarray, correct: np.ndarray) -> Plot:
    """Draw accuracy against confidence in B equal-width bins, with the number of pictures below.

    Args:
        name: of the plot, unique in a page.
        count: (B,) pictures in each bin.
        confidence: (B,) their summed confidence.
        correct: (B,) how many are right.
    """
    middle, used = (np.arange(len(count)) + 0.5) / len(count), count > 0
    accuracy, said = correct[used] / count[used], confidence[used] / count[used]

    def draw() -> Figure:
        figure, (upper, lower) = blank(330, 2, bottom=0.135, height_ratios=(3.4, 1), hspace=0.14)
        kept, wide = np.minimum(accuracy, said), 0.88 / len(count)
        upper.bar(middle[used], kept, wide, color=ACCENT)
        upper.bar(middle[used], accuracy - kept, wide, kept, color=ACCENT, alpha=0.4)
        upper.bar(middle[used], said - kept, wide, kept, color=WARN, alpha=0.35)
        upper.plot([0, 1], [0, 1], color=INK, lw=1, ls=(0, (4, 3)))
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="how often right")
        lower.bar(middle, count, wide, color=MUTED, alpha=0.75)
        lower.set(ylim=(0, 1.08 * max(count.max(), 1)), ylabel="pictures")
        lower.set_xlabel("confidence in the first guess")
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_formatter(percents())
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        lower.yaxis.set_major_formatter(THOUSANDS)
        figure.align_ylabels()
        return figure

    spoken = (f"confidence {c:.0%}: {a:.0%} right" for c, a in zip(said, accuracy, strict=True))
    return Plot(name, f"Reliability diagram. {'; '.join(spoken)}.", draw)


def coverage(name: str, drawn: Curve) -> Plot:
    """Draw the coverage of the tag sets over what was asked of them, the run's own demand marked."""
    held = float(drawn.coverage[drawn.own])

    def draw() -> Figure:
        figure, (axes,) = blank(240, bottom=0.18)
        counts = drawn.rule == "top_k"
        low = np.floor(10 * min(drawn.coverage.min(), 0.9 if counts else drawn.asked[0])) / 10
        if not counts:
            axes.plot([low, 1], [low, 1], color=INK, lw=1, ls=(0, (4, 3)))
        axes.plot(drawn.asked, drawn.coverage, color=ACCENT, lw=2.2)
        axes.set(ylim=(low, 1 + 0.04 * (1 - low)), ylabel="sets that hold the right tag")
        axes.yaxis.set_major_formatter(percents())
        _mark(axes, drawn, held, f"{100 * held:.1f} %")
        return figure

    return Plot(name, f"Coverage over {drawn.label}: {held:.1%} at {drawn.said(drawn.own)}, that of the run.", draw)


def size(name: str, drawn: Curve) -> Plot:
    """Draw the mean size of the tag sets over what was asked of them, the run's own demand marked."""
    mean = float(drawn.size[drawn.own])

    def draw() -> Figure:
        figure, (axes,) = blank(240, bottom=0.18)
        axes.plot(drawn.asked, drawn.size, color=ACCENT, lw=2.2)
        axes.set(ylim=(0, 1.08 * drawn.size.max()), ylabel="tags in a set, mean")
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        _mark(axes, drawn, mean, f"{mean:.1f} tags")
        return figure

    said = f"{mean:.1f} at {drawn.said(drawn.own)}"
    return Plot(name, f"Mean set size over {drawn.label}: {said}, that of the run.", draw)


def shares(name: str, share: np.ndarray, promise: float) -> Plot:
    """Draw how many of T tags are in which share of their pictures' sets, from shares (T,), T > 0."""
    counts = np.bincount(np.minimum(np.floor(share * SHARE_BARS + 1e-9), SHARE_BARS - 1).astype(int))
    counts = np.pad(counts, (0, SHARE_BARS - len(counts)))
    middle, low = (np.arange(SHARE_BARS) + 0.5) / SHARE_BARS, min(np.floor(10 * share.min()) / 10, 0.5)

    def draw() -> Figure:
        figure, (axes,) = blank(240, bottom=0.18)
        axes.bar(middle, counts, 0.88 / SHARE_BARS, color=ACCENT)
        axes.axvline(promise, color=INK, lw=1, ls=(0, (4, 3)))
        axes.set(xlim=(low, 1), ylim=(0, 1.15 * counts.max()), xlabel="sets that hold the tag", ylabel="tags")
        axes.xaxis.set_major_formatter(percents())
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        _label(axes, f"{100 * promise:.3g} %", promise, 1.12 * counts.max())
        return figure

    worst, best = f"{share.min():.0%}", f"{share.max():.0%}"
    return Plot(name, f"Histogram of how often sets hold each tag: from {worst} to {best} of its pictures.", draw)


def size_histogram(name: str, sizes: np.ndarray) -> Plot:
    """Draw how many of N pictures have a tag set of which size, from sizes (N,), N > 0."""
    most = int(sizes.max())
    step = -(-most // MOST_BARS)
    edges = np.arange(1, most + step + 1, step)
    median = float(np.median(sizes))

    def draw() -> Figure:
        figure, (axes,) = blank(240, bottom=0.18)
        counts = np.histogram(sizes, edges)[0]
        axes.bar(edges[:-1] + step / 2 - 0.5, counts, 0.88 * step, color=ACCENT)
        axes.axvline(median, color=INK, lw=1, ls=(0, (1, 2)))
        axes.set(xlim=(0.5, max(edges[-1] - 0.5, 3.5)), ylim=(0, 1.15 * counts.max()))
        axes.set(xlabel="tags in a set", ylabel="pictures")
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(THOUSANDS)
        _label(axes, f"median {median:g}", median, 1.12 * counts.max())
        return figure

    return Plot(name, f"Histogram of set sizes: from {int(sizes.min())} to {most}, median {median:g}.", draw)


def _mark(axes: Axes, drawn: Curve, value: float, text: str) -> None:
    at, share = drawn.asked[drawn.own], drawn.rule != "top_k"
    axes.set(xlim=(drawn.asked[0], 1) if share else (0, drawn.asked[-1]), xlabel=drawn.label)
    if drawn.rule in CONFORMAL:
        axes.xaxis.set_major_formatter(percents())
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=not share))
    axes.axvline(at, color=INK, lw=1, ls=(0, (1, 2)))
    axes.plot(at, value, "o", color=ACCENT, ms=8, mec=PAPER, mew=1.5, clip_on=False)
    _label(axes, f"at {drawn.said(drawn.own)}: {text}", at, value, away=11)


def _label(axes: Axes, text: str, x: float, y: float, away: float = 0) -> None:
    """Write beside a point where there is room; `away` keeps clear of a line that rises through it."""
    place = (-8, "right", away) if x > np.mean(axes.get_xlim()) else (8, "left", -away)
    axes.annotate(text, (x, y), (place[0], place[2] - 4), textcoords="offset points", ha=place[1], color=INK)
