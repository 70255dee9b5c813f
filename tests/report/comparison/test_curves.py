import math

import numpy as np
import pytest

from imagetagger.report.comparison.coverage_curves import coverage_curves
from imagetagger.report.comparison.curves import MAX_LINES, average_runs, setting_curves
from imagetagger.report.comparison.run_metrics import MetricEstimate, set_size_at
from imagetagger.report.comparison.runs import read_runs
from imagetagger.report.comparison.varied_settings import independent, run_labels, varied_settings
from tests.helpers.made import RULES_MADE
from tests.helpers.sweeps import grow, leave

pytestmark = pytest.mark.slow


def read(folder):
    runs = read_runs([folder]).runs
    return runs, varied_settings(runs)


def studied(folder):
    return setting_curves(*read(folder))


def test_settings_are_the_settings_that_differ_without_those_that_come_with_another(tmp_path):
    _, settings = read(grow(tmp_path))
    assert [setting.key for setting in independent(settings)] == ["data.per_class", "classifier.transform", "seed"]
    assert {setting.follows for setting in settings if setting.follows} == {"classifier.transform"}
    assert "classifier.variance_prior_strength" in {setting.key for setting in settings}


def test_numbers_that_differ_together_by_accident_stay_apart(tmp_path):
    for i in range(3):
        leave(tmp_path / str(i), f"classifier.variance_prior_strength={i}", f"classifier.shrinkage=0.{i}")
    assert all(setting.follows is None for setting in read(tmp_path)[1])


def test_labels_tell_runs_apart_by_folder_where_settings_do_not(tmp_path):
    leave(tmp_path / "a")
    leave(tmp_path / "b", right=0.2)
    leave(tmp_path / "c", "data.path=/deep/in/cats.zip")
    assert run_labels(*read(tmp_path)) == ["cats.zip", "path null, a", "path null, b"]


def test_the_size_of_the_data_is_studied_with_a_line_for_each_classifier_and_seeds_averaged(tmp_path):
    runs, settings = read(grow(tmp_path))
    study, *others = setting_curves(runs, settings)
    assert (study.is_size, study.label, others) == (True, "training pictures", [])
    assert study.is_log
    assert study.seeds == 2
    panel = study.panels[0]
    assert [line.label for line in panel.lines] == ["transform none", "whitened"]
    for line, transform in zip(panel.lines, ("none", "whitened"), strict=True):
        assert [point.x for point in line.points] == [8, 40, 200]
        for point, size in zip(line.points, (2, 10, 50), strict=True):
            values = [
                run.metrics.top1
                for run in runs
                if (run.settings["data.per_class"], run.settings["classifier.transform"]) == (size, transform)
            ]
            assert point.mean == pytest.approx(np.mean(values))
            assert point.low < point.mean < point.high


def test_a_single_line_leaves_room_for_sizes_at_several_coverages(tmp_path):
    for size, right in ((2, 0.5), (500, 0.95)):
        options = {"n": 400, "decision": RULES_MADE["lac"], "change": {"data": {"train": 4 * size}}}
        leave(tmp_path / str(size), f"data.per_class={size}", right=right, **options)
    (study,) = studied(tmp_path)
    (sizes,) = (panel for panel in study.panels if panel.key == "size_at")
    assert len(sizes.lines) > 1
    assert all(line.label.endswith("coverage") for line in sizes.lines)


@pytest.mark.parametrize(
    "key", ["backbone.resolution", "classifier.variance_prior_strength", "export.calibration_pictures"]
)
def test_any_other_number_is_studied_too(key, tmp_path):
    for i, value in enumerate((40, 80, 800)):
        leave(tmp_path / str(i), f"{key}={value}", right=0.3 + 0.2 * i)
    (study,) = studied(tmp_path)
    assert (study.key, study.is_log, study.is_joined) == (key, True, True)
    assert [point.x for point in study.panels[0].lines[0].points] == [40, 80, 800]


def test_variants_are_followed_along_an_setting_of_export(tmp_path):
    for value, top1 in ((50, 0.4), (100, 0.6)):
        float32 = {"top1": 0.7, "cosine_to_float": 1.0, "bytes": 9, "images_per_second": 1.0}
        variants = {"float32": float32, "int8": float32 | {"top1": top1}}
        leave(tmp_path / str(value), f"export.calibration_pictures={value}", "export=all", variants=variants)
    (study,) = studied(tmp_path)
    lines = {line.label: [point.mean for point in line.points] for line in study.panels[0].lines}
    assert lines == {"float32": [0.7, 0.7], "int8": [0.4, 0.6]}


def test_a_search_is_drawn_as_points_of_what_it_looked_for(tmp_path):
    for i in range(4):
        strength, shrinkage = f"classifier.variance_prior_strength={2**i}", f"classifier.shrinkage=0.{i + 1}"
        leave(tmp_path / str(i), strength, shrinkage, "optimized_metric=ece", right=0.2 * i)
    for study in studied(tmp_path):
        assert not study.is_joined
        assert [panel.key for panel in study.panels] == ["ece", "top1"]
        assert [len(line.points) for line in study.panels[0].lines] == [4]


def test_what_is_the_same_everywhere_is_not_drawn(tmp_path):
    for value in (0.5, 0.9):
        leave(tmp_path / str(value), f"calibrate.coverage={value}")
    assert studied(tmp_path) == ()


