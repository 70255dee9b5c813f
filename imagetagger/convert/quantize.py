"""The backbone as a .tflite file with signature `embed`, in one of four arithmetics.

int8: weights per channel, activations per tensor, their ranges learned from training pictures (Jacob et al. 2018,
arXiv 1712.05877). The uint8 picture itself is the quantised input. Normalising it inside, as the float variants do,
would round it twice, and steep depthwise filters amplify that (cosine to float32 0.991 instead of 0.995 for MobileNetV2
on Tiny ImageNet; experiments/int8_steps.py).
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.model import Backbone, forward, space_digest
from imagetagger.convert.bias_correction import correct_biases
from imagetagger.convert.tflite import to_tflite
from imagetagger.options import Variant
from imagetagger.preprocess import CONTRACT
from imagetagger.system.atomic_files import installed_version
from imagetagger.system.checked_files import find_checked, write_checked

log = logging.getLogger(__name__)

MODELS = "models"
"""Folder of converted models in the cache."""

QUANTIZER_VERSION = 1
"""Version of the int8 conversion: raised when a change to it changes the models."""


def convert_cached(
    backbone: Backbone,
    resolution: int,
    cache: Path,
    variant: Variant = "float32",
    calibration_pictures: Sequence[np.ndarray] = (),
) -> bytes:
    """Return the backbone as a .tflite file with signature `embed`, converted once and cached.

    A damaged file in the cache is reported, and the backbone converted again; so is one of an earlier version, which
    has no checksum. embed(image uint8 (1, S, S, 3)) -> embedding float32 (1, D).

    Args:
        backbone: network and weights.
        resolution: side S of the input.
        cache: the cache directory.
        variant: of the arithmetic.
        calibration_pictures: uint8 (S, S, 3) each; `int8` learns from them the range of every activation and the means
            for bias correction.

    Raises:
        ValueError: `int8` without calibration pictures.
    """
    key = space_digest(backbone, resolution, "litert", variant)[:32]
    if variant == "int8":
        if not len(calibration_pictures):
            raise ValueError("got calibration_pictures=[], expected at least one picture to calibrate int8 on")
        digest = hashlib.sha256(b"".join(picture.tobytes() for picture in calibration_pictures))
        key += f"-{digest.hexdigest()[:16]}-{QUANTIZER_VERSION}"

    def convert() -> bytes:
        log.info("converting the network to %s", variant)
        if variant == "int8":
            return convert_int8(correct_biases(backbone, calibration_pictures), calibration_pictures)
        return convert_backbone(backbone, resolution, variant)

    return cached_model(cache, key, convert)


def cached_model(cache: Path, key: str, convert: Callable[[], bytes]) -> bytes:
    """Return the model of a key from the cache, where those of other versions of JAX and TensorFlow have other names.

    Args:
        cache: the cache directory.
        key: digest of the network and its arithmetic.
        convert: makes the model if it is not there.
    """
    tensorflow = installed_version("tensorflow-cpu") or installed_version("tensorflow")
    name = f"{key}-jax{version('jax')}-tensorflow{tensorflow}"
    if (cached := find_checked(cache / MODELS, name, ".tflite")) is not None:
        return cached
    model = convert()
    write_checked(cache / MODELS, name, ".tflite", model)
    return model


def embedding_space(model: bytes) -> str:
    """Return the digest of the embedding space of an `embed` model: weights, arithmetic and image contract."""
    return hashlib.sha256(f"{CONTRACT}\n".encode() + model).hexdigest()


def convert_backbone(backbone: Backbone, resolution: int, variant: Variant) -> bytes:
    """Return the backbone as a .tflite file in an arithmetic that needs no calibration."""
    image = jax.ShapeDtypeStruct((1, resolution, resolution, 3), np.uint8)
    return to_tflite({"embed": (lambda image: {"embedding": forward(backbone, image)}, {"image": image})}, variant)


def convert_int8(backbone: Backbone, calibration_pictures: Sequence[np.ndarray]) -> bytes:
    """Return the backbone as an int8 .tflite file, calibrated on pictures, uint8 (S, S, 3) each."""
    mean, std = (255 * np.asarray(value, np.float64) for value in backbone.normalisation)
    same_for_all_channels = np.ptp(mean) == np.ptp(std) == 0  # then the input's quantisation is all of it
    centre, unit = (mean[0], std[0]) if same_for_all_channels else (127.5, 127.5)
    scale, offset = (a.astype(np.float32) for a in (unit / std, (centre - mean) / std))

    def embed(image: jax.Array) -> dict[str, jax.Array]:
        normalised = image if same_for_all_channels else image * jnp.asarray(scale) + jnp.asarray(offset)
        embedding: Any = backbone.net.apply({"params": backbone.params}, normalised)
        return {"embedding": embedding}

    def samples() -> Iterator[dict[str, np.ndarray]]:
        for i, picture in enumerate(calibration_pictures):
            pixels = picture.astype(np.float64)
            if i == 0:
                pixels[0, 0], pixels[-1, -1] = 0, 255  # the range of the input is known
            yield {"image": ((pixels[None] - centre) / unit).astype(np.float32)}

    image = jax.ShapeDtypeStruct((1, *calibration_pictures[0].shape), np.float32)
    return to_tflite({"embed": (embed, {"image": image})}, "int8", samples())
