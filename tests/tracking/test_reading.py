import os

import pytest

from imagetagger.tracking.reading import find_tracked_runs
from tests.helpers.sweeps import fail, leave
from tests.helpers.tracked import leave_sweep, leave_trained


def test_runs_at_any_depth_are_found_once_and_end_when_their_result_was_written(tmp_path):
    folder = leave_trained(tmp_path / "made" / "TIME")
    os.utime(folder / "result.json", (1000.0, 1000.0))
    found = find_tracked_runs([tmp_path, folder, folder / "result.json"])
    (run,) = found.runs
    assert (run.name, run.parent, run.ended) == ("TIME", None, 1000.0)
    assert [path.name for path in run.artifacts] == ["result.json", "report.html"]
    assert found.damaged == ()


def test_a_bundle_is_kept_only_where_asked_for_and_then_the_run_is_another(tmp_path):
    folder = leave(tmp_path / "a")
    (folder / "bundle.zip").write_bytes(b"bundle")
    (plain,) = find_tracked_runs([folder]).runs
    (with_bundle,) = find_tracked_runs([folder], with_bundle=True).runs
    assert [path.name for path in plain.artifacts] == ["result.json"]
    assert [path.name for path in with_bundle.artifacts] == ["result.json", "bundle.zip"]
    assert with_bundle.key == plain.key
    assert with_bundle.digest != plain.digest


def test_a_sweep_comes_before_its_jobs_and_single_runs_have_no_parent(tmp_path):
    leave_sweep(tmp_path / "swept" / "sweep")
    fail(tmp_path / "swept" / "sweep" / "failed")
    leave(tmp_path / "alone")
    parent, first, second, alone = find_tracked_runs([tmp_path]).runs
    assert (parent.name, parent.is_sweep, parent.metrics["failed"]) == ("sweep", True, 1)
    assert (first.parent, second.parent, alone.parent) == (parent.key, parent.key, None)


def test_a_job_that_is_named_alone_comes_with_the_sweep_of_all_jobs(tmp_path):
    sweep = leave_sweep(tmp_path / "sweep", (2, 10, 50))
    parent, job = find_tracked_runs([sweep / "job10"]).runs
    assert (parent.metrics["jobs"], job.name) == (3, "per class 10")
    assert parent == find_tracked_runs([sweep]).runs[0]


def test_a_damaged_result_is_named_and_costs_no_other(tmp_path):
    leave(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "result.json").write_text("{")
    found = find_tracked_runs([tmp_path])
    assert [run.name for run in found.runs] == ["a"]
    (damaged,) = found.damaged
    assert (damaged.path.parent.name, "is not JSON" in damaged.reason) == ("b", True)


COPIES = (
    f"mlflow-artifacts/experiment/{'0f' * 16}/artifacts",
    f"mlruns/1/{'a1' * 16}/artifacts",
    "wandb/offline-run-20261129_120000-abc-1/files",
    "wandb/run-20261129_120000-abc-1/files",
)


@pytest.mark.parametrize("copy", COPIES)
def test_copies_that_any_tracker_keeps_are_left_out(tmp_path, copy):
    leave(tmp_path / "files")
    leave(tmp_path / copy)
    found = find_tracked_runs([tmp_path])
    assert [run.name for run in found.runs] == ["files"]


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_where_no_run_is_the_folder_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=f"{name}.*name folders of runs"):
        find_tracked_runs([tmp_path / name])
