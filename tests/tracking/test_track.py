import logging
import socket
from importlib.util import find_spec

import pytest

from imagetagger.options import TRACKERS
from imagetagger.tracking import track
from imagetagger.tracking.track import LOCATIONS, WRITERS, require_tracker, track_finished, track_folders
from tests.helpers.sweeps import leave
from tests.helpers.tracked import leave_sweep


def test_every_tracker_has_a_writer_and_a_location():
    assert set(TRACKERS) == set(WRITERS) == set(LOCATIONS)


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_tracker_that_is_not_installed_ends_with_one_line_that_says_how(tracker, is_folder, tmp_path, monkeypatch):
    """A folder named like the library, as Weights & Biases makes one, looks like a package."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(__import__("sys").modules, tracker, raising=False)
    if is_folder:
        (tmp_path / tracker).mkdir()
    with pytest.raises(SystemExit) as ended:
        require_tracker(tracker)
    needed = f"{tracker} is not installed, which track={tracker} needs: pip install 'imagetagger[{tracker}]'"
    assert ended.value.code == needed


def test_a_tracker_that_is_installed_is_accepted():
    for tracker in TRACKERS:
        if find_spec(tracker):
            require_tracker(tracker)


def test_the_summary_counts_what_became_of_runs_and_sweeps(tmp_path, monkeypatch):
    leave_sweep(tmp_path / "sweep")
    leave(tmp_path / "alone")
    written = ["updated", "unchanged", "tracked", "tracked"]
    monkeypatch.setitem(WRITERS, "tensorboard", lambda runs, location: written)
    tracking = track_folders([tmp_path], "tensorboard", str(tmp_path / "logs"))
    assert tracking.summary() == f"3 runs and 1 sweep in {tmp_path}/logs: 2 tracked, 1 updated, 1 unchanged"
    assert [status for _, status in tracking.runs] == written


def test_a_tracker_that_fails_costs_no_run_and_the_warning_says_how_to_track_it_later(tmp_path, monkeypatch, caplog):
    def broken(runs, location):
        raise OSError("disk full\nmore")

    monkeypatch.setitem(WRITERS, "tensorboard", broken)
    folder = leave(tmp_path / "a run")
    with caplog.at_level(logging.WARNING, logger="imagetagger"):
        track_finished(folder, "tensorboard", "my logs")
    (record,) = caplog.records
    assert record.getMessage().splitlines() == [
        "tensorboard failed: disk full",
        "The run itself is complete. To track it later:",
        f"  imagetagger track '{folder}' --to=tensorboard '--location=my logs'",
    ]


@pytest.mark.slow
def test_a_server_that_is_away_is_a_warning_within_seconds(tmp_path, caplog):
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed", exc_type=ImportError)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with caplog.at_level(logging.WARNING, logger="imagetagger"):
        track_finished(leave(tmp_path / "a"), "mlflow", address)
    assert [record.getMessage().splitlines()[0] for record in caplog.records if record.name == "imagetagger"]
    assert f"--to=mlflow --location={address}" in caplog.text


def test_the_warning_names_the_error_where_it_has_no_text(tmp_path, monkeypatch, caplog):
    def broken(runs, location):
        raise TimeoutError

    monkeypatch.setitem(track.WRITERS, "wandb", broken)
    track_finished(leave(tmp_path / "a"), "wandb", str(tmp_path / "site"))
    assert "wandb failed: TimeoutError" in caplog.text
