import json

import msgspec
import numpy as np
import pytest

from imagetagger.bundle.reader import check_bundle
from imagetagger.data.dataset import BadDataError, Dataset, DatasetTag, select
from imagetagger.experiment import stages
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.record import write_record
from imagetagger.export import variants
from imagetagger.options import METRIC_NAMES
from tests.helpers.composed import SHRUNK, settings, shrunk
from tests.helpers.pictures import COLOURS, colour_split, patchwork_folder, picture
from tests.helpers.tiles import use_tiles

pytestmark = pytest.mark.slow

STAGES = [
    "load", "backbone", "subset", "model", "reference", "embed", "embed validation", "check", "split", "cross-fit",
    "fit", "calibrate", "decide", "score", "uncalibrated", "evaluate", "bootstrap", "baselines", "near twins",
]  # fmt: skip
GROUPED = [*STAGES[:2], "model float32", "embed for groups", "group", "divide", *STAGES[2:]]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the pipeline on tiles, with a cache of the test's own."""
    use_tiles(monkeypatch)
    return lambda *overrides: run_experiment(settings(*SHRUNK, f"cache={tmp_path / 'cache'}", *overrides))


@pytest.fixture
def folder(tmp_path):
    patchwork_folder(tmp_path / "pictures", 12)
    return ("data=folder", f"data.path={tmp_path / 'pictures'}")


def steady(record):
    """A record without what may differ between two runs: times and memory."""
    plain = msgspec.to_builtins(record)
    stages = {name: stage["cached"] for name, stage in plain["stages"].items()}
    variants = {name: {**values, "images_per_second": None} for name, values in plain["variants"].items()}
    return str({**plain, "stages": stages, "variants": variants, "peak_memory_bytes": None})


