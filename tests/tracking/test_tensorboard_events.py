import subprocess
import sys
import types

import pytest

from imagetagger.tracking.reading import find_tracked_runs
from imagetagger.tracking.tensorboard_events import SHOWN_METRICS, tensorboard_location, track_in_tensorboard
from tests.helpers.sweeps import leave
from tests.helpers.tracked import leave_sweep, leave_trained

pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")


@pytest.fixture(autouse=True)
def _without_tensorflow(monkeypatch):
    """Spare TensorFlow, which TensorBoard's reader loads where it is installed and which takes seconds."""
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", types.ModuleType("notf"))


def track(folder, location):
    runs = find_tracked_runs([folder]).runs
    return runs, track_in_tensorboard(runs, str(location))


def read(folder):
    """What TensorBoard reads: steps and values of each scalar, and the contents of its table of hyperparameters."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.util.tensor_util import make_ndarray

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    hparams = [HParamsPluginData.FromString(text) for text in events.PluginTagToContent("hparams").values()]
    tensors = {tag: events.Tensors(tag) for tag in events.Tags()["tensors"] if not tag.startswith("_hparams_")}
    texts = {tag: make_ndarray(events[0].tensor_proto).item() for tag, events in tensors.items() if tag == "run"}
    scalars = {
        tag: [(event.step, make_ndarray(event.tensor_proto).item()) for event in found]
        for tag, found in tensors.items()
        if tag not in texts
    }
    return scalars, hparams[0], texts


def test_tensorboard_reads_metrics_curves_and_settings_back(tmp_path):
    (run,), statuses = track(leave_trained(tmp_path / "TIME"), tmp_path / "logs")
    assert statuses == ["tracked"]
    scalars, hparams, texts = read(tmp_path / "logs" / "made" / "TIME")
    assert set(scalars) == {*run.metrics, *run.curves}
    for name, value in run.metrics.items():
        assert scalars[name] == [(0, pytest.approx(value, rel=1e-6))]
    for name, points in run.curves.items():
        assert scalars[name] == [(point.step, pytest.approx(point.value, rel=1e-6)) for point in points]
    settings = hparams.session_start_info.hparams
    assert set(settings) == set(run.params)
    assert settings["seed"].number_value == 0
    assert settings["data.name"].string_value == "synthetic"
    assert hparams.session_start_info.group_name == run.key
    (text,) = texts.values()
    assert run.tags["config_digest"] in text.decode()


def test_a_sweep_has_a_folder_per_job_and_a_table_of_the_settings_that_differ(tmp_path):
    (_, *jobs), statuses = track(leave_sweep(tmp_path / "sweep"), tmp_path / "logs")
    assert statuses == ["tracked"] * 3
    experiment = read(tmp_path / "logs" / "made" / "sweep")[1].experiment
    (column,) = experiment.hparam_infos
    assert (column.name, column.differs) == ("data.per_class", True)
    assert [value.number_value for value in column.domain_discrete.values] == [2, 10]
    assert [metric.name.tag for metric in experiment.metric_infos] == list(SHOWN_METRICS)
    for job, size in zip(jobs, (2, 10), strict=True):
        scalars, hparams, _ = read(tmp_path / "logs" / "made" / "sweep" / f"job{size}")
        assert hparams.session_start_info.hparams["data.per_class"].number_value == size
        assert scalars["top1"] == [(0, pytest.approx(job.metrics["top1"]))]


def test_a_run_that_is_there_stays_and_one_with_another_result_is_written_again(tmp_path):
    folder, logs = leave(tmp_path / "a"), tmp_path / "logs"
    track(folder, logs)
    (file,) = logs.rglob("*tfevents*")
    before = file.stat().st_mtime_ns, file.read_bytes()
    assert track(folder, logs)[1] == ["unchanged"]
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before
    leave(folder, right=0.95)
    (run,), statuses = track(folder, logs)
    assert statuses == ["updated"]
    assert len([*logs.rglob("*tfevents*")]) == 1
    assert read(logs / "made" / "a")[0]["top1"] == [(0, pytest.approx(run.metrics["top1"]))]


def test_two_runs_of_one_name_have_a_folder_each(tmp_path):
    logs = tmp_path / "logs"
    (first,), _ = track(leave(tmp_path / "x" / "run"), logs)
    (second,), _ = track(leave(tmp_path / "y" / "run", right=0.2), logs)
    assert track(tmp_path / "y" / "run", logs)[1] == ["unchanged"]
    assert {path.name for path in (logs / "made").iterdir()} == {"run", f"run-{second.key}"}
    assert read(logs / "made" / "run")[0]["top1"][0][1] == pytest.approx(first.metrics["top1"])


def test_names_stay_below_the_folder_of_the_tracker(tmp_path):
    track(leave(tmp_path / "a", experiment="../../out side"), tmp_path / "logs")
    (file,) = tmp_path.rglob("*tfevents*")
    assert file.is_relative_to(tmp_path / "logs")
    assert file.parent.name == "a"


def test_writing_needs_no_tensorflow(tmp_path):
    leave(tmp_path / "a")
    code = (
        "import sys; from pathlib import Path\n"
        "from imagetagger.tracking.reading import find_tracked_runs\n"
        "from imagetagger.tracking.tensorboard_events import track_in_tensorboard\n"
        "print(track_in_tensorboard(find_tracked_runs([Path('a')]).runs, 'logs'))\n"
        "sys.exit('tensorflow' in sys.modules or 'jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "['tracked']\n"), done.stderr


def test_the_folder_is_the_one_that_is_named_or_one_of_its_own():
    assert tensorboard_location("logs") == tensorboard_location("file:logs") == "logs"
    assert tensorboard_location(None) == "tracking/tensorboard"
