import json

import numpy as np
import pytest

from imagetagger.bundle.reader import check_bundle
from imagetagger.classifier import naive_bayes, statistics, whitening
from imagetagger.data.dataset import BadDataError, Dataset, DatasetTag, select
from imagetagger.evaluation import evaluate
from imagetagger.experiment import pipeline, stages
from imagetagger.experiment.pipeline import run_experiment, ship
from imagetagger.experiment.record import write_record
from imagetagger.export import variants
from tests.helpers.composed import SHRUNK, settings, shrunk
from tests.helpers.pictures import COLOURS, colour_folder, colour_split, picture
from tests.helpers.tiles import make_tiles, use_tiles

FIGURES = {"top1", "top5", "top10", "log_loss", "ece", "coverage", "set_size"}
STAGES = ["load", "backbone", "embed", "fit", "calibrate", "evaluate", "bootstrap"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the pipeline on tiles, with a cache of the test's own."""
    use_tiles(monkeypatch)
    return lambda *overrides: run_experiment(settings(*SHRUNK, f"cache={tmp_path / 'cache'}", *overrides))


@pytest.fixture
def folder(tmp_path):
    colour_folder(tmp_path / "pictures", 12)
    return ("data=folder", f"data.path={tmp_path / 'pictures'}")


def spy(monkeypatch, module, name):
    """Record the arguments and the result of every call."""
    calls, original = [], getattr(module, name)

    def wrapped(*args, **options):
        args = [list(a) if (module, name) == (statistics, "fit") and i == 0 else a for i, a in enumerate(args)]
        calls.append((args, original(*args, **options)))
        return calls[-1][1]

    monkeypatch.setattr(module, name, wrapped)
    return calls


def steady(found):
    """A result without what may differ between two runs: times and memory."""
    stages = {name: stage["cached"] for name, stage in found["stages"].items()}
    variants = {name: {**figures, "images_per_second": None} for name, figures in found["variants"].items()}
    return {**found, "stages": stages, "variants": variants, "peak_memory_bytes": None}


@pytest.mark.slow
def test_a_run_with_a_real_network_has_every_key_of_the_schema(tmp_path, monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    overrides = shrunk("+experiment=quickstart", "embed.measure_raw_rate=true", f"data.path={tmp_path}")
    outcome = run_experiment(settings(*overrides))
    found = outcome.result
    assert (found["schema"], found["experiment"], found["seed"]) == (1, "quickstart", 0)
    assert len(found["config_digest"]) == 64
    assert set(found["data"]) >= {"name", "fingerprint", "train", "calibration", "validation", "tags", "skipped"}
    assert set(found["backbone"]) >= {"name", "weights_sha256", "resolution", "width"}
    assert (found["backbone"]["name"], found["backbone"]["resolution"]) == ("mobilenet_v2", 64)
    assert list(found["stages"]) == [*STAGES, "measure int8", "export"]
    assert all(set(stage) >= {"seconds", "images_per_second", "cached"} for stage in found["stages"].values())
    assert found["stages"]["embed"]["raw_images_per_second"] > 0
    assert set(found["variants"]) == {"float32", "int8"}
    for one in found["variants"].values():
        assert set(one) >= {*FIGURES, "bytes", "images_per_second", "cosine_to_float", "temperature", "top1_loss"}
        assert one["images_per_second"] > 1
    sizes = [found["variants"][name]["bytes"] for name in ("int8", "float32")]
    assert 1e5 < sizes[0] < sizes[1]
    cosines = [found["variants"][name]["cosine_to_float"] for name in ("int8", "float32")]
    assert 0.5 < cosines[0] < cosines[1] == pytest.approx(1)
    assert found["shipped"] == "int8"
    assert set(found["confidence_intervals"]) == FIGURES - {"ece"}
    assert found["peak_memory_bytes"] > 1e7
    assert found["versions"]["jax"]
    assert outcome.measured.scores.log_joint.shape == outcome.measured.truth.shape == (found["data"]["validation"], 12)
    assert check_bundle(outcome.bundle).manifest.model.variant == "int8"
    again = run_experiment(settings(*overrides), bundle=False)
    assert again.bundle is None
    assert "export" not in again.result["stages"]
    assert again.result["stages"]["measure int8"]["cached"]
    assert again.result["variants"]["int8"]["top1"] == found["variants"]["int8"]["top1"]


def test_without_an_export_nothing_is_converted_and_no_bundle_is_made(run):
    outcome = run()
    assert outcome.bundle is None
    assert outcome.result["shipped"] is None
    assert list(outcome.result["stages"]) == STAGES
    assert set(outcome.result["variants"]) == {"float32"}


def test_int8_is_calibrated_on_pictures_it_is_fitted_on_and_every_variant_on_one_split(run, folder, monkeypatch):
    fits, asked = spy(monkeypatch, evaluate, "fit"), []

    def measure_all(backbone, resolution, cache, calibration, export, measured, float32, workers):
        measured(make_tiles(None, resolution, None)._replace(space="other"), "int8")
        return {}

    def calibration_pictures(split, resolution, export, pixel_limit):
        asked.append((list(split.ids), resolution, export.calibration_pictures, pixel_limit))
        return ()

    monkeypatch.setattr(variants, "evaluate_variants", measure_all)
    monkeypatch.setattr(variants, "quantization_pictures", calibration_pictures)
    outcome = run(*folder, "export.variants=[float32,int8]", "data.pixel_limit=5000")
    ((_, labels, held, tags, _), _), ((_, again, held_again, *_), _) = fits
    np.testing.assert_array_equal(labels, again)
    np.testing.assert_array_equal(held, held_again)
    ((ids, *limits),) = asked
    assert limits == [64, 4, 5000]
    assert len(set(ids)) == outcome.result["data"]["train"] == (~held).sum()
    assert tags == 3
    assert not set(ids) & set(outcome.validation.ids)
    assert "measure int8" in outcome.result["stages"]


def test_the_same_seed_gives_the_same_result_and_another_seed_another(run, tmp_path):
    first, second, other = (run(f"seed={seed}", f"cache={tmp_path / str(i)}") for i, seed in enumerate((3, 3, 4)))
    assert steady(first.result) == steady(second.result)
    np.testing.assert_array_equal(first.measured.scores.log_joint, second.measured.scores.log_joint)
    assert first.result["data"]["fingerprint"] != other.result["data"]["fingerprint"]
    assert first.result["calibration"] != other.result["calibration"]


def test_another_seed_divides_the_same_pictures_otherwise(run, folder):
    first, other = (run(*folder, f"seed={seed}").validation for seed in (0, 1))
    assert set(first.ids) != set(other.ids)
    assert len(first.ids) == len(other.ids) == 9


def test_a_warm_cache_changes_nothing_but_its_mark(run):
    cold, warm = run().result, run().result
    assert (cold["stages"]["embed"]["cached"], warm["stages"]["embed"]["cached"]) == (False, True)
    assert warm["stages"]["embed"]["images_per_second"] is None
    warm["stages"]["embed"]["cached"] = False
    assert steady(cold) == steady(warm)


def test_a_bad_picture_is_listed_with_its_reason_and_left_out(run, folder, tmp_path):
    (tmp_path / "pictures" / "red" / "half.png").write_bytes(picture("red", 77)[:500])
    (tmp_path / "pictures" / "red" / "empty.png").touch()
    found = run(*folder, "data.max_bad_fraction=0.06").result["data"]
    assert found["skipped"] == 2
    assert found["train"] + found["calibration"] + found["validation"] == 36
    skipped = {skip["key"]: skip["reason"] for skip in found["skipped_files"]}
    assert set(skipped) == {"red/half.png", "red/empty.png"}
    assert all(skipped.values())


def test_more_bad_pictures_than_allowed_end_the_run_with_the_first_names(run, folder, tmp_path):
    for i in range(12):
        (tmp_path / "pictures" / "red" / f"bad{i:02d}.png").write_bytes(b"no picture %d" % i)
    with pytest.raises(BadDataError, match=r"^12 pictures \(25.0 %\) .*max_bad_fraction=0.2 allows") as error:
        run(*folder, "data.max_bad_fraction=0.2")
    assert str(error.value).count("red/bad") == 10
    assert "not an image" in str(error.value)
    assert run(*folder, "data.max_bad_fraction=0.25").result["data"]["skipped"] == 12


def test_where_nothing_is_left_to_learn_from_the_run_says_so(run, folder):
    with pytest.raises(BadDataError, match=r"36 pictures \(100.0 %\) .*\n.*data.pixel_limit"):
        run(*folder, "data.pixel_limit=100")
    with pytest.raises(BadDataError, match="no pictures to learn from"):
        run(*folder, "data.pixel_limit=100", "data.max_bad_fraction=1")


def test_without_validation_pictures_the_figures_are_null(run, tmp_path):
    outcome = run("data.validation_fraction=0")
    assert outcome.measured.scores.log_joint.shape == (0, 12)
    write_record(outcome.result, tmp_path / "result.json")
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["data"]["validation"] == 0
    assert all(written["variants"]["float32"][name] is None for name in FIGURES)
    assert written["confidence_intervals"] == {}


def test_without_calibration_pictures_the_temperature_is_one(run):
    outcome = run("data.holdout_fraction=0")
    assert outcome.result["data"]["calibration"] == 0
    assert outcome.measured.decision.calibration.temperature == 1
    assert outcome.measured.decision.prediction_set.rule == "cumulative"
    assert outcome.result["calibration"]["before"]["ece"] == outcome.result["calibration"]["after"]["ece"]


def test_a_picture_of_two_tags_counts_for_each(run, tmp_path, monkeypatch):
    colour_folder(tmp_path / "pictures", 12)
    rows = [f"pictures/{c}/{i}.png,{c}{';warm' * (c == 'red')}" for c in COLOURS for i in range(12)]
    (tmp_path / "tags.csv").write_text("\n".join(["path,tags", *rows]))
    calls = spy(monkeypatch, statistics, "fit")
    outcome = run("data=folder", f"data.path={tmp_path / 'tags.csv'}")
    (_, learned), names = calls[0], [tag.name for tag in outcome.tags]
    assert names == ["blue", "green", "red", "warm"]
    assert learned.count[2] == learned.count[3] > 5
    np.testing.assert_array_equal(learned.mean[2], learned.mean[3])
    assert (outcome.measured.truth[:, 2] == outcome.measured.truth[:, 3]).all()
    assert outcome.measured.truth.sum(1).max() == 2
    assert outcome.result["variants"]["float32"]["top1"] == 1
    assert outcome.result["variants"]["float32"]["coverage"] > 0.8


def test_each_picture_is_learned_from_or_calibrates_or_validates(run, folder, monkeypatch):
    fits, scores = spy(monkeypatch, statistics, "fit"), spy(monkeypatch, evaluate, "score")
    outcome = run(*folder)
    ((batches, *_), _), ((_, held), _), ((_, validation), _) = fits[0], *scores
    learned = np.concatenate([rows[(labels >= 0).any(1)] for rows, labels in batches])
    parts = [{row.tobytes() for row in np.asarray(rows)} for rows in (learned, held, validation)]
    data = outcome.result["data"]
    assert [len(part) for part in parts] == [data["train"], data["calibration"], data["validation"]] == [24, 3, 9]
    assert len(set.union(*parts)) == 36


@pytest.mark.parametrize(("override", "pictures"), [("data.per_class=4", 12), ("data.fraction=0.3", 9)])
def test_a_subset_shrinks_training_and_leaves_validation_alone(run, folder, override, pictures):
    full, part = run(*folder), run(*folder, override)
    assert part.result["data"]["train"] + part.result["data"]["calibration"] == pictures
    assert part.validation.ids == full.validation.ids
    assert part.result["data"]["fingerprint"] != full.result["data"]["fingerprint"]


def test_a_tag_without_training_pictures_spoils_no_figure(run, monkeypatch, tmp_path):
    split = colour_split(12)
    train, validation = (split.labels[:, 0] < 2) & (np.arange(36) < 30), np.arange(36) >= 30
    tags = tuple(DatasetTag(name, name) for name in COLOURS)
    dataset = Dataset("ghost", tags, select(split, train), select(split, validation))
    monkeypatch.setattr(stages, "load", lambda *args, **options: dataset)
    outcome = run()
    assert (outcome.measured.scores.log_joint[:, 2] == -np.inf).all()
    assert not np.isnan(outcome.measured.scores.log_joint).any()
    figures = outcome.result["variants"]["float32"]
    assert figures["top1"] == pytest.approx(2 / 3)
    assert figures["log_loss"] == np.inf
    assert not any(np.isnan(figures[name]) for name in FIGURES)
    write_record(outcome.result, tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text())["variants"]["float32"]["log_loss"] is None


def test_the_classifiers_settings_reach_it(run, monkeypatch):
    priors, classifiers = (spy(monkeypatch, naive_bayes, name) for name in ("fit_prior", "finalize"))
    transforms = spy(monkeypatch, whitening, "fit")
    run("classifier.variance_prior_strength=7", "classifier.var_smoothing=0.01", "classifier.class_prior=counts", "classifier.dimensions=5")
    assert list(priors[0][0][1:]) == [7, 0.01, 0.06, 1e4]
    assert classifiers[0][0][2] == "counts"
    assert transforms[0][1].weights.shape[1] == 5


def test_pictures_too_few_to_whiten_with_are_told_before_a_tagger_ships(run, monkeypatch, caplog):
    monkeypatch.setattr(variants, "evaluate_variants", lambda *args: {})
    monkeypatch.setattr(ship, "assemble", lambda *args: {})
    shipping = "export.variants=[float32]", "export.bundle_variant=float32"
    monkeypatch.setattr(pipeline, "MIN_SAMPLES_PER_FEATURE", 1e-9)
    run(*shipping)
    assert "few to whiten" not in caplog.text
    monkeypatch.setattr(pipeline, "MIN_SAMPLES_PER_FEATURE", 1e9)
    run(*shipping, "classifier=smoothed_gnb")
    assert "few to whiten" not in caplog.text
    run(*shipping)
    assert "few to whiten" in caplog.text


def test_conformal_sets_are_smaller_where_less_is_promised(run):
    drawn = "data.synthetic_per_class=20", "data.holdout_fraction=0.5", "calibrate.prediction_set=lac"
    small, large = (run(*drawn, f"calibrate.coverage={c}") for c in (0.3, 0.95))
    assert small.measured.decision.prediction_set.coverage == 0.3
    assert small.measured.decision.prediction_set.thresholds == large.measured.decision.prediction_set.thresholds
    sizes = [one.result["variants"]["float32"]["set_size"] for one in (small, large)]
    assert sizes[0] < sizes[1]


def test_a_lower_threshold_gives_smaller_sets(run):
    small, large = (
        run("calibrate.prediction_set=cumulative", f"calibrate.coverage={t}").result["variants"]["float32"] for t in (0.3, 0.95)
    )
    assert small["set_size"] < large["set_size"]
    assert small["top1"] == large["top1"]


def test_stray_files_weigh_as_little_beside_a_subset_as_beside_all_pictures(run, folder, tmp_path):
    for i in range(2):
        (tmp_path / "pictures" / f"stray{i}.png").write_bytes(picture("red", 500 + i))
    for subset in ("seed=0", "data.per_class=4"):
        assert run(*folder, "data.max_bad_fraction=0.06", subset).result["data"]["skipped"] == 2


def test_a_temperature_that_cannot_be_trusted_is_told(run, monkeypatch, caplog):
    assert "calibrat" not in (run("calibrate.prediction_set=cumulative") and caplog.text)
    run("calibrate.prediction_set=lac")
    assert "too few to promise a coverage of 0.9" in caplog.text
    run("data.holdout_fraction=0")
    assert "no pictures to calibrate on" in caplog.text
    monkeypatch.setattr(evaluate, "MAX_PLAUSIBLE_TEMPERATURE", 0.5)
    run()
    assert "variances are poor" in caplog.text
