import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.backbones.efficientnet_lite0 import efficientnet_lite0
from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import Backbone, forward
from imagetagger.backbones.weights import KERAS
from imagetagger.convert import quantize
from imagetagger.training import trunk
from imagetagger.training.tail import apply_tail, last_blocks, list_blocks
from imagetagger.training.trunk import apply_trunk, start_trunk, trunk_shape
from tests.helpers.training import assert_trees_close, random_params

SIZE = 40
PICTURES = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


def backbone(net=None) -> Backbone:
    net = net or mobilenet_v2(0.35)
    names = ("stem", *(block.name for block in list_blocks(net)), "head")
    return Backbone("mobilenet_v2", 0.35, net, random_params(net, names), KERAS.normalisation, "random", None)


@pytest.mark.parametrize(
    ("net", "blocks"),
    [(mobilenet_v2(0.35), 4), (efficientnet_lite0(padding="symmetric", activation="relu"), 2)],
)
def test_trunk_and_tail_are_the_network(net, blocks):
    whole, tail = backbone(net), last_blocks(net, blocks)

    @jax.jit
    def both(images):
        return apply_tail(tail, whole.params, apply_trunk(whole, tail, images)), forward(whole, images)

    got, expected = both(PICTURES)
    assert float(jnp.abs(expected).max()) > 0.01
    assert_trees_close(got, expected, 1e-5)


def test_a_tail_of_all_blocks_leaves_the_stem_to_the_trunk():
    whole = backbone()
    tail = last_blocks(whole.net, len(list_blocks(whole.net)))
    assert trunk_shape(whole, tail, SIZE) == (20, 20, whole.net.stem)


def test_litert_computes_the_activations_of_every_view_and_is_converted_once(tmp_path, monkeypatch):
    whole = backbone()
    tail = last_blocks(whole.net, 3)
    shape = trunk_shape(whole, tail, SIZE)
    assert shape == (2, 2, 56)
    runtime = start_trunk(whole, tail, SIZE, tmp_path, workers=2)
    (computed,) = runtime.run(lambda i: PICTURES, [0])
    assert computed.shape == (3, 2 * 2 * 56)
    expected = np.asarray(jax.jit(lambda images: apply_trunk(whole, tail, images))(PICTURES))
    assert_trees_close(computed.reshape(3, *shape), expected, 1e-5)
    monkeypatch.setattr(trunk, "to_tflite", None)
    again = start_trunk(whole, tail, SIZE, tmp_path, workers=1)
    assert again.space == runtime.space
    half = whole._replace(net=whole.net.clone(dtype=jnp.bfloat16))  # what trains in bfloat16 has the same trunk
    assert start_trunk(half, last_blocks(half.net, 3), SIZE, tmp_path, workers=1).space == runtime.space
    changed = whole._replace(params={**whole.params, "block_16": whole.params["block_15"]})
    assert start_trunk(changed, tail, SIZE, tmp_path, workers=1).space == runtime.space


def other_weights(whole: Backbone) -> Backbone:
    return whole._replace(params={**whole.params, "stem": jax.tree.map(lambda p: 2 * p, whole.params["stem"])})


def other_padding(whole: Backbone) -> Backbone:
    return whole._replace(net=whole.net.clone(padding="symmetric"))


def other_strides(whole: Backbone) -> Backbone:
    stages = [stage._replace(stride=1) for stage in whole.net.stages]
    return whole._replace(net=whole.net.clone(stages=tuple(stages)))


@pytest.mark.parametrize("change", [other_weights, other_padding, other_strides])
def test_another_network_has_another_model(tmp_path, monkeypatch, change):
    names = []

    def stop(folder, name, suffix):
        names.append(name)
        raise InterruptedError

    monkeypatch.setattr(quantize, "find_checked", stop)
    for whole in (backbone(), backbone(), change(backbone())):
        with pytest.raises(InterruptedError):
            start_trunk(whole, last_blocks(whole.net, 3), SIZE, tmp_path)
    assert names[0] == names[1] != names[2]
