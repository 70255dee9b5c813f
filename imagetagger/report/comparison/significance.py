"""Which runs are really worse than the best one, among those evaluated on the same pictures."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from imagetagger.report.comparison.paired_test import compare_pairs, unpack_correct
from imagetagger.report.comparison.run_metrics import TOP1, sort_key
from imagetagger.report.comparison.runs import Run
from imagetagger.report.formatting import interval, number

MAX_SELECTABLE_RUNS = 30
"""Runs of which a reader may select any two."""


class ComparedRun(NamedTuple):
    """A run beside the best one.

    Attributes:
        run: its index among the runs.
        top1: share of first predictions that are right.
        behind: the best one's top-1 less its own.
        low, high: its 95 % interval.
        best_only, run_only: pictures that only the best run, or only this one, classified correctly.
        p: Holm's p-value over all pairs of the group.
        is_real: whether the difference is more than chance.
    """

    run: int
    top1: float
    behind: float
    low: float
    high: float
    best_only: int
    run_only: int
    p: float
    is_real: bool

    @property
    def interval_in_points(self) -> str:
        """The interval of `behind` in percentage points."""
        return interval(100 * self.low, 100 * self.high, partial(number, form=".1f"))


class ComparedGroup(NamedTuple):
    """Runs that were evaluated on the same pictures.

    Attributes:
        pictures: how many.
        best: the run with the best top-1.
        others: the other runs, the best first.
        pairs: how many there are.
        selectable: for any two of them [first, second, difference, low, high, only first, only second, p]; empty for
            too many runs, or for only two, which `others` compares already.
    """

    pictures: int
    best: int
    others: tuple[ComparedRun, ...]
    pairs: int
    selectable: list[list[Any]]

    @property
    def is_same(self) -> bool:
        """Whether all classified the same pictures correctly."""
        return not any(run.best_only or run.run_only for run in self.others)


def compare_groups(runs: tuple[Run, ...]) -> tuple[tuple[ComparedGroup, ...], int]:
    """The groups of two runs or more, the largest first, and the number of runs that share their pictures with none."""
    by_pictures: dict[tuple[str, int], list[int]] = {}
    for i, run in enumerate(runs):
        pictures = run.record.pictures
        if pictures.count:
            by_pictures.setdefault((pictures.fingerprint, pictures.count), []).append(i)
    groups = [_group(runs, rows) for rows in by_pictures.values() if len(rows) > 1]
    single = sum(len(rows) == 1 for rows in by_pictures.values())
    return tuple(sorted(groups, key=lambda group: -len(group.others))), single


def _group(runs: tuple[Run, ...], rows: list[int]) -> ComparedGroup:
    is_correct = np.stack([unpack_correct(runs[i].record.pictures) for i in rows])
    pairs = compare_pairs(is_correct)
    order = sorted(range(len(rows)), key=lambda k: (-is_correct[k].sum(), *sort_key(runs[rows[k]])))
    best = order[0]

    def compared(k: int) -> ComparedRun:
        return ComparedRun(
            run=rows[k],
            top1=TOP1.of(runs[rows[k]]).value,
            behind=float(pairs.difference[best, k]),
            low=float(pairs.low[best, k]),
            high=float(pairs.high[best, k]),
            best_only=int(pairs.only[best, k]),
            run_only=int(pairs.only[k, best]),
            p=float(pairs.adjusted[best, k]),
            is_real=pairs.is_real(best, k),
        )

    def pair(i: int, j: int) -> list[Any]:
        fields = [pairs.difference, pairs.low, pairs.high, pairs.only, pairs.only.T, pairs.adjusted]
        return [rows[i], rows[j], *(float(f"{field[i, j]:.6g}") for field in fields)]

    count = len(rows)
    is_selectable = 2 < count <= MAX_SELECTABLE_RUNS and pairs.only.any()
    return ComparedGroup(
        pictures=is_correct.shape[1],
        best=rows[best],
        others=tuple(compared(k) for k in order[1:]),
        pairs=count * (count - 1) // 2,
        selectable=[pair(i, j) for i in range(count) for j in range(i)] if is_selectable else [],
    )
