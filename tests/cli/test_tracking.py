import pytest

from imagetagger.tracking.track import WRITERS
from tests.helpers.sweeps import leave
from tests.helpers.tracked import leave_sweep


@pytest.fixture
def _tensorboard():
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")


@pytest.mark.usefixtures("_tensorboard")
def test_track_prints_what_became_of_each_run(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sweep = leave_sweep(tmp_path / "outputs" / "sweep")
    (tmp_path / "outputs" / "worse").mkdir()
    (tmp_path / "outputs" / "worse" / "result.json").write_text("{")
    code, out, err = call("track", "outputs", "--to", "tensorboard")
    assert (code, out.splitlines()) == (0, [
        f"tracked   {sweep}",
        f"tracked   {sweep / 'job2'}",
        f"tracked   {sweep / 'job10'}",
        "tensorboard: 2 runs and 1 sweep in tracking/tensorboard: 3 tracked, 0 updated, 0 unchanged",
    ])  # fmt: skip
    assert f"{tmp_path / 'outputs' / 'worse' / 'result.json'}: skipped: is not JSON" in err
    assert call("track", "outputs", "--to", "tensorboard")[1].endswith("0 tracked, 0 updated, 3 unchanged\n")


@pytest.mark.usefixtures("_tensorboard")
def test_where_no_run_is_track_says_so(call, tmp_path):
    code, out, err = call("track", tmp_path / "gone", "--to", "tensorboard", "--location", tmp_path / "logs")
    assert (code, out) == (1, "")
    assert f"tensorboard: {tmp_path / 'gone'} does not exist: name folders of runs" in err
    assert not (tmp_path / "logs").exists()


@pytest.mark.usefixtures("_tensorboard")
def test_a_tracker_that_fails_is_a_message(call, tmp_path, monkeypatch):
    def broken(runs, location):
        raise ConnectionError("no route to server")

    monkeypatch.setitem(WRITERS, "tensorboard", broken)
    assert call("track", leave(tmp_path / "a"), "--to", "tensorboard") == (1, "", "tensorboard: no route to server")


def test_an_unknown_tracker_is_refused_with_the_known_ones(call, tmp_path):
    code, _, err = call("track", tmp_path, "--to", "neptune")
    assert code == 2
    assert all(name in err for name in ("neptune", "tensorboard", "mlflow", "wandb"))
