"""What is trained of a backbone: its last blocks on activations of the others, or all of it on pixels."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from imagetagger.backbones.model import Backbone, normalise
from imagetagger.training.state import Network
from imagetagger.training.tail import Tail, apply_tail, list_blocks

MIN_CROP_SIDE = 0.7
"""Least side of a random crop, as a share of the picture's."""


def tail_network(backbone: Backbone, tail: Tail, dtype: str) -> Network:
    """Return the last blocks of a network; their rows are activations, float16 (N, H, W, C)."""
    trained = tail._replace(net=tail.net.clone(dtype=jnp.dtype(dtype)))
    names = (*(block.name for block in tail.blocks), "head")
    return Network(names, lambda params, rows: apply_tail(trained, params, rows))


def whole_network(backbone: Backbone, dtype: str) -> Network:
    """Return all of a network; its rows are pixels, uint8 (N, S, S, 3), which are cropped and mirrored at random."""
    net = backbone.net.clone(dtype=jnp.dtype(dtype))
    names = ("stem", *(block.name for block in list_blocks(net)), "head")

    def embed(params: dict[str, Any], rows: jax.Array) -> jax.Array:
        embeddings: Any = net.apply({"params": params}, normalise(backbone, rows))
        return embeddings

    return Network(names, embed, augment_pixels)


def trained_params(backbone: Backbone, network: Network) -> dict[str, Any]:
    """Return the parameters of the trained parts of a backbone."""
    return {name: backbone.params[name] for name in network.names}


def replace_params(backbone: Backbone, trained: Mapping[str, Any]) -> Backbone:
    """Return the backbone with other parameters of its trained parts."""
    return backbone._replace(params={**backbone.params, **trained})


def augment_pixels(key: jax.Array, images: jax.Array) -> jax.Array:
    """Crop each picture at random, resize the crop to the picture's size, and mirror half of them.

    Args:
        key: random key.
        images: uint8 (N, S, S, 3).

    Returns:
        float32 (N, S, S, 3), 0 to 255.
    """
    count, size = images.shape[:2]
    side_key, corner_key, mirror_key = jax.random.split(key, 3)
    side = jax.random.uniform(side_key, (count,), minval=MIN_CROP_SIDE, maxval=1.0)
    corner = jax.random.uniform(corner_key, (count, 2)) * (1 - side[:, None]) * size
    is_mirrored = jax.random.bernoulli(mirror_key, shape=(count,))

    def crop(image: jax.Array, share: jax.Array, start: jax.Array, mirror: jax.Array) -> jax.Array:
        scale = jnp.stack([1 / share, 1 / share])
        resized = jax.image.scale_and_translate(
            image.astype(jnp.float32), image.shape, (0, 1), scale, -start / share, "linear", antialias=False
        )
        return jnp.where(mirror, resized[:, ::-1], resized)

    return jax.vmap(crop)(images, side, corner, is_mirrored)
