"""Which reference statistics and which head a run uses, on the installed ones."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from imagetagger.backbones.model import Backbone
from imagetagger.backbones.weights import read_head
from imagetagger.classifier.head import fit_head_space
from imagetagger.classifier.reference import read_reference, read_references
from imagetagger.embedding.probe import probe_cosine
from imagetagger.embedding.runtime import Runtime
from imagetagger.experiment.reference_stages import find_head, find_reference, small_data_sets
from imagetagger.preprocess import BadImageError
from tests.helpers.gaussian_world import FEATURES, world_reference
from tests.helpers.made import NO_BACKBONE

ENTRY = read_references()[0]


def backbone(sha256=ENTRY.weights_sha256, **conventions) -> Backbone:
    net = SimpleNamespace(**{"padding": ENTRY.padding, "activation": ENTRY.activation} | conventions)
    return NO_BACKBONE._replace(architecture=ENTRY.architecture, width=ENTRY.width, net=net, weights_sha256=sha256)


def runtime(embeddings=None) -> Runtime:
    def run(load, rows):
        assert embeddings is not None, "the digest decides: nothing is embedded"
        assert not any(isinstance(load(i), BadImageError) for i in rows)
        yield from embeddings

    return Runtime("made", "0" * 64, run, float, None)


def find(used: Backbone, model: Runtime, data="folder", **changes):
    options = {"reference": "auto", "transform": "whitened", "resolution": ENTRY.resolution} | changes
    return find_reference(used, model, data=data, **options)


def test_the_digest_of_the_weights_finds_the_reference():
    assert find(backbone(), runtime()).sha256 == ENTRY.sha256


@pytest.mark.parametrize(
    ("used", "changes"),
    [
        (backbone(), {"reference": "none"}),
        (backbone(), {"resolution": 160}),
        (backbone(padding="another"), {}),
        (backbone(None), {}),
        (backbone(), {"data": ENTRY.data.split(",")[0]}),
    ],
)
def test_other_networks_random_weights_and_the_reference_s_own_pictures_have_none(used, changes):
    assert find(used, runtime(), **changes) is None


def test_weights_in_another_file_are_recognised_by_what_they_embed():
    probe = read_reference(ENTRY).probe
    rng = np.random.default_rng(0)
    nearly = probe + 0.05 * probe.std() * rng.normal(size=probe.shape)
    assert find(backbone("f" * 64), runtime(nearly.astype(np.float32))).sha256 == ENTRY.sha256
    others = rng.permutation(probe.T).T
    assert probe_cosine(others, probe) < 0.5
    assert find(backbone("f" * 64), runtime(others)) is None


def test_a_reference_needs_the_whitened_transform():
    with pytest.raises(ValueError, match="got reference=auto with transform=none, expected reference=none"):
        find(backbone(), runtime(), transform="none")


def test_small_data_sets_take_as_many_pictures_of_each_tag():
    labels = np.repeat(np.arange(20), 40)[:, None]
    for rows, small, tags in small_data_sets(labels, 0):
        assert len(set(rows.tolist())) == len(rows)
        assert len(np.unique(labels[rows])) == tags
        for tag in range(tags):
            assert len(np.unique(labels[rows[small == tag]])) == 1


def weights_with_a_head(folder) -> Path:
    """A file of nothing but a classifier of three classes, as torchvision names it."""
    rng = np.random.default_rng(0)
    tensors = {"classifier.1.weight": rng.normal(size=(3, FEATURES)), "classifier.1.bias": rng.normal(size=3)}
    save_file({name: tensor.astype(np.float32) for name, tensor in tensors.items()}, folder / "head.safetensors")
    return folder / "head.safetensors"


def test_the_head_of_the_weights_is_whitened_by_the_reference(tmp_path):
    used = backbone()._replace(weights=str(weights_with_a_head(tmp_path)))
    head = read_head(Path(used.weights))
    for dimensions, shape in ((2, (FEATURES, 2)), (None, (FEATURES, FEATURES))):
        found = find_head(used, world_reference(), dimensions=dimensions)
        assert found.weights.shape == shape
        for got, value in zip(found, fit_head_space(*head, world_reference(), dimensions), strict=True):
            np.testing.assert_array_equal(got, value)


def test_weights_without_a_head_cannot_make_one(tmp_path):
    save_file({"features.0.weight": np.zeros((1, 1), np.float32)}, tmp_path / "bare.safetensors")
    for weights, digest in ((str(tmp_path / "bare.safetensors"), ENTRY.weights_sha256), ("random", None)):
        used = backbone(digest)._replace(weights=weights)
        with pytest.raises(ValueError, match=r"got source=head with weights=(bare\.safetensors|random), which hold no"):
            find_head(used, world_reference(), dimensions=2)


def test_a_head_needs_the_reference_statistics_of_its_network(tmp_path):
    used = backbone()._replace(weights=str(weights_with_a_head(tmp_path)))
    with pytest.raises(ValueError, match="have no reference statistics: expected reference=auto"):
        find_head(used, None, dimensions=2)
