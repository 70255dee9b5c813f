import json
import struct

import pytest

from imagetagger.tracking.reading import find_tracked_runs
from imagetagger.tracking.wandb_runs import track_in_wandb, wandb_location
from tests.helpers.sweeps import leave
from tests.helpers.tracked import leave_sweep, leave_trained

pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    for name in ("WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


def track(folder, location):
    runs = find_tracked_runs([folder]).runs
    return runs, track_in_wandb(runs, str(location))


def records(file):
    """The records of an offline run, whose file has blocks of 32 KB after a header of 7 bytes, as LevelDB's logs."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, at, part = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        part += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or its last part
            yield Record.FromString(part)
            part = b""


def read(location, key):
    """What is kept of a run: itself, its config, its history by step, and its summary."""
    (folder,) = (location / "wandb").glob(f"offline-run-*-{key}")
    found = list(records(folder / f"run-{key}.wandb"))
    (run,) = [record.run for record in found if record.WhichOneof("record_type") == "run"]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}

    def values(items):
        return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}

    history = [values(record.history.item) for record in found if record.WhichOneof("record_type") == "history"]
    summary = {}
    for record in found:
        summary |= values(record.summary.update)
    return folder, run, config, history, summary


def test_an_offline_run_holds_settings_metrics_curves_tags_and_files(tmp_path):
    folder = leave_trained(tmp_path / "TIME")
    (run,), statuses = track(folder, tmp_path / "site")
    assert statuses == ["tracked"]
    place, there, config, history, summary = read(tmp_path / "site", run.key)
    assert (there.project, there.display_name, there.job_type) == ("imagetagger", "TIME", "run")
    assert run.params.items() <= config.items()
    assert run.tags.items() <= config["run"].items()
    assert run.metrics.items() <= summary.items()
    for name, points in run.curves.items():
        assert [(row["_step"], row[name]) for row in history] == [(point.step, point.value) for point in points]
    for name in ("result.json", "report.html"):
        assert (place / "files" / name).read_bytes() == (folder / name).read_bytes()
    assert not (place / "files" / "requirements.txt").exists()


def test_a_sweep_and_its_jobs_are_one_group(tmp_path):
    (parent, *jobs), _ = track(leave_sweep(tmp_path / "sweep"), tmp_path / "site")
    groups = {read(tmp_path / "site", run.key)[1].run_group for run in (parent, *jobs)}
    assert groups == {f"sweep-{parent.key}"}
    assert [read(tmp_path / "site", run.key)[1].job_type for run in (parent, *jobs)] == ["sweep", "job", "job"]


def test_a_run_that_is_there_stays_and_one_with_another_result_is_written_again(tmp_path):
    folder, site = leave(tmp_path / "a"), tmp_path / "site"
    assert track(folder, site)[1] == ["tracked"]
    assert track(folder, site)[1] == ["unchanged"]
    leave(folder, right=0.95)
    (run,), statuses = track(folder, site)
    assert statuses == ["updated"]
    assert read(site, run.key)[4]["top1"] == pytest.approx(run.metrics["top1"])


def test_the_folder_is_the_one_that_is_named_or_the_users_or_one_of_its_own(monkeypatch):
    assert (wandb_location("site"), wandb_location(None)) == ("site", "tracking")
    monkeypatch.setenv("WANDB_DIR", "mine")
    assert (wandb_location("site"), wandb_location(None)) == ("site", "mine")
