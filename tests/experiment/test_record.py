import json
import math

import msgspec
import pytest

from imagetagger.experiment.record import RESULT_SCHEMA, finite_json, read_record, write_record
from tests.helpers.made import outcome, some


@pytest.fixture
def record():
    return outcome(*some()).record


def read(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_numbers_that_are_not_finite_become_null():
    odd = {"a": math.nan, "b": [math.inf, 1.5, {"c": -math.inf}], "d": (1, math.nan), "e": "ä ☃", "f": None, "g": True}
    assert finite_json(odd) == {
        "a": None,
        "b": [None, 1.5, {"c": None}],
        "d": [1, None],
        "e": "ä ☃",
        "f": None,
        "g": True,
    }


def test_what_is_written_is_strict_json_and_read_again_is_the_same(record, tmp_path):
    odd = msgspec.structs.replace(record, confidence_intervals={"top1": (math.nan, 1.0)})
    write_record(odd, tmp_path / "deep" / "result.json")
    assert read(tmp_path / "deep" / "result.json")["confidence_intervals"] == {"top1": [None, 1.0]}
    write_record(record, tmp_path / "result.json")
    assert read_record(tmp_path / "result.json") == record


def test_a_record_is_written_completely_or_not_at_all(record, tmp_path):
    path = tmp_path / "result.json"
    write_record(record, path)
    with pytest.raises(TypeError):
        write_record(msgspec.structs.replace(record, settings={"a": object()}), path)
    assert read_record(path) == record
    assert list(tmp_path.iterdir()) == [path]


def test_names_with_half_a_character_can_be_written(record, tmp_path):
    write_record(msgspec.structs.replace(record, experiment="half \udce4"), tmp_path / "result.json")
    assert read(tmp_path / "result.json")["experiment"] == "half ?"


def edited(value, path, change):
    *parents, last = path
    for key in parents:
        value = value[key]
    if change is KeyError:
        del value[last]
    else:
        value[last] = change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (["schema"], RESULT_SCHEMA - 1, f"has schema 1, expected {RESULT_SCHEMA}: run it again"),
        (["schema"], KeyError, "has schema None"),
        (["data", "fingerprint"], KeyError, "`fingerprint`.*data"),
        (["data", "train"], -1, r"\$.data.train"),
        (["calibration", "after", "top1"], "good", r"\$.calibration.after.top1"),
        (["calibration", "prediction_set", "rule"], "best", r"\$.calibration.prediction_set.rule"),
        (["tags"], {}, r"\$.tags"),
        (["tags", 0], {"name": "a"}, r"`correct`.*\$.tags"),
        (["confidence_intervals", "top1"], [1.0], r"length 2.*confidence_intervals"),
        (["pictures", "top1"], "###", r"base64.*\$.pictures"),
        (["pictures", "count"], 1000, r"got bits of 64 pictures, expected 1000.*\$.pictures"),
        (["coverage_curve", "target"], [0.5], r"for 1 targets.*\$.coverage_curve"),
        (["coverage_curve", "selected"], 10_000, r"targets.*\$.coverage_curve"),
        (["stages", "load"], 3, r"\$.stages"),
        (["revision"], "abc", r"\$.revision"),
        (["config_digest"], None, r"\$.config_digest"),
    ],
)
def test_a_damaged_record_is_refused_with_the_place_of_the_damage(record, tmp_path, path, change, message):
    write_record(record, tmp_path / "result.json")
    value = read(tmp_path / "result.json")
    edited(value, path, change)
    (tmp_path / "result.json").write_text(json.dumps(value))
    with pytest.raises(ValueError, match=message):
        read_record(tmp_path / "result.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udce4", "null", "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "result.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ValueError, match=r"is not JSON|has schema None"):
        read_record(tmp_path / "result.json")
