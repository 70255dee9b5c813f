import pytest

from imagetagger import run
from imagetagger.config.digest import config_digest
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.record import write_record
from imagetagger.export import variants
from imagetagger.options import PREDICTION_SETS
from imagetagger.report.run.page import write_run_report
from imagetagger.run import CONFIGS
from tests.helpers.composed import settings, shrunk
from tests.helpers.jobs import results, sweep
from tests.helpers.pictures import colour_folder, tiny_imagenet_zip

EXPERIMENTS = sorted(file.stem for file in (CONFIGS / "experiment").glob("*.yaml"))


def tiny(tmp, per_tag=3):
    return [f"data.path={tiny_imagenet_zip(tmp / 'tiny.zip', per_tag)}"]


RECIPES = {
    "quickstart": lambda tmp: [],
    "folder": lambda tmp: [f"data.path={colour_folder(tmp / 'pictures')}"],
    "tiny_imagenet": lambda tmp: [*tiny(tmp), "embed.measure_raw_rate=false"],
    "export": tiny,
    "whitened": tiny,
    "threshold_sweep": tiny,
    "dataset_size_sweep": tiny,
    "threshold_x_size": tiny,
    "quantization_sweep": tiny,
    "resolution_sweep": tiny,
    "width_sweep": tiny,
    "tune": lambda tmp: [*tiny(tmp, 8), "data.holdout_fraction=0.5"],
}
"""How to give each experiment data of its kind, and little of it; of a sweep, one job."""


def test_every_experiment_has_a_recipe_and_every_recipe_an_experiment():
    assert sorted(RECIPES) == EXPERIMENTS


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs_and_reports(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    composed = settings(f"+experiment={experiment}", *shrunk(), *RECIPES[experiment](tmp_path))
    outcome = run_experiment(composed)
    assert outcome.result["experiment"] == experiment
    assert 0 <= outcome.result["variants"]["float32"]["top1"] <= 1
    assert outcome.result["data"]["validation"] == len(outcome.measured.truth) > 0
    assert outcome.result["data"]["skipped"] == 0
    assert set(composed.export.variants) | {"float32"} == set(outcome.result["variants"])
    assert (outcome.bundle is None) == (composed.export.bundle_variant is None)
    write_run_report(outcome, tmp_path / "report.html", examples=2, seed=0)
    write_record(outcome.result, tmp_path / "result.json")
    assert f"<bdi>{experiment}</bdi>" in (tmp_path / "report.html").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a sweep goes, in a process that has run none."""
    monkeypatch.setattr(run, "STAGE_CACHE", {})
    monkeypatch.setattr(variants, "TIMING_SECONDS", 0.05)
    return tmp_path / "sweep"


@pytest.mark.slow
def test_a_multirun_leaves_results_configs_and_one_report_but_no_bundles(folder):
    axes = ["+experiment=quickstart", *shrunk()]
    done = sweep(folder, *axes, "calibrate.coverage=0.5,0.9")
    assert (done.code, done.err) == (0, "")
    jobs = results(folder)
    wanted = {config_digest(settings(*axes, f"calibrate.coverage={c}"))[:16]: c for c in (0.5, 0.9)}
    assert {name: found["calibration"]["wanted"] for name, found in jobs.items()} == wanted
    for name, found in jobs.items():
        assert {path.name for path in (folder / name).iterdir()} == {"result.json", ".hydra", "run.log"}
        assert set(found["variants"]) == {"float32", "int8"}
        assert found["shipped"] is None
    assert {"report.html", "runs.csv", "plots"} <= {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_the_threshold_sweep_leaves_the_curve_of_every_rule(folder):
    data = [*tiny(folder.parent, 20), "data.holdout_fraction=0.5"]  # enough to promise something
    done = sweep(folder, "+experiment=threshold_sweep", *shrunk(), *data)
    assert (done.code, done.err) == (0, "")
    curves = {found["demands"]["rule"]: found["demands"] for found in results(folder).values()}
    assert set(curves) == set(PREDICTION_SETS)
    for curve in curves.values():
        assert len(curve["asked"]) == len(curve["coverage"]) == len(curve["set_size"]) > 1
        for key in ("asked", "coverage", "set_size"):
            assert curve[key] == sorted(curve[key])
    told = (folder / "demands.csv").read_text()
    assert all(rule in told for rule in PREDICTION_SETS)
