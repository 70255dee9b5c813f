"""Whether fine-tuning helps: classifiers on tuned and on frozen features, compared on pictures that neither saw."""

import logging
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from imagetagger.evaluation.mcnemar import mcnemar_test

log = logging.getLogger(__name__)

FOLDS = 3
"""Trainings of a cross-validation."""

ENOUGH_TUNING_PICTURES = 1000
"""With so many, they decide, and nothing is trained for the decision alone."""

MIN_FROZEN_ERROR = 0.02
"""Share of pictures that frozen features get wrong, below which there is nothing to gain."""


class Comparison(NamedTuple):
    """Tuned beside frozen features on the same pictures, each classified by a model that had not seen it.

    Attributes:
        pictures: how many.
        folds: trainings that were made for it; 0 if none were.
        top1_frozen: a share.
        top1_tuned: likewise; nan if no tuning was tried.
        won: pictures that only tuned features got right.
        lost: pictures that only frozen features got right.
        p_value: McNemar's.
        is_used: whether tuning is used.
    """

    pictures: int
    folds: int
    top1_frozen: float
    top1_tuned: float
    won: int
    lost: int
    p_value: float
    is_used: bool


Correct = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From rows to fit on and rows to classify to whether each of the latter is classified correctly, bool."""


def compare_by_folds(folds: np.ndarray, frozen: Correct, tuned: Correct) -> Comparison:
    """Compare by cross-validation, which ends as soon as tuning is seen to lose, or clearly to win.

    Tuning is used if it wins more pictures than it loses by more than one standard error, sqrt(won + lost): ties, and
    differences that chance explains, go to the frozen network. Two standard errors after some of the folds are enough.

    Args:
        folds: int (N,), fold of each picture; pictures of one group share a fold.
        frozen: classifies with features of the frozen network.
        tuned: trains and classifies.
    """
    parts = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(folds.max() + 1)]
    before = [frozen(*part) for part in parts]
    errors = sum(int((~correct).sum()) for correct in before)
    if errors <= MIN_FROZEN_ERROR * len(folds):
        top1 = 1 - errors / len(folds)
        return Comparison(len(folds), 0, top1, np.nan, 0, 0, 1.0, False)
    after: list[np.ndarray] = []
    for part in parts:
        after.append(tuned(*part))
        comparison = compare(np.concatenate(before[: len(after)]), np.concatenate(after), folds=len(after))
        gain = (comparison.won - comparison.lost) / np.sqrt(max(comparison.won + comparison.lost, 1))
        if gain < -1 or gain > 2:
            break
    return comparison


def compare(frozen: np.ndarray, tuned: np.ndarray, *, folds: int) -> Comparison:
    """Compare whether pictures are classified correctly, bool (N,) both; `folds` is how many trainings it took."""
    lost, won, p_value = mcnemar_test(frozen, tuned)
    is_used = won - lost > np.sqrt(won + lost)
    return Comparison(len(frozen), folds, float(frozen.mean()), float(tuned.mean()), won, lost, p_value, bool(is_used))
