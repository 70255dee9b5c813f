import functools

import h5py
import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from imagetagger.backbones import weights as weights_module
from imagetagger.backbones.model import forward
from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.weight_layouts import fold_batch_norm, forward_order, read_keras, read_torch
from imagetagger.backbones.weights import read_head
from imagetagger.data.tiny_imagenet import open_archive, read_examples
from imagetagger.embedding.runtime import make_runtime
from imagetagger.preprocess import preprocess
from tests.helpers.precision import network_rounding, rounding

# Keras calls numpy's conversion of TensorFlow variables, which know no `copy` yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

ALPHAS = (0.35, 1.0, 1.4)
SIZE = 96


def randomise(model) -> None:
    """Random kernels that keep the scale of what they filter, and batch norms far from the identity."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.get_weights()]
        if len(shapes) == 1:
            fan_in = np.prod(shapes[0][: 2 if "depthwise" in layer.name else 3])
            layer.set_weights([rng.normal(0, np.sqrt(1.4 / fan_in), shapes[0])])
        elif len(shapes) == 4:
            n = shapes[0]
            gamma, beta, mean, variance = (
                rng.uniform(0.5, 1.5, n), rng.normal(0, 0.2, n), rng.normal(0, 0.2, n), rng.uniform(0.5, 2, n)
            )  # fmt: skip
            layer.set_weights([gamma, beta, mean, variance])


@functools.cache
def keras_model(alpha: float, **options):
    import keras

    options = {"include_top": False, "pooling": "avg"} | options
    model = keras.applications.MobileNetV2(weights=None, input_shape=(SIZE, SIZE, 3), alpha=alpha, **options)
    randomise(model)
    return model


def save_legacy(model, path):
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


LAYOUTS = {"keras 3.weights.h5": lambda model, path: model.save_weights(path), "keras 2.h5": save_legacy}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_embeddings_equal_those_of_keras(alpha, layout, tmp_path):
    model = keras_model(alpha)
    images = np.random.default_rng(1).integers(0, 256, (4, SIZE, SIZE, 3)).astype(np.uint8)
    expected = np.asarray(model(images / np.float32(127.5) - 1, training=False))
    assert expected.max() > 1
    assert expected.std(0).mean() > 0.01
    LAYOUTS[layout](model, tmp_path / layout)
    backbone = load_backbone(
        "mobilenet_v2", width=alpha, resolution=SIZE, weights=str(tmp_path / layout), cache=tmp_path
    )
    with jax.default_matmul_precision("highest"):
        got = jax.jit(functools.partial(forward, backbone))(images)
    np.testing.assert_allclose(got, expected, rtol=0, atol=network_rounding(expected.max()))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_classifier_of_a_keras_file_is_left_out(layout, tmp_path):
    model = keras_model(0.35, include_top=True, pooling=None, classes=10)
    LAYOUTS[layout](model, tmp_path / layout)
    units = read_keras(tmp_path / layout)
    assert len(units) == 52
    assert units[-1][0].shape == (1, 1, 112, 1280)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_classifier_of_a_keras_file_is_its_head(layout, tmp_path):
    model = keras_model(0.35, include_top=True, pooling=None, classes=10)
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(1280, 10)).astype(np.float32), rng.normal(size=10).astype(np.float32)
    model.layers[-1].set_weights([kernel, bias])
    LAYOUTS[layout](model, tmp_path / layout)
    head = read_head(tmp_path / layout)
    np.testing.assert_array_equal(head.weights, kernel.T)
    np.testing.assert_array_equal(head.bias, bias)
    LAYOUTS[layout](keras_model(0.35), tmp_path / layout)
    assert read_head(tmp_path / layout) is None


@pytest.mark.parametrize("name", ["_fc", "classifier.1"])
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_the_classifier_of_a_torch_state_dict_is_its_head(name, ending, tmp_path, monkeypatch):
    path = tmp_path / f"x{ending}"
    convolution = state_dict("features.0", (8, 3, 3, 3), "features.1")
    convolution["features.1.num_batches_tracked"] = np.array(7)
    tensors = convolution | state_dict(name, (10, 8))
    heads = []
    for content in (convolution, tensors):
        save_file(content, path)
        monkeypatch.setattr(weights_module, "load_state_dict", load_file)  # of .pth files
        heads.append(read_head(path))
    nothing, head = heads
    assert nothing is None
    assert head is not None
    np.testing.assert_array_equal(head.weights, tensors[f"{name}.weight"])
    np.testing.assert_array_equal(head.bias, tensors[f"{name}.bias"])
    assert (head.weights.dtype, head.bias.dtype) == (np.float32, np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "reference", "resolution", "conventions"),
    [
        ("mobilenet_v2_1.0_224_no_top.weights.h5", "keras", 224, ("same", "relu6")),
        ("mobilenet_v2_torchvision_relu.safetensors", "torchvision", 256, ("symmetric", "relu")),
    ],
)
def test_embeddings_of_real_pictures_equal_the_reference(
    file, reference, resolution, conventions, shared_weights, real_zip, cache
):
    path = shared_weights / file
    backbone = load_backbone("mobilenet_v2", width=1.0, resolution=resolution, weights=str(path), cache=cache)
    assert (backbone.net.padding, backbone.net.activation) == conventions
    expected = load_file(shared_weights / f"{reference}_reference.safetensors")["embedding"]
    archive = open_archive(real_zip)
    files = [example.file for example in read_examples(archive, "validation")[: len(expected)]]
    runtime = make_runtime(backbone, resolution, cache, runtime="litert")
    got = np.stack(list(runtime.run(lambda i: preprocess(archive.read(files[i]), resolution), range(len(files)))))
    assert got.shape == (64, 1280)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
def test_a_folded_convolution_equals_the_convolution_and_its_batch_norm(epsilon):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(50, 7)), rng.normal(size=(1, 1, 7, 5)).astype(np.float32)
    gamma, beta, mean, variance = (rng.uniform(0.01, 2, 5).astype(np.float32) for _ in range(4))
    variance[0] = 0
    expected = gamma * (x @ kernel[0, 0] - mean) / np.sqrt(variance + epsilon) + beta
    folded, bias = fold_batch_norm(kernel, gamma, beta, mean, variance, epsilon)
    assert (folded.dtype, bias.dtype) == (np.float32, np.float32)
    np.testing.assert_allclose(
        x @ folded[0, 0] + bias,
        expected,
        rtol=0,
        atol=rounding(x.shape[1], np.abs(x).max() * np.abs(folded).sum((0, 1, 2)).max()),
    )


def state_dict(prefix: str, shape: tuple[int, ...], norm: str | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(len(prefix))
    tensors = {f"{prefix}.weight": rng.normal(size=shape).astype(np.float32)}
    if norm is None:
        return tensors | {f"{prefix}.bias": rng.normal(size=shape[0]).astype(np.float32)}
    values = {kind: rng.uniform(0.5, 2, shape[0]) for kind in ("weight", "bias", "running_mean", "running_var")}
    return tensors | {f"{norm}.{kind}": value for kind, value in values.items()} | {f"{norm}.num_batches_tracked": 7}


def test_torch_kernels_are_transposed_folded_and_kept_in_order():
    tensors = (
        state_dict("stem", (8, 3, 3, 3), "bn0") | state_dict("depthwise", (8, 1, 5, 5), "bn1")
        | state_dict("folded", (4, 8, 1, 1)) | state_dict("classifier", (10, 4))
    )  # fmt: skip
    units = read_torch(tensors, epsilon=0.25)
    assert [kernel.shape for kernel, _ in units] == [(3, 3, 3, 8), (5, 5, 1, 8), (1, 1, 8, 4)]
    scale = tensors["bn0.weight"] / np.sqrt(tensors["bn0.running_var"] + 0.25)
    np.testing.assert_allclose(units[0][0][2, 1, 0], tensors["stem.weight"][:, 0, 2, 1] * scale, rtol=1e-6)
    np.testing.assert_allclose(units[0][1], tensors["bn0.bias"] - tensors["bn0.running_mean"] * scale, rtol=1e-5)
    np.testing.assert_array_equal(units[2][0][0, 0], tensors["folded.weight"][:, :, 0, 0].T)
    np.testing.assert_array_equal(units[2][1], tensors["folded.bias"])


def test_torchvision_names_are_ordered_by_number_not_by_letter():
    names = ["features.0.0.weight", "features.2.conv.0.0.weight", "features.2.conv.1.0.weight", "features.10.0.weight"]
    shuffled = dict.fromkeys(sorted(names), np.zeros(1))
    assert list(shuffled) != names
    assert list(forward_order(shuffled)) == names


@pytest.mark.parametrize("content", ["another network", "a complete model", "no layers"])
def test_another_h5_file_is_refused_by_its_content(content, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        if content == "another network":
            file["layers/conv2d/vars/0"] = np.zeros((3, 3, 3, 8))
        elif content == "a complete model":
            file["model_weights/conv/kernel"] = np.zeros((3, 3, 3, 8))
    with pytest.raises(ValueError, match=r"x\.h5 with \d convolutions.*MobileNetV2"):
        read_keras(tmp_path / "x.h5")
