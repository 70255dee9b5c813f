import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.prediction.conformal import (
    COVERAGE_LEVELS,
    INFINITE_THRESHOLD,
    adapt_coverage,
    conformal_thresholds,
    threshold_at,
)
from imagetagger.prediction.prediction_sets import nonconformity, prediction_sets

# Thresholds


def drawn(n, seed, classes=5):
    """Probabilities of an over-confident tagger, all different, and a true tag each: (n, classes) both."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), n)
    labels = (p.cumsum(1) < rng.random((n, 1))).sum(1).clip(max=classes - 1)
    sharp = p**3 / (p**3).sum(1, keepdims=True)
    return sharp, np.eye(classes, dtype=bool)[labels]


def shares_covered(rule, n, draws, levels):
    """For every draw and level: the share of fresh true tags that score no more than the threshold."""
    p, labels = drawn(20_000, 99)
    fresh = np.sort(nonconformity(p, rule)[labels])
    thresholds = [
        conformal_thresholds(nonconformity(p, rule), labels) for p, labels in (drawn(n, seed) for seed in range(draws))
    ]
    limits = np.array([[threshold_at(row, level) for level in levels] for row in thresholds])
    return np.searchsorted(fresh, limits, side="right") / len(fresh)


@pytest.mark.parametrize("n", [19, 60, 301])
def test_the_coverage_is_at_least_the_level_and_hardly_more(n):
    levels, draws = np.array([0.5, 0.8, 0.9, 0.95]), 3000
    mean = shares_covered("lac", n, draws, levels).mean(0)
    error = 4 * np.sqrt(levels * (1 - levels) * (1 / (n * draws) + 1 / 20_000))
    assert (mean >= levels - error).all()
    assert (mean <= levels + 1 / (n + 1) + error).all()


def test_the_guarantee_holds_for_a_rule_with_ties_too():
    levels, n, draws = np.array([0.5, 0.9]), 60, 1000
    mean = shares_covered("aps", n, draws, levels).mean(0)  # half the right tags come first, and score 0
    assert (mean >= levels - 4 * np.sqrt(levels * (1 - levels) * (1 / (n * draws) + 1 / 20_000))).all()


@st.composite
def calibrations(draw):
    """Scores with ties, of pictures with one to three tags each."""
    n, seed = draw(st.integers(0, 300)), draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random((n, 4)), draw(st.sampled_from([1, 2, 9])))
    labels = np.array([rng.permutation(4) < rng.integers(1, 4) for _ in range(n)]).reshape(n, 4)
    return scores, labels


@given(calibrations())
def test_thresholds_ascend_with_their_levels(calibration):
    thresholds = conformal_thresholds(*calibration)
    assert thresholds.shape == COVERAGE_LEVELS.shape
    assert (np.diff(thresholds) >= 0).all()


@given(calibrations())
def test_each_threshold_is_the_least_score_below_which_there_is_enough_weight(calibration):
    scores, labels = calibration
    weight = labels / labels.sum(1, keepdims=True)
    for level, limit in zip(COVERAGE_LEVELS[::20], conformal_thresholds(scores, labels)[::20], strict=True):
        target_weight = level * (len(scores) + 1) - 1e-9
        assert limit == INFINITE_THRESHOLD or limit in scores[labels]
        assert limit == INFINITE_THRESHOLD or weight[scores <= limit].sum() >= target_weight
        below = np.where(scores < limit, weight, 0).sum()
        assert below < target_weight + 2e-9


def test_a_picture_of_several_tags_counts_as_one_picture():
    one = np.array([[0.1, 0.9], [0.2, 0.9], [0.3, 0.9]])
    several = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]])
    first, both = np.tile([True, False], (3, 1)), np.ones((3, 2), bool)
    np.testing.assert_array_equal(conformal_thresholds(one, first), conformal_thresholds(several, both))


def test_the_guarantee_of_pictures_with_several_tags_is_of_the_mean_share_inside():
    rng, n, draws, level = np.random.default_rng(0), 40, 2000, 0.9

    def pictures(count):
        two = rng.random(count) < 0.5
        return rng.random((count, 2)) * np.array([1, 2]), np.stack([np.ones(count, bool), two], 1)

    covered = []
    for _ in range(draws):
        limit = threshold_at(conformal_thresholds(*pictures(n)), level)
        scores, labels = pictures(500)
        covered.append((labels & (scores <= limit)).sum(1) / labels.sum(1))
    assert level - 0.004 <= np.mean(covered) <= level + 1 / (n + 1) + 0.004


@pytest.mark.parametrize(("n", "highest"), [(0, 0.0), (1, 0.5), (9, 0.9), (10, 0.905), (198, 0.99), (199, 0.995)])
def test_levels_that_so_few_pictures_cannot_guarantee_let_everything_in(n, highest):
    thresholds = conformal_thresholds(np.full((n, 1), 0.5), np.ones((n, 1), bool))
    np.testing.assert_array_equal(
        thresholds, [0.5 if level < highest + 1e-9 else INFINITE_THRESHOLD for level in COVERAGE_LEVELS]
    )


@given(st.floats(-1, 3))
def test_a_coverage_gets_the_next_higher_level_and_everything_beyond_the_highest(coverage):
    got = threshold_at(COVERAGE_LEVELS, coverage)
    assert got >= min(coverage, 1) - 1e-9
    assert got == INFINITE_THRESHOLD if coverage > 0.9951 else got - max(coverage, 0.005) < 0.005 + 1e-9


@given(st.integers(0, 100), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_sets_of_a_higher_coverage_hold_those_of_a_lower_one(seed, a, b):
    p, labels = drawn(60, seed)
    thresholds = conformal_thresholds(nonconformity(p, "lac"), labels)
    low, high = (prediction_sets(p, "lac", threshold_at(thresholds, coverage)) for coverage in sorted((a, b)))
    assert not (low & ~high).any()


# Adaptive conformal inference

step_sizes, coverages = st.floats(0.001, 1), st.floats(0.05, 0.95)


def follow(coverage, step_size, required_coverages):
    """Miss rates of sets that contain a tag if the nominal coverage reaches what it requires, and at 1 always."""
    miss_rates = []
    for required in required_coverages:
        nominal = adapt_coverage(coverage, miss_rates, step_size)
        miss_rates.append(0.0 if nominal >= 1 else float(nominal < required))
    return miss_rates


@given(coverages, step_sizes, st.lists(st.floats(0, 1) | st.just(1.0), min_size=1, max_size=200))
def test_in_the_long_run_no_more_is_missed_than_targeted_whatever_the_pictures_are(
    coverage, step_size, required_coverages
):
    miss_rates = follow(coverage, step_size, required_coverages)
    assert np.mean(miss_rates) <= 1 - coverage + (1 + step_size) / (step_size * len(miss_rates)) + 1e-9


@given(coverages, step_sizes, st.integers(0, 2**32 - 1))
def test_nor_where_an_adversary_requires_a_little_more_each_time(coverage, step_size, seed):
    rng, miss_rates = np.random.default_rng(seed), []
    for _ in range(150):
        nominal = adapt_coverage(coverage, miss_rates, step_size)
        miss_rates.append(0.0 if nominal >= 1 else float(rng.random() < 0.95))  # any set short of everything misses
    assert np.mean(miss_rates) <= 1 - coverage + (1 + step_size) / (step_size * 150) + 1e-9


miss_rate_lists = st.lists(st.floats(0, 1), max_size=60)


@given(coverages, miss_rate_lists)
def test_step_size_0_changes_nothing(coverage, miss_rates):
    assert adapt_coverage(coverage, miss_rates, 0) == pytest.approx(coverage)
    assert adapt_coverage(coverage, [], 0.5) == pytest.approx(coverage)


@given(coverages, step_sizes, miss_rate_lists)
def test_the_nominal_coverage_stays_in_bounds(coverage, step_size, miss_rates):
    assert 0 <= adapt_coverage(coverage, miss_rates, step_size) <= 1 + step_size + 1e-12


@given(coverages, step_sizes, miss_rate_lists, st.floats(0, 1), st.floats(0, 1))
def test_more_misses_raise_the_nominal_coverage(coverage, step_size, miss_rates, a, b):
    less, more = (adapt_coverage(coverage, [*miss_rates, share], step_size) for share in sorted((a, b)))
    assert less <= more
    assert (
        adapt_coverage(coverage, [*miss_rates, 1.0], step_size)
        >= min(adapt_coverage(coverage, miss_rates, step_size), 1 + step_size) - 1e-12
    )


@pytest.mark.parametrize("before", [0.0, 1.0])
def test_a_thousand_lessons_of_one_kind_are_undone_as_fast_as_a_hundred(before):
    def steps(many):
        miss_rates = [before] * many
        nominal = adapt_coverage(0.9, miss_rates, 0.05)
        while (nominal > 0.9) == (before > 0.5):
            miss_rates.append(1 - before)
            nominal = adapt_coverage(0.9, miss_rates, 0.05)
        return len(miss_rates) - many

    assert steps(1000) == steps(300) <= (1 + 0.05) / (0.05 * 0.1)
