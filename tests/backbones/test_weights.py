import ast
import gc
import hashlib
import inspect
import logging
import re
from pathlib import Path
from urllib.parse import urlparse

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from imagetagger.backbones import registry
from imagetagger.backbones.model import from_params
from imagetagger.backbones.registry import PRETRAINED, load_backbone
from imagetagger.backbones.weight_layouts import KERAS_EPSILON
from imagetagger.backbones.weights import EFFICIENTNET, TORCHVISION, save_weights
from imagetagger.system.atomic_files import file_sha256
from imagetagger.system.download import DownloadError, download
from tests.helpers.local_server import serving

# pooch leaves the socket of a failed download to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

BASE = "/tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_"
FILE_035_96 = f"{BASE}0.35_96_no_top.h5"
PUBLISHED = PRETRAINED["mobilenet_v2"]


def random(width: float = 0.35, **options):
    return load_backbone("mobilenet_v2", width=width, resolution=96, weights="random", cache=Path(), **options)


def imagenet(cache, width: float = 0.35, resolution: int = 96, **options):
    return load_backbone("mobilenet_v2", width=width, resolution=resolution, weights="imagenet", cache=cache, **options)


def local(path, name: str = "mobilenet_v2", width: float = 0.35, **options):
    return load_backbone(name, width=width, resolution=96, weights=str(path), cache=Path(), **options)


def save_published(backbone, path: Path) -> Path:
    """Write weights as Keras 2 did: every convolution with a batch norm that adds the bias alone."""
    names = []
    with h5py.File(path, "w") as file:
        for i, (kernel, bias) in enumerate(from_params(backbone.params, backbone.net)):
            depthwise = kernel.shape[2] == 1
            kind = f"block_{i}_depthwise" if depthwise else f"block_{i}_conv"
            ones = np.ones_like(bias)
            norm = {"gamma:0": ones, "beta:0": bias, "moving_mean:0": 0 * ones,
                    "moving_variance:0": ones - KERAS_EPSILON}  # fmt: skip
            layers = {
                kind: {"kernel:0": kernel.transpose(0, 1, 3, 2) if depthwise else kernel},
                f"{kind}_BN": norm,
                f"relu_{i}": {},
            }
            for layer, tensors in layers.items():
                group = file.create_group(layer)
                group.attrs["weight_names"] = np.array([f"{layer}/{name}".encode() for name in tensors], "S")
                for name, tensor in tensors.items():
                    group[f"{layer}/{name}"] = tensor
                names.append(layer.encode())
        file.attrs["layer_names"] = np.array(names, "S")
    return path


def assert_same_params(got, expected, **tolerance):
    pairs = zip(from_params(got.params, got.net), from_params(expected.params, expected.net), strict=True)
    for units in pairs:
        for a, b in zip(*units, strict=True):
            np.testing.assert_allclose(a, b, **{"rtol": 0, "atol": 0} | tolerance)


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> bytes:
    return save_published(random(seed=5), tmp_path_factory.mktemp("keras") / "small.h5").read_bytes()


@pytest.fixture
def server(monkeypatch, published):
    """What stands in for Google's server: `files` and the paths that were asked for, in `requests`."""
    with serving({FILE_035_96: published}) as state:

        def redirected(source, folder, argument):
            url = urlparse(source.url)
            assert (url.scheme, url.netloc) == ("https", "storage.googleapis.com")
            return download(source._replace(url=f"{state.address}{url.path}"), folder, argument)

        monkeypatch.setattr(registry, "download", redirected)
        yield state
    gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("activation", ["relu6", "relu"])
def test_own_weights_come_back_bit_for_bit_with_their_conventions(padding, activation, tmp_path):
    saved = random(padding=padding, activation=activation)
    saved = saved._replace(normalisation=TORCHVISION.normalisation)
    save_weights(saved, tmp_path / "own.safetensors")
    got = local(tmp_path / "own.safetensors")
    assert_same_params(got, saved)
    assert (got.net, got.normalisation) == (saved.net, saved.normalisation)
    assert got.weights_sha256 == hashlib.sha256((tmp_path / "own.safetensors").read_bytes()).hexdigest()


def test_arguments_override_the_conventions_of_the_file(tmp_path):
    save_weights(random(), tmp_path / "own.safetensors")
    got = local(tmp_path / "own.safetensors", padding="symmetric", activation="relu", dtype="bfloat16")
    assert (got.net.padding, got.net.activation, got.net.dtype) == ("symmetric", "relu", np.dtype("bfloat16"))


def test_random_weights_follow_the_seed():
    assert_same_params(random(seed=1), random(seed=1))
    with pytest.raises(AssertionError):
        assert_same_params(random(seed=1), random(seed=2))


def test_a_missing_file_is_refused_with_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"got weights=.*nowhere.h5.*a path, `imagenet` or `random`"):
        local(tmp_path / "nowhere.h5")


@pytest.mark.parametrize("name", ["x.keras", "x.pt", "x.onnx", "x"])
def test_another_ending_is_refused_with_those_expected(name, tmp_path):
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(ValueError, match=rf"{name}, expected .h5 \(Keras\), .safetensors or .pth"):
        local(tmp_path / name)


def test_foreign_safetensors_are_refused_by_their_names(tmp_path):
    save_file({"encoder.layer.0.weight": np.zeros((2, 2), np.float32)}, tmp_path / "bert.safetensors")
    with pytest.raises(ValueError, match=r"bert.safetensors, with names like encoder.layer.0.weight"):
        local(tmp_path / "bert.safetensors")


