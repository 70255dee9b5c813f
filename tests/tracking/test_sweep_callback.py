"""Runs and sweeps with `track=...`, as the command line starts them."""

import pytest

from imagetagger import run
from imagetagger.experiment import pipeline
from imagetagger.tracking import track
from imagetagger.tracking.track import WRITERS
from tests.helpers.composed import SHRUNK, shrunk
from tests.helpers.jobs import alone, results, sweep
from tests.helpers.pictures import patchwork_folder
from tests.helpers.tiles import use_tiles

pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
pytestmark = pytest.mark.slow

TILES = [
    *SHRUNK,
    "data=folder",
    "data.path=pictures",
    "evaluate.examples=0",
    "cache=cache",
    "calibrate.prediction_set=cumulative",
    "track=tensorboard",
    "track_to=logs",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a sweep goes, with tiles in place of a network."""
    use_tiles(monkeypatch)
    monkeypatch.setattr(run, "STAGE_CACHE", {})
    monkeypatch.chdir(tmp_path)
    patchwork_folder(tmp_path / "pictures", 6)
    return tmp_path / "sweep"


def test_a_sweep_is_tracked_with_its_jobs_below_it_and_its_report(folder, monkeypatch):
    seen = []
    write = WRITERS["tensorboard"]
    monkeypatch.setitem(WRITERS, "tensorboard", lambda runs, location: seen.extend(runs) or write(runs, location))
    done = sweep(folder, *TILES, "calibrate.coverage=0.5,0.9")
    assert (done.code, done.err) == (0, "")
    assert "tensorboard: 2 runs and 1 sweep in logs: 3 tracked, 0 updated, 0 unchanged" in done.out
    parent, *jobs = seen
    assert parent.varied == {"calibrate.coverage": (0.5, 0.9)}
    assert [path.name for path in parent.artifacts] == ["report.html", "runs.csv"]
    below = folder.parent / "logs" / "custom" / "sweep"
    assert {path.name for path in below.iterdir() if path.is_dir()} == set(results(folder))
    assert {job.folder.name for job in jobs} == set(results(folder))

    again = sweep(folder, *TILES, "calibrate.coverage=0.5,0.9")
    assert "3 unchanged" in again.out
    more = sweep(folder, *TILES, "calibrate.coverage=0.5,0.7,0.9")
    assert "3 runs and 1 sweep in logs: 1 tracked, 1 updated, 2 unchanged" in more.out


def test_where_a_job_fails_the_others_are_tracked(folder):
    done = sweep(folder, *TILES, "calibrate.coverage=0.5,7")
    assert done.code == 1
    assert "1 of 2 jobs failed" in done.err
    assert "tensorboard: 1 run and 1 sweep in logs: 2 tracked" in done.out


def test_a_tracker_that_fails_fails_no_sweep(folder, monkeypatch):
    def broken(runs, location):
        raise OSError("disk full")

    monkeypatch.setitem(WRITERS, "tensorboard", broken)
    done = sweep(folder, *TILES, "calibrate.coverage=0.5,0.9")
    assert (done.code, len(results(folder))) == (0, 2)
    assert "tensorboard failed: disk full" in done.out
    assert f"imagetagger track {folder} --to=tensorboard --location=logs" in done.out


def test_a_tracker_that_is_not_installed_ends_a_sweep_before_its_first_job(folder, monkeypatch):
    def nothing_runs(*arguments, **options):
        raise AssertionError("a job ran")

    monkeypatch.setattr(pipeline, "run_experiment", nothing_runs)
    monkeypatch.setattr(track, "find_spec", lambda name: None)
    done = sweep(folder, *TILES, "calibrate.coverage=0.5,0.9")
    assert done.code == 1
    assert done.err == (
        "tensorboard is not installed, which track=tensorboard needs: pip install 'imagetagger[tensorboard]'\n"
    )


def test_a_single_run_is_tracked_and_its_result_says_nothing_of_it(tmp_path):
    logs = tmp_path / "logs"
    done = alone(tmp_path / "TIME", *shrunk("track=tensorboard", f"track_to={logs}"))
    assert done.code == 0, done.err
    assert f"tensorboard: 1 run in {logs}: 1 tracked, 0 updated, 0 unchanged" in done.out
    assert len(list((logs / "custom" / "TIME").glob("*tfevents*"))) == 1
    assert '"track' not in (tmp_path / "TIME" / "result.json").read_text()
