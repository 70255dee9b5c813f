"""The variants of a model: what each computes, costs, and how far it is from float32."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.fit import FittedClassifier
from imagetagger.classifier.whitening import Transform
from imagetagger.embedding.runtime import Runtime
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.export.parity import Parity
from imagetagger.options import Variant
from imagetagger.prediction.decision import Decision

TIMING_ROUNDS, TIMING_SECONDS = 3, 1.0
"""Variants are timed in turns, so that whatever else the machine does slows all of them alike."""


class BundledClassifier(NamedTuple):
    """The classifier of a bundle: that of the evaluation, or one fitted afterwards on all pictures.

    Attributes:
        classifier: transform, statistics and prior.
        decision: calibrated on out-of-fold scores of the same pictures.
        train: number of pictures that it was fitted on.
        crossed: out-of-fold scores that it was calibrated on.
        calibration_groups: number of groups that their pictures make.
    """

    classifier: FittedClassifier
    decision: Decision
    train: int
    crossed: CrossFit
    calibration_groups: int


class VariantEvaluation(NamedTuple):
    """A variant and its evaluation.

    Attributes:
        model: contents of its .tflite file with signature `embed`.
        evaluation: of the classifier on its own embeddings.
        images_per_second: of the network alone, on all cores.
        parity: with float32; None without validation pictures.
        bundled: the classifier that goes into the bundle; None for that of the evaluation.
    """

    model: bytes
    evaluation: Evaluation
    images_per_second: float
    parity: Parity | None
    bundled: BundledClassifier | None = None

    @property
    def classifier(self) -> FittedClassifier:
        """The classifier that goes into a bundle of this variant."""
        return self.bundled.classifier if self.bundled else self.evaluation.classifier

    @property
    def decision(self) -> Decision:
        """The decision that goes into a bundle of this variant."""
        return self.bundled.decision if self.bundled else self.evaluation.decision

    @property
    def bytes(self) -> int:
        """Size of `embed` and its transform."""
        return len(self.model) + _matrix_bytes(self.evaluation.classifier.transform)


def measure_rates(runtimes: Mapping[Variant, Runtime]) -> dict[Variant, float]:
    """Images/s of each network alone: the median of its turns."""
    turns = [variant for _ in range(TIMING_ROUNDS) for variant in runtimes]
    rates: dict[Variant, list[float]] = {variant: [] for variant in runtimes}
    for variant in tqdm(turns, desc="timing variants", disable=None):
        rates[variant].append(runtimes[variant].raw_rate(TIMING_SECONDS))
    return {variant: float(np.median(turn_rates)) for variant, turn_rates in rates.items()}


def _matrix_bytes(transform: Transform | None) -> int:
    return transform.weights.astype(np.float16).nbytes if transform else 0