def test_more_combinations_than_lines_are_spread_from_the_best_to_the_worst(tmp_path):
    for strength in range(11):
        for size in (2, 20):
            right = 0.05 * strength + 0.01 * size
            change = {"data": {"train": size}}
            overrides = f"classifier.variance_prior_strength={strength}", f"data.per_class={size}"
            leave(tmp_path / f"{strength}-{size}", *overrides, right=right, n=200, change=change)
    study = studied(tmp_path)[0]
    assert study.combinations == 11
    drawn = [line.label for line in study.panels[0].lines]
    assert len(drawn) == MAX_LINES
    assert drawn[0] == "variance prior strength 0"
    assert drawn[-1] == "variance prior strength 10"


def test_one_run_keeps_its_own_interval():
    assert average_runs([MetricEstimate(0.5, 0.45, 0.6)], same_pictures=True) == (0.5, 0.45, 0.6)


def test_many_seeds_average_their_spread_out_and_the_error_of_pictures_only_where_they_differ():
    """Many seeds: Student's quantile is that of the normal, and the spread is known."""
    rng = np.random.default_rng(0)
    estimates = [MetricEstimate(value, value - 0.0196, value + 0.0196) for value in 0.5 + 0.02 * rng.normal(size=4000)]
    spread = np.var([estimate.value for estimate in estimates], ddof=1)
    shared, apart = average_runs(estimates, same_pictures=True), average_runs(estimates, same_pictures=False)
    assert shared.high - shared.value == pytest.approx(1.96 * math.sqrt(0.01**2 + spread / 4000), rel=1e-3)
    assert apart.high - apart.value == pytest.approx(1.96 * math.sqrt((0.01**2 + spread) / 4000), rel=1e-3)


@pytest.mark.parametrize("seeds", [2, 3, 6])
@pytest.mark.parametrize("same", [True, False])
def test_the_band_covers_the_true_value_as_often_as_it_says(seeds, same):
    """True accuracy 0.5; a run errs by its seed and by its pictures, which runs share or do not."""
    rng, rounds, covered = np.random.default_rng(seeds), 3000, 0
    for _ in range(rounds):
        pictures = 0.02 * rng.normal(size=1 if same else seeds)
        values = 0.5 + pictures + 0.02 * rng.normal(size=seeds)
        mean = average_runs([MetricEstimate(v, v - 1.96 * 0.02, v + 1.96 * 0.02) for v in values], same)
        covered += mean.low <= 0.5 <= mean.high
    assert covered / rounds >= 0.93


def test_seeds_without_intervals_have_that_of_their_spread_and_equal_ones_none():
    mean = average_runs([MetricEstimate(0.4), MetricEstimate(0.6)], same_pictures=True)
    assert mean.high - mean.value == pytest.approx(12.706 * 0.1, rel=1e-3)
    equal = average_runs([MetricEstimate(0.5), MetricEstimate(0.5)], same_pictures=True)
    assert (equal.value, math.isnan(equal.low), math.isnan(equal.high)) == (0.5, True, True)


def test_a_run_of_other_code_is_no_other_seed(tmp_path):
    for commit in "ab":
        for size in (2, 500):
            change = {"data": {"train": size}, "revision": {"commit": commit * 40, "changed": False}}
            place = tmp_path / commit / str(size)
            leave(place, f"data.per_class={size}", right=0.3 + size / 1000, change=change, n=60 + ord(commit))
    (study,) = studied(tmp_path)
    assert study.seeds == 1
    assert len(study.panels[0].lines[0].points) == 4


def test_the_size_of_sets_at_a_coverage_is_that_of_the_first_target_that_reached_it(tmp_path):
    curve = {"target": [0.5, 0.7, 0.9], "coverage": [0.6, 0.85, 0.95], "set_size": [1.0, 2.0, 5.0]}
    curve |= {"singleton": [1.0, 0.5, 0.0], "precision": [0.6, 0.4, 0.2], "selected": 2}
    leave(tmp_path / "a", change={"coverage_curve": curve})
    (run,), _ = read(tmp_path)
    assert [set_size_at(level).of(run).value for level in (0.5, 0.8, 0.9)] == [1.0, 2.0, 5.0]
    assert math.isnan(set_size_at(0.99).of(run).value)


def test_curves_of_one_kind_of_target_share_plots_and_equal_ones_are_drawn_once(tmp_path):
    for i, right in enumerate((0.3, 0.6, 0.6)):
        leave(tmp_path / str(i), f"evaluate.bootstrap_resamples={i}", right=right)
    runs, settings = read(tmp_path)
    curves = coverage_curves(runs, settings)
    assert (curves.drawn, curves.total) == (2, 2)
    assert [by_target.key for by_target in curves.by_target] == ["sum"]
    assert len(curves.by_target[0].coverage.lines) == 2


def test_many_curves_are_spread_from_the_best_to_the_worst(tmp_path):
    for i in range(12):
        leave(tmp_path / str(i), f"classifier.variance_prior_strength={i}", right=0.08 * i, n=200)
    curves = coverage_curves(*read(tmp_path))
    assert (curves.drawn, curves.total) == (MAX_LINES, 12)
