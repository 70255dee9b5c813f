import numpy as np
import pytest
from scipy.stats import binomtest

from imagetagger.evaluation.intervals import confidence_intervals, effective_pictures, rate_interval
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from tests.evaluation.test_metrics import predictions


@pytest.mark.parametrize(("right", "n"), [(6, 6), (0, 6), (1, 1), (0, 1), (37, 60), (999, 1000)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_rates_have_the_clopper_pearson_interval(right, n, level):
    expected = binomtest(right, n).proportion_ci(level, "exact")
    assert rate_interval(np.arange(n) < right, level=level) == pytest.approx((expected.low, expected.high))


def test_six_of_six_are_not_certain():
    labels_onehot = np.eye(3, dtype=bool)[[0, 0, 1, 1, 2, 2]]
    observed = observe_predictions(np.log(np.where(labels_onehot, 0.8, 0.1)), labels_onehot, labels_onehot)
    intervals = confidence_intervals(observed, resamples=20)
    for name in ("top1", "top5", "top10", "coverage"):
        assert intervals[name] == pytest.approx((0.5407, 1.0), abs=1e-4)
    assert "ece" not in intervals


def test_an_interval_covers_the_true_rate_at_least_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for n, rate in ((8, 0.9), (60, 0.75), (30, 0.98)):
        intervals = [rate_interval(rng.random(n) < rate) for _ in range(400)]
        assert np.mean([low <= rate <= high for low, high in intervals]) > 0.93


def test_pictures_of_groups_of_their_own_count_in_full():
    outcomes = np.random.default_rng(0).random(40) < 0.7
    assert effective_pictures(outcomes, np.arange(40)) == pytest.approx(40)
    assert rate_interval(outcomes, np.arange(40)) == pytest.approx(rate_interval(outcomes))


def test_copies_of_a_picture_add_nothing():
    outcomes = np.random.default_rng(0).random(40) < 0.7
    copied, groups = np.repeat(outcomes, 5), np.repeat(np.arange(40), 5)
    assert effective_pictures(copied, groups) == pytest.approx(40, rel=0.08)  # and allows for 39 degrees of freedom
    assert rate_interval(copied, groups) == pytest.approx(rate_interval(outcomes), abs=0.02)
    assert rate_interval(np.ones(200), groups) == pytest.approx(rate_interval(np.ones(40)))


@pytest.mark.parametrize("groups", [np.zeros(6, int), np.array(["a", "b"] * 3)])
@pytest.mark.parametrize("right", [0, 2, 6])
def test_one_group_or_two_are_survived(groups, right):
    low, high = rate_interval(np.arange(6) < right, groups)
    assert 0 <= low <= right / 6 <= high <= 1
    assert high - low > 0.5


@pytest.mark.slow
def test_grouped_intervals_cover_the_true_rate_where_those_of_single_pictures_fail():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(25), 6)
    grouped, single = [], []
    for _ in range(300):
        chance = rng.beta(4, 1, 25)  # the rate is 0.8 on average, and differs from burst to burst
        outcomes = rng.random(150) < chance[groups]
        for intervals, known in ((grouped, groups), (single, None)):
            low, high = rate_interval(outcomes, known)
            intervals.append(low <= 0.8 <= high)
    assert np.mean(grouped) > 0.92
    assert np.mean(single) < np.mean(grouped) - 0.03


def test_intervals_contain_the_metric_and_shrink_with_more_pictures():
    def widths(n):
        observed = observe_predictions(*predictions(n))
        metrics, intervals = compute_metrics(total_metrics(observed)), confidence_intervals(observed, resamples=300)
        assert all(low <= metrics[name] <= high for name, (low, high) in intervals.items())
        return np.array([high - low for low, high in intervals.values()])

    np.testing.assert_allclose(widths(3200), widths(200) / 4, rtol=0.4)


def test_the_bootstrap_resamples_whole_groups():
    observed = observe_predictions(*predictions(300))
    copied, groups = type(observed)(*(np.repeat(field, 4, 0) for field in observed)), np.repeat(np.arange(300), 4)
    for name in ("log_loss", "set_size"):
        alone, together, apart = (
            confidence_intervals(*arguments)[name] for arguments in ((observed,), (copied, groups), (copied,))
        )
        assert together == pytest.approx(alone)
        assert apart[1] - apart[0] == pytest.approx((alone[1] - alone[0]) / 2, rel=0.2)


def test_coverage_of_some_of_a_pictures_tags_is_bootstrapped():
    log_p, in_set, labels_onehot = predictions()
    several = labels_onehot | np.roll(labels_onehot, 1, 1)
    low, high = confidence_intervals(observe_predictions(log_p, in_set, several))["coverage"]
    assert 0 < low < (several & in_set).sum() / several.sum() < high < 1


def test_no_pictures_or_resamples_give_no_intervals():
    observed = observe_predictions(*predictions())
    assert confidence_intervals(observed, resamples=0) == {}
    assert confidence_intervals(type(observed)(*(field[:0] for field in observed))) == {}


def test_an_infinite_log_loss_leaves_the_other_intervals_finite():
    log_p, labels_onehot = np.array([[0, -np.inf]] * 2), np.array([[True, False], [False, True]])
    intervals = confidence_intervals(observe_predictions(log_p, labels_onehot, labels_onehot), resamples=20)
    assert all(np.isfinite(intervals["top1"]))
