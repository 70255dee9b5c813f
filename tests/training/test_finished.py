import hashlib

import numpy as np
import pytest

from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.weights import read_weights
from imagetagger.training.finished import read_finished, write_finished
from imagetagger.training.train import Epoch, Trained

KEY = "0" * 32
EPOCHS = (Epoch(1, 2.0, 0.5, 1.5, 0.6, 1e-3, 3.0, 100.0), Epoch(2, 1.0, 0.75, np.nan, np.nan, 1e-4, 3.0, 100.0))


@pytest.fixture
def backbone(tmp_path):
    return load_backbone("mobilenet_v2", width=0.35, resolution=64, weights="random", cache=tmp_path)


@pytest.fixture
def tuned(tmp_path):
    return load_backbone("mobilenet_v2", width=0.35, resolution=64, weights="random", cache=tmp_path, seed=1)


def test_a_finished_training_is_read_as_it_was_written(tmp_path, backbone, tuned):
    written = write_finished(tmp_path, KEY, tuned, Trained(None, EPOCHS, 2, "enough"), {"parent": "x"})
    read = read_finished(tmp_path, KEY, backbone)
    assert (read.weights, read.best_epoch, read.stopped) == (written.weights, 2, "enough")
    assert repr(read.epochs) == repr(written.epochs) == repr(EPOCHS)
    assert read.backbone.weights_sha256 == hashlib.sha256(read.weights).hexdigest()
    units, _ = read_weights(tmp_path / read.backbone.weights)
    kernels = read.backbone.params["head"]["conv"]["kernel"], tuned.params["head"]["conv"]["kernel"]
    assert np.array_equal(*kernels)
    assert np.array_equal(units[-1][0], kernels[0])


def test_a_damaged_one_is_trained_again(tmp_path, backbone, tuned, caplog):
    write_finished(tmp_path, KEY, tuned, Trained(None, EPOCHS, 2, None), {})
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert read_finished(tmp_path, KEY, backbone) is None
    assert "is damaged" in caplog.text
    assert read_finished(tmp_path, "1" * 32, backbone) is None


def test_a_pruned_one_is_not_kept(tmp_path, backbone, tuned):
    pruned = write_finished(tmp_path, KEY, tuned, Trained(None, EPOCHS, 2, "pruned", is_pruned=True), {})
    assert pruned.weights
    assert read_finished(tmp_path, KEY, backbone) is None
