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
from imagetagger.system.atomic_files import file_sha256
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

COSINE = {"float32": 0.999999, "float16": 0.9999, "dynamic_range": 0.99, "int8": 0.95}
"""Least cosine to JAX of a random network, whose steps are coarser than a trained one's."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_has_the_signature_embed_of_bytes_to_floats(variant):
    run = runner(converted(variant))
    taken, given = run.get_input_details(), run.get_output_details()
    assert {key: (tuple(d["shape"]), d["dtype"]) for key, d in taken.items()} == {
        "image": ((1, SIZE, SIZE, 3), np.uint8)
    }
    assert {key: (tuple(d["shape"]), d["dtype"]) for key, d in given.items()} == {
        "embedding": ((1, FEATURES), np.float32)
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_embeds_as_jax_does(variant):
    near = cosine(embeddings(converted(variant)), reference())
    assert near.min() > COSINE[variant]
    assert variant == "float32" or near.max() < COSINE["float32"]


def test_the_smaller_a_variants_weights_the_smaller_its_file():
    sizes = {variant: converted(variant).stat().st_size for variant in VARIANTS}
    assert sizes["float16"] < 0.6 * sizes["float32"]
    assert max(sizes["dynamic_range"], sizes["int8"]) < 0.45 * sizes["float32"]


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_int8_embeds_as_jax_does_with_every_normalisation(normalisation):
    near = cosine(embeddings(converted("int8", normalisation)), reference(normalisation))
    assert near.min() > COSINE["int8"]


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_a_step_of_the_int8_input_is_a_grey_level_and_lies_at_most_half_a_level_off(normalisation):
    scale, zero_point = runner(converted("int8", normalisation)).get_input_details()["image"]["quantization"]
    grey = np.arange(256)
    taken = np.float64(scale) * (grey - zero_point)
    alike = normalisation != "torchvision"  # otherwise a channel's scale and offset follow inside
    name = normalisation if alike else "keras"
    picture = jnp.broadcast_to(jnp.asarray(grey.astype(np.uint8))[:, None], (256, 3))[None, None]
    wanted = np.asarray(normalise(backbone(name), picture), np.float64)[0, 0, :, 0]
    np.testing.assert_allclose(np.diff(taken), np.diff(wanted), rtol=1e-4)
    off = np.abs(taken - wanted).max() / scale
    assert off < (1e-4 if normalisation == "efficientnet" else 0.5 + 1e-4)


def test_int8_does_not_take_its_inputs_range_from_what_the_pictures_show():
    dark = [np.full((SIZE, SIZE, 3), 10 + i, np.uint8) for i in range(2)]
    scale, _ = runner(convert_int8(backbone(), dark)).get_input_details()["image"]["quantization"]
    assert scale == pytest.approx(2 / 255, rel=1e-6)


@pytest.mark.slow
def test_converting_twice_gives_the_same_bytes():
    again = convert_int8(correct_biases(backbone(), CALIBRATION), CALIBRATION)
    assert again == converted("int8").read_bytes()
    assert convert_backbone(backbone(), SIZE, "float16") == converted("float16").read_bytes()


def test_every_variant_is_a_space_of_its_own():
    spaces = {embedding_space(converted(variant).read_bytes()) for variant in VARIANTS}
    assert len(spaces) == len(VARIANTS)
    assert all(len(space) == 64 for space in spaces)
    assert embedding_space(b"model") != file_sha256(converted("float32"))


@pytest.fixture
def converting(monkeypatch, tmp_path):
    """convert_cached with a cache of the test's own, and converters that only count."""
    calls = []
    monkeypatch.setattr(quantize, "correct_biases", lambda backbone, pictures: backbone)
    monkeypatch.setattr(quantize, "convert_backbone", lambda *args: calls.append("float") or b"float")
    monkeypatch.setattr(quantize, "convert_int8", lambda *args: calls.append("int8") or b"int8")
    return lambda one, *args: convert_cached(one, SIZE, tmp_path, *args), calls


def test_the_cache_tells_variants_weights_and_int8s_pictures_apart(converting):
    convert, calls = converting
    changed = [convert(backbone(), variant, CALIBRATION) for variant in VARIANTS]
    changed += [convert(backbone("torchvision"), variant, CALIBRATION) for variant in VARIANTS]
    changed += [convert(backbone(), "int8", pictures) for pictures in (CALIBRATION[:3], drawings(4, seed=9))]
    assert len(set(changed)) == len(changed) == len(calls)
    assert calls.count("int8") == 4
    assert convert(backbone(), "int8", CALIBRATION) in changed
    assert convert(backbone(), "float16", drawings(4, seed=9)) in changed
    assert len(calls) == len(changed)


def test_the_cache_tells_versions_of_the_quantizer_apart(converting, monkeypatch):
    convert, calls = converting
    one = convert(backbone(), "int8", CALIBRATION), convert(backbone(), "float32")
    monkeypatch.setattr(quantize, "QUANTIZER_VERSION", QUANTIZER_VERSION + 1)
    other = convert(backbone(), "int8", CALIBRATION), convert(backbone(), "float32")
    assert one[0] != other[0]
    assert one[1] == other[1]
    assert calls == ["int8", "float", "int8"]


def test_int8_without_pictures_is_refused_by_the_setting_and_the_others_want_none(converting):
    convert, calls = converting
    with pytest.raises(ValueError, match=r"no pictures to calibrate int8 on: raise export.calibration_pictures"):
        convert(backbone(), "int8")
    assert not calls
    assert convert(backbone(), "dynamic_range").read_bytes() == b"float"
