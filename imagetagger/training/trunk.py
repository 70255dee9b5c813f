"""The frozen part of a network: everything before the first trained block, converted once and run by LiteRT.

Where all of a network is trained there is no such part, and pixels are passed on.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.inverted_residual import ConvUnit, InvertedResidual
from imagetagger.backbones.model import NETWORK, Backbone, normalise
from imagetagger.convert.quantize import cached_model
from imagetagger.convert.tflite import to_tflite
from imagetagger.embedding.runtime import (
    PREFETCH,
    EmbeddingOrError,
    LoadImage,
    Runtime,
    in_order,
    litert_runtime,
    load_or_error,
)
from imagetagger.preprocess import CONTRACT
from imagetagger.system.cpus import cpu_count
from imagetagger.training.tail import Tail, list_blocks


def apply_trunk(backbone: Backbone, tail: Tail, images: jax.Array) -> jax.Array:
    """Return the activations (N, H, W, C) before a tail, of uint8 images (N, S, S, 3)."""
    net, params = backbone.net, backbone.params
    shared: dict[str, Any] = {"activation": net.activation, "padding": net.padding, "dtype": net.dtype}
    x: Any = normalise(backbone, images).astype(net.dtype)
    x = ConvUnit(net.stem, kernel=3, stride=2, **shared).apply({"params": params["stem"]}, x)
    for block in list_blocks(net)[: -len(tail.blocks)]:
        module = InvertedResidual(block.features, block.expansion, block.stride, block.kernel, **shared)
        x = module.apply({"params": params[block.name]}, x)
    return x


def trunk_shape(backbone: Backbone, tail: Tail, resolution: int) -> tuple[int, int, int]:
    """Return the shape (H, W, C) of the activations before a tail."""
    image = jax.ShapeDtypeStruct((1, resolution, resolution, 3), jnp.uint8)
    height, width, channels = jax.eval_shape(lambda image: apply_trunk(backbone, tail, image), image).shape[1:]
    return height, width, channels


def start_trunk(backbone: Backbone, tail: Tail, resolution: int, cache: Path, workers: int | None = None) -> Runtime:
    """Return a runtime of the frozen part, whose embeddings are flattened activations; its model is cached."""
    backbone = backbone._replace(net=backbone.net.clone(dtype=jnp.float32))
    frozen = list_blocks(backbone.net)[: -len(tail.blocks)]
    net = backbone.net
    settings = [NETWORK, CONTRACT, backbone.normalisation, net.activation, net.padding, resolution, frozen]
    digest = hashlib.sha256(json.dumps(["trunk", *settings]).encode())
    for name in ("stem", *(block.name for block in frozen)):
        for leaf in jax.tree.leaves(backbone.params[name]):
            digest.update(str(leaf.shape).encode() + np.ascontiguousarray(leaf, "<f4").tobytes())

    def embed(image: jax.Array) -> dict[str, jax.Array]:
        return {"embedding": apply_trunk(backbone, tail, image).reshape(1, -1)}

    image = jax.ShapeDtypeStruct((1, resolution, resolution, 3), np.uint8)
    model = cached_model(cache, digest.hexdigest()[:32], lambda: to_tflite({"embed": (embed, {"image": image})}))
    return litert_runtime(model, workers)


def pixel_runtime(workers: int | None = None) -> Runtime:
    """Return a runtime that computes nothing: in place of embeddings, it gives the pixels of pictures and views."""

    def run(load: LoadImage, indices: Sequence[int]) -> Iterator[EmbeddingOrError]:
        with ThreadPoolExecutor(workers or cpu_count()) as pool:
            yield from in_order(pool, lambda index: load_or_error(load, index), indices, PREFETCH)

    return Runtime("pixels", f"pixels {CONTRACT}", run, lambda seconds: float("nan"), None)
