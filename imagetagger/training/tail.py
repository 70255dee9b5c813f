"""The last blocks of a network as matrix products: what fine-tuning differentiates on a CPU.

XLA's convolutions, and their gradients above all, are slow on CPUs. The same numbers come from matrix products (1x1
convolutions) and from sums of shifted products (depthwise ones), many times faster. Parameters are those of the Flax
module, so that what is trained is what is converted.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from imagetagger.backbones.inverted_residual import ACTIVATIONS, InvertedResidualNet, Padding


class Block(NamedTuple):
    """One inverted residual block: its name among the parameters, and its shape."""

    name: str
    expansion: int
    features: int
    stride: int
    kernel: int


class Tail(NamedTuple):
    """The last blocks of a network and its head, static.

    Attributes:
        blocks: those that are trained, in forward order.
        net: the network.
    """

    blocks: tuple[Block, ...]
    net: InvertedResidualNet


def list_blocks(net: InvertedResidualNet) -> tuple[Block, ...]:
    """Return the blocks of a network in forward order."""
    shapes = [(stage, repeat) for stage in net.stages for repeat in range(stage.repeats)]
    return tuple(
        Block(f"block_{i}", stage.expansion, stage.channels, stage.stride if repeat == 0 else 1, stage.kernel)
        for i, (stage, repeat) in enumerate(shapes)
    )


def last_blocks(net: InvertedResidualNet, count: int) -> Tail:
    """Return the last `count` blocks of a network, and its head.

    Raises:
        ValueError: the network has fewer blocks.
    """
    blocks = list_blocks(net)
    if not 1 <= count <= len(blocks):
        raise ValueError(f"got blocks={count}, expected 1 to {len(blocks)}, or all")
    return Tail(blocks[-count:], net)


def apply_tail(tail: Tail, params: dict[str, Any], x: jax.Array) -> jax.Array:
    """Return the embeddings, float32 (N, D), of activations (N, H, W, C) before the tail.

    Args:
        tail: which blocks.
        params: of these blocks and the head, as in `Backbone.params`.
        x: activations.
    """
    net = tail.net
    activation, dtype = ACTIVATIONS[net.activation], net.dtype
    x = x.astype(dtype)
    for block in tail.blocks:
        weights = params[block.name]
        y = activation(_pointwise(weights["expand"], x)) if block.expansion > 1 else x
        y = activation(_depthwise(weights["depthwise"], y, block.stride, net.padding))
        y = _pointwise(weights["project"], y)
        x = x + y if block.stride == 1 and y.shape == x.shape else y
    x = activation(_pointwise(params["head"], x))
    return x.astype(jnp.float32).mean(axis=(1, 2))


def _pointwise(unit: dict[str, Any], x: jax.Array) -> jax.Array:
    kernel, bias = (unit["conv"][name].astype(x.dtype) for name in ("kernel", "bias"))
    return (x.reshape(-1, x.shape[-1]) @ kernel[0, 0] + bias).reshape(*x.shape[:-1], kernel.shape[-1])


def _depthwise(unit: dict[str, Any], x: jax.Array, stride: int, padding: Padding) -> jax.Array:
    kernel, bias = (unit["conv"][name].astype(x.dtype) for name in ("kernel", "bias"))
    size = kernel.shape[0]
    heights, widths = (_margins(length, size, stride, padding) for length in x.shape[1:3])
    out_h, out_w = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    x = jnp.pad(x, ((0, 0), heights, widths, (0, 0)))
    rows, columns = stride * (out_h - 1) + 1, stride * (out_w - 1) + 1
    products = (
        x[:, i : i + rows : stride, j : j + columns : stride] * kernel[i, j, 0]
        for i in range(size)
        for j in range(size)
    )
    return sum(products, start=bias)


def _margins(length: int, size: int, stride: int, padding: Padding) -> tuple[int, int]:
    """Return the zeros before and after: as TensorFlow's SAME, or the same number on both sides."""
    if padding == "symmetric":
        return ((size - 1) // 2,) * 2
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
