"""Trainings of a network so small that its step compiles in a second."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.inverted_residual import InvertedResidualNet
from imagetagger.backbones.model import param_shapes
from imagetagger.config.schema import TrainingConfig
from imagetagger.training.activations import ActivationRows
from imagetagger.training.objective import LinearHead
from imagetagger.training.state import Network, Params
from imagetagger.training.train import LabelledRows

TAGS, CHANNELS, FEATURES = 3, 4, 8

PLAIN = TrainingConfig(
    blocks="2",
    gate="always",
    epochs=3,
    batch_size=8,
    accumulate=1,
    optimizer="adamw",
    learning_rate=0.01,
    head_rate=1.0,
    layer_decay=1.0,
    warmup_epochs=0.0,
    weight_decay=0.0,
    clip_norm=None,
    ema_decay=0.0,
    label_smoothing=0.0,
    dropout=0.0,
    mixup=0.0,
    cutmix=0.0,
    crops=0,
    gaussian_weight=0.0,
    teacher=None,
    distillation_weight=0.0,
    patience=None,
    dtype="float32",
)
"""Nothing but AdamW."""

RICH: dict[str, Any] = {
    "warmup_epochs": 0.5,
    "layer_decay": 0.7,
    "weight_decay": 0.02,
    "clip_norm": 1.0,
    "ema_decay": 0.9,
    "label_smoothing": 0.1,
    "dropout": 0.2,
    "mixup": 0.2,
    "cutmix": 1.0,
}
"""Whatever is random or has a state."""


def recipe(**settings: Any) -> TrainingConfig:
    return dataclasses.replace(PLAIN, **settings)


def tiny_network() -> Network:
    """Two dense layers on pooled rows (N, H, W, 4)."""

    def embed(params: dict[str, Any], rows: jax.Array) -> jax.Array:
        x = rows.astype(jnp.float32).mean((1, 2))
        x = jax.nn.relu(x @ params["first"]["kernel"] + params["first"]["bias"])
        return jax.nn.relu(x @ params["head"]["kernel"] + params["head"]["bias"])

    return Network(("first", "head"), embed)


def tiny_params(seed: int = 0, tags: int = TAGS) -> Params:
    rng = np.random.default_rng(seed)

    def dense(inputs: int, outputs: int) -> dict[str, np.ndarray]:
        kernel = rng.normal(size=(inputs, outputs)) * (2 / inputs) ** 0.5
        return {"kernel": kernel.astype(np.float32), "bias": np.full(outputs, 0.1, np.float32)}

    head = LinearHead(jnp.zeros((FEATURES, tags)), jnp.zeros(tags))
    return Params({"first": dense(CHANNELS, FEATURES), "head": dense(FEATURES, FEATURES)}, head)


def make_rows(array: np.ndarray, shards: int = 1) -> ActivationRows:
    """Rows of an array (N, V, ...) in memory."""
    parts = np.array_split(np.arange(len(array)), shards)
    location = [[shard, place] for shard, part in enumerate(parts) for place in range(len(part))]
    return ActivationRows(tuple(array[part] for part in parts), np.array(location), np.arange(len(array)), ())


def tiny_pictures(count: int = 80, seed: int = 0, noise: float = 0.5, tags: int = TAGS) -> LabelledRows:
    """Rows (N, 2, 3, 3, 4) around a centre for each tag, which is the same for all seeds."""
    centres = np.random.default_rng(99).normal(size=(tags, 1, 1, 1, CHANNELS))
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % tags
    rows = centres[labels] + noise * rng.normal(size=(count, 2, 3, 3, CHANNELS))
    return LabelledRows(make_rows(rows.astype(np.float16), shards=2), labels[:, None])


def random_params(net: InvertedResidualNet, names: tuple[str, ...], seed: int = 0) -> dict[str, Any]:
    """Parameters of some parts of a network that keep the scale of activations; biases are not zero."""
    rng = np.random.default_rng(seed)

    def draw(shape: jax.ShapeDtypeStruct) -> np.ndarray:
        scale = 0.1 if len(shape.shape) == 1 else (2 / np.prod(shape.shape[:3])) ** 0.5
        return (scale * rng.normal(size=shape.shape)).astype(np.float32)

    shapes = param_shapes(net)
    return {name: jax.tree.map(draw, shapes[name]) for name in names}


def assert_trees_equal(got: Any, expected: Any) -> None:
    """Bit by bit."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def assert_trees_close(got: Any, expected: Any, tolerance: float) -> None:
    """Each array to a share of its greatest magnitude."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(float(np.abs(b).max()), 1e-30))
