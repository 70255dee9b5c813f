"""The distribution of coverage is compared with that of simulated calibrations."""

import numpy as np
import pytest

from imagetagger.evaluation.guarantee import corrected_level, coverage_interval
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD, conformal_thresholds, threshold_at


def simulated_coverages(n, target, rounds=2000, seed=0):
    """Coverages of calibrations on n scores that are uniform in 0 .. 1, whose distribution is their threshold."""
    rng = np.random.default_rng(seed)
    labels_onehot = np.ones((n, 1), bool)
    thresholds = [conformal_thresholds(rng.random((n, 1)), labels_onehot) for _ in range(rounds)]
    return np.minimum([threshold_at(threshold, target) for threshold in thresholds], 1)


@pytest.mark.parametrize(("n", "target"), [(18, 0.9), (19, 0.9), (60, 0.9), (61, 0.5), (200, 0.95), (60, 0.901)])
def test_the_interval_holds_the_simulated_coverages_as_often_as_it_says(n, target):
    low, high = coverage_interval(n, target)
    coverages = simulated_coverages(n, target)
    assert np.mean(coverages < low) == pytest.approx(0.05, abs=0.02)
    assert np.mean(coverages > high) == pytest.approx(0.05, abs=0.02)
    assert coverages.mean() >= target - 0.01


@pytest.mark.parametrize(("n", "possible"), [(0, False), (8, False), (9, True), (10, True)])
def test_too_few_pictures_guarantee_nothing(n, possible):
    assert (coverage_interval(n, 0.9) is not None) == possible
    thresholds = conformal_thresholds(np.random.default_rng(0).random((n, 1)), np.ones((n, 1), bool))
    assert (threshold_at(thresholds, 0.9) < INFINITE_THRESHOLD) == possible


def test_a_coverage_above_all_levels_is_no_promise():
    assert coverage_interval(100_000, 0.999) is None


def test_more_pictures_and_less_confidence_narrow_the_interval():
    def width(*arguments, **options):
        low, high = coverage_interval(*arguments, **options)
        return high - low

    assert width(400, 0.9) == pytest.approx(width(100, 0.9) / 2, rel=0.1)
    assert width(60, 0.9, level=0.5) < width(60, 0.9)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(("n", "target"), [(60, 0.9), (100, 0.9), (45, 0.8), (30, 0.5)])
def test_the_corrected_level_reaches_the_coverage_with_the_confidence_and_no_lower_level_does(n, target, confidence):
    level = corrected_level(n, target, confidence)
    assert level > target
    assert np.mean(simulated_coverages(n, target=level) >= target) >= confidence - 0.02
    lower = [
        other for other in COVERAGE_LEVELS if other < level and np.ceil(other * (n + 1)) < np.ceil(level * (n + 1))
    ]
    assert np.mean(simulated_coverages(n, target=lower[-1]) >= target) < confidence + 0.02


def test_no_level_is_returned_where_none_can_promise():
    # The largest of n scores covers 90 % with probability 1 - 0.9^n, which is 0.9 from 22 pictures on.
    assert corrected_level(21, 0.9, 0.9) is None
    assert corrected_level(22, 0.9, 0.9) is not None
    assert corrected_level(0, 0.5, 0.5) is None


def test_with_many_pictures_there_is_little_to_correct():
    assert corrected_level(100_000, 0.9, 0.9) == pytest.approx(0.905)
