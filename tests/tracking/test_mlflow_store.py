import os
import shutil

import pytest

from imagetagger.tracking.mlflow_store import mlflow_location, track_in_mlflow
from imagetagger.tracking.reading import find_tracked_runs
from imagetagger.tracking.track import track_folders
from tests.helpers.sweeps import leave
from tests.helpers.tracked import leave_sweep, leave_trained

mlflow = pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed", exc_type=ImportError)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # the reader's, of SQLAlchemy


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch):
    """Read with the settings that the writer has, and none of the user's."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """A database that MLflow has made, which takes seconds."""
    folder = tmp_path_factory.mktemp("database")
    assert track_in_mlflow([], mlflow_location(str(folder))) == []
    return folder


@pytest.fixture(params=["a database", "a file store"])
def location(tmp_path, request, empty_database):
    if request.param == "a file store":
        return f"file:{tmp_path / 'store'}"
    shutil.copytree(empty_database, tmp_path / "store")
    return mlflow_location(str(tmp_path / "store"))


def track(folder, location):
    runs = find_tracked_runs([folder]).runs
    return runs, track_in_mlflow(runs, location)


def read(location):
    """All runs of a store by name, and its client."""
    client = mlflow.tracking.MlflowClient(tracking_uri=location)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(experiments)
    by_name = {run.info.run_name: run for run in found}
    assert len(by_name) == len(found)
    return by_name, client


def test_mlflow_reads_settings_metrics_curves_tags_and_files_back(tmp_path, location):
    folder = leave_trained(tmp_path / "TIME")
    os.utime(folder / "result.json", (1_700_000_000.0, 1_700_000_000.0))
    (run,), statuses = track(folder, location)
    assert statuses == ["tracked"]
    found, client = read(location)
    (there,) = found.values()
    assert client.get_experiment(there.info.experiment_id).name == "made"
    assert there.data.params == {name: str(value) for name, value in run.params.items()}
    last = {name: points[-1].value for name, points in run.curves.items()}
    assert there.data.metrics == pytest.approx(run.metrics | last)
    for name, points in run.curves.items():
        history = client.get_metric_history(there.info.run_id, name)
        assert [(point.step, point.value) for point in history] == [(point.step, point.value) for point in points]
        assert [point.timestamp for point in history] == [int(1000 * (run.started + p.seconds)) for p in points]
    assert run.tags.items() <= there.data.tags.items()
    assert there.data.tags["mlflow.source.git.commit"] == run.tags["git_commit"]
    assert (there.info.status, there.info.start_time, there.info.end_time) == (
        "FINISHED", 1_699_999_997_000, 1_700_000_000_000)  # fmt: skip
    assert {file.path for file in client.list_artifacts(there.info.run_id)} == {"result.json", "report.html"}
    copy = client.download_artifacts(there.info.run_id, "result.json", str(tmp_path))
    assert (folder / "result.json").read_bytes() == (tmp_path / "result.json").read_bytes(), copy


def test_a_sweep_is_the_parent_of_its_jobs_and_new_jobs_join_it(tmp_path, location):
    folder = leave_sweep(tmp_path / "sweep")
    assert track(folder, location)[1] == ["tracked"] * 3
    before = read(location)[0]
    assert set(before) == {"sweep", "per class 2", "per class 10"}
    leave(folder / "job50", "data.per_class=50", right=0.9)
    assert track(folder, location)[1] == ["updated", "unchanged", "unchanged", "tracked"]
    after = read(location)[0]
    parent = after["sweep"]
    assert parent.info.run_id == before["sweep"].info.run_id
    assert (parent.data.metrics["jobs"], parent.data.tags["best"]) == (3, "per class 50")
    children = {name: run for name, run in after.items() if name != "sweep"}
    assert set(children) == {f"per class {size}" for size in (2, 10, 50)}
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {parent.info.run_id}
    assert children["per class 2"].info.run_id == before["per class 2"].info.run_id
    assert track(folder, location)[1] == ["unchanged"] * 4


def test_a_run_with_another_result_takes_the_place_of_the_earlier_one(tmp_path, location):
    folder = leave(tmp_path / "a")
    assert track(folder, location)[1] == ["tracked"]
    assert track(folder, location)[1] == ["unchanged"]
    leave(folder, right=0.95)
    (run,), statuses = track(folder, location)
    assert statuses == ["updated"]
    assert read(location)[0]["a"].data.metrics["top1"] == pytest.approx(run.metrics["top1"])


def test_a_run_that_was_interrupted_on_its_way_is_written_again(tmp_path, location, monkeypatch):
    folder = leave(tmp_path / "a")
    client = mlflow.tracking.MlflowClient

    def broken(*arguments, **options):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(client, "log_artifact", broken)
        with pytest.raises(OSError, match="disk is full"):
            track(folder, location)
    assert read(location)[0]["a"].info.status == "RUNNING"
    assert track(folder, location)[1] == ["updated"]
    assert read(location)[0]["a"].info.status == "FINISHED"


def test_a_run_that_was_deleted_there_is_tracked_again(tmp_path, location):
    folder = leave(tmp_path / "a")
    track(folder, location)
    found, client = read(location)
    client.delete_run(found["a"].info.run_id)
    assert track(folder, location)[1] == ["tracked"]
    assert set(read(location)[0]) == {"a"}


def test_copies_in_the_store_are_no_runs(tmp_path, location):
    leave(tmp_path / "a")
    to = str(tmp_path / "store") if location.startswith("sqlite") else location
    for _ in range(2):
        assert len(track_folders([tmp_path], "mlflow", to).runs) == 1
    assert len(list(tmp_path.rglob("result.json"))) == 2


def test_the_environment_is_as_before(tmp_path, location, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    before = dict(os.environ)
    track(leave(tmp_path / "a"), location)
    assert dict(os.environ) == before


def test_an_experiment_of_the_users_own_is_used(tmp_path, location, monkeypatch):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    track(leave(tmp_path / "a"), location)
    found, client = read(location)
    assert client.get_experiment(found["a"].info.experiment_id).name == "mine"


def test_a_folder_is_a_database_and_a_uri_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mlflow_location(None) == f"sqlite:///{tmp_path}/tracking/mlflow.db"
    assert mlflow_location("here") == f"sqlite:///{tmp_path}/here/mlflow.db"
    for uri in ("http://localhost:5000", "file:mlruns", "sqlite:////tmp/x.db"):
        assert mlflow_location(uri) == uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert mlflow_location(None) == "http://server:5000"
    assert mlflow_location("here") == f"sqlite:///{tmp_path}/here/mlflow.db"
