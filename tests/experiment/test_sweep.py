import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import hydra
import msgspec
import pytest

from imagetagger import run
from imagetagger.config.digest import config_digest
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import BadDataError
from imagetagger.experiment import pipeline
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.record import RESULT_SCHEMA
from imagetagger.experiment.sweep import finished_record, rival_curves
from imagetagger.report.comparison import page
from imagetagger.report.comparison.page import TABLES
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.jobs import results, sweep, written
from tests.helpers.pictures import patchwork_folder
from tests.helpers.sweeps import leave
from tests.helpers.tiles import use_tiles
from tests.helpers.trained import training_record

pytestmark = pytest.mark.slow


def place(*overrides: str) -> tuple[str, str]:
    """The folder of a sweep and of a job in it."""
    with hydra.initialize_config_dir(str(run.CONFIGS), version_base="1.3"):
        composed = hydra.compose("config", list(overrides), return_hydra_config=True)
    return composed.hydra.sweep.dir, composed.hydra.sweep.subdir


def leaves(node: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    nested = [(name.name, getattr(node, name.name)) for name in fields(node)]
    return [leaf for name, value in nested
            for leaf in (leaves(value, (*path, name)) if is_dataclass(value) else [(*path, name)])]  # fmt: skip


def other(node: Any, path: tuple[str, ...]) -> Any:
    """Settings of which one differs."""
    value = getattr(node, path[0])
    if len(path) > 1:
        return replace(node, **{path[0]: other(value, path[1:])})
    kinds = {bool: lambda: not value, int: lambda: value + 1, float: lambda: value / 2 + 1, str: lambda: f"{value}x"}
    return replace(node, **{path[0]: kinds.get(type(value), lambda: "other")()})


BASE = settings()
SETTINGS = [".".join(path) for path in leaves(BASE)]
NO_MATTER = ("cache", "cache_limit", "force", "optimized_metric", "track", "track_to")


@pytest.mark.parametrize(
    "overrides", [(), ("seed=7",), ("classifier=tied", "data.per_class=3"), ("+experiment=export",)]
)
def test_a_jobs_folder_is_the_start_of_its_configs_digest(overrides):
    assert place(*overrides)[1] == config_digest(settings(*overrides))[:16]


def test_what_changes_no_number_changes_no_folder():
    assert place("cache=/elsewhere", "force=true", "optimized_metric=ece", "track=mlflow") == place()


@pytest.mark.parametrize("key", SETTINGS)
def test_any_other_setting_has_a_folder_of_its_own(key):
    changed = other(BASE, tuple(key.split(".")))
    assert changed != BASE
    assert (config_digest(changed) == config_digest(BASE)) == (key in NO_MATTER)


@pytest.mark.parametrize(
    "wrong", ["calibrate.coverage={}", "+no.such.key={}", "embed.batch_size=many{}", "data.name=x{}"]
)
def test_an_impossible_config_has_a_folder_of_its_own_too(wrong):
    one, two = (place(wrong.format(value))[1] for value in (7, 8))
    assert one != two
    assert len({one, two, place()[1]}) == 3
    assert all(len(name) == 16 and int(name, 16) for name in (one, two))
    assert place("data.name=???")[1] != place()[1]


def test_sweeps_of_one_experiment_have_one_folder_and_no_other_has_it():
    one, two, third = (place(f"+experiment={name}", *more)[0] for name, more in (
        ("threshold_sweep", ["seed=1"]), ("threshold_sweep", ["data.per_class=3"]), ("width_sweep", [])))  # fmt: skip
    assert one == two == "outputs/threshold_sweep/sweep"
    assert third != one


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a sweep goes, in a process that has run none, with tiles in place of a network."""
    use_tiles(monkeypatch)
    monkeypatch.setattr(run, "STAGE_CACHE", {})
    monkeypatch.chdir(tmp_path)
    patchwork_folder(tmp_path / "pictures", 6)
    return tmp_path / "sweep"


@pytest.fixture
def unreported(monkeypatch):
    """Spare the report, which takes longer than small jobs."""
    monkeypatch.setattr(page, "write_comparison", lambda runs, folder: None)


COLOURS = [
    *SHRUNK,
    "data=folder",
    "data.path=pictures",
    "evaluate.examples=0",
    "cache=cache",
    "calibrate.prediction_set=cumulative",
]


def nothing_runs(*args, **options):
    raise AssertionError("a job ran")


def test_a_sweep_leaves_results_configs_and_logs_and_one_report(folder):
    done = sweep(folder, *COLOURS, "calibrate.coverage=0.5,0.9", "seed=0,1")
    assert (done.code, done.err) == (0, "")
    assert f"4 jobs done. Report in {folder}/report.html" in done.out
    jobs = results(folder)
    assert {path.name for path in folder.iterdir()} == {*jobs, "report.html", *TABLES, "plots", "multirun.yaml"}
    wanted = [(coverage, seed) for coverage in (0.5, 0.9) for seed in (0, 1)]
    names = [config_digest(settings(*COLOURS, f"calibrate.coverage={c}", f"seed={s}"))[:16] for c, s in wanted]
    assert [(jobs[name]["calibration"]["target_coverage"], jobs[name]["seed"]) for name in names] == wanted
    for name, found in jobs.items():
        assert found["config_digest"].startswith(name)
        assert {path.name for path in (folder / name).iterdir()} == {"result.json", ".hydra", "run.log"}
        assert "top-1" in (folder / name / "run.log").read_text()
    assert len((folder / "runs.csv").read_text().splitlines()) == 1 + 4


def test_a_sweep_started_again_runs_nothing_and_says_so(folder, monkeypatch):
    axes = [*COLOURS, "calibrate.coverage=0.5,0.9"]
    assert sweep(folder, *axes).code == 0
    before, table = written(folder), (folder / "runs.csv").read_bytes()
    monkeypatch.setattr(pipeline, "run_experiment", nothing_runs)
    again = sweep(folder, *axes)
    assert (again.code, again.err) == (0, "")
    assert again.out.count("finished before") == 3
    assert "0 jobs done, 2 had finished before" in again.out
    assert written(folder) == before
    assert (folder / "runs.csv").read_bytes() == table


@pytest.mark.usefixtures("unreported")
def test_jobs_that_have_finished_run_again_when_asked(folder):
    axes = [*COLOURS, "calibrate.coverage=0.5,0.9"]
    sweep(folder, *axes)
    before, numbers = written(folder), results(folder)
    again = sweep(folder, *axes, "force=true")
    assert "2 jobs done. Report" in again.out
    assert results(folder) == numbers
    assert all(written(folder)[name][1] > time for name, (_, time) in before.items())


@pytest.mark.usefixtures("unreported")
def test_new_axes_only_add_jobs(folder):
    sweep(folder, *COLOURS, "calibrate.coverage=0.5,0.9")
    before = written(folder)
    more = sweep(folder, *COLOURS, "calibrate.coverage=0.5,0.7,0.9", "seed=0,1")
    assert more.out.count("  finished before") == 2
    after = written(folder)
    assert len(after) == 6
    assert {name: after[name] for name in before} == before


DAMAGE = {
    "empty": lambda text: "",
    "half": lambda text: text[: len(text) // 2],
    "a list": lambda text: "[1]",
    "a number": lambda text: "1",
    "no digest": lambda text: "{}",
    "one of another config": lambda text: text.replace('"config_digest": "', '"config_digest": "f'),
    "no text": lambda text: "\udcff",
    "one of an earlier version": lambda text: text.replace(f'"schema": {RESULT_SCHEMA}', '"schema": 1'),
    "one without metrics": lambda text: text.replace('"after": ', '"afterwards": '),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_result_that_no_report_could_use_is_none_of_a_job_that_has_finished(damage, tmp_path):
    digest, path = config_digest(settings()), leave(tmp_path) / "result.json"
    assert finished_record(tmp_path, digest).config_digest == digest
    path.write_text(DAMAGE[damage](whole := path.read_text("utf-8")), "utf-8", "surrogateescape")
    assert path.read_text("utf-8", "replace") != whole
    assert finished_record(tmp_path, digest) is None
    path.unlink()
    assert finished_record(tmp_path, digest) is None


@pytest.mark.usefixtures("unreported")
def test_a_job_whose_result_is_damaged_runs_again_and_no_other(folder):
    axes = [*COLOURS, "calibrate.coverage=0.5,0.7,0.9"]
    sweep(folder, *axes)
    before, numbers = written(folder), results(folder)
    damaged, *spared = before
    (folder / damaged / "result.json").write_bytes(before[damaged][0][:-100])
    again = sweep(folder, *axes)
    assert (again.code, again.err) == (0, "")
    assert "1 job done, 2 had finished before" in again.out
    assert results(folder) == numbers
    assert all(written(folder)[name] == before[name] for name in spared)


@pytest.mark.usefixtures("unreported")
def test_a_job_that_fails_is_told_with_its_message_and_costs_no_other(folder):
    done = sweep(folder, *COLOURS, "data.path=pictures,nowhere", "calibrate.coverage=0.5,7,0.9")
    assert done.code == 1
    jobs = results(folder)
    assert sorted(found["calibration"]["target_coverage"] for found in jobs.values()) == [0.5, 0.9]
    failed = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/failed.json")}
    assert len(failed) == 4
    assert not set(failed) & set(jobs)
    assert "2 jobs done" in done.out
    assert "4 of 6 jobs failed:" in done.err
    assert "Traceback" not in done.err + done.out
    for name, told in failed.items():
        assert {path.name for path in (folder / name).iterdir()} == {"failed.json", ".hydra", "run.log"}
        assert set(told) == {"experiment", "config_digest", "overrides", "kind", "error", "traceback"}
        assert told["config_digest"] == name
        assert f"  {' '.join(told['overrides'])}\n    {told['error']}\n" in done.err
        wrong = "calibrate.coverage=7" in told["overrides"]
        assert told["kind"] == ("ConfigError" if wrong else "FileNotFoundError")
        assert told["error"].startswith("calibrate.coverage: got 7.0" if wrong else "got data.path=nowhere, where")
        assert f"failed: {told['error']}" in done.out
        assert told["traceback"][-1].strip().endswith(told["error"])


@pytest.mark.usefixtures("unreported")
@pytest.mark.parametrize(
    "error", [BadDataError("too few"), KeyError("a bug"), MemoryError(), RuntimeError("lines\nof it")]
)
def test_whatever_befalls_a_job_it_costs_no_other(error, folder, monkeypatch):
    original = run_experiment

    def fails(settings: Experiment, **options):
        if settings.seed == 1:
            raise error
        return original(settings, **options)

    monkeypatch.setattr(pipeline, "run_experiment", fails)
    done = sweep(folder, *COLOURS, "seed=0,1,2")
    assert done.code == 1
    assert {found["seed"] for found in results(folder).values()} == {0, 2}
    assert "1 of 3 jobs failed:" in done.err
    assert str(error).splitlines()[:1] == [] or str(error).splitlines()[0] in done.err


def test_what_failed_is_run_again_and_forgotten_once_it_is_mended(folder):
    axes = [*COLOURS, "data.path=pictures,later"]
    assert sweep(folder, *axes).code == 1
    before = written(folder)
    (failed,) = folder.glob("*/failed.json")
    assert "later" in (folder / "report.html").read_text()
    patchwork_folder(folder.parent / "later", 5)
    done = sweep(folder, *axes)
    assert (done.code, done.err) == (0, "")
    assert "1 job done, 1 had finished before" in done.out
    assert not failed.exists()
    assert (failed.parent / "result.json").exists()
    assert before.items() <= written(folder).items()


def test_where_all_jobs_fail_there_is_their_message_and_no_report(folder):
    done = sweep(folder, *COLOURS, "data.path=nowhere", "seed=0,1")
    assert done.code == 1
    assert done.err.count("got data.path=nowhere, where nothing is") == 2
    assert "2 of 2 jobs failed:" in done.err
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    "where",
    [
        "experiment.pipeline.run_experiment",
        "experiment.sweep.config_choices",
        "report.comparison.sweep_callback.SweepReport.on_multirun_end",
    ],
)
def test_ctrl_c_in_a_job_and_outside_of_one_ends_with_a_message(where, folder, monkeypatch):
    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"imagetagger.{where}", stopped)
    done = sweep(folder, *COLOURS, "seed=0,1")
    assert done.code == 1
    assert done.err == (
        "Stopped. What was embedded is kept, and jobs that finished: the same command goes on from there.\n"
    )
    assert not list(folder.rglob("failed.json"))
    assert len(results(folder)) == (2 if "on_multirun_end" in where else 0)


def test_a_report_that_cannot_be_written_hides_no_failure(folder, monkeypatch):
    def full(runs, folder):
        raise OSError("no space left")

    monkeypatch.setattr(page, "write_comparison", full)
    done = sweep(folder, *COLOURS, "calibrate.coverage=0.5,7")
    assert done.code == 1
    assert "1 of 2 jobs failed:" in done.err
    assert "no space left" in done.out + done.err
    whole = sweep(folder, *COLOURS, "calibrate.coverage=0.5,0.9")
    assert whole.code == 1
    assert "no space left" in whole.out + whole.err


def test_the_rivals_of_a_training_are_complete_ones_on_the_same_pictures(tmp_path):
    def leave_training(name, *overrides, epochs=12, is_pruned=False, **options):
        training = msgspec.to_builtins(training_record(epochs, epochs)) | {"is_pruned": is_pruned}
        training["recipe"]["epochs"] = 12
        leave(tmp_path / name, "training.epochs=12", *overrides, change={"training": training}, **options)

    leave_training("complete", "training.learning_rate=0.1")
    leave_training("ended by patience", epochs=5)
    leave_training("pruned", epochs=5, is_pruned=True)
    leave_training("others", "data.per_class=7")
    leave_training("another", seed=1)
    leave(tmp_path / "frozen")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "result.json").write_text("{")
    losses, early = ([epoch.tuning_loss for epoch in training_record(n, n).epochs] for n in (12, 5))
    expected = [losses, early + 7 * early[-1:]]  # an early end is not a rival that stops being one
    assert rival_curves(tmp_path / "job", settings("training.epochs=8")) == expected
