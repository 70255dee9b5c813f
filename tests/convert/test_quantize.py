import hashlib
import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.backbones.model import normalise
from imagetagger.convert import quantize
from imagetagger.convert.bias_correction import correct_biases
from imagetagger.convert.quantize import (
    QUANTIZER_VERSION,
    convert_backbone,
    convert_cached,
    convert_int8,
    embedding_space,
)
from imagetagger.options import VARIANTS
from tests.helpers.precision import rounding
from tests.helpers.small import (
    CALIBRATION,
    FEATURES,
    NORMALISATIONS,
    SIZE,
    backbone,
    converted,
    cosine,
    drawings,
    embeddings,
    reference,
    runner,
)

pytestmark = pytest.mark.slow

COSINE = {"float32": 0.999999, "float16": 0.9999, "dynamic_range": 0.99, "int8": 0.95}
"""Least cosine to JAX of a random network, whose steps are coarser than a trained one's."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_has_the_signature_embed_of_bytes_to_floats(variant):
    run = runner(converted(variant))
    inputs, outputs = run.get_input_details(), run.get_output_details()
    assert {key: (tuple(d["shape"]), d["dtype"]) for key, d in inputs.items()} == {
        "image": ((1, SIZE, SIZE, 3), np.uint8)
    }
    assert {key: (tuple(d["shape"]), d["dtype"]) for key, d in outputs.items()} == {
        "embedding": ((1, FEATURES), np.float32)
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_embeds_as_jax_does(variant):
    near = cosine(embeddings(converted(variant)), reference())
    assert near.min() > COSINE[variant]
    assert variant == "float32" or near.max() < COSINE["float32"]


def test_the_smaller_a_variants_weights_the_smaller_its_file():
    sizes = {variant: len(converted(variant)) for variant in VARIANTS}
    assert sizes["float16"] < 0.6 * sizes["float32"]
    assert max(sizes["dynamic_range"], sizes["int8"]) < 0.45 * sizes["float32"]


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_int8_embeds_as_jax_does_with_every_normalisation(normalisation):
    near = cosine(embeddings(converted("int8", normalisation)), reference(normalisation))
    assert near.min() > COSINE["int8"]


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_a_step_of_the_int8_input_is_a_grey_level_and_is_at_most_half_a_level_off(normalisation):
    scale, zero_point = runner(converted("int8", normalisation)).get_input_details()["image"]["quantization"]
    grey = np.arange(256)
    quantised = np.float64(scale) * (grey - zero_point)
    alike = normalisation != "torchvision"  # otherwise a channel's scale and offset follow inside
    name = normalisation if alike else "keras"
    picture = jnp.broadcast_to(jnp.asarray(grey.astype(np.uint8))[:, None], (256, 3))[None, None]
    exact = np.asarray(normalise(backbone(name), picture), np.float64)[0, 0, :, 0]
    np.testing.assert_allclose(np.diff(quantised), np.diff(exact), rtol=1e-4)
    off = np.abs(quantised - exact).max() / scale
    assert off < (1e-4 if normalisation == "efficientnet" else 0.5 + 1e-4)


def test_int8_does_not_take_its_inputs_range_from_what_the_pictures_show():
    dark = [np.full((SIZE, SIZE, 3), 10 + i, np.uint8) for i in range(2)]
    scale, _ = runner(convert_int8(backbone(), dark)).get_input_details()["image"]["quantization"]
    assert scale == pytest.approx(2 / 255, rel=rounding(4))


@pytest.mark.slow
def test_converting_twice_gives_the_same_bytes():
    again = convert_int8(correct_biases(backbone(), CALIBRATION), CALIBRATION)
    assert again == converted("int8")
    assert convert_backbone(backbone(), SIZE, "float16") == converted("float16")


def test_every_variant_is_a_space_of_its_own():
    spaces = {embedding_space(converted(variant)) for variant in VARIANTS}
    assert len(spaces) == len(VARIANTS)
    assert all(len(space) == 64 for space in spaces)
    assert embedding_space(converted("float32")) != hashlib.sha256(converted("float32")).hexdigest()


@pytest.fixture
def convert(monkeypatch, tmp_path):
    """convert_cached with an empty cache, and converters that return different bytes at every call."""
    conversions = itertools.count()

    def converter(*_):
        return f"model {next(conversions)}".encode()

    monkeypatch.setattr(quantize, "correct_biases", lambda backbone, pictures: backbone)
    monkeypatch.setattr(quantize, "convert_backbone", converter)
    monkeypatch.setattr(quantize, "convert_int8", converter)
    return lambda network, *args: convert_cached(network, SIZE, tmp_path, *args)


def test_the_cache_distinguishes_variants_weights_and_int8s_pictures(convert):
    models = [convert(backbone(), variant, CALIBRATION) for variant in VARIANTS]
    models += [convert(backbone("torchvision"), variant, CALIBRATION) for variant in VARIANTS]
    models += [convert(backbone(), "int8", pictures) for pictures in (CALIBRATION[:3], drawings(4, seed=9))]
    assert models == [f"model {i}".encode() for i in range(10)]
    assert convert(backbone(), "int8", CALIBRATION) == models[VARIANTS.index("int8")]
    assert convert(backbone(), "float16", drawings(4, seed=9)) == models[VARIANTS.index("float16")]


def test_the_cache_distinguishes_versions_of_the_quantizer(convert, monkeypatch):
    int8, float32 = convert(backbone(), "int8", CALIBRATION), convert(backbone(), "float32")
    monkeypatch.setattr(quantize, "QUANTIZER_VERSION", QUANTIZER_VERSION + 1)
    assert convert(backbone(), "int8", CALIBRATION) != int8
    assert convert(backbone(), "float32") == float32


def test_int8_without_pictures_is_refused_by_the_argument_and_the_others_need_none(convert):
    with pytest.raises(ValueError, match=r"got calibration_pictures=\[\], expected at least one picture"):
        convert(backbone(), "int8")
    assert convert(backbone(), "dynamic_range") == b"model 0"
