import json
import math
import platform
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import pytest
from composed import settings
from made import outcome, some

from imagetagger import result
from imagetagger.data.dataset import Skip
from imagetagger.digest import config_digest


def read(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def test_what_is_written_is_strict_json_with_null_for_what_is_not_finite(tmp_path):
    odd = {"a": math.nan, "b": [math.inf, 1.5, {"c": -math.inf}], "d": (1, math.nan), "e": "ä ☃", "f": None, "g": True}
    result.write(odd, tmp_path / "deep" / "result.json")
    wanted = {"a": None, "b": [None, 1.5, {"c": None}], "d": [1, None], "e": "ä ☃", "f": None, "g": True}
    assert read(tmp_path / "deep" / "result.json") == wanted


def test_a_result_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "result.json"
    result.write({"a": 1}, path)
    with pytest.raises(TypeError):
        result.write({"a": 2, "b": object()}, path)
    assert read(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_names_with_half_a_character_can_be_written(tmp_path):
    result.write({"key": "half \udce4.png"}, tmp_path / "result.json")
    assert read(tmp_path / "result.json")["key"] == "half ?.png"


def test_a_made_result_survives_writing_and_reading(tmp_path):
    made = outcome(*some()).result
    result.write(made, tmp_path / "result.json")
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
    monkeypatch.setattr(result, "PACKAGES", ("jax", "imagetagger", "no-such-package"))
    wanted = {"jax": version("jax"), "imagetagger": version("imagetagger"), "no-such-package": None}
    assert result.versions() == {"python": platform.python_version(), **wanted}


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
    figures, said = made["variants"]["float32"], result.summary(made)
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
    said = result.summary(outcome(scores[:0], truth[:0]).result)
    assert said.endswith("0 to evaluate, 0 skipped")
    assert "nan" not in said


def test_a_summary_without_resamples_has_no_interval():
    made = outcome(*some()).result
    assert "[" not in result.summary({**made, "confidence_intervals": {}})


def variant(**changes):
    return {"bytes": 2_530_000, "images_per_second": 612.4, "cosine_to_float": 0.99512, "top1": 0.5321, **changes}


def test_the_summary_has_a_line_for_each_exported_variant_and_says_which_one_is_in_the_bundle():
    made = outcome(*some(), "export=int8", variants={"float32": variant(cosine_to_float=1.0), "int8": variant()}).result
    assert made["shipped"] is None
    lines = result.summary(made | {"shipped": "int8"}).splitlines()[-2:]
    assert lines == [
        "float32   2.53 MB    612 images/s  cosine to float 1.0000  top-1 53.21 %",
        "int8      2.53 MB    612 images/s  cosine to float 0.9951  top-1 53.21 %  in the bundle",
    ]
    assert "cosine" not in result.summary(outcome(*some()).result)


def test_what_was_evaluated_stands_among_the_variants_also_where_it_is_not_exported():
    made = outcome(*some(), variants={"int8": variant()}).result["variants"]
    assert set(made) == {"float32", "int8"}
    assert made["int8"] == variant()
    assert made["float32"]["cosine_to_float"] is None
    assert outcome(*some(), variants={"float32": variant()}).result["variants"]["float32"] == variant()
