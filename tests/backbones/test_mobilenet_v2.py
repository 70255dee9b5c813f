import functools
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.backbones.inverted_residual import InvertedResidual, make_divisible, unit_names
from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import from_params, param_shapes, to_params
from imagetagger.backbones.registry import build_net, load_backbone
from imagetagger.backbones.weights import save_weights

pytestmark = pytest.mark.slow

# Paper, table 2, a row for each bottleneck: size and channels of the input, then expansion t, channels c, stride s.
TABLE = [
    (112, 32, 1, 16, 1),
    (112, 16, 6, 24, 2), (56, 24, 6, 24, 1),
    (56, 24, 6, 32, 2), (28, 32, 6, 32, 1), (28, 32, 6, 32, 1),
    (28, 32, 6, 64, 2), (14, 64, 6, 64, 1), (14, 64, 6, 64, 1), (14, 64, 6, 64, 1),
    (14, 64, 6, 96, 1), (14, 96, 6, 96, 1), (14, 96, 6, 96, 1),
    (14, 96, 6, 160, 2), (7, 160, 6, 160, 1), (7, 160, 6, 160, 1),
    (7, 160, 6, 320, 1),
]  # fmt: skip


def tables_outputs() -> dict[str, tuple[int, int]]:
    """Size and channels of each convolution's output, as the table says."""
    outputs = {"stem": (112, 32)}
    for i, (size, channels, expansion, features, stride) in enumerate(TABLE):
        units = {
            "expand": (size, channels * expansion),
            "depthwise": (size // stride, channels * expansion),
            "project": (size // stride, features),
        }
        outputs |= {f"block_{i}/{name}": unit for name, unit in units.items() if expansion > 1 or name != "expand"}
    return outputs | {"head": (7, 1280)}


def traced_outputs(net, resolution: int) -> dict[str, tuple[int, int]]:
    """Size and channels of each convolution's output in the net, without computing it."""
    images = jax.ShapeDtypeStruct((1, resolution, resolution, 3), jnp.float32)
    outputs = jax.eval_shape(
        functools.partial(net.init, capture_intermediates=True, mutable=True), jax.random.key(0), images
    )["intermediates"]
    found = {}
    for name in unit_names(net):
        node = functools.reduce(lambda tree, part: tree[part], name.split("/"), outputs)
        found[name] = node["__call__"][0].shape[2:]
    return found


@functools.cache
def small(padding="same", activation="relu6"):
    backbone = load_backbone(
        "mobilenet_v2",
        width=0.35,
        resolution=64,
        weights="random",
        cache=Path(),
        padding=padding,
        activation=activation,
    )
    return backbone.net, {"params": backbone.params}


def embed(resolution: int, contrast: float = 1.0, **options) -> np.ndarray:
    images = contrast * np.random.default_rng(0).normal(size=(2, resolution, resolution, 3)).astype(np.float32)
    net, parameters = small(**options)
    return np.asarray(jax.jit(net.apply)(parameters, images))


def test_the_layers_are_those_of_the_papers_table():
    assert len(tables_outputs()) == 52
    assert traced_outputs(mobilenet_v2(), 224) == tables_outputs()


def test_it_has_as_many_parameters_as_published():
    leaves = jax.tree.leaves(param_shapes(mobilenet_v2()))
    kernels, channels = (sum(leaf.size for leaf in leaves if leaf.ndim == ndim) for ndim in (4, 1))
    assert kernels + 4 * channels == 2_257_984  # keras.applications' summary without top: four numbers per batch norm


@pytest.mark.parametrize(
    ("width", "stem", "stages", "head"),
    [
        (0.35, 16, (8, 8, 16, 24, 32, 56, 112), 1280),
        (0.5, 16, (8, 16, 16, 32, 48, 80, 160), 1280),
        (0.75, 24, (16, 24, 24, 48, 72, 120, 240), 1280),
        (1.0, 32, (16, 24, 32, 64, 96, 160, 320), 1280),
        (1.3, 40, (24, 32, 40, 80, 128, 208, 416), 1664),
        (1.4, 48, (24, 32, 48, 88, 136, 224, 448), 1792),
    ],
)
def test_widths_scale_every_layer_but_never_narrow_the_head(width, stem, stages, head):
    net = mobilenet_v2(width)
    assert (net.stem, tuple(stage.channels for stage in net.stages), net.head) == (stem, stages, head)


@given(st.floats(1, 5000))
def test_channels_are_the_nearest_multiple_of_8_unless_that_loses_a_tenth(value):
    channels = make_divisible(value)
    assert channels % 8 == 0
    assert channels >= 0.9 * value
    assert channels == 8 or abs(channels - value) <= 4 or channels - 8 < 0.9 * value < channels


@pytest.mark.parametrize("resolution", [32, 33, 96, 100, 224, 331])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_pictures_of_any_size_give_1280_features(resolution, padding):
    net, parameters = small(padding)
    images = jax.ShapeDtypeStruct((3, resolution, resolution, 3), jnp.float32)
    got = jax.eval_shape(net.apply, parameters, images)
    assert (got.shape, got.dtype) == ((3, 1280), jnp.float32)


@pytest.mark.parametrize("size", [1, 4])
def test_a_block_adds_its_input_where_neither_stride_nor_width_changes(size):
    x = np.random.default_rng(0).normal(size=(1, size, size, 8)).astype(np.float32)
    for features, stride, added in ((8, 1, x), (16, 1, 0), (8, 2, 0)):
        block = InvertedResidual(features, 6, stride, 3, "relu6", "same", jnp.float32)
        zero = jax.tree.map(jnp.zeros_like, block.init(jax.random.key(0), x))
        got = np.asarray(block.apply(zero, x))
        np.testing.assert_array_equal(got, np.broadcast_to(added, got.shape))


def test_symmetric_padding_is_another_network_where_a_stride_halves_an_even_size():
    same, symmetric = embed(64), embed(64, padding="symmetric")
    assert np.abs(same - symmetric).max() > 0.01 * same.max()


def test_symmetric_padding_changes_nothing_where_every_size_is_odd():
    np.testing.assert_array_equal(embed(65, padding="symmetric"), embed(65))


def test_relu6_clips_what_relu_lets_through():
    loud, quiet = 1000.0, 1e-3
    assert embed(64, loud).max() <= 6
    assert embed(64, loud, activation="relu").max() > 6
    np.testing.assert_array_equal(embed(64, quiet), embed(64, quiet, activation="relu"))


def test_bfloat16_computes_in_bfloat16_and_gives_float32():
    net = build_net("mobilenet_v2", 0.35, "relu6", "same", "bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(param_shapes(net))} == {jnp.dtype("float32")}
    images, parameters = jnp.ones((1, 64, 64, 3), jnp.float32), small()[1]
    text = jax.jit(net.apply).lower(parameters, images).as_text()
    assert re.search(r"stablehlo.convolution.*bf16", text)
    assert not re.search(r"stablehlo.convolution.*f32", text)
    assert jax.eval_shape(net.apply, parameters, images).dtype == jnp.float32


def test_parameters_come_back_as_the_units_they_were_made_of():
    net, parameters = small()
    units = from_params(parameters["params"], net)
    again = from_params(to_params(units, net), net)
    for (kernel, bias), (same_kernel, same_bias) in zip(units, again, strict=True):
        np.testing.assert_array_equal(kernel, same_kernel)
        np.testing.assert_array_equal(bias, same_bias)


def test_weights_of_another_width_are_refused_by_that_argument(tmp_path):
    path = tmp_path / "half.safetensors"
    save_weights(load_backbone("mobilenet_v2", width=0.5, resolution=64, weights="random", cache=tmp_path), path)
    message = rf"{path} does not fit name=mobilenet_v2 with width=0.35: got .*of shape \(16,\), expected \(8,\)"
    with pytest.raises(ValueError, match=message):
        load_backbone("mobilenet_v2", width=0.35, resolution=64, weights=str(path), cache=tmp_path)
    with pytest.raises(ValueError, match=r"does not fit name=efficientnet_lite0.*got 52 convolutions, expected 49"):
        load_backbone("efficientnet_lite0", width=1.0, resolution=64, weights=str(path), cache=tmp_path)


def test_an_unknown_architecture_is_refused_by_name(tmp_path):
    for refused in (
        lambda: build_net("resnet", 1.0, "relu6", "same", "float32"),
        lambda: load_backbone("resnet", width=1.0, resolution=64, weights="random", cache=tmp_path),
    ):
        with pytest.raises(ValueError, match="=resnet, expected one of mobilenet_v2, efficientnet_lite0"):
            refused()


def test_a_width_without_published_weights_is_refused_with_the_published_ones(tmp_path):
    with pytest.raises(ValueError, match=r"width=0.9, expected one of \(0.35, .*1.4\)"):
        load_backbone("mobilenet_v2", width=0.9, resolution=64, weights="imagenet", cache=tmp_path)
    backbone = load_backbone("mobilenet_v2", width=0.9, resolution=64, weights="random", cache=tmp_path)
    assert backbone.net.stem == 32
