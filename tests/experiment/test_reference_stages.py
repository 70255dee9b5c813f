"""Which reference statistics a run uses, on the installed ones."""

from types import SimpleNamespace

import numpy as np
import pytest

from imagetagger.backbones.model import Backbone
from imagetagger.classifier.reference import read_reference, read_references
from imagetagger.embedding.runtime import Runtime
from imagetagger.experiment.reference_stages import find_reference, probe_cosine, small_data_sets
from imagetagger.preprocess import BadImageError
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
