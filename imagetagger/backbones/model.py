"""A backbone: the network, its parameters, and the normalisation they were trained with."""

import hashlib
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.inverted_residual import InvertedResidualNet, unit_names
from imagetagger.backbones.weight_layouts import Units
from imagetagger.preprocess import CONTRACT

NETWORK = 1
"""Version of the blocks: raised when a change to them changes embeddings."""


class Normalisation(NamedTuple):
    """(x / 255 - mean) / std per channel, x in 0..255."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Backbone(NamedTuple):
    """A network and its weights: everything that turns uint8 images into embeddings.

    Attributes:
        architecture: `mobilenet_v2` or `efficientnet_lite0`.
        width: width multiplier.
        net: the Flax module.
        params: its parameters, float32.
        normalisation: of the images that the weights were trained on.
        weights: the source of the weights, for people.
        weights_sha256: of the weights file; None for random weights.
    """

    architecture: str
    width: float
    net: InvertedResidualNet
    params: dict[str, Any]
    normalisation: Normalisation
    weights: str
    weights_sha256: str | None

    def __repr__(self) -> str:
        return f"Backbone({self.architecture}, width={self.width}, weights={self.weights})"


def forward(backbone: Backbone, images: jax.Array) -> jax.Array:
    """Embed images: normalise, convolve, pool.

    Args:
        backbone: see `Backbone`.
        images: uint8 (N, S, S, 3), RGB.

    Returns:
        float32 (N, D).
    """
    embeddings: Any = backbone.net.apply({"params": backbone.params}, normalise(backbone, images))
    return embeddings


def normalise(backbone: Backbone, images: jax.Array) -> jax.Array:
    """Return uint8 images (N, S, S, 3) normalised for the network, float32."""
    mean, std = (np.asarray(value, np.float64) for value in backbone.normalisation)
    scale, offset = (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)
    return images.astype(jnp.float32) * scale + offset


def param_shapes(net: InvertedResidualNet) -> dict[str, Any]:
    """Return the net's parameters as shapes and dtypes, without computing them."""
    shapes: dict[str, Any] = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))["params"]
    return shapes


def to_params(units: Units, net: InvertedResidualNet) -> dict[str, Any]:
    """Arrange convolutions in forward order as the net's parameters.

    Raises:
        ValueError: their number or a shape differs from the net's.
    """
    names = unit_names(net)
    if len(units) != len(names):
        raise ValueError(f"got {len(units)} convolutions, expected {len(names)}")
    params: dict[str, Any] = {}
    for name, (kernel, bias) in zip(names, units, strict=True):
        node = params
        for part in name.split("/"):
            node = node.setdefault(part, {})
        node["conv"] = {"kernel": np.asarray(kernel, np.float32), "bias": np.asarray(bias, np.float32)}

    def check(path: Any, param: np.ndarray, expected: jax.ShapeDtypeStruct) -> None:
        if param.shape != expected.shape:
            raise ValueError(f"got {jax.tree_util.keystr(path)} of shape {param.shape}, expected {expected.shape}")

    jax.tree_util.tree_map_with_path(check, params, param_shapes(net))
    return params


def from_params(params: dict[str, Any], net: InvertedResidualNet) -> Units:
    """Return the parameters as convolutions in forward order: the inverse of `to_params`."""
    units = []
    for name in unit_names(net):
        node = params
        for part in name.split("/"):
            node = node[part]
        units.append((np.asarray(node["conv"]["kernel"]), np.asarray(node["conv"]["bias"])))
    return units


def space_digest(backbone: Backbone, resolution: int, runtime: str, dtype: str) -> str:
    """Return the digest of an embedding space: embeddings are comparable, and cached together, if theirs are equal."""
    digest = hashlib.sha256()
    for kernel, bias in from_params(backbone.params, backbone.net):
        digest.update(np.ascontiguousarray(kernel, "<f4").tobytes() + np.ascontiguousarray(bias, "<f4").tobytes())
    settings = {
        "network": NETWORK,
        "architecture": backbone.architecture,
        "width": backbone.width,
        "activation": backbone.net.activation,
        "padding": backbone.net.padding,
        "normalisation": backbone.normalisation,
        "resolution": resolution,
        "contract": CONTRACT,
        "runtime": runtime,
        "dtype": dtype,
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()
