import base64
import json
import math
import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

from imagetagger.config.digest import config_digest
from imagetagger.data.dataset import Skip
from imagetagger.experiment import record
from imagetagger.experiment.record import (
    LISTED_CONFUSIONS,
    result_line,
    result_summary,
    revision,
    versions,
    write_record,
)
from imagetagger.options import PREDICTION_SETS
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.decision import Decision, PredictionSetRule
from tests.helpers.composed import settings
from tests.helpers.made import RULES_MADE, fitted, outcome, some
from tests.helpers.pictures import encode, noisy

TWO = Decision(Calibration(1.0), PredictionSetRule("top_k", None, 2.0))


def read(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_what_is_written_is_strict_json_with_null_for_what_is_not_finite(tmp_path):
    odd = {"a": math.nan, "b": [math.inf, 1.5, {"c": -math.inf}], "d": (1, math.nan), "e": "ä ☃", "f": None, "g": True}
    write_record(odd, tmp_path / "deep" / "result.json")
    wanted = {"a": None, "b": [None, 1.5, {"c": None}], "d": [1, None], "e": "ä ☃", "f": None, "g": True}
    assert read(tmp_path / "deep" / "result.json") == wanted


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "result.json"
    write_record({"a": 1}, path)
    with pytest.raises(TypeError):
        write_record({"a": 2, "b": object()}, path)
    assert read(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_names_with_half_a_character_can_be_written(tmp_path):
    write_record({"key": "half \udce4.png"}, tmp_path / "result.json")
    assert read(tmp_path / "result.json")["key"] == "half ?.png"


def test_a_made_result_survives_writing_and_reading(tmp_path):
    made = outcome(*some()).result
    write_record(made, tmp_path / "result.json")
    assert read(tmp_path / "result.json") == json.loads(json.dumps(made))


def test_the_config_digest_is_stable_and_independent_of_the_caches_place():
    digest = config_digest(settings())
    assert digest == config_digest(settings("cache=/elsewhere"))
    assert len(digest) == 64


@pytest.mark.parametrize("override", ["seed=1", "data.per_class=3", "classifier=smoothed_gnb", "embed.batch_size=7"])
def test_any_other_setting_changes_the_config_digest(override):
    assert config_digest(settings(override)) != config_digest(settings())


def test_an_infinite_kappa_has_a_digest_of_its_own():
    made = settings()
    tied = replace(made, classifier=replace(made.classifier, kappa=math.inf))
    assert config_digest(tied) != config_digest(made)


def test_versions_are_those_installed_and_none_where_nothing_is(monkeypatch):
    monkeypatch.setattr(record, "RECORDED_PACKAGES", ("jax", "imagetagger", "no-such-package"))
    wanted = {"jax": version("jax"), "imagetagger": version("imagetagger"), "no-such-package": None}
    assert versions() == {"python": platform.python_version(), **wanted}


def test_peak_memory_is_that_of_the_process_and_stays_at_its_highest():
    script = (
        "from imagetagger.result import peak_memory; before = peak_memory();"
        "held = bytearray(b'1') * 200_000_000; del held; print(before, peak_memory())"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    before, after = map(int, found.split())
    assert 195e6 < after - before < 260e6


def test_all_skipped_pictures_are_counted_and_the_first_thousand_listed():
    skipped = tuple(Skip(f"{i}.png", "empty file") for i in range(1200))
    data = outcome(*some(), skipped=skipped).result["data"]
    assert data["skipped"] == 1200
    assert len(data["skipped_files"]) == 1000
    assert data["skipped_files"][0] == {"key": "0.png", "reason": "empty file"}


def test_the_summary_says_the_figures():
    made = outcome(*some(), skipped=(Skip("a.png", "empty file"),)).result
    figures, said = made["variants"]["float32"], result_summary(made)
    low, high = made["confidence_intervals"]["top1"]
    for part in (
        "made: 4 tags, 100 pictures to fit, 10 to calibrate, 60 to evaluate, 1 skipped",
        f"top-1 {100 * figures['top1']:.2f} % [{100 * low:.1f}, {100 * high:.1f}]",
        f"log loss {figures['log_loss']:.3f}  ECE {figures['ece']:.3f}  at temperature 20.00",
        f"tag sets (cumulative) at 0.9: {figures['set_size']:.2f} tags on average",
        f"{100 * figures['coverage']:.1f} % of the time",
    ):
        assert part in said


def test_a_summary_without_validation_pictures_claims_nothing():
    scores, truth = some()
    said = result_summary(outcome(scores[:0], truth[:0]).result)
    assert said.endswith("0 to evaluate, 0 skipped")
    assert "nan" not in said


def test_a_summary_without_resamples_has_no_interval():
    made = outcome(*some()).result
    assert "[" not in result_summary({**made, "confidence_intervals": {}})


def variant(**changes):
    return {"bytes": 2_530_000, "images_per_second": 612.4, "cosine_to_float": 0.99512, "top1": 0.5321, **changes}


def test_the_summary_has_a_line_for_each_exported_variant_and_says_which_one_is_in_the_bundle():
    made = outcome(*some(), "export=int8", variants={"float32": variant(cosine_to_float=1.0), "int8": variant()}).result
    assert made["shipped"] is None
    lines = result_summary(made | {"shipped": "int8"}).splitlines()[-2:]
    assert lines == [
        "float32   2.53 MB    612 images/s  cosine to float 1.0000  top-1 53.21 %",
        "int8      2.53 MB    612 images/s  cosine to float 0.9951  top-1 53.21 %  in the bundle",
    ]
    assert "cosine" not in result_summary(outcome(*some()).result)


def test_what_was_evaluated_stands_among_the_variants_also_where_it_is_not_exported():
    made = outcome(*some(), variants={"int8": variant()}).result["variants"]
    assert set(made) == {"float32", "int8"}
    assert made["int8"] == variant()
    assert made["float32"]["cosine_to_float"] is None
    assert outcome(*some(), variants={"float32": variant()}).result["variants"]["float32"] == variant()


def unpacked(bits, count):
    return np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8), count=count).astype(bool)


@pytest.mark.parametrize("n", [1, 7, 8, 61])
def test_a_result_tells_of_each_picture_whether_it_was_told_right_a_bit_a_picture(n):
    scores, truth = some(n, tags=12)
    made = outcome(scores, truth, decision=fitted("lac", 12))
    told, observed = made.result["pictures"], made.measured.observed
    assert told["count"] == n
    for name, wanted in (("top1", observed.top1), ("top5", observed.top5), ("covered", observed.covered)):
        assert len(base64.b64decode(told[name])) == -(-n // 8)
        np.testing.assert_array_equal(unpacked(told[name], n), wanted == 1)
    assert unpacked(told["top1"], n).mean() == made.result["calibration"]["after"]["top1"]


def test_a_picture_of_two_tags_is_covered_where_its_set_holds_both():
    truth = np.array([[True, True, False]] * 2)
    made = outcome(np.array([[90, 80, 0], [90, 0, 80]], np.float32), truth, decision=TWO)
    assert unpacked(made.result["pictures"]["covered"], 2).tolist() == [True, False]
    assert unpacked(made.result["pictures"]["top1"], 2).tolist() == [True, True]


def test_pictures_are_the_same_where_pictures_tags_and_their_order_are():
    def fingerprint(truth, n=60):
        return outcome(some()[0][:n], truth[:n]).result["pictures"]["fingerprint"]

    truth = some()[1]
    assert fingerprint(truth) == fingerprint(truth)
    assert outcome(some(seed=1)[0], truth).result["pictures"]["fingerprint"] == fingerprint(truth)
    assert (
        len(
            {fingerprint(truth), fingerprint(np.roll(truth, 1, 0)), fingerprint(truth, 59), fingerprint(truth[:, ::-1])}
        )
        == 4
    )


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_a_result_tells_the_curve_of_its_rule_its_own_demand_among_them(rule):
    made = outcome(*some(), decision=RULES_MADE[rule])
    told, after = made.result["demands"], made.result["calibration"]["after"]
    assert told["rule"] == rule
    lists = [told[key] for key in ("asked", "coverage", "set_size", "single", "precision")]
    assert {len(one) for one in lists} == {len(made.measured.curve.asked)}
    assert (told["coverage"][told["own"]], told["set_size"][told["own"]]) == (after["coverage"], after["set_size"])
    assert json.loads(json.dumps(told)) == told


def test_a_result_tells_how_each_tag_does_the_worst_first():
    scores, truth = some(300, right=0.4)
    told = outcome(scores, truth, names=tuple("abcd")).result["tags"]
    shares = [tag["right"] / tag["pictures"] for tag in told]
    assert shares == sorted(shares)
    right = {name: int((scores.argmax(1)[truth[:, i]] == i).sum()) for i, name in enumerate("abcd")}
    assert {tag["name"]: tag["right"] for tag in told} == right
    assert sum(tag["pictures"] for tag in told) == 300


@pytest.mark.parametrize("examples", [0, 2])
def test_confusions_have_pictures_where_examples_are_wanted(examples):
    data = encode(noisy((200, 90, 20), 0))
    made = outcome(*some(300, right=0.4), f"evaluate.examples={examples}", read=lambda i: data)
    told = made.result["confusions"]
    assert 0 < len(told) <= LISTED_CONFUSIONS
    for one in told:
        assert one["true"] != one["said"]
        assert bool(one["rows"]) == (examples > 0)
        for row in one["rows"]:
            assert row["thumbnail"].startswith("data:image/jpeg;base64,")
            wrong = made.validation.keys.index(row["key"])
            assert made.tags[made.measured.log_p[wrong].argmax()].name == one["said"]


def test_the_line_of_a_job_says_its_figures_and_claims_nothing_without_pictures():
    scores, truth = some()
    made = outcome(scores, truth).result
    after = made["calibration"]["after"]
    assert result_line(made) == (
        f"top-1 {100 * after['top1']:.2f} %  log loss {after['log_loss']:.3f}  ECE {after['ece']:.3f}  "
        f"coverage {100 * after['coverage']:.1f} % with {after['set_size']:.2f} tags"
    )
    assert result_line(outcome(scores[:0], truth[:0]).result) == "no pictures to evaluate"


def git(folder, *arguments):
    own = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", folder, *own, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository that the code seems to lie in."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "result.py").write_text("one = 1\n")
    git(tmp_path, "init", "--quiet")
    monkeypatch.setattr(record, "__file__", str(tmp_path / "package" / "result.py"))
    return tmp_path


def test_the_revision_is_the_commit_of_the_code_and_whether_files_differ_from_it(checkout):
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "one")
    commit = git(checkout, "rev-parse", "HEAD")
    assert revision.__wrapped__() == {"commit": commit, "changed": False}
    (checkout / "new.txt").touch()  # is no code yet
    assert revision.__wrapped__() == {"commit": commit, "changed": False}
    (checkout / "package" / "result.py").write_text("two = 2\n")
    assert revision.__wrapped__() == {"commit": commit, "changed": True}


def test_code_in_a_repository_of_others_or_in_none_has_no_revision(checkout, tmp_path_factory, monkeypatch):
    (checkout / "theirs.txt").touch()
    git(checkout, "add", "theirs.txt")
    git(checkout, "commit", "--quiet", "-m", "theirs")
    assert revision.__wrapped__() is None
    monkeypatch.setattr(record, "__file__", str(tmp_path_factory.mktemp("nowhere") / "result.py"))
    assert revision.__wrapped__() is None
    monkeypatch.setenv("PATH", "")
    assert revision.__wrapped__() is None


def test_settings_in_a_result_are_all_those_that_matter_in_json():
    told = outcome(*some(), "classifier=tied", "cache=/elsewhere", "force=true").result["settings"]
    assert told["classifier"]["kappa"] == "Infinity"
    assert not {"cache", "force"} & set(told)
    assert config_digest(settings("cache=/elsewhere", "force=true", "optimized_metric=ece")) == config_digest(settings())
    assert config_digest({"b": 1, "a": [2]}) == config_digest({"a": [2], "b": 1}) != config_digest({"a": [1], "b": 2})
