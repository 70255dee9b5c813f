import math
import shlex
import warnings

import msgspec
import pytest
from omegaconf import OmegaConf

from imagetagger import run
from imagetagger.config.parse import ConfigError
from imagetagger.experiment import pipeline
from imagetagger.experiment.sweep import minimised_metric
from imagetagger.report.comparison import page
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.jobs import results, sweep, written
from tests.helpers.made import outcome, some
from tests.helpers.pictures import tiny_imagenet_zip
from tests.helpers.tiles import use_tiles

pytestmark = pytest.mark.slow

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of SQLAlchemy, which Optuna imports and does not need
    optuna = pytest.importorskip("optuna")

TRIALS = 4
TUNE = [
    "+experiment=tune",
    *SHRUNK,
    "data.path=tiny.zip",
    "data.holdout_fraction=0.4",
    f"hydra.sweeper.n_trials={TRIALS}",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a sweep goes, in a process that has run none, with tiles in place of a network."""
    use_tiles(monkeypatch)
    monkeypatch.setattr(run, "STAGE_CACHE", {})
    monkeypatch.setattr(page, "write_comparison", lambda runs, folder: None)  # takes longer than small jobs
    monkeypatch.chdir(tmp_path)
    tiny_imagenet_zip(tmp_path / "tiny.zip", per_tag=20)
    return tmp_path / "sweep"


def best(folder):
    return OmegaConf.to_container(OmegaConf.load(folder / "optimization_results.yaml"))


def command(out):
    """The words of the command that a sweep ends with, but for the program."""
    (line,) = (line for line in out.splitlines() if line.strip().startswith("python -m imagetagger.run"))
    return shlex.split(line)[3:]


def nothing_runs(*args, **options):
    raise AssertionError("a job ran")


def test_tuning_tries_what_it_says_and_leaves_the_best_and_how_to_report_on_it(folder):
    done = sweep(folder, *TUNE)
    assert done.code == 0
    assert f"{TRIALS} jobs done" in done.out
    found, jobs = best(folder), results(folder)
    assert len(jobs) == TRIALS
    losses = {name: job["calibration"]["after"]["log_loss"] for name, job in jobs.items()}
    assert found["best_value"] == min(losses.values())
    axes = {
        "classifier.variance_prior_strength",
        "classifier.shrinkage",
        "classifier.dimensions",
        "classifier.within_class_weight",
    }
    assert set(found["best_params"]) == axes
    won = jobs[min(losses, key=losses.get)]["settings"]
    assert {f"classifier.{key}": value for key, value in won["classifier"].items()}.items() >= found[
        "best_params"
    ].items()
    assert won["evaluate"]["split"] == "tuning"
    told = settings(*command(done.out))
    assert told.evaluate.split == "validation"
    assert told.experiment == "tune"
    assert told.data.path == "tiny.zip"
    assert {key: getattr(told.classifier, key) for key in won["classifier"]} == won["classifier"]


def test_tuning_again_runs_nothing_and_finds_the_same(folder, monkeypatch):
    first = sweep(folder, *TUNE)
    found, before = best(folder), written(folder)
    monkeypatch.setattr(pipeline, "run_experiment", nothing_runs)
    again = sweep(folder, *TUNE)
    assert (first.code, again.code) == (0, 0)
    assert again.out.count("  finished before") == TRIALS
    assert f"0 jobs done, {TRIALS} had finished before" in again.out
    assert written(folder) == before
    assert best(folder) == found
    assert command(again.out) == command(first.out)


def test_more_trials_go_on_where_fewer_ended(folder):
    sweep(folder, *TUNE)
    before = written(folder)
    more = sweep(folder, *TUNE, f"hydra.sweeper.n_trials={TRIALS + 2}")
    assert more.out.count("  finished before") == TRIALS
    assert before.items() < written(folder).items()
    assert len(written(folder)) == TRIALS + 2


def test_a_trial_that_fails_does_not_take_the_others_along(folder):
    done = sweep(folder, *TUNE, "classifier.shrinkage=interval(0.5,1.5)", "classifier.dimensions=3")
    assert done.code == 1
    failed = list(folder.glob("*/failed.json"))
    jobs = results(folder)
    assert len(failed) + len(jobs) == TRIALS
    assert failed
    assert jobs
    assert f"{len(failed)} of {TRIALS} jobs failed:" in done.err
    assert "Traceback" not in done.err + done.out
    assert best(folder)["best_params"]["classifier.shrinkage"] <= 1
    told = settings(*command(done.out))  # also where axes were given anew
    assert told.classifier.shrinkage == best(folder)["best_params"]["classifier.shrinkage"]
    assert told.classifier.dimensions == 3


def test_a_trial_without_pictures_to_try_is_one_that_fails(folder):
    words = [*(word for word in TUNE if "holdout" not in word), "data.holdout_fraction=choice(0,0.4)"]
    done = sweep(folder, *words)
    assert done.code == 1
    assert "tuning evaluates held-out training pictures, and none are held out" in done.err
    assert {job["settings"]["data"]["holdout_fraction"] for job in results(folder).values()} == {0.4}
    assert best(folder)["best_params"]["data.holdout_fraction"] == 0.4


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, 0.5), (0.0, 0.0), (None, None), (math.inf, None), (math.nan, None)]
)
def test_a_metric_that_is_not_finite_is_none_to_a_sweeper_before_and_after_it_was_written(value, expected):
    record = outcome(*some()).record
    after = msgspec.structs.replace(record.calibration.after, log_loss=value)
    changed = msgspec.structs.replace(record, calibration=msgspec.structs.replace(record.calibration, after=after))
    assert minimised_metric(changed, "log_loss") == expected


def test_a_bundle_is_refused_to_a_run_that_looks_at_no_validation():
    shipped = ["+experiment=tune", "export=int8"]
    with pytest.raises(
        ConfigError, match=r"^export\.bundle_variant: got int8, expected null with evaluate\.split=tuning"
    ):
        settings(*shipped)
    assert settings(*shipped, "export.bundle_variant=null").export.variants == ["int8"]
    assert settings(*shipped, "evaluate.split=validation").export.bundle_variant == "int8"


def test_where_more_is_better_the_most_is_found(folder):
    done = sweep(folder, *TUNE, "optimized_metric=top1")
    jobs = results(folder)
    most = max(job["calibration"]["after"]["top1"] for job in jobs.values())
    assert best(folder)["best_value"] == -most
    assert done.code == 0
