"""Whether two networks embed alike: the cosine between their embeddings of a few drawings."""

import numpy as np

from imagetagger.data.drawings import DRAWING_TAGS, draw_picture
from imagetagger.embedding.runtime import Runtime
from imagetagger.preprocess import crop_square

PROBED = 8
MIN_PROBE_COSINE = 0.9
"""Least mean cosine between embeddings of drawings and those of a reference, both less their mean."""


def draw_probe(resolution: int) -> list[np.ndarray]:
    """Draw the pictures that networks are compared on, PROBED of uint8 (S, S, 3)."""
    tags = [DRAWING_TAGS[i % len(DRAWING_TAGS)] for i in range(PROBED)]
    drawn = (draw_picture(tag, np.random.default_rng(i), max(resolution, 64)) for i, tag in enumerate(tags))
    return [crop_square(picture, resolution) for picture in drawn]


def embed_drawings(model: Runtime, resolution: int) -> np.ndarray:
    """Embed them, float32 (PROBED, D)."""
    drawings = draw_probe(resolution)
    return np.stack(list(model.run(drawings.__getitem__, range(PROBED))))  # type: ignore[arg-type]  # none is bad


def probe_cosine(embeddings: np.ndarray, probe: np.ndarray) -> float:
    """Mean cosine between paired embeddings (PROBED, D), each less the mean of `probe`; 0 for other shapes."""
    if embeddings.shape != probe.shape:
        return 0.0
    a, b = embeddings - probe.mean(0), probe - probe.mean(0)  # ReLU makes any two embeddings alike
    return float(np.mean((a * b).sum(1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)))
