"""Which settings are really worse than the best one, among those evaluated on the same pictures; seeds are pooled."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from imagetagger.report.comparison.paired_test import compare_pairs, unpack_correct
from imagetagger.report.comparison.run_metrics import sort_key
from imagetagger.report.comparison.runs import Run
from imagetagger.report.formatting import interval, number

PictureSet = tuple[str, int]
"""Fingerprint and number of the pictures of an evaluation."""
MAX_SELECTABLE = 30
"""Settings of which a reader may select any two."""


class ComparedSetting(NamedTuple):
    """A setting beside the best one.

    Attributes:
        rows: indices of its runs, which differ by seed.
        top1: share of first predictions that are right, of all its runs.
        behind: the best one's top-1 less its own.
        low, high: its 95 % interval.
        best_only, own_only: pictures that more seeds of the best setting, or of this one, classified correctly.
        p: Holm's p-value over all pairs of the group.
        is_real: whether the difference is more than chance.
    """

    rows: list[int]
    top1: float
    behind: float
    low: float
    high: float
    best_only: int
    own_only: int
    p: float
    is_real: bool

    @property
    def interval_in_points(self) -> str:
        """The interval of `behind` in percentage points."""
        return interval(100 * self.low, 100 * self.high, partial(number, form=".1f"))


class ComparedGroup(NamedTuple):
    """Settings that were evaluated on the same pictures.

    Attributes:
        pictures: how many, of all seeds; those that several seeds share count once.
        best: the runs of the setting with the best top-1.
        others: the other settings, the best first.
        pairs: how many there are.
        selectable: for any two of them [first run of each, difference, low, high, only first, only second, p]; empty
            for too many settings, or for only two, which `others` compares already.
    """

    pictures: int
    best: list[int]
    others: tuple[ComparedSetting, ...]
    pairs: int
    selectable: list[list[Any]]

    @property
    def is_same(self) -> bool:
        """Whether all classified the same pictures correctly."""
        return not any(setting.best_only or setting.own_only for setting in self.others)

    @property
    def settings(self) -> list[list[int]]:
        """The runs of every setting, the best first."""
        return [self.best, *(setting.rows for setting in self.others)]


def compare_groups(runs: tuple[Run, ...], groups: list[list[int]]) -> tuple[tuple[ComparedGroup, ...], int]:
    """The groups of two settings or more, the largest first, and the number of runs that are in none.

    Settings are compared on the pictures that all of a group were evaluated on, whichever seeds these belong to.

    Args:
        runs: all.
        groups: rows of the runs that differ by seed only, a group per setting.
    """
    evaluated = []
    for rows in groups:
        by_pictures: dict[PictureSet, list[int]] = {}
        for i in rows:
            if (pictures := runs[i].record.pictures).count:
                by_pictures.setdefault((pictures.fingerprint, pictures.count), []).append(i)
        evaluated.append(by_pictures)
    together: list[tuple[list[PictureSet], list[dict[PictureSet, list[int]]]]] = []
    for by_pictures in filter(None, evaluated):
        for k, (shared, members) in enumerate(together):
            if common := [key for key in shared if key in by_pictures]:
                together[k] = (common, [*members, by_pictures])
                break
        else:
            together.append((list(by_pictures), [by_pictures]))
    compared = [_group(runs, shared, members) for shared, members in together if len(members) > 1]
    used = {i for group in compared for rows in group.settings for i in rows}
    single = sum(i not in used for by_pictures in evaluated for rows in by_pictures.values() for i in rows)
    return tuple(sorted(compared, key=lambda group: -len(group.others))), single


def _group(
    runs: tuple[Run, ...], shared: list[PictureSet], members: list[dict[PictureSet, list[int]]]
) -> ComparedGroup:
    def correct(rows: list[int]) -> np.ndarray:
        return np.mean([unpack_correct(runs[i].record.pictures) for i in rows], 0)

    rows = [[i for key in shared for i in by_pictures[key]] for by_pictures in members]
    shares = np.stack([np.concatenate([correct(by_pictures[key]) for key in shared]) for by_pictures in members])
    pairs = compare_pairs(shares)
    order = sorted(range(len(rows)), key=lambda k: (-round(shares[k].sum(), 6), *sort_key(runs[rows[k][0]])))
    best = order[0]

    def compared(k: int) -> ComparedSetting:
        return ComparedSetting(
            rows=rows[k],
            top1=float(shares[k].mean()),
            behind=float(pairs.difference[best, k]),
            low=float(pairs.low[best, k]),
            high=float(pairs.high[best, k]),
            best_only=int(pairs.only[best, k]),
            own_only=int(pairs.only[k, best]),
            p=float(pairs.adjusted[best, k]),
            is_real=pairs.is_real(best, k),
        )

    def pair(i: int, j: int) -> list[Any]:
        fields = [pairs.difference, pairs.low, pairs.high, pairs.only, pairs.only.T, pairs.adjusted]
        return [rows[i][0], rows[j][0], *(float(f"{field[i, j]:.6g}") for field in fields)]

    count = len(rows)
    is_selectable = 2 < count <= MAX_SELECTABLE and pairs.only.any()
    return ComparedGroup(
        pictures=shares.shape[1],
        best=rows[best],
        others=tuple(compared(k) for k in order[1:]),
        pairs=count * (count - 1) // 2,
        selectable=[pair(i, j) for i in range(count) for j in range(i)] if is_selectable else [],
    )
