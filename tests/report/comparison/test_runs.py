import json

import pytest
from msgspec.structs import fields

from imagetagger.experiment.record import RESULT_SCHEMA, Record
from imagetagger.report.comparison.runs import read_runs
from tests.helpers.sweeps import fail, grow, leave


def rewrite(folder, **change):
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.slow
def test_every_result_at_or_below_the_paths_is_found_once_ordered_by_settings_the_seed_last(tmp_path):
    grow(tmp_path / "deep" / "er", sizes=(10, 2))
    found = read_runs([tmp_path, tmp_path / "deep", tmp_path / "deep" / "er" / "gnb-2-0" / "result.json"])
    keys = ("data.per_class", "classifier.transform", "seed")
    assert [tuple(run.settings[key] for key in keys) for run in found.runs] == [
        (size, name, seed) for size in (2, 10) for name in ("none", "whitened") for seed in (0, 1)
    ]
    assert (found.failed, found.damaged, found.repeated) == ((), (), ())


def test_an_unlimited_size_comes_after_all_numbers(tmp_path):
    for size in ("null", "20", "3"):
        leave(tmp_path / size, f"data.per_class={size}")
    assert [run.settings["data.per_class"] for run in read_runs([tmp_path]).runs] == [3, 20, None]


DAMAGE = {
    "half": ("{", "is not JSON"),
    "binary": (b"\xff\xfe\x00", "is not JSON"),
    "list": ("[]", "has schema None"),
    "schema": ('{"schema": 1}', f"has schema 1, expected {RESULT_SCHEMA}"),
    "none": ("{}", f"has schema None, expected {RESULT_SCHEMA}"),
    "early": (json.dumps({"schema": RESULT_SCHEMA}), "missing required field"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_result_is_reported_and_costs_no_other(content, reason, tmp_path):
    leave(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "result.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = read_runs([tmp_path])
    assert len(found.runs) == 1
    assert found.damaged[0].path == tmp_path / "bad" / "result.json"
    assert reason in found.damaged[0].reason


@pytest.mark.slow
@pytest.mark.parametrize("key", [field.encode_name for field in fields(Record) if field.required])
def test_a_result_that_lacks_a_part_is_reported_with_its_name(key, tmp_path):
    leave(tmp_path / "good")
    path = leave(tmp_path / "old", "seed=1") / "result.json"
    path.write_text(json.dumps({k: value for k, value in json.loads(path.read_text()).items() if k != key}))
    found = read_runs([tmp_path])
    assert len(found.runs) == 1
    assert key in found.damaged[0].reason


def test_a_result_whose_metrics_or_bits_are_wrong_is_reported(tmp_path):
    leave(tmp_path / "good")
    bad = leave(tmp_path / "text", "seed=1")
    calibration = json.loads((bad / "result.json").read_text())["calibration"]
    rewrite(bad, calibration=calibration | {"after": calibration["after"] | {"ece": "small"}})
    rewrite(leave(tmp_path / "bits", "seed=2"), pictures={"count": 999, "fingerprint": "f", "top1": "AAAA"})
    bits, text = sorted(file.reason for file in read_runs([tmp_path]).damaged)
    assert "24 pictures, expected 999" in bits or "24 pictures, expected 999" in text
    assert "$.calibration.after.ece" in bits + text


def test_no_run_at_all_says_what_was_looked_for_and_where(tmp_path):
    with pytest.raises(ValueError, match=f"got no usable result.json in {tmp_path} and below"):
        read_runs([tmp_path])
    with pytest.raises(ValueError, match="nowhere does not exist"):
        read_runs([tmp_path / "nowhere"])
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_runs([tmp_path])


def test_a_copy_of_a_run_counts_once_and_is_reported(tmp_path):
    leave(tmp_path / "a")
    leave(tmp_path / "b")
    found = read_runs([tmp_path])
    assert [run.folder.name for run in found.runs] == ["a"]
    assert [folder.name for folder in found.repeated] == ["b"]


def test_runs_of_the_same_settings_by_other_code_or_with_other_metrics_are_kept(tmp_path):
    leave(tmp_path / "a")
    leave(tmp_path / "b", change={"revision": {"commit": "b" * 40, "changed": False}})
    leave(tmp_path / "c", right=0.3)
    assert len(read_runs([tmp_path]).runs) == 3


def test_failed_jobs_are_found_with_message_and_overrides(tmp_path):
    good = leave(tmp_path / "good")
    digest = json.loads((good / "result.json").read_text())["config_digest"]
    fail(tmp_path / "a", "boom", "seed=1", "x=2")
    fail(good, "later", config_digest=digest[:16])
    (tmp_path / "failed.json").write_text("3")
    found = read_runs([tmp_path])
    jobs = {job.folder.name: job for job in found.failed}
    failure = jobs["a"].failure
    assert (failure.overrides, failure.kind, failure.error) == (("seed=1", "x=2"), "ValueError", "boom")
    assert (jobs["a"].is_mended, jobs["good"].is_mended) == (False, True)
    assert [(file.path.name, file.reason[:10]) for file in found.damaged] == [("failed.json", "is damaged")]
