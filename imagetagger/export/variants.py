"""The variants of a model, measured: each with statistics fitted on its own embeddings."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from imagetagger.backbone.model import Backbone
from imagetagger.bundle.manifest import VARIANTS, Variant
from imagetagger.config import Export
from imagetagger.data.dataset import Split
from imagetagger.export import gate
from imagetagger.export.gate import Parity
from imagetagger.export.quantize import convert_cached
from imagetagger.measure import Measured
from imagetagger.preprocess import preprocess
from imagetagger.runtime import Runtime, litert_runtime
from imagetagger.transform import Transform

ROUNDS, SECONDS = 3, 1.0
"""Rates are measured in turns, so that all variants share whatever else the machine does."""


class Measurement(NamedTuple):
    """A variant and what it is worth.

    Attributes:
        path: of its .tflite file with signature `embed`.
        space: its embedding space.
        measured: the classifier on its own embeddings.
        images_per_second: of the network alone, on all cores.
        parity: to float32; None where there were no validation pictures.
    """

    path: Path
    space: str
    measured: Measured
    images_per_second: float
    parity: Parity | None


def calibration_pictures(split: Split, resolution: int, export: Export, pixel_limit: int) -> Sequence[np.ndarray]:
    """Return the preprocessed pictures that int8 is calibrated on: those of least content id, a random choice."""
    if "int8" not in export.variants:
        return ()
    chosen = sorted(range(len(split.ids)), key=split.ids.__getitem__)[: export.calibration_pictures]
    return [preprocess(split.read(i), resolution, pixel_limit) for i in chosen]


def measure_all(
    backbone: Backbone,
    resolution: int,
    cache: Path,
    calibration: Sequence[np.ndarray],
    export: Export,
    measure: Callable[[Runtime, str], Measured],
    float32: Measured | None,
    workers: int | None,
) -> dict[Variant, Measurement]:
    """Convert, embed, fit and evaluate float32 and each variant asked for, and hold it against float32.

    Args:
        backbone: network and weights.
        resolution: side S of the input.
        cache: the cache directory.
        calibration: uint8 (S, S, 3) pictures for int8.
        export: which variants.
        measure: embeds all pictures with a runtime of some name, and evaluates.
        float32: where it was measured already.
        workers: threads; None for one a core.
    """
    backbone = backbone._replace(net=backbone.net.clone(dtype=jnp.float32))  # whatever it was embedded in
    runtimes: dict[Variant, Runtime] = {}
    paths: dict[Variant, Path] = {}
    measured: dict[Variant, Measured] = {}
    for variant in (v for v in VARIANTS if v in export.variants or v == "float32"):
        paths[variant] = convert_cached(backbone, resolution, cache, variant, calibration)
        runtimes[variant] = litert_runtime(paths[variant], workers)
        done = float32 if variant == "float32" else None
        measured[variant] = done or measure(runtimes[variant], variant)
    reference, rates = measured["float32"], _rates(runtimes)
    return {
        variant: Measurement(
            paths[variant],
            runtimes[variant].space,
            found,
            rates[variant],
            _parity(found, reference) if len(reference.truth) else None,
        )
        for variant, found in measured.items()
    }


def figures(found: Mapping[Variant, Measurement]) -> dict[str, dict[str, Any]]:
    """Return the variants as they stand in result.json; `bytes` are those of `embed` and its transform."""
    return {
        variant: {
            **one.measured.figures,
            "temperature": one.measured.decision.calibration.temperature,
            "bytes": one.path.stat().st_size + _matrix_bytes(one.measured.fitted.transform),
            "images_per_second": one.images_per_second,
            "cosine_to_float": one.parity.cosine if one.parity else None,
            "top1_loss": one.parity.loss if one.parity else None,
        }
        for variant, one in found.items()
    }


def _matrix_bytes(transform: Transform | None) -> int:
    return transform.weights.astype(np.float16).nbytes if transform else 0


def _parity(found: Measured, reference: Measured) -> Parity:
    right, reference_right = found.observed.top1 > 0, reference.observed.top1 > 0
    return gate.compare(found.embeddings, right, reference.embeddings, reference_right)


def _rates(runtimes: Mapping[Variant, Runtime]) -> dict[Variant, float]:
    turns = [variant for _ in range(ROUNDS) for variant in runtimes]
    rates: dict[Variant, list[float]] = {variant: [] for variant in runtimes}
    for variant in tqdm(turns, desc="timing variants", disable=None):
        rates[variant].append(runtimes[variant].raw_rate(SECONDS))
    return {variant: float(np.median(some)) for variant, some in rates.items()}
