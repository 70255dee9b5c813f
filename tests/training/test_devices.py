import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.training.devices import local_placement, placement_of
from imagetagger.training.measure import embed_rows
from imagetagger.training.train import Epoch, Trained, train
from tests.helpers.training import TAGS, assert_trees_close, recipe, tiny_network, tiny_params, tiny_pictures

KEPT = [i for i, name in enumerate(Epoch._fields) if name not in ("seconds", "images_per_second")]


def run(monkeypatch, devices: int, **settings) -> Trained:
    with monkeypatch.context() as patch:
        found = jax.local_devices()[:devices]
        patch.setattr(jax, "local_devices", lambda: found)
        tuning = tiny_pictures(50, seed=1)
        return train(tiny_network(), tiny_params(), tiny_pictures(), recipe(**settings), TAGS, seed=0, tuning=tuning)


def test_two_devices_give_the_curve_of_one(monkeypatch):
    assert len(jax.local_devices()) == 2  # tests/conftest.py
    settings = {"epochs": 2, "ema_decay": 0.9, "clip_norm": 1.0, "dropout": 0.2}
    two, one = (run(monkeypatch, devices, **settings) for devices in (2, 1))
    for got, expected in zip(two.epochs, one.epochs, strict=True):
        np.testing.assert_allclose(np.array(got)[KEPT], np.array(expected)[KEPT], rtol=1e-4)
    assert_trees_close(two.params, one.params, 1e-3)  # Adam divides by the root of small squares


def test_parameters_are_everywhere_and_batches_in_parts():
    placement = local_placement(8)
    assert placement.devices == 2
    params = jax.device_put(tiny_params(), placement.everywhere)
    assert placement_of(params) == placement
    batch = jax.device_put(np.zeros((8, 3)), placement.by_batch)
    assert [shard.data.shape for shard in batch.addressable_shards] == [(4, 3)] * 2
    assert placement_of(tiny_params()) is None
    assert placement_of({"a": jnp.zeros(3)}) is None


@pytest.mark.parametrize(("size", "devices"), [(1, 1), (2, 2), (3, 2)])
def test_no_more_devices_are_used_than_a_batch_has_pictures(size, devices):
    assert local_placement(size).devices == devices


def test_embeddings_are_computed_on_the_devices_of_their_parameters():
    rows, params, network = tiny_pictures(301).rows, tiny_params().network, tiny_network()
    seen = set()

    def embed(params, batch):
        seen.add(len(batch.sharding.device_set))
        return network.embed(params, batch)

    expected = embed_rows(embed, params, rows)
    got = embed_rows(embed, jax.device_put(params, local_placement(8).everywhere), rows)
    assert seen == {1, 2}
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
