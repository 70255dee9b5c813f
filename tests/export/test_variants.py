from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.embedding.runtime import Runtime
from imagetagger.export import variants
from imagetagger.export.parity import Parity
from imagetagger.export.variants import TIMING_ROUNDS, evaluate_variants, quantization_pictures, variant_metrics
from imagetagger.options import VARIANTS
from imagetagger.preprocess import PIXEL_LIMIT, BadImageError, preprocess
from tests.helpers.bundles import ingredients
from tests.helpers.composed import settings
from tests.helpers.made import NO_BACKBONE
from tests.helpers.pictures import colour_split, encode, noisy

SIZE = 32


def export(*names, **changes):
    return replace(settings().export, variants=list(names), **changes)


def measured(noise=0.0, wrong=0):
    """A measurement on 16 pictures: embeddings under noise, the first `wrong` guesses not right."""
    one = ingredients("export.onnx=false").found["float32"].measured
    x = one.embeddings + np.random.default_rng(0).normal(size=one.embeddings.shape).astype(np.float32) * noise
    top1 = np.where(np.arange(len(x)) < wrong, 0.0, 1.0)
    return one._replace(embeddings=x, observed=one.observed._replace(top1=top1), figures={"top1": top1.mean()})


@pytest.fixture
def measure_all(monkeypatch, tmp_path):
    """`measure_all` where conversion and timing cost nothing; what was converted and measured is recorded."""
    converted, embedded = [], []

    def convert(backbone, resolution, cache, variant, calibration):
        converted.append((variant, np.dtype(backbone.net.dtype).name, len(calibration)))
        (tmp_path / variant).write_bytes(bytes(10 * (1 + VARIANTS.index(variant))))
        return tmp_path / variant

    def runtime(path, workers):
        return Runtime("litert", f"space of {path.name}", None, lambda seconds: 10.0 + VARIANTS.index(path.name), 1)

    monkeypatch.setattr(variants, "convert_cached", convert)
    monkeypatch.setattr(variants, "litert_runtime", runtime)

    def run(asked, given, float32=None, backbone=NO_BACKBONE, calibration=()):
        def measure(runtime, name):
            assert runtime.space == f"space of {name}"
            embedded.append(name)
            return given[name]

        return evaluate_variants(backbone, SIZE, tmp_path, calibration, asked, measure, float32, 2)

    run.converted, run.embedded = converted, embedded
    return run


def test_each_variant_is_measured_on_its_own_embeddings_and_held_against_float32(measure_all):
    given = {"float32": measured(), "float16": measured(1e-3), "int8": measured(0.1, wrong=1)}
    found = measure_all(export("int8", "float32", "float16", max_top1_loss=50), given)
    assert list(found) == ["float32", "float16", "int8"]
    assert all(found[name].measured is given[name] for name in given)
    assert found["float32"].parity == Parity(16, pytest.approx(1), 0, 0)
    assert found["int8"].parity.lost == 1
    assert found["int8"].parity.cosine < found["float16"].parity.cosine < 1
    assert {name: one.space for name, one in found.items()} == {name: f"space of {name}" for name in given}
    assert [one.images_per_second for one in found.values()] == [10, 11, 13]


def test_float32_is_measured_as_the_reference_also_where_it_is_not_asked_for(measure_all):
    found = measure_all(export("dynamic_range"), {"float32": measured(), "dynamic_range": measured(1e-3)})
    assert list(found) == ["float32", "dynamic_range"]
    assert found["dynamic_range"].parity.cosine > 0.99
    assert measure_all.embedded == ["float32", "dynamic_range"]


def test_float32_is_not_measured_again_where_it_was_evaluated(measure_all):
    one = measured()
    found = measure_all(export("float32"), {}, float32=one)
    assert found["float32"].measured is one
    assert not measure_all.embedded


def test_without_validation_pictures_there_is_no_parity_and_no_figure_of_it(measure_all):
    one = ingredients("export.onnx=false", per_tag=0).found["float32"].measured
    found = measure_all(export("float32", "int8"), {"float32": one, "int8": one})
    assert found["int8"].parity is None
    figures = variant_metrics(found)["int8"]
    assert (figures["cosine_to_float"], figures["top1_loss"]) == (None, None)


def test_variants_are_made_of_the_float32_network_whatever_it_was_embedded_in(measure_all):
    rough = NO_BACKBONE._replace(net=NO_BACKBONE.net.clone(dtype=jnp.bfloat16))
    given = {"float32": measured(), "int8": measured()}
    measure_all(export("float32", "int8"), given, backbone=rough, calibration=[np.zeros((SIZE, SIZE, 3), np.uint8)] * 3)
    assert measure_all.converted == [("float32", "float32", 3), ("int8", "float32", 3)]


def test_figures_say_what_a_variant_weighs_how_fast_it_is_and_how_near(measure_all):
    found = measure_all(
        export(*VARIANTS, max_top1_loss=50), {name: measured(wrong=int(name == "int8")) for name in VARIANTS}
    )
    figures = variant_metrics(found)
    assert [figures[name]["bytes"] for name in VARIANTS] == [10, 20, 30, 40]
    assert [figures[name]["top1_loss"] for name in VARIANTS] == [0, 0, 0, pytest.approx(100 / 16)]
    assert figures["int8"]["top1"] == pytest.approx(15 / 16)
    assert all(figures[name]["cosine_to_float"] == pytest.approx(1) for name in VARIANTS)
    assert figures["int8"]["temperature"] == measured().decision.calibration.temperature


def test_rates_are_measured_in_turns(measure_all, monkeypatch):
    turns = []

    def runtime(path, workers):
        return Runtime("litert", f"space of {path.name}", None, lambda s: turns.append(path.name) or len(turns), 1)

    monkeypatch.setattr(variants, "litert_runtime", runtime)
    found = measure_all(export("float32", "int8"), {"float32": measured(), "int8": measured()})
    assert turns == ["float32", "int8"] * TIMING_ROUNDS
    assert [one.images_per_second for one in found.values()] == [3, 4]  # medians of 1 3 5 and of 2 4 6


def test_int8_is_calibrated_on_the_pictures_of_least_content_id_in_whatever_order_they_come():
    split = colour_split(4)
    asked = export("int8", calibration_pictures=5)
    got = quantization_pictures(split, SIZE, asked, PIXEL_LIMIT)
    least = sorted(range(12), key=lambda i: split.ids[i])[:5]
    np.testing.assert_array_equal(got, [preprocess(split.read(i), SIZE) for i in least])
    order = np.random.default_rng(0).permutation(12)
    shuffled = split._replace(ids=[split.ids[i] for i in order], read=lambda i: split.read(int(order[i])))
    np.testing.assert_array_equal(got, quantization_pictures(shuffled, SIZE, asked, PIXEL_LIMIT))


def test_all_pictures_calibrate_where_there_are_fewer_than_asked_for_and_none_where_there_is_no_int8():
    split = colour_split(2)
    assert len(quantization_pictures(split, SIZE, export("int8"), PIXEL_LIMIT)) == 6
    assert quantization_pictures(split, SIZE, export("float32", "float16", "dynamic_range"), PIXEL_LIMIT) == ()


def test_pictures_as_large_as_were_embedded_can_calibrate():
    split = colour_split(1)._replace(read=lambda i: encode(noisy((9, 9, 9), i, (80, 80))))
    assert len(quantization_pictures(split, SIZE, export("int8"), 6400)) == 3
    with pytest.raises(BadImageError):
        quantization_pictures(split, SIZE, export("int8"), 6399)
