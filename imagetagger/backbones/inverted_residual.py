"""The convolutional network of MobileNetV2 and EfficientNet-Lite0: inverted residual blocks, then a global pool.

Batch normalisation is folded into the convolutions when weights are loaded (`weight_layouts.fold_batch_norm`): the
backbones are frozen, so each layer is one convolution with a bias.
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

Activation = Literal["relu6", "relu"]
Padding = Literal["same", "symmetric"]

ACTIVATIONS = {"relu6": nn.relu6, "relu": nn.relu}


class Stage(NamedTuple):
    """One row of the architecture's table: `repeats` blocks, the first of them with the stride."""

    expansion: int
    channels: int
    repeats: int
    stride: int
    kernel: int = 3


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round a channel count to a multiple of `divisor`, losing at most 10 %.

    Source: the `round` rule of the MobileNet reference implementations (Sandler et al. 2018, arXiv 1801.04381).

    >>> make_divisible(32 * 0.35), make_divisible(24 * 0.5), make_divisible(96 * 1.3)
    (16, 16, 128)
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


class ConvUnit(nn.Module):
    """Convolution with bias (batch norm folded in) and an optional activation."""

    features: int
    kernel: int = 1
    stride: int = 1
    depthwise: bool = False
    activation: Activation | None = None
    padding: Padding = "same"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (N, H, W, C) to (N, H / stride, W / stride, features)."""
        margin = (self.kernel - 1) // 2
        x = nn.Conv(
            self.features,
            (self.kernel, self.kernel),
            strides=self.stride,
            padding="SAME" if self.padding == "same" else [(margin, margin)] * 2,
            feature_group_count=x.shape[-1] if self.depthwise else 1,
            dtype=self.dtype,
            name="conv",
        )(x)
        return ACTIVATIONS[self.activation](x) if self.activation else x


class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter depthwise, project linearly; add the input if shapes allow.

    Source: Sandler et al. 2018, section 3.3.
    """

    features: int
    expansion: int
    stride: int
    kernel: int
    activation: Activation
    padding: Padding
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Map (N, H, W, C) to (N, H / stride, W / stride, features)."""
        shared: dict[str, Any] = {"padding": self.padding, "dtype": self.dtype}
        hidden = x.shape[-1] * self.expansion
        y = x
        if self.expansion > 1:
            y = ConvUnit(hidden, activation=self.activation, name="expand", **shared)(y)
        y = ConvUnit(
            hidden, self.kernel, self.stride, depthwise=True, activation=self.activation, name="depthwise", **shared
        )(y)
        y = ConvUnit(self.features, name="project", **shared)(y)
        return x + y if self.stride == 1 and y.shape == x.shape else y


class InvertedResidualNet(nn.Module):
    """Stem, stages of inverted residual blocks, head, global average pool.

    Maps normalised images (N, H, W, 3) to embeddings (N, head), in float32 whatever the `dtype` of the computation.
    """

    stages: tuple[Stage, ...]
    stem: int
    head: int
    activation: Activation = "relu6"
    padding: Padding = "same"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Map normalised images (N, H, W, 3) to embeddings (N, head)."""
        shared: dict[str, Any] = {"activation": self.activation, "padding": self.padding, "dtype": self.dtype}
        x = ConvUnit(self.stem, kernel=3, stride=2, name="stem", **shared)(images.astype(self.dtype))
        blocks = [(stage, repeat) for stage in self.stages for repeat in range(stage.repeats)]
        for index, (stage, repeat) in enumerate(blocks):
            stride = stage.stride if repeat == 0 else 1
            name = f"block_{index}"
            x = InvertedResidual(stage.channels, stage.expansion, stride, stage.kernel, name=name, **shared)(x)
        x = ConvUnit(self.head, name="head", **shared)(x)
        return x.astype(jnp.float32).mean(axis=(1, 2))


def unit_names(net: InvertedResidualNet) -> list[str]:
    """Return the names of the net's convolutions in forward order: stem, block_0/depthwise, ..., head."""
    expansions = [stage.expansion for stage in net.stages for _ in range(stage.repeats)]
    units = (["expand", "depthwise", "project"] if e > 1 else ["depthwise", "project"] for e in expansions)
    return ["stem", *(f"block_{i}/{unit}" for i, names in enumerate(units) for unit in names), "head"]
