from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.backbones.efficientnet_lite0 import efficientnet_lite0
from imagetagger.backbones.inverted_residual import ConvUnit, InvertedResidual, InvertedResidualNet, Stage
from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.training.tail import Tail, apply_tail, last_blocks, list_blocks
from tests.helpers.training import assert_trees_close, random_params

VALUES, GRADIENTS = 1e-5, 1e-4
"""Rounding of float32 sums, relative to the greatest magnitude of an array."""

STAGES = (Stage(1, 8, 1, 1), Stage(6, 12, 2, 2, 5), Stage(6, 12, 2, 2))
SMALL = InvertedResidualNet(STAGES, stem=8, head=24)


def flax_tail(tail: Tail, params: dict[str, Any], x: jax.Array) -> jax.Array:
    """What the Flax network does from here on."""
    net = tail.net
    shared = {"activation": net.activation, "padding": net.padding, "dtype": net.dtype}
    for block in tail.blocks:
        module = InvertedResidual(block.features, block.expansion, block.stride, block.kernel, **shared)
        x = module.apply({"params": params[block.name]}, x)
    x = ConvUnit(net.head, **shared).apply({"params": params["head"]}, x)
    return x.astype(jnp.float32).mean(axis=(1, 2))


def setting(net: InvertedResidualNet, blocks: int, size: tuple[int, int]) -> tuple[Tail, dict[str, Any], jax.Array]:
    tail = last_blocks(net, blocks)
    params = random_params(net, (*(block.name for block in tail.blocks), "head"))
    first = params[tail.blocks[0].name]
    channels = first["expand"]["conv"]["kernel"].shape[2] if "expand" in first else net.stem
    x = np.random.default_rng(1).normal(size=(2, *size, channels)).astype(np.float32)
    return tail, jax.tree.map(jnp.asarray, params), jnp.asarray(x)


def compare(net: InvertedResidualNet, blocks: int, size: tuple[int, int]) -> None:
    tail, params, x = setting(net, blocks, size)
    weights = np.random.default_rng(2).normal(size=net.head).astype(np.float32)

    def measured(function):
        def loss(params, x):
            embeddings = function(tail, params, x)
            return (embeddings * weights).sum(), embeddings

        return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(params, x)

    got, expected = measured(apply_tail), measured(flax_tail)
    assert np.abs(expected[1]).max() > 0.01
    assert_trees_close(got[1], expected[1], VALUES)
    assert_trees_close(got[0], expected[0], GRADIENTS)


@pytest.mark.parametrize(
    ("padding", "activation", "blocks", "size"),
    [
        ("same", "relu6", 1, (3, 3)),
        ("same", "relu", 2, (5, 5)),
        ("symmetric", "relu6", 2, (1, 2)),
        ("same", "relu6", 4, (8, 7)),
        ("symmetric", "relu", 5, (6, 9)),  # the first block does not expand
    ],
)
def test_values_and_gradients_are_those_of_the_flax_network(padding, activation, blocks, size):
    compare(SMALL.clone(padding=padding, activation=activation), blocks, size)


@pytest.mark.parametrize(
    ("net", "blocks", "size"),
    [
        (mobilenet_v2(0.35), 4, (6, 6)),
        (mobilenet_v2(1.0, padding="symmetric"), 2, (3, 5)),
        (efficientnet_lite0(), 2, (5, 5)),
    ],
)
def test_values_and_gradients_of_the_real_networks(net, blocks, size):
    compare(net, blocks, size)


def test_bfloat16_computes_in_bfloat16_and_stays_near():
    tail, params, x = setting(SMALL, 3, (6, 6))
    half, rows = tail._replace(net=tail.net.clone(dtype=jnp.bfloat16)), x.astype(jnp.float16)
    got, expected = (jax.jit(partial(apply_tail, t))(params, rows) for t in (half, tail))
    assert got.dtype == jnp.float32
    difference = float(jnp.abs(got - expected).max() / jnp.abs(expected).max())
    assert 1e-5 < difference < 0.05  # 8 bits of mantissa, a few layers
    gradient = jax.eval_shape(jax.grad(lambda params: apply_tail(half, params, rows).sum()), params)
    assert {leaf.dtype for leaf in jax.tree.leaves(gradient)} == {np.dtype("float32")}


def test_blocks_are_listed_as_the_network_has_them():
    blocks = list_blocks(efficientnet_lite0())
    assert len(blocks) == 16
    assert blocks[0] == ("block_0", 1, 16, 1, 3)
    assert [block.stride for block in blocks] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    assert [block.kernel for block in blocks[11:]] == [5, 5, 5, 5, 3]
    assert last_blocks(efficientnet_lite0(), 16).blocks == blocks


@pytest.mark.parametrize("count", [0, -1, 17])
def test_an_impossible_number_of_blocks_is_refused(count):
    with pytest.raises(ValueError, match=f"got blocks={count}, expected 1 to 16, or all"):
        last_blocks(efficientnet_lite0(), count)
