"""The parity gate: how far a variant may stray from float32 before the export fails."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

ONE_SIDED_95 = 1.645


class ExportError(ValueError):
    """A model that must not leave the house; the message says why and what would help."""


class Parity(NamedTuple):
    """A variant beside float32, on the same pictures.

    Attributes:
        pictures: N.
        cosine: mean cosine of its embeddings to those of float32.
        lost: pictures whose first guess only float32 got right.
        won: pictures whose first guess only the variant got right.
    """

    pictures: int
    cosine: float
    lost: int
    won: int

    @property
    def loss(self) -> float:
        """Top-1 lost, in percentage points."""
        return 100 * (self.lost - self.won) / self.pictures

    @property
    def chance(self) -> float:
        """Points of loss that chance alone explains, one-sided 95 %: 1.645 sqrt(lost + won) / N (McNemar's test)."""
        return 100 * ONE_SIDED_95 * math.sqrt(self.lost + self.won) / self.pictures


def compare(embeddings: np.ndarray, right: np.ndarray, reference: np.ndarray, reference_right: np.ndarray) -> Parity:
    """Return the parity of a variant.

    Args:
        embeddings: (N, D) of the variant.
        right: bool (N,) whether its first guess was right.
        reference: (N, D) of float32.
        reference_right: bool (N,) whether the first guess of float32 was right.
    """
    products, *squares = (
        np.einsum("nd,nd->n", a, b, dtype=np.float64)
        for a, b in ((embeddings, reference), (embeddings, embeddings), (reference, reference))
    )
    cosine = min(float(np.mean(products / np.maximum(np.sqrt(squares[0] * squares[1]), 1e-30))), 1.0)
    return Parity(len(right), cosine, int((reference_right & ~right).sum()), int((right & ~reference_right).sum()))


def problem(variant: str, parity: Parity, *, min_cosine: float, max_top1_loss: float, gate_pictures: int) -> str | None:
    """Return why a variant fails the gate, None where it passes.

    Args:
        variant: its name.
        parity: measured.
        min_cosine: least mean cosine to float32.
        max_top1_loss: most points of top-1 lost.
        gate_pictures: with fewer pictures, a loss counts only as far as chance does not explain it.
    """
    if not parity.cosine >= min_cosine:
        return (
            f"{variant}: embeddings have a mean cosine of {parity.cosine:.5f} to float32, "
            f"export.min_cosine is {min_cosine}"
        )
    slack = parity.chance if parity.pictures < gate_pictures else 0
    if parity.loss - slack > max_top1_loss:
        return (
            f"{variant}: top-1 is {parity.loss:.2f} points below float32 on {parity.pictures:,} pictures, "
            f"export.max_top1_loss is {max_top1_loss}"
        )
    return None


def check(parities: Mapping[str, Parity], *, min_cosine: float, max_top1_loss: float, gate_pictures: int) -> None:
    """Raise ExportError where a variant fails the gate; see `problem`."""
    found = [
        said
        for variant, parity in parities.items()
        if (
            said := problem(
                variant, parity, min_cosine=min_cosine, max_top1_loss=max_top1_loss, gate_pictures=gate_pictures
            )
        )
    ]
    if found:
        raise ExportError(
            "\n".join(found)
            + "\nNothing was exported. Leave the variant out of export.variants, calibrate int8 on more "
            "pictures (export.calibration_pictures), or widen the gate."
        )
