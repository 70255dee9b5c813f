import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.backbones.inverted_residual import InvertedResidualNet, Stage
from imagetagger.backbones.model import Backbone, forward
from imagetagger.backbones.weights import KERAS
from imagetagger.training import networks
from imagetagger.training.heads import fit_linear_head
from imagetagger.training.measure import embed_rows
from imagetagger.training.networks import (
    augment_pixels,
    replace_params,
    tail_network,
    trained_params,
    whole_network,
)
from imagetagger.training.state import Params
from imagetagger.training.tail import last_blocks, list_blocks
from imagetagger.training.train import LabelledRows, train
from imagetagger.training.trunk import apply_trunk
from tests.helpers.training import assert_trees_close, assert_trees_equal, make_rows, random_params, recipe

SIZE = 16
NET = InvertedResidualNet((Stage(1, 8, 1, 1), Stage(2, 8, 2, 2)), stem=8, head=16)


def backbone() -> Backbone:
    names = ("stem", *(block.name for block in list_blocks(NET)), "head")
    return Backbone("mobilenet_v2", 1.0, NET, random_params(NET, names), KERAS.normalisation, "random", None)


def pictures(count: int = 48) -> LabelledRows:
    """Noise in three colours."""
    labels = np.arange(count, dtype=np.int32) % 3
    noise = np.random.default_rng(0).normal(0, 20, (count, 1, SIZE, SIZE, 3))
    pixels = np.array([[150, 90, 90], [90, 150, 90], [90, 90, 150]])[labels][:, None, None, None] + noise
    return LabelledRows(make_rows(pixels.clip(0, 255).astype(np.uint8)), labels[:, None])


def test_the_parts_of_a_network():
    whole, tail = whole_network(backbone(), "float32"), tail_network(backbone(), last_blocks(NET, 2), "float32")
    assert whole.names == ("stem", "block_0", "block_1", "block_2", "head")
    assert tail.names == ("block_1", "block_2", "head")
    assert tail.augment is None
    assert trained_params(backbone(), whole).keys() == backbone().params.keys()
    params = trained_params(backbone(), tail)
    assert tuple(params) == tail.names
    changed = replace_params(backbone(), {"head": params["block_1"]})
    assert changed.params["head"] is params["block_1"]
    assert_trees_equal({**changed.params, "head": None}, {**backbone().params, "head": None})


def test_both_networks_embed_as_the_backbone_does():
    images = pictures(5).rows.shards[0][:, 0]
    expected = forward(backbone(), images)
    whole, tail = whole_network(backbone(), "float32"), tail_network(backbone(), last_blocks(NET, 2), "float32")
    assert_trees_close(whole.embed(backbone().params, images), expected, 1e-5)
    activations = apply_trunk(backbone(), last_blocks(NET, 2), images)
    assert_trees_close(jax.jit(tail.embed)(backbone().params, activations), expected, 1e-5)
    half = whole_network(backbone(), "bfloat16").embed(backbone().params, images)
    assert half.dtype == jnp.float32
    assert 0 < float(jnp.abs(half - expected).max()) < 0.05 * float(expected.max())


def test_a_whole_network_learns_from_pixels_that_are_augmented_on_the_device():
    network, data = whole_network(backbone(), "float32"), pictures()
    before = embed_rows(jax.jit(network.embed), backbone().params, data.rows)
    head = fit_linear_head(before, data.labels, 3)
    head = head._replace(weights=jnp.zeros_like(head.weights), bias=jnp.zeros_like(head.bias))
    settings = recipe(epochs=6, learning_rate=0.02, clip_norm=1.0)
    got = train(network, Params(backbone().params, head), data, settings, 3, seed=0, tuning=data)
    assert got.epochs[-1].tuning_loss < 0.5 * np.log(3)
    assert got.epochs[-1].tuning_top1 > 0.9
    stem = got.params.network["stem"]["conv"]["kernel"]
    assert not np.array_equal(stem, backbone().params["stem"]["conv"]["kernel"])


def ramp(count: int = 400) -> np.ndarray:
    """Pictures that brighten to the right, and downwards in blue."""
    x = np.broadcast_to(20 + 10 * np.arange(SIZE), (SIZE, SIZE))
    return np.broadcast_to(np.stack([x, x, x.T], -1).astype(np.uint8), (count, SIZE, SIZE, 3))


def test_crops_lie_within_the_picture_and_half_are_mirrored():
    got = np.asarray(jax.jit(augment_pixels)(jax.random.key(0), ramp()))
    assert (got.shape, got.dtype) == ((400, SIZE, SIZE, 3), np.float32)
    assert got.min() >= 20 - 1e-3
    assert got.max() <= 170 + 1e-3
    step = np.median(np.diff(got[:, :, :, 0], axis=2), axis=(1, 2))
    assert 150 < (step < 0).sum() < 250  # 200 of 400, 5 standard deviations
    side = np.abs(step) / 10
    assert 0.69 < side.min() < 0.75
    assert 0.95 < side.max() < 1.01
    down = np.median(np.diff(got[:, :, :, 2], axis=1), axis=(1, 2)) / 10
    np.testing.assert_allclose(down, side, atol=0.02)  # squares, never upside down
    top = got[:, 0, 0, 2]
    assert np.ptp(top[side < 0.8]) > 10  # at many places


def test_a_crop_of_all_is_the_picture_or_its_mirror(monkeypatch):
    monkeypatch.setattr(networks, "MIN_CROP_SIDE", 1.0)
    images = pictures(8).rows.shards[0][:, 0]
    got = np.asarray(augment_pixels(jax.random.key(1), images))
    for crop, image in zip(got, images.astype(np.float32), strict=True):
        distance = min(np.abs(crop - image).max(), np.abs(crop - image[:, ::-1]).max())
        assert distance < 1e-2


@pytest.mark.parametrize("seed", [0, 1])
def test_augmentation_follows_from_the_key(seed):
    images, key = ramp(4), jax.random.key(seed)
    np.testing.assert_array_equal(augment_pixels(key, images), augment_pixels(key, images))
    assert not np.array_equal(augment_pixels(key, images), augment_pixels(jax.random.key(9), images))
