import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.prediction.conformal import (
    COVERAGE_LEVELS,
    INFINITE_THRESHOLD,
    Stratum,
    adapt_coverage,
    conformal_thresholds,
    coverage_by_size,
    coverage_by_tag,
    threshold_at,
)
from imagetagger.prediction.prediction_sets import nonconformity, prediction_sets

# Thresholds


def drawn(n, seed, classes=5):
    """Probabilities of an over-confident tagger, all different, and a true tag each: (n, classes) both."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes), n)
    truth = (p.cumsum(1) < rng.random((n, 1))).sum(1).clip(max=classes - 1)
    sharp = p**3 / (p**3).sum(1, keepdims=True)
    return sharp, np.eye(classes, dtype=bool)[truth]


def shares_covered(rule, n, draws, levels):
    """Of every draw and level: the share of fresh true tags that score no more than the threshold."""
    p, truth = drawn(20_000, 99)
    fresh = np.sort(nonconformity(p, rule)[truth])
    found = [
        conformal_thresholds(nonconformity(p, rule), truth) for p, truth in (drawn(n, seed) for seed in range(draws))
    ]
    limits = np.array([[threshold_at(one, level) for level in levels] for one in found])
    return np.searchsorted(fresh, limits, side="right") / len(fresh)


@pytest.mark.parametrize("n", [19, 60, 301])
def test_the_right_tag_is_inside_as_often_as_promised_and_hardly_more(n):
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
    truth = np.array([rng.permutation(4) < rng.integers(1, 4) for _ in range(n)]).reshape(n, 4)
    return scores, truth


@given(calibrations())
def test_thresholds_ascend_with_their_levels(calibration):
    found = conformal_thresholds(*calibration)
    assert found.shape == COVERAGE_LEVELS.shape
    assert (np.diff(found) >= 0).all()


@given(calibrations())
def test_each_threshold_is_the_least_score_below_which_enough_weight_lies(calibration):
    scores, truth = calibration
    weight = truth / truth.sum(1, keepdims=True)
    for level, limit in zip(COVERAGE_LEVELS[::20], conformal_thresholds(scores, truth)[::20], strict=True):
        wanted = level * (len(scores) + 1) - 1e-9
        assert limit == INFINITE_THRESHOLD or limit in scores[truth]
        assert limit == INFINITE_THRESHOLD or weight[scores <= limit].sum() >= wanted
        below = np.where(scores < limit, weight, 0).sum()
        assert below < wanted + 2e-9


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
        scores, truth = pictures(500)
        covered.append((truth & (scores <= limit)).sum(1) / truth.sum(1))
    assert level - 0.004 <= np.mean(covered) <= level + 1 / (n + 1) + 0.004


@pytest.mark.parametrize(("n", "highest"), [(0, 0.0), (1, 0.5), (9, 0.9), (10, 0.905), (198, 0.99), (199, 0.995)])
def test_levels_that_so_few_pictures_cannot_promise_let_everything_in(n, highest):
    found = conformal_thresholds(np.full((n, 1), 0.5), np.ones((n, 1), bool))
    np.testing.assert_array_equal(
        found, [0.5 if level < highest + 1e-9 else INFINITE_THRESHOLD for level in COVERAGE_LEVELS]
    )


@given(st.floats(-1, 3))
def test_a_coverage_gets_the_next_higher_level_and_everything_beyond_the_highest(coverage):
    got = threshold_at(COVERAGE_LEVELS, coverage)
    assert got >= min(coverage, 1) - 1e-9
    assert got == INFINITE_THRESHOLD if coverage > 0.9951 else got - max(coverage, 0.005) < 0.005 + 1e-9


@given(st.integers(0, 100), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_sets_of_a_higher_coverage_hold_those_of_a_lower_one(seed, a, b):
    p, truth = drawn(60, seed)
    found = conformal_thresholds(nonconformity(p, "lac"), truth)
    low, high = (prediction_sets(p, "lac", threshold_at(found, coverage)) for coverage in sorted((a, b)))
    assert not (low & ~high).any()


# Adaptive conformal inference

rates, coverages = st.floats(0.001, 1), st.floats(0.05, 0.95)


def follow(coverage, rate, demands):
    """Misses of sets that hold a tag where the coverage asked for reaches its demand; at 1, whatever the demand."""
    missed = []
    for demand in demands:
        asked = adapt_coverage(coverage, missed, rate)
        missed.append(0.0 if asked >= 1 else float(asked < demand))
    return missed


@given(coverages, rates, st.lists(st.floats(0, 1) | st.just(1.0), min_size=1, max_size=200))
def test_in_the_long_run_no_more_is_missed_than_promised_whatever_the_pictures_are(coverage, rate, demands):
    missed = follow(coverage, rate, demands)
    assert np.mean(missed) <= 1 - coverage + (1 + rate) / (rate * len(missed)) + 1e-9


@given(coverages, rates, st.integers(0, 2**32 - 1))
def test_nor_where_an_adversary_asks_for_a_little_more_each_time(coverage, rate, seed):
    rng, missed = np.random.default_rng(seed), []
    for _ in range(150):
        asked = adapt_coverage(coverage, missed, rate)
        missed.append(0.0 if asked >= 1 else float(rng.random() < 0.95))  # whatever is less than everything misses
    assert np.mean(missed) <= 1 - coverage + (1 + rate) / (rate * 150) + 1e-9


shares = st.lists(st.floats(0, 1), max_size=60)


@given(coverages, shares)
def test_rate_0_changes_nothing(coverage, missed):
    assert adapt_coverage(coverage, missed, 0) == pytest.approx(coverage)
    assert adapt_coverage(coverage, [], 0.5) == pytest.approx(coverage)


@given(coverages, rates, shares)
def test_what_is_asked_for_stays_in_bounds(coverage, rate, missed):
    assert 0 <= adapt_coverage(coverage, missed, rate) <= 1 + rate + 1e-12


@given(coverages, rates, shares, st.floats(0, 1), st.floats(0, 1))
def test_more_missed_asks_for_more(coverage, rate, missed, a, b):
    less, more = (adapt_coverage(coverage, [*missed, share], rate) for share in sorted((a, b)))
    assert less <= more
    assert (
        adapt_coverage(coverage, [*missed, 1.0], rate) >= min(adapt_coverage(coverage, missed, rate), 1 + rate) - 1e-12
    )


@pytest.mark.parametrize("before", [0.0, 1.0])
def test_a_thousand_lessons_of_one_kind_are_undone_as_fast_as_a_hundred(before):
    def steps(many):
        missed = [before] * many
        asked = adapt_coverage(0.9, missed, 0.05)
        while (asked > 0.9) == (before > 0.5):
            missed.append(1 - before)
            asked = adapt_coverage(0.9, missed, 0.05)
        return len(missed) - many

    assert steps(1000) == steps(300) <= (1 + 0.05) / (0.05 * 0.1)


# Strata


def sets(*rows):
    return np.array([[mark == "x" for mark in row] for row in rows])


def test_strata_part_pictures_by_the_size_of_their_sets():
    truth = sets("x..................", "x..................", "..x................", "x..................")
    truth = np.concatenate([truth, truth[:1]])
    inside = np.arange(19) < np.array([[1], [1], [2], [7], [19]])
    inside[1] = ~inside[1] & (np.arange(19) == 5)
    assert coverage_by_size(inside, truth) == [
        Stratum(1, 1, 2, 0.5),
        Stratum(2, 3, 1, 0.0),
        Stratum(4, 7, 1, 1.0),
        Stratum(16, None, 1, 1.0),
    ]


@given(st.integers(0, 1000), st.integers(0, 40))
def test_strata_hold_every_picture_once_and_average_to_the_coverage(seed, n):
    rng = np.random.default_rng(seed)
    inside, truth = rng.random((n, 30)) < rng.random((n, 1)), rng.random((n, 30)) < 0.1
    inside[:, 0] = truth[:, 1] = True  # neither is ever empty
    strata = coverage_by_size(inside, truth)
    assert sum(stratum.pictures for stratum in strata) == n
    mean = sum(stratum.pictures * stratum.coverage for stratum in strata)
    assert mean == pytest.approx(((inside & truth).sum(1) / truth.sum(1)).sum())


def test_the_coverage_of_a_tag_is_that_of_its_pictures_and_of_none_no_number():
    inside, truth = sets("x..", "xx.", ".x.", "x.."), sets("x..", "xx.", "x..", "xx.")
    np.testing.assert_array_equal(coverage_by_tag(inside, truth), [0.75, 0.5, np.nan])


def test_a_picture_of_several_tags_counts_with_the_share_that_its_set_holds():
    assert coverage_by_size(sets("x.."), sets("xx.")) == [Stratum(1, 1, 1, 0.5)]
