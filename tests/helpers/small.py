"""The small network of composed.py, its variants converted once a session, and pictures for it."""

import functools

import jax
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from imagetagger.backbones.model import Backbone, Normalisation, forward
from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.weights import EFFICIENTNET, KERAS, TORCHVISION
from imagetagger.convert.quantize import convert_cached
from imagetagger.data.drawings import DRAWING_TAGS, draw_picture
from imagetagger.options import Variant
from imagetagger.system.atomic_files import cache_directory
from tests.helpers.composed import WIDTH, small_weights

SIZE, FEATURES = 64, 1280
NORMALISATIONS: dict[str, Normalisation] = {
    "keras": KERAS.normalisation,
    "efficientnet": EFFICIENTNET.normalisation,
    "torchvision": TORCHVISION.normalisation,
}


@functools.cache
def drawings(count: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Drawings, uint8 (64, 64, 3) each."""
    return tuple(
        np.asarray(draw_picture(DRAWING_TAGS[i % len(DRAWING_TAGS)], np.random.default_rng(seed + i), SIZE))
        for i in range(count)
    )


CALIBRATION = drawings(4)
PICTURES = drawings(12, seed=100)


@functools.cache
def backbone(normalisation: str = "keras") -> Backbone:
    cache = cache_directory()
    loaded = load_backbone("mobilenet_v2", width=WIDTH, resolution=SIZE, weights=str(small_weights()), cache=cache)
    return loaded._replace(normalisation=NORMALISATIONS[normalisation])


def converted(variant: Variant, normalisation: str = "keras") -> bytes:
    return convert_cached(backbone(normalisation), SIZE, cache_directory(), variant, CALIBRATION)


def runner(model: bytes, signature: str = "embed"):
    return Interpreter(model_content=model, num_threads=1).get_signature_runner(signature)


def embeddings(model: bytes) -> np.ndarray:
    """PICTURES as a model embeds them, (12, 1280)."""
    run = runner(model)
    return np.stack([run(image=picture[None])["embedding"][0].copy() for picture in PICTURES])


@functools.cache
def reference(normalisation: str = "keras") -> np.ndarray:
    """PICTURES as JAX embeds them, (12, 1280)."""
    return np.asarray(jax.jit(functools.partial(forward, backbone(normalisation)))(np.stack(PICTURES)))


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of the rows of a and b in float64: embeddings that differ by a share e have 1 - e^2 / 2."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