@pytest.mark.slow
def test_a_run_with_a_real_network_leads_with_the_variant_in_its_bundle(tmp_path, monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    overrides = shrunk("+experiment=quickstart", "embed.measure_raw_rate=true", f"data.path={tmp_path}")
    output = run_experiment(settings(*overrides))
    record = output.record
    assert (record.experiment, record.seed, record.variant, record.bundled_variant) == ("quickstart", 0, "int8", "int8")
    assert len(record.config_digest) == 64
    assert (record.backbone.name, record.backbone.resolution) == ("mobilenet_v2", 64)
    assert set(STAGES) < set(record.stages)
    assert record.stages["embed"].raw_images_per_second > 0
    assert list(record.variants) == ["int8", "float32"]
    assert all(variant.images_per_second > 1 for variant in record.variants.values())
    int8, float32 = record.variants["int8"], record.variants["float32"]
    assert 1e5 < int8.bytes < float32.bytes
    assert 0.5 < int8.cosine_to_float < float32.cosine_to_float == pytest.approx(1)
    assert [getattr(int8, name) for name in METRIC_NAMES] == [
        getattr(record.calibration.after, name) for name in METRIC_NAMES
    ]
    assert int8.train == float32.train == record.parity.train == record.data.train
    assert record.parity.pictures == record.data.validation
    assert (record.parity.top1, record.parity.top1_reference) == (int8.top1, float32.top1)
    assert record.parity.lost - record.parity.won == round(record.data.validation * (float32.top1 - int8.top1))
    assert record.peak_memory_bytes > 1e7
    assert record.versions["jax"]
    assert check_bundle(output.bundle).manifest.model.variant == "int8"
    assert output.evaluation.data.scores.log_joint.shape == (record.data.validation, 12)
    again = run_experiment(settings(*overrides), assemble=False)
    assert again.bundle is None
    assert again.record.bundled_variant is None
    assert again.record.stages["embed"].cached
    assert again.record.variants["int8"].top1 == int8.top1


@pytest.mark.slow
def test_float32_is_a_reference_fitted_on_few_pictures_and_all_of_them_where_it_is_a_variant(monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    few = ("export.reference_pictures=30", "export.bundle_variant=int8")
    overrides = [shrunk("export=int8", f"export.variants=[{names}]", *few) for names in ("int8", "int8,float32")]
    reference, everything = (run_experiment(settings(*one), assemble=False).record for one in overrides)
    assert reference.data.train == everything.data.train == reference.variants["int8"].train == 60
    assert reference.variants["int8"].top1 == everything.variants["int8"].top1
    assert reference.parity.train == reference.variants["float32"].train == 30
    assert everything.parity.train == everything.variants["float32"].train == 60
    assert reference.parity.cosine == everything.parity.cosine  # of the same embeddings
    assert reference.parity.top1_reference == reference.variants["float32"].top1
    embedded = {name for name in reference.stages if name.startswith("embed")}
    assert embedded == {
        "embed", "embed validation", "embed int8 reference", "embed validation int8 reference",
        "embed float32 reference", "embed validation float32 reference",
    }  # fmt: skip


def test_without_an_export_nothing_is_converted_and_no_bundle_is_made(run):
    output = run()
    assert output.bundle is None
    assert output.record.bundled_variant is output.record.parity is None
    assert list(output.record.stages) == STAGES
    assert set(output.record.variants) == {output.record.variant} == {"float32"}


def test_pictures_of_a_folder_are_grouped_before_they_are_divided(run, folder):
    assert list(run(*folder).record.stages) == GROUPED
    assert list(run(*folder, "data.group_by=none").record.stages) == [name for name in GROUPED
        if name not in ("model float32", "embed for groups")]  # fmt: skip


def test_the_same_seed_gives_the_same_record_and_another_seed_another(run, tmp_path):
    first, second, other = (run(f"seed={seed}", f"cache={tmp_path / str(i)}") for i, seed in enumerate((3, 3, 4)))
    assert steady(first.record) == steady(second.record)
    scores = [output.evaluation.data.scores.log_joint for output in (first, second)]
    np.testing.assert_array_equal(*scores)
    assert first.record.data.fingerprint != other.record.data.fingerprint
    assert first.record.calibration != other.record.calibration


def test_another_seed_splits_the_same_pictures_otherwise(run, folder):
    first, other = (run(*folder, f"seed={seed}").validation for seed in (0, 1))
    assert set(first.ids) != set(other.ids)
    assert len(first.ids) == len(other.ids) == 9


def test_a_warm_cache_changes_nothing_but_its_mark(run):
    cold, warm = run().record, run().record
    assert (cold.stages["embed"].cached, warm.stages["embed"].cached) == (False, True)
    assert warm.stages["embed"].images_per_second is None
    unmarked = {name: msgspec.structs.replace(stage, cached=False) for name, stage in warm.stages.items()}
    assert steady(cold) == steady(msgspec.structs.replace(warm, stages=unmarked))


def test_a_bad_picture_is_listed_with_its_reason_and_left_out(run, folder, tmp_path):
    (tmp_path / "pictures" / "red" / "half.png").write_bytes(picture("red", 77)[:500])
    (tmp_path / "pictures" / "red" / "empty.png").touch()
    data = run(*folder, "data.max_bad_fraction=0.06").record.data
    assert data.skipped == 2
    assert data.train + data.validation == 36
    skipped = {skip.key: skip.reason for skip in data.skipped_files}
    assert set(skipped) == {"red/half.png", "red/empty.png"}
    assert all(skipped.values())


def test_more_bad_pictures_than_allowed_end_the_run_with_the_first_names(run, folder, tmp_path):
    for i in range(12):
        (tmp_path / "pictures" / "red" / f"bad{i:02d}.png").write_bytes(b"no picture %d" % i)
    with pytest.raises(BadDataError, match=r"^12 pictures \(25.0 %\) .*data\.max_bad_fraction=0.2 allows") as error:
        run(*folder, "data.max_bad_fraction=0.2")
    assert str(error.value).count("red/bad") == 10
    assert "not a picture" in str(error.value)
    assert run(*folder, "data.max_bad_fraction=0.25").record.data.skipped == 12


def test_one_bad_picture_alone_ends_no_run_unless_none_is_allowed(run, folder, tmp_path):
    (tmp_path / "pictures" / "red" / "half.png").write_bytes(picture("red", 77)[:500])
    assert run(*folder, "data.max_bad_fraction=0.01").record.data.skipped == 1
    with pytest.raises(BadDataError, match=r"data\.max_bad_fraction=0.0 allows"):
        run(*folder, "data.max_bad_fraction=0")


def test_with_nothing_left_to_fit_on_the_run_ends_with_what_was_skipped(run, folder):
    with pytest.raises(BadDataError, match=r"36 pictures \(100.0 %\) .*\n.*pixel_limit"):
        run(*folder, "data.pixel_limit=100")
    with pytest.raises(BadDataError, match="no pictures to fit on"):
        run(*folder, "data.pixel_limit=100", "data.max_bad_fraction=1")


def test_without_validation_pictures_the_metrics_are_null(run, tmp_path):
    output = run("data.validation_fraction=0")
    assert output.evaluation.data.scores.log_joint.shape == (0, 12)
    write_record(output.record, tmp_path / "result.json")
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["data"]["validation"] == 0
    assert all(written["variants"]["float32"][name] is None for name in METRIC_NAMES)
    assert written["confidence_intervals"] == {}


def test_with_nothing_to_calibrate_on_the_temperature_is_one(run):
    output = run("data.per_class=1")
    assert output.record.data.calibration == 0
    assert output.evaluation.decision.calibration.temperature == 1
    assert output.evaluation.decision.prediction_set.rule == "cumulative"
    assert output.record.calibration.before.ece == output.record.calibration.after.ece
    assert any("none to calibrate on" in warning for warning in output.record.warnings)


def test_a_picture_of_two_tags_counts_for_each(run, tmp_path):
    patchwork_folder(tmp_path / "pictures", 12)
    rows = [f"pictures/{c}/{i}.png,{c}{';warm' * (c == 'red')}" for c in COLOURS for i in "abcdefghijkl"]
    (tmp_path / "tags.csv").write_text("\n".join(["path,tags", *rows]))
    output = run("data=folder", f"data.path={tmp_path / 'tags.csv'}", "classifier=gnb")
    evaluation, statistics = output.evaluation, output.evaluation.classifier.statistics
    assert [tag.name for tag in output.tags] == ["blue", "green", "red", "warm"]
    assert statistics.count[2] == statistics.count[3] > 5
    np.testing.assert_array_equal(statistics.mean[2], statistics.mean[3])
    labels_onehot = evaluation.data.labels_onehot
    assert (labels_onehot[:, 2] == labels_onehot[:, 3]).all()
    assert labels_onehot.sum(1).max() == 2
    assert output.record.variants["float32"].top1 == 1
    assert output.record.variants["float32"].coverage > 0.8


def test_each_picture_is_fitted_and_calibrated_on_or_validates(run, folder):
    data = run(*folder).record.data
    assert [data.train, data.calibration, data.validation, data.groups] == [27, 27, 9, 27]


@pytest.mark.parametrize(("override", "pictures"), [("data.per_class=4", 12), ("data.fraction=0.3", 9)])
def test_a_subset_shrinks_training_and_leaves_validation_alone(run, folder, override, pictures):
    full, subset = run(*folder), run(*folder, override)
    assert subset.record.data.train == subset.record.data.calibration == pictures
    assert subset.validation.ids == full.validation.ids
    assert subset.record.data.fingerprint != full.record.data.fingerprint


def test_a_tag_without_training_pictures_spoils_no_metric(run, monkeypatch, tmp_path):
    split = colour_split(12)
    train, validation = (split.labels[:, 0] < 2) & (np.arange(36) < 30), np.arange(36) >= 30
    tags = tuple(DatasetTag(name, name) for name in COLOURS)
    dataset = Dataset("ghost", tags, select(split, train), select(split, validation))
    monkeypatch.setattr(stages, "load_dataset", lambda *args, **options: dataset)
    output = run()
    log_joint = output.evaluation.data.scores.log_joint
    assert (log_joint[:, 2] == -np.inf).all()
    assert not np.isnan(log_joint).any()
    metrics = output.record.variants["float32"]
    assert metrics.top1 == pytest.approx(2 / 3)
    assert metrics.log_loss == np.inf
    assert not any(np.isnan(getattr(metrics, name)) for name in METRIC_NAMES)
    write_record(output.record, tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text())["variants"]["float32"]["log_loss"] is None


def test_the_classifiers_settings_reach_it(run):
    plain = run("classifier.class_prior=uniform").evaluation.classifier
    options = ("variance_prior_strength=7", "class_prior=counts", "dimensions=5", "var_smoothing=0.01")
    other = run("data.per_class=5", *(f"classifier.{option}" for option in options)).evaluation.classifier
    assert other.prior.variance_prior_strength == 7
    assert other.transform.weights.shape[1] == 5 < plain.transform.weights.shape[1]
    counts = np.asarray(other.statistics.count)
    np.testing.assert_allclose(other.log_prior, np.log(counts / counts.sum()), rtol=1e-5)
    assert float(other.prior.floor) > 1e4 * float(plain.prior.floor)


def test_conformal_sets_are_smaller_for_a_lower_coverage(run):
    drawn = "data.synthetic_per_class=20", "calibrate.prediction_set=lac"
    small, large = (run(*drawn, f"calibrate.coverage={c}") for c in (0.3, 0.95))
    rules = [output.evaluation.decision.prediction_set for output in (small, large)]
    assert rules[0].coverage == 0.3
    assert rules[0].thresholds == rules[1].thresholds
    assert small.record.variants["float32"].set_size < large.record.variants["float32"].set_size


def test_a_lower_sum_gives_smaller_sets(run):
    small, large = (
        run("calibrate.prediction_set=cumulative", f"calibrate.coverage={t}").record.variants["float32"]
        for t in (0.3, 0.95)
    )
    assert small.set_size < large.set_size
    assert small.top1 == large.top1


def test_stray_files_weigh_as_little_beside_a_subset_as_beside_all_pictures(run, folder, tmp_path):
    for i in range(2):
        (tmp_path / "pictures" / f"stray{i}.png").write_bytes(picture("red", 500 + i))
    for subset in ("seed=0", "data.per_class=4"):
        assert run(*folder, "data.max_bad_fraction=0.06", subset).record.data.skipped == 2


def test_what_a_run_warns_of_is_logged_and_in_its_record(run, caplog):
    assert run("calibrate.prediction_set=cumulative", "data.synthetic_per_class=20").record.warnings == []
    assert "pictures" not in caplog.text
    record = run("data.per_class=1", "data.validation_fraction=0").record
    parts = ("none to calibrate on", "No validation pictures")
    for warning, part in zip(record.warnings, parts, strict=True):
        assert part in warning
        assert warning in caplog.text
