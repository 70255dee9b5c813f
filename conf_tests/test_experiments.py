import pytest

from imagetagger import run
from imagetagger.config.digest import config_digest
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.record import read_record, write_record
from imagetagger.export import variants
from imagetagger.options import PREDICTION_SETS
from imagetagger.report.run.page import write_run_report
from imagetagger.run import CONFIGS
from tests.helpers.composed import settings, shrunk
from tests.helpers.jobs import results, sweep
from tests.helpers.pictures import patchwork_folder, photographs_folder, tiny_imagenet_zip

EXPERIMENTS = sorted(file.stem for file in (CONFIGS / "experiment").glob("*.yaml"))


def tiny(tmp, per_tag=3):
    return [f"data.path={tiny_imagenet_zip(tmp / 'tiny.zip', per_tag)}"]


def photographs(tmp):
    """Few pictures, and the network that has a classifier: only its weights are real."""
    small = ["backbone=efficientnet_lite0", "backbone.weights=imagenet", "backbone.width=1", "backbone.resolution=224"]
    return [*small, "classifier.dimensions=64", f"data.path={photographs_folder(tmp / 'photographs')}"]


def briefly():
    return ["training.blocks=1", "training.epochs=1", "training.crops=0", "training.gate=always"]


RECIPES = {
    "quickstart": lambda tmp: [],
    "folder": lambda tmp: [f"data.path={patchwork_folder(tmp / 'pictures')}"],
    "finetune": lambda tmp: [*briefly(), f"data.path={patchwork_folder(tmp / 'pictures')}"],
    "finetune_tiny_imagenet": lambda tmp: [*briefly(), *tiny(tmp, 8)],
    "finetune_sweep": lambda tmp: [*briefly(), *tiny(tmp, 12), "data.holdout_fraction=0.4"],
    "tiny_imagenet": lambda tmp: [*tiny(tmp), "embed.measure_raw_rate=false"],
    "export": tiny,
    "reference": lambda tmp: tiny(tmp, 8),
    "everyday": photographs,
    "whitened": tiny,
    "threshold_sweep": tiny,
    "dataset_size_sweep": tiny,
    "threshold_x_size": tiny,
    "quantization_sweep": tiny,
    "resolution_sweep": tiny,
    "width_sweep": tiny,
    "tune": lambda tmp: [*tiny(tmp, 8), "data.holdout_fraction=0.5"],
}
"""A little data of its kind for each experiment; of a sweep, for one job."""


def test_every_experiment_has_a_recipe_and_every_recipe_an_experiment():
    assert sorted(RECIPES) == EXPERIMENTS


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs_and_reports(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    composed = settings(f"+experiment={experiment}", *shrunk(), *RECIPES[experiment](tmp_path))
    output = run_experiment(composed)
    record = output.record
    assert record.experiment == experiment
    assert record.data.validation == len(output.evaluation.data.labels_onehot) > 0
    assert record.data.skipped == 0
    assert 0 <= record.calibration.after.top1 <= 1
    assert set(record.variants) == {*composed.export.variants, "float32"}  # which others are compared with
    assert record.variant == (composed.export.bundle_variant or "float32")
    assert record.bundled_variant == composed.export.bundle_variant
    assert (output.bundle is None) == (composed.export.bundle_variant is None)
    write_run_report(output, tmp_path / "report.html", examples=2, seed=0)
    write_record(record, tmp_path / "result.json")
    assert read_record(tmp_path / "result.json").data == record.data
    assert f"<bdi>{experiment}</bdi>" in (tmp_path / "report.html").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a sweep, in a process that has not run any."""
    monkeypatch.setattr(run, "STAGE_CACHE", {})
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    return tmp_path / "sweep"


@pytest.mark.slow
def test_a_multirun_leaves_results_configs_and_one_report_but_no_bundles(folder):
    axes = ["+experiment=quickstart", *shrunk()]
    done = sweep(folder, *axes, "calibrate.coverage=0.5,0.9")
    assert (done.code, done.err) == (0, "")
    jobs = results(folder)
    targets = {config_digest(settings(*axes, f"calibrate.coverage={c}"))[:16]: c for c in (0.5, 0.9)}
    assert {name: result["calibration"]["target_coverage"] for name, result in jobs.items()} == targets
    for name, result in jobs.items():
        assert {path.name for path in (folder / name).iterdir()} == {"result.json", ".hydra", "run.log"}
        assert set(result["variants"]) == {"float32", "int8"}
        assert result["bundled_variant"] is None
    assert {"report.html", "runs.csv", "plots"} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_the_threshold_sweep_leaves_the_curve_of_every_rule(folder):
    data = tiny(folder.parent, 20)  # enough to guarantee a coverage
    done = sweep(folder, "+experiment=threshold_sweep", *shrunk(), *data)
    assert (done.code, done.err) == (0, "")
    curves = {curve["rule"]: curve for curve in (result["coverage_curve"] for result in results(folder).values())}
    assert set(curves) == set(PREDICTION_SETS)
    for curve in curves.values():
        assert len(curve["target"]) == len(curve["coverage"]) == len(curve["set_size"]) > 1
        for key in ("target", "coverage", "set_size"):
            assert curve[key] == sorted(curve[key])
    table = (folder / "coverage_curves.csv").read_text()
    assert all(rule in table for rule in PREDICTION_SETS)
