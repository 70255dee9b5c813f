"""The figures of a run that reports compare, each with its 95 % interval where it has one."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from imagetagger.metrics import MORE_IS_BETTER
from imagetagger.report.runs import Run

LEVELS = (0.8, 0.9, 0.95)
"""Coverages at which sizes of sets are compared."""


class Told(NamedTuple):
    """A figure of a run; NaN where unknown."""

    value: float
    low: float = math.nan
    high: float = math.nan


class Figure(NamedTuple):
    """A figure that runs are compared by.

    Attributes:
        key: its name in files.
        label: its name on an axis.
        is_share: whether it is a share, said in percent.
        of: what it is of a run.
    """

    key: str
    label: str
    is_share: bool
    of: Callable[[Run], Told]


def measured(key: str, label: str, is_share: bool) -> Figure:
    """Return one of the figures of metrics.compute."""

    def of(run: Run) -> Told:
        low, high = run.result["confidence_intervals"].get(key) or (None, None)
        return Told(*map(known, (run.figures[key], low, high)))

    return Figure(key, label, is_share, of)


def variant(name: str, key: str, label: str, is_share: bool) -> Figure:
    """Return a figure of an exported variant."""
    return Figure(key, label, is_share, lambda run: Told(known(run.result["variants"].get(name, {}).get(key))))


def size_at(level: float) -> Figure:
    """Return how large the smallest sets of a run's rule are that hold the right tag so often, on average.

    They are found on the pictures that the run was tried on: what it would have taken, not what was promised.
    """

    def of(run: Run) -> Told:
        demands = run.result["demands"]
        for held, size in zip(demands["coverage"], demands["set_size"], strict=True):
            if held is not None and held >= level:
                return Told(known(size))
        return Told(math.nan)

    return Figure(f"size_at_{100 * level:g}", f"tags in a set that holds {100 * level:g}\u00a0%", False, of)


def rate() -> Figure:
    """Return the pictures a second of the network; unknown where the embeddings came from the cache."""

    def of(run: Run) -> Told:
        stage = run.result["stages"].get("embed", {})
        fresh = stage.get("raw_images_per_second") or (None if stage.get("cached") else stage.get("images_per_second"))
        return Told(known(fresh))

    return Figure("images_per_second", "pictures a second", False, of)


def known(value: Any) -> float:
    """Return a figure of a result, NaN where it is null."""
    return float("nan") if value is None else float(value)


TOP1 = measured("top1", "first guess right", True)
TOP5 = measured("top5", "right among the first 5", True)
LOG_LOSS = measured("log_loss", "log loss", False)
ECE = measured("ece", "calibration error", True)
COVERAGE = measured("coverage", "sets that hold the right tag", True)
SET_SIZE = measured("set_size", "tags in a set, mean", False)
MEASURED = {one.key: one for one in (TOP1, TOP5, LOG_LOSS, ECE, COVERAGE, SET_SIZE)}
MEASURED["top10"] = measured("top10", "right among the first 10", True)


def sought(runs: tuple[Run, ...]) -> Figure:
    """Return the figure that the best run is found by: what all tuned for, where they did, else top-1."""
    tuned = {run.settings.get("objective") for run in runs if run.settings.get("evaluate.split") == "tuning"}
    alike = len(tuned) == 1 and all(run.settings.get("evaluate.split") == "tuning" for run in runs)
    return MEASURED.get(str(tuned.pop()), TOP1) if alike else TOP1


def standing(run: Run, by: Figure = TOP1) -> tuple[float, ...]:
    """Return what tells a run's place, the best has the least: a figure; of equal ones, size of sets and log loss."""
    sign = -1 if by.key in MORE_IS_BETTER else 1
    told = (sign * by.of(run).value, size_at(0.9).of(run).value, LOG_LOSS.of(run).value)
    return tuple(value if math.isfinite(value) else math.inf for value in told)


def best(runs: tuple[Run, ...]) -> int | None:
    """Return which run is the best by the figure that is sought; None where none was tried."""
    by = sought(runs)
    usable = [(standing(run, by), i) for i, run in enumerate(runs) if math.isfinite(by.of(run).value)]
    return min(usable)[1] if usable else None


def seconds(run: Run) -> float:
    """Return how long a run's stages took together."""
    return math.fsum(stage.get("seconds") or 0 for stage in run.result["stages"].values())
