"""How variants are made and compared, with tiles in place of a network."""

import numpy as np
import pytest

from imagetagger.data.dataset import BadDataError
from imagetagger.embedding.runtime import Runtime
from imagetagger.experiment import stages, variant_stages
from imagetagger.experiment.pipeline import run_experiment
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.pictures import patchwork_folder
from tests.helpers.tiles import make_tiles, use_tiles

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs of variants whose networks are tiles; what each was converted with is left in `converted`."""
    use_tiles(monkeypatch)
    patchwork_folder(tmp_path / "pictures", 12)
    converted = []

    def convert(network, resolution, cache, variant, crops):
        converted.append((variant, np.dtype(network.net.dtype).name, len(crops)))
        return variant.encode()

    def runtime(model: bytes, workers: int | None, engine: str) -> Runtime:
        return make_tiles(None, 64, None)._replace(
            name="litert", space=model.decode(), raw_rate=lambda seconds: 100.0, model=model
        )

    monkeypatch.setattr(stages, "convert_cached", convert)
    monkeypatch.setattr(stages, "litert_runtime", runtime)

    def run(*overrides, cache=None):
        place = ["data=folder", f"data.path={tmp_path / 'pictures'}", f"cache={tmp_path / 'cache'}"]
        return run_experiment(settings(*SHRUNK, *place, *overrides), assemble=False, cache=cache).record

    run.converted = converted
    return run


def test_int8_is_calibrated_on_pictures_and_float_variants_are_not(run):
    run("export=all", "embed.dtype=float32")
    crops = {variant: (dtype, count) for variant, dtype, count in run.converted}
    assert crops == {
        "int8": ("float32", 4), "float32": ("float32", 0), "float16": ("float32", 0), "dynamic_range": ("float32", 0),
    }  # fmt: skip


def test_without_a_bundle_the_variants_are_float32_whatever_the_run_embeds_in(run):
    record = run("export.variants=[float16]", "embed.dtype=bfloat16")
    assert (record.variant, list(record.variants)) == ("bfloat16", ["bfloat16", "float32", "float16"])
    assert {dtype for _, dtype, _ in run.converted} == {"float32"}


def test_all_variants_are_evaluated_on_everything_where_float32_is_one_of_them(run):
    record = run("export=all")
    assert {variant.train for variant in record.variants.values()} == {record.data.train} == {27}
    assert record.parity.train == 27
    assert list(record.variants) == ["int8", "float32", "float16", "dynamic_range"]


@pytest.mark.parametrize(("limit", "train"), [(9, 9), (1000, 27)])
def test_float32_is_a_reference_on_few_pictures_where_it_is_no_variant(run, limit, train):
    record = run("export=int8", f"export.reference_pictures={limit}")
    assert record.data.train == record.variants["int8"].train == 27
    assert record.parity.train == record.variants["float32"].train == train
    assert (record.parity.lost, record.parity.won, record.parity.p_value) == (0, 0, 1)  # of the same tiles
    assert record.parity.cosine == pytest.approx(1)
    again = {name for name in record.stages if name.startswith("fit")}
    assert again == {"fit", "fit float32 reference"} | ({"fit int8 reference"} if train < 27 else set())


def test_without_validation_pictures_variants_are_compared_with_nothing(run, caplog):
    record = run("export=int8", "data.validation_fraction=0")
    assert record.parity is record.variants["int8"].cosine_to_float is None
    assert "without comparing them with float32" in caplog.text


def test_without_variants_nothing_is_compared(run):
    assert run("export=none").parity is None
    assert [variant for variant, *_ in run.converted] == ["float32"]  # to group the pictures by
    assert run("export=none", "data.group_by=none").parity is None
    assert len(run.converted) == 1
    assert variant_stages.VARIANTS[0] == "float32"


MODEL = {
    "check", "split", "cross-fit", "fit", "calibrate", "decide", "score", "uncalibrated", "evaluate",
}  # fmt: skip
INT8 = {
    "quantization pictures", "model", "embed", "embed validation", "reference", *MODEL, "bootstrap", "baselines",
    "near twins",
}  # fmt: skip
EVERYTHING_EMBEDDED = {"model float32", "embed for groups", "group", "divide", "subset"}


def labelled(stages, *labels):
    return {f"{stage} {label}" for stage in stages for label in labels}


@pytest.mark.parametrize(
    ("override", "stages"),
    [
        ("export.min_cosine=0.5", set()),
        ("export.max_top1_loss=1", set()),
        ("export.strict_parity_pictures=7", set()),
        ("export.onnx=true", set()),
        ("export.block=7", set()),
        (
            "export.calibration_pictures=3",
            {
                *INT8, *labelled(MODEL, "int8 reference"), *labelled(MODEL - {"check", "split"}, "float32 reference"),
                "time variants",
            },  # without "reference" the fits are others
        ),
        (
            "export.reference_pictures=12",
            {"reference pictures", *labelled(MODEL, "int8 reference", "float32 reference")},
        ),
        ("embed.workers=3", INT8 | EVERYTHING_EMBEDDED
         | {"reference pictures", *labelled(MODEL, "int8 reference", "float32 reference"), "time variants"}),
    ],
)  # fmt: skip
def test_a_setting_of_the_export_runs_exactly_the_stages_again_that_depend_on_it(run, override, stages):
    cache = {}
    few = ("export=int8", "export.reference_pictures=9")
    run(*few, cache=cache)
    before = dict(cache)
    run(*few, override, cache=cache)
    assert set(cache) == set(before)
    assert {name for name, result in cache.items() if result is not before[name]} == stages


def test_embeddings_of_further_variants_are_not_kept_for_other_runs(run):
    cache = {}
    run("export=all", cache=cache)
    assert {name for name in cache if name.startswith("embed")} == {"embed", "embed validation", "embed for groups"}


def test_with_no_picture_to_calibrate_int8_on_the_run_ends_with_the_reason(run):
    with pytest.raises(BadDataError, match=r"none of 27 training pictures can be used to calibrate int8 on: .*pixel"):
        run("export=int8", "data.pixel_limit=100")