@pytest.mark.parametrize("ending", ["h5", "safetensors", "pth"])
@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>" * 100])
def test_a_damaged_file_is_refused_by_name(ending, content, tmp_path):
    (tmp_path / f"bad.{ending}").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad.{ending}"):
        local(tmp_path / f"bad.{ending}")


@pytest.mark.parametrize("ending", ["h5", "safetensors"])
def test_a_file_cut_short_is_refused_by_name(ending, published, tmp_path):
    path = tmp_path / f"cut.{ending}"
    if ending == "h5":
        path.write_bytes(published)
    else:
        save_weights(random(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=rf"cut.{ending}, which is damaged"):
        local(path)


@pytest.mark.slow
def test_the_published_file_is_downloaded_once_and_its_hash_recorded(server, tmp_path, caplog):
    for _ in range(2):
        got = imagenet(tmp_path)
        assert_same_params(got, random(seed=5), rtol=1e-6)
    path = tmp_path / "weights" / Path(FILE_035_96).name
    assert got.weights == str(path)
    assert got.weights_sha256 == file_sha256(path)
    assert path.with_name(f"{path.name}.sha256").read_text().split() == 2 * [got.weights_sha256]
    assert server.requests == [FILE_035_96]
    assert caplog.text.count("has no published hash") == 1


@pytest.mark.parametrize("width", PUBLISHED.widths)
@pytest.mark.parametrize("resolution", [*PUBLISHED.resolutions, 64, 256])
def test_each_width_and_resolution_asks_for_its_own_file_and_224_where_there_is_none(
    width, resolution, monkeypatch, tmp_path
):
    def refuse(source, folder, argument):
        assert source.known_hash is None
        raise DownloadError(source.url)

    monkeypatch.setattr(registry, "download", refuse)
    with pytest.raises(DownloadError) as error:
        imagenet(tmp_path, width, resolution)
    published = resolution if resolution in (96, 128, 160, 192, 224) and width not in (1.3, 1.4) else 224
    url = f"https://storage.googleapis.com{BASE}{width}_{published}_no_top.h5"
    assert str(error.value) == url


@pytest.mark.slow
def test_every_width_and_resolution_of_keras_applications_is_in_the_table():
    from keras.src.applications import mobilenet_v2

    source = inspect.getsource(mobilenet_v2)
    widths, resolutions = (re.search(rf"{name} not in (\[.*\])", source)[1] for name in ("alpha", "rows"))
    assert PUBLISHED.widths == tuple(ast.literal_eval(widths))
    assert PUBLISHED.resolutions == tuple(ast.literal_eval(resolutions))


@pytest.mark.slow
@pytest.mark.parametrize(("width", "resolution"), [(0.35, 96), (1.0, 160), (1.4, 224)])
def test_keras_applications_would_download_the_same_address(width, resolution, server, monkeypatch, tmp_path):
    import keras
    from keras.src.utils import file_utils

    class Asked(Exception):
        pass

    def ask(name, address, **_):
        raise Asked(address)

    server.files.clear()
    monkeypatch.setattr(file_utils, "get_file", ask)
    with pytest.raises(Asked) as asked:
        keras.applications.MobileNetV2((resolution, resolution, 3), width, include_top=False)
    with pytest.raises(DownloadError):
        imagenet(tmp_path, width, resolution)
    assert str(asked.value) == f"https://storage.googleapis.com{server.requests[-1]}"


def test_a_published_file_that_changed_is_refused(server, tmp_path):
    path = Path(imagenet(tmp_path).weights)
    path.unlink()
    server.files[FILE_035_96] += b"changed"
    with pytest.raises(DownloadError, match="hash"):
        imagenet(tmp_path)
    assert not path.exists()


@pytest.mark.slow
def test_a_cached_file_that_was_damaged_is_downloaded_again(server, tmp_path, published):
    path = Path(imagenet(tmp_path).weights)
    path.write_bytes(published[:-1])
    assert_same_params(imagenet(tmp_path), random(seed=5), rtol=1e-6)
    assert path.read_bytes() == published


def test_weights_that_are_not_available_name_the_address_and_the_argument(server, tmp_path, caplog):
    server.files.clear()
    with pytest.raises(DownloadError, match=rf"{FILE_035_96}.*put the file at {tmp_path}.* as weights=FILE"):
        imagenet(tmp_path)
    with pytest.raises(DownloadError):
        imagenet(tmp_path, fallback="mobilenet_v2")
    assert "instead" not in caplog.text


def test_the_fallback_is_used_and_logged(server, tmp_path, caplog):
    server.files.clear()
    with caplog.at_level(logging.WARNING):
        got = imagenet(tmp_path, fallback="efficientnet_lite0", padding="symmetric", dtype="bfloat16")
    assert (got.architecture, got.width, got.normalisation) == (
        "efficientnet_lite0",
        1.0,
        EFFICIENTNET.normalisation,
    )
    assert (got.net.padding, got.net.dtype) == ("same", np.dtype("bfloat16"))
    assert "Using efficientnet_lite0 instead, the fallback." in caplog.text
    assert FILE_035_96 in caplog.text


def test_the_fallback_is_not_used_where_it_is_not_needed(server, tmp_path):
    assert imagenet(tmp_path, fallback="efficientnet_lite0").architecture == "mobilenet_v2"


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    made = load_backbone("mobilenet_v2", width=0.35, resolution=32, weights="random", cache=tmp_path)
    save_weights(made, tmp_path / "own.safetensors")
    loaded = load_backbone("mobilenet_v2", width=0.35, resolution=32, weights="~/own.safetensors", cache=tmp_path)
    assert loaded.weights_sha256
