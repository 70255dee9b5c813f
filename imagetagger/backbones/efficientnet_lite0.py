"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, with ReLU6 and a fixed stem and head.

Source: Tan and Le 2019 (arXiv 1905.11946), table 1; `lite` variant of the authors' tensorflow/tpu repository.
"""

from typing import Any

import jax.numpy as jnp

from imagetagger.backbones.inverted_residual import Activation, InvertedResidualNet, Padding, Stage

STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)


def efficientnet_lite0(
    activation: Activation = "relu6", padding: Padding = "same", dtype: Any = jnp.float32
) -> InvertedResidualNet:
    """EfficientNet-Lite0 without classifier: images (N, H, W, 3) to embeddings (N, 1280)."""
    return InvertedResidualNet(STAGES, stem=32, head=1280, activation=activation, padding=padding, dtype=dtype)
