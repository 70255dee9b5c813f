import runpy
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from imagetagger.backbones.efficientnet_lite0 import efficientnet_lite0
from imagetagger.backbones.inverted_residual import unit_names
from imagetagger.backbones.model import from_params, param_shapes
from imagetagger.backbones.registry import load_backbone
from imagetagger.data.tiny_imagenet import open_archive
from tests.golden import make as golden

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "experiments" / "benchmarks" / "efficientnet_classifier.py"
# Tan and Le, table 1, without the squeeze: (expansion, kernel, channels, stride, blocks); Lite keeps stem and head.
TABLE = [
    (1, 3, 16, 1, 1), (6, 3, 24, 2, 2), (6, 5, 40, 2, 2), (6, 3, 80, 2, 3), (6, 5, 112, 1, 3), (6, 5, 192, 2, 4),
    (6, 3, 320, 1, 1),
]  # fmt: skip
BUILDINGS = {"n03877845": "palace", "n03781244": "monastery", "n04346328": "stupa", "n02825657": "bell cote"}
DAISY = "n11939491"


@pytest.fixture(scope="module")
def classifier(cache):
    module = runpy.run_path(str(SCRIPT))
    return module, *module["make_classifier"](cache)


def tables_kernels() -> list[tuple[int, ...]]:
    kernels, channels = [(3, 3, 3, 32)], 32
    for expansion, kernel, features, _, blocks in TABLE:
        for _ in range(blocks):
            hidden = channels * expansion
            kernels += [(1, 1, channels, hidden)] if expansion > 1 else []
            kernels += [(kernel, kernel, 1, hidden), (1, 1, hidden, features)]
            channels = features
    return [*kernels, (1, 1, channels, 1280)]


def test_the_layers_are_those_of_the_papers_table():
    net = efficientnet_lite0()
    kernels = [kernel.shape for kernel, _ in from_shapes(net)]
    assert kernels == tables_kernels()
    assert len(unit_names(net)) == 49
    assert [stage.stride for stage in net.stages] == [stride for *_, stride, _ in TABLE]


def from_shapes(net):
    return from_params(jax.tree.map(lambda leaf: np.empty(leaf.shape, np.int8), param_shapes(net)), net)


def test_it_has_as_many_parameters_as_published():
    units = from_shapes(efficientnet_lite0())
    kernels, channels = (sum(unit[i].size for unit in units) for i in range(2))
    classifier = 1280 * 1000 + 1000
    assert round((kernels + 2 * channels + classifier) / 1e6, 2) == 4.65  # the authors' table; two per batch norm


def test_its_weights_are_normalised_as_the_authors_did():
    backbone = load_backbone("efficientnet_lite0", width=1.0, resolution=224, weights="imagenet", cache=Path())
    mean, std = (np.array(value) for value in backbone.normalisation)
    np.testing.assert_allclose(
        (np.array([0, 127, 255])[:, None] / 255 - mean) / std, [[-127 / 128] * 3, [0] * 3, [1] * 3]
    )
    assert (backbone.net.padding, backbone.net.activation) == ("same", "relu6")


def test_another_width_is_refused(tmp_path):
    for weights in ("imagenet", "random"):
        with pytest.raises(ValueError, match=r"got width=0\.5"):
            load_backbone("efficientnet_lite0", width=0.5, resolution=224, weights=weights, cache=tmp_path)


def test_embeddings_equal_the_golden_ones(cache):
    expected, got = load_file(golden.PATH), golden.embeddings(cache)
    assert expected.keys() == got.keys() == {"china", "flower", "boat", "mushroom"}
    for name, embedding in got.items():
        np.testing.assert_allclose(embedding, expected[name], rtol=0, atol=2e-3, err_msg=name)


def test_golden_embeddings_of_different_pictures_differ():
    x = np.stack(list(load_file(golden.PATH).values()))
    assert (x.shape, x.dtype) == ((4, 1280), np.float32)
    for i in range(4):
        assert np.abs(x[i] - np.delete(x, i, 0)).max(1).min() > 1


def test_the_classifier_of_the_weights_file_sees_what_is_on_photographs(classifier):
    module, runtime, rank = classifier
    images, wnids = module["photographs"](), module["imagenet_wnids"]()
    assert len(set(wnids)) == 1000
    assert wnids == sorted(wnids)
    ranked = rank(module["embed_all"](runtime, list(images.values())))
    labels = {name: [wnids[i] for i in row[:5]] for name, row in zip(images, ranked, strict=True)}
    assert len(BUILDINGS.keys() & set(labels["china.jpg"])) >= 2
    assert labels["china.jpg"][0] in BUILDINGS
    assert labels["flower.jpg"][0] == DAISY


@pytest.mark.slow
def test_the_classifier_of_the_weights_file_knows_real_pictures(classifier, real_zip):
    module, runtime, rank = classifier
    archive = open_archive(real_zip)
    examples = module["known_examples"](archive, 500)
    ranked = rank(module["embed_all"](runtime, [archive.read(example.file) for example in examples]))
    top1, top5 = (module["hits"](ranked, [example.wnid for example in examples], k) for k in (1, 5))
    assert top1 > 0.31
    assert top5 > 0.54
