"""A run's networks against the JAX network that they were converted from.

Parity and golden vectors compare what was converted with what was converted. A float32 model that is wrong itself would
be its own reference. JAX computes the embeddings of a few pictures from the weights alone, without converter, LiteRT or
cache.
"""

import math
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.model import Backbone, forward
from imagetagger.embedding.runtime import litert_runtime
from imagetagger.export.assemble import golden_pictures
from imagetagger.export.parity import ExportError
from imagetagger.options import Variant
from imagetagger.preprocess import preprocess

MAX_RELATIVE_ERROR: dict[Variant, float] = {"float32": 1e-3, "float16": 0.05, "dynamic_range": 0.2, "int8": 0.6}
"""Largest ||x - y|| / ||y|| of embeddings x to JAX's, y. Measured: 2e-6, 0.01, 0.1 and 0.2 (EfficientNet-Lite0)."""


def check_networks(backbone: Backbone, models: Mapping[Variant, bytes], resolution: int, *, min_cosine: float) -> None:
    """Compare networks with the backbone in JAX, on the golden pictures.

    Args:
        backbone: network and weights.
        models: .tflite files with signature `embed` by variant.
        resolution: side of the input.
        min_cosine: least cosine that integer variants may have anyway.

    Raises:
        ExportError: an embedding is too far from JAX's.
    """
    crops = [preprocess(data, resolution) for data in golden_pictures().values()]
    network = backbone._replace(net=backbone.net.clone(dtype=jnp.float32))
    expected = np.asarray(jax.jit(partial(forward, network))(np.stack(crops)))
    for variant, model in models.items():
        embeddings = list(litert_runtime(model, 1).run(crops.__getitem__, range(len(crops))))
        error = relative_error(np.stack(embeddings), expected)  # type: ignore[arg-type]  # none is bad
        limit = MAX_RELATIVE_ERROR[variant]
        if variant in ("dynamic_range", "int8"):
            limit = max(limit, math.sqrt(2 * (1 - min_cosine)))  # distance of vectors of one length with that cosine
        if not error <= limit:
            raise ExportError(
                f"the {variant} network does not compute what its weights do in JAX: the embedding of a drawing "
                f"differs by {100 * error:.3g} %, expected at most {100 * limit:.3g} %. Convert it again: "
                "imagetagger cache clear models"
            )


def relative_error(x: np.ndarray, y: np.ndarray) -> float:
    """Largest ||x - y|| / ||y|| of paired embeddings (N, D); not a number if one is not finite."""
    difference = np.linalg.norm(x.astype(np.float64) - y, axis=1)
    return float(np.max(difference / np.maximum(np.linalg.norm(y.astype(np.float64), axis=1), 1e-30)))
