"""The last blocks of a network as matrix products: what fine-tuning differentiates on a CPU.

XLA's convolutions, and their gradients above all, are slow on CPUs. The same numbers come from matrix products (1x1
convolutions) and from sums of shifted products (depthwise ones), many times faster. Parameters are those of the Flax
module, so that what is trained is what is converted.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from imagetagger.backbones.inverted_residual import ACTIVATIONS, InvertedResidualNet, Padding

MAX_PRODUCTS = 256
"""Products that the loop of a kernel's gradient writes out; more of them compile slowly."""

MAX_BAND_KERNEL = 3
"""Side of the largest kernel whose gradient is written out by bands of rows."""


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
    height, width = (_margin(length, len(kernel), stride, padding) for length in x.shape[1:3])
    return _filter(x, kernel[:, :, 0], stride, (height, width)) + bias


def _margin(length: int, size: int, stride: int, padding: Padding) -> int:
    """Return the zeros before: as TensorFlow's SAME, or the same number on both sides."""
    if padding == "symmetric":
        return (size - 1) // 2
    return max((-(-length // stride) - 1) * stride + size - length, 0) // 2


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _filter(x: jax.Array, kernel: jax.Array, stride: int, margins: tuple[int, int]) -> jax.Array:
    """Filter each channel of (N, H, W, C) by a kernel (K, K, C), with so many zeros before the first row and column."""
    return _shifted_products(x, kernel, stride, margins)


def _filter_forward(x: jax.Array, kernel: jax.Array, stride: int, margins: tuple[int, int]) -> tuple[jax.Array, Any]:
    return _shifted_products(x, kernel, stride, margins), (x, kernel)


def _filter_backward(
    stride: int, margins: tuple[int, int], saved: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    (of_x,) = jax.linear_transpose(lambda x: _shifted_products(x, kernel, stride, margins), x)(gradient)
    return of_x, _kernel_gradient(x, gradient, len(kernel), stride, margins).astype(kernel.dtype)


_filter.defvjp(_filter_forward, _filter_backward)


def _shifted_products(x: jax.Array, kernel: jax.Array, stride: int, margins: tuple[int, int]) -> jax.Array:
    size = len(kernel)
    last = [stride * (-(-length // stride) - 1) for length in x.shape[1:3]]

    def shift(*taps: int) -> jax.Array:
        before = [margin - tap for margin, tap in zip(margins, taps, strict=True)]
        after = [end + 1 - length - b for end, length, b in zip(last, x.shape[1:3], before, strict=True)]
        return _pad(x, *zip(before, after, strict=True))[:, ::stride, ::stride]

    return sum((shift(i, j) * kernel[i, j] for i in range(size) for j in range(size)), start=jnp.zeros((), x.dtype))


def _kernel_gradient(x: jax.Array, gradient: jax.Array, size: int, stride: int, margins: tuple[int, int]) -> jax.Array:
    """Return the gradient of a kernel, float32 (K, K, C), from that of the filtered rows.

    XLA sums over positions slowly, as it strides through memory for each channel. For small kernels the positions of a
    few rows are written out as a sum of vectors of C, and a loop goes over such bands. For large ones these bands are
    narrow, and a loop over whole pictures takes less time.
    """
    height, width = gradient.shape[1:3]
    rows = height
    if size <= MAX_BAND_KERNEL:
        bands = -(-height // max(1, MAX_PRODUCTS // (size * size * width)))
        rows = -(-height // bands)  # of the gradient in a band
    bands = -(-height // rows)
    after = [stride * (n - 1) + size - x.shape[i] - margins[i - 1] for n, i in ((bands * rows, 1), (width, 2))]
    x = _pad(x, (margins[0], after[0]), (margins[1], after[1]))
    gradient = _pad(gradient, (0, bands * rows - height), (0, 0))
    read = stride * (rows - 1) + size  # rows of x that a band needs
    starts = range(0, stride * bands * rows, stride * rows)
    windows = jnp.stack([x[:, start : start + read] for start in starts], 1)

    def add(total: jax.Array, band: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        x, gradient = (array.astype(jnp.float32) for array in band)
        taps = [(i, j) for i in range(size) for j in range(size)]
        if size <= MAX_BAND_KERNEL:
            positions = [(p, q) for p in range(rows) for q in range(width)]
            sums = [sum(x[stride * p + i, stride * q + j] * gradient[p, q] for p, q in positions) for i, j in taps]
        else:
            below, right = stride * (rows - 1) + 1, stride * (width - 1) + 1
            sums = [(x[i : i + below : stride, j : j + right : stride] * gradient).sum((0, 1)) for i, j in taps]
        return total + jnp.stack(sums), None

    pairs = (windows.reshape(-1, *windows.shape[2:]), gradient.reshape(-1, rows, *gradient.shape[2:]))
    total, _ = jax.lax.scan(add, jnp.zeros((size * size, x.shape[-1])), pairs)
    return total.reshape(size, size, -1)


def _pad(x: jax.Array, rows: tuple[int, int], columns: tuple[int, int]) -> jax.Array:
    """Add rows and columns of zeros before and after; a negative number takes some away."""
    return jax.lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (*rows, 0), (*columns, 0), (0, 0, 0)))
