"""MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, table 2)."""

from typing import Any

import jax.numpy as jnp

from imagetagger.backbones.inverted_residual import Activation, InvertedResidualNet, Padding, Stage, make_divisible

STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


def mobilenet_v2(
    width: float = 1.0,
    activation: Activation = "relu6",
    padding: Padding = "same",
    dtype: Any = jnp.float32,
) -> InvertedResidualNet:
    """MobileNetV2 without classifier, of any width multiplier, for images of any size.

    Widths below 1 keep the head's 1280 channels; wider nets widen it too (paper, section 5).

    Args:
        width: the multiplier alpha on every layer's channels.
        activation: `relu6` in the paper, `relu` in torchvision's quantised variant.
        padding: `same` as TensorFlow pads, `symmetric` as PyTorch does.
        dtype: of the convolutions; parameters stay float32.
    """
    return InvertedResidualNet(
        stages=tuple(stage._replace(channels=make_divisible(stage.channels * width)) for stage in STAGES),
        stem=make_divisible(32 * width),
        head=make_divisible(1280 * max(1.0, width)),
        activation=activation,
        padding=padding,
        dtype=dtype,
    )
