"""Which runs are really worse than the best one, among those tried on the same pictures."""

from typing import Any, NamedTuple

import numpy as np

from imagetagger.report import comparison, figures
from imagetagger.report.figures import TOP1
from imagetagger.report.runs import Run

MOST_CHOICES = 30
"""Runs of which a reader may choose any two."""


class Verdict(NamedTuple):
    """A run beside the best one.

    Attributes:
        run: its place among the runs.
        top1: how often its first guess is right.
        behind: the best one's top-1 less its own.
        low, high: its 95 % interval.
        best_only, run_only: pictures that only the best one, or only this one, told right.
        p: Holm's, over all pairs of the group.
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


class Group(NamedTuple):
    """Runs that were tried on the same pictures.

    Attributes:
        pictures: how many.
        best: the run with the best top-1.
        verdicts: of the others, the best first.
        pairs: how many there are.
        choices: for any two of them [first, second, difference, low, high, only first, only second, p]; empty where
            there are too many runs, or only two, of which all is said.
    """

    pictures: int
    best: int
    verdicts: tuple[Verdict, ...]
    pairs: int
    choices: list[list[Any]]

    @property
    def is_same(self) -> bool:
        """Whether all told the same pictures right."""
        return not any(verdict.best_only or verdict.run_only for verdict in self.verdicts)


def groups(runs: tuple[Run, ...]) -> tuple[tuple[Group, ...], int]:
    """Return the groups of two runs or more, the largest first, and how many runs are alone with their pictures."""
    together: dict[tuple[str, int], list[int]] = {}
    for i, run in enumerate(runs):
        tried = run.result["pictures"]
        if tried["count"]:
            together.setdefault((tried["fingerprint"], tried["count"]), []).append(i)
    found = [_group(runs, rows) for rows in together.values() if len(rows) > 1]
    alone = sum(len(rows) == 1 for rows in together.values())
    return tuple(sorted(found, key=lambda group: -len(group.verdicts))), alone


def _group(runs: tuple[Run, ...], rows: list[int]) -> Group:
    right = np.stack([comparison.unpack(runs[i].result["pictures"]) for i in rows])
    pairs = comparison.compare(right)
    order = sorted(range(len(rows)), key=lambda k: (-right[k].sum(), *figures.standing(runs[rows[k]])))
    best = order[0]

    def verdict(k: int) -> Verdict:
        return Verdict(
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

    def choice(i: int, j: int) -> list[Any]:
        told = [pairs.difference, pairs.low, pairs.high, pairs.only, pairs.only.T, pairs.adjusted]
        return [rows[i], rows[j], *(float(f"{field[i, j]:.6g}") for field in told)]

    count = len(rows)
    offered = 2 < count <= MOST_CHOICES and pairs.only.any()
    every = [(i, j) for i in range(count) for j in range(i)] if offered else []
    return Group(
        pictures=right.shape[1],
        best=rows[best],
        verdicts=tuple(verdict(k) for k in order[1:]),
        pairs=count * (count - 1) // 2,
        choices=[choice(i, j) for i, j in every],
    )
