"""Parity of a variant with float32: both fitted on the same pictures, and compared picture by picture."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.evaluation.mcnemar import mcnemar_p_value

ONE_SIDED_95 = 1.645


class ExportError(ValueError):
    """A model that must not be exported; the message says why and what helps."""


class Parity(NamedTuple):
    """A variant compared with float32.

    Attributes:
        train: pictures that both classifiers were fitted on.
        pictures: N that both were evaluated on.
        cosine: mean cosine of its embeddings to those of float32.
        lost: pictures that only float32 classifies correctly.
        won: pictures that only the variant classifies correctly.
        correct: pictures that the variant classifies correctly.
        is_complete: whether both were fitted on all training pictures; on fewer, the difference varies more.
    """

    train: int
    pictures: int
    cosine: float
    lost: int
    won: int
    correct: int = 0
    is_complete: bool = True

    @property
    def loss(self) -> float:
        """Top-1 lost, in percentage points."""
        return 100 * (self.lost - self.won) / self.pictures

    @property
    def chance(self) -> float:
        """Points of loss that chance alone explains, one-sided 95 %: 1.645 sqrt(lost + won) / N."""
        return 100 * ONE_SIDED_95 * math.sqrt(self.lost + self.won) / self.pictures

    @property
    def p_value(self) -> float:
        """Two-sided p-value of McNemar's exact test."""
        return float(mcnemar_p_value(self.lost, self.won))


def compare_to_float32(variant: Evaluation, float32: Evaluation, *, is_complete: bool = True) -> Parity | None:
    """Compare two evaluations on the same pictures; None without pictures. See `Parity` for `is_complete`."""
    is_correct, is_correct_float32 = variant.is_correct, float32.is_correct
    if not len(is_correct):
        return None
    return Parity(
        train=variant.train,
        pictures=len(is_correct),
        cosine=mean_cosine(variant.data.embeddings, float32.data.embeddings),
        lost=int((is_correct_float32 & ~is_correct).sum()),
        won=int((is_correct & ~is_correct_float32).sum()),
        correct=int(is_correct.sum()),
        is_complete=is_complete,
    )


def mean_cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Mean cosine of paired embeddings (N, D)."""
    products, a_squared, b_squared = (
        np.einsum("nd,nd->n", x, y, dtype=np.float64) for x, y in ((a, b), (a, a), (b, b))
    )
    return min(float(np.mean(products / np.maximum(np.sqrt(a_squared * b_squared), 1e-30))), 1.0)


def parity_problem(
    variant: str, parity: Parity, *, min_cosine: float, max_top1_loss: float, strict_parity_pictures: int
) -> str | None:
    """Why a variant is too far from float32; None if it is near enough.

    Args:
        variant: its name.
        parity: with float32.
        min_cosine: least mean cosine to float32.
        max_top1_loss: most points of top-1 lost.
        strict_parity_pictures: with fewer pictures, or classifiers fitted on a part of the training pictures, a loss
            counts only as far as chance does not explain it.
    """
    if not parity.cosine >= min_cosine:
        return f"{variant}: mean cosine to float32 is {parity.cosine:.5f}, expected at least min_cosine={min_cosine}"
    is_strict = parity.is_complete and parity.pictures >= strict_parity_pictures
    slack = 0 if is_strict else parity.chance
    if parity.loss - slack > max_top1_loss:
        return (
            f"{variant}: top-1 is {parity.loss:.2f} points below float32 on {parity.pictures:,} pictures, "
            f"expected at most max_top1_loss={max_top1_loss}"
        )
    return None


def check_parity(
    parities: Mapping[str, Parity], *, min_cosine: float, max_top1_loss: float, strict_parity_pictures: int
) -> None:
    """Raise ExportError if a variant is too far from float32; see `parity_problem`."""
    limits = {"min_cosine": min_cosine, "max_top1_loss": max_top1_loss}
    problems = [
        problem
        for variant, parity in parities.items()
        if (problem := parity_problem(variant, parity, **limits, strict_parity_pictures=strict_parity_pictures))
    ]
    if problems:
        raise ExportError(
            "\n".join(problems)
            + "\nNothing was exported. Leave the variant out, calibrate int8 on more pictures, or widen the limits."
        )
