"""Bias correction: biases that compensate for rounded weights.

Rounding a kernel to int8 shifts the mean of its output by sum_i (round(w_i) - w_i) E[x_i]. After a ReLU the means E[x]
are far from 0, and the shift drowns steep depthwise filters. Subtracting it from the bias costs nothing at run time
(EfficientNet-Lite0 on drawings: cosine to float32 0.990 instead of 0.954; experiments/int8_steps.py).

Source: Nagel et al. 2019, Data-free quantization through weight equalization and bias correction (arXiv 1906.04721),
section 4.2, with means measured on pictures.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from imagetagger.backbones.inverted_residual import ConvUnit, unit_names
from imagetagger.backbones.model import Backbone, from_params, normalise, to_params

BATCH_PICTURES = 32
"""Pictures that the means are measured on; more pictures hardly change them."""


def correct_biases(backbone: Backbone, pictures: Sequence[np.ndarray]) -> Backbone:
    """Return the backbone with biases corrected for weights rounded to int8, per output channel.

    Args:
        backbone: network and weights.
        pictures: uint8 (S, S, 3), at least one.
    """
    compute = jax.jit(lambda image: input_means(backbone, image))
    means = [compute(picture[None]) for picture in pictures[:BATCH_PICTURES]]
    mean = {name: np.mean([picture_means[name] for picture_means in means], 0) for name in means[0]}
    units = []
    for name, (kernel, bias) in zip(unit_names(backbone.net), from_params(backbone.params, backbone.net), strict=True):
        error = (round_to_int8(kernel) - kernel).sum((0, 1))  # (inputs, outputs); a depthwise kernel has (1, channels)
        shift = error[0] * mean[name] if name.endswith("depthwise") else mean[name] @ error
        units.append((kernel, bias - shift))
    return backbone._replace(params=to_params(units, backbone.net))


def round_to_int8(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel (H, W, I, O) as TFLite stores it: 255 levels around 0, scaled by output channel."""
    step = np.maximum(np.abs(kernel).max((0, 1, 2), keepdims=True), 1e-12) / 127
    return np.round(kernel / step) * step


def input_means(backbone: Backbone, images: jax.Array) -> dict[str, jax.Array]:
    """Return the mean input of each convolution by channel, keyed by the name of the convolution.

    Args:
        backbone: network and weights.
        images: uint8 (N, S, S, 3).
    """
    means: dict[str, jax.Array] = {}

    def record(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        if isinstance(context.module, ConvUnit):
            means["/".join(context.module.path)] = jnp.mean(args[0], (0, 1, 2))
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        backbone.net.apply({"params": backbone.params}, normalise(backbone, images))
    return means
