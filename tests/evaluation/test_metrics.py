import numpy as np
import pytest

from imagetagger.evaluation.metrics import (
    HIGHER_IS_BETTER,
    METRIC_NAMES,
    compute_metrics,
    confidence_intervals,
    empty_metrics,
    merge_metrics,
    observe_predictions,
    observe_probabilities,
    observe_sets,
    total_metrics,
)
from imagetagger.prediction.calibration import log_softmax
from imagetagger.prediction.prediction_sets import prediction_sets


def some(n=200, classes=12, seed=0):
    """Log probabilities, tag sets and true tags, as `observe` takes them."""
    rng = np.random.default_rng(seed)
    truth = np.eye(classes, dtype=bool)[rng.integers(0, classes, n)]
    log_p = log_softmax(rng.normal(size=(n, classes)) * 3 + 4 * truth)
    return log_p, prediction_sets(np.exp(log_p), "cumulative", 0.9), truth


def test_figures_agree_with_their_definitions():
    log_p, inside, truth = some()
    figures = compute_metrics(total_metrics(observe_predictions(log_p, inside, truth)))
    p, labels = np.exp(log_p), truth.argmax(1)
    rank = (p > p[truth][:, None]).sum(1)
    assert figures["top1"] == pytest.approx((rank < 1).mean())
    assert figures["top5"] == pytest.approx((rank < 5).mean())
    assert figures["top10"] == pytest.approx((rank < 10).mean())
    assert figures["log_loss"] == pytest.approx(-np.log(p[truth]).mean())
    assert figures["coverage"] == pytest.approx(inside[truth].mean())
    assert figures["set_size"] == pytest.approx(inside.sum(1).mean())
    confidence, correct = p.max(1), p.argmax(1) == labels
    ece = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15 + 1e-15)
        if inside.any():
            ece += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert figures["ece"] == pytest.approx(ece)


def test_merged_parts_equal_the_whole_and_empty_is_the_identity():
    whole = total_metrics(observe_predictions(*some()))
    parts = [
        total_metrics(observe_predictions(*(part[i] for part in some())))
        for i in np.split(np.arange(200), [30, 31, 150])
    ]
    merged = empty_metrics()
    for part in parts:
        merged = merge_metrics(merged, part)
    assert compute_metrics(merged) == pytest.approx(compute_metrics(whole))


def test_weight_zero_leaves_padding_out():
    weights = (np.arange(200) < 150).astype(float)
    weighted = compute_metrics(total_metrics(observe_predictions(*some()), weights))
    assert weighted == pytest.approx(
        compute_metrics(total_metrics(observe_predictions(*(part[:150] for part in some()))))
    )


def test_no_pictures_give_nan_not_an_error():
    assert all(np.isnan(value) for value in compute_metrics(empty_metrics()).values())


def test_several_true_tags_share_coverage_and_log_loss():
    log_p, inside = np.log([[0.5, 0.3, 0.15, 0.05]]), np.array([[True, True, False, False]])
    truth = np.array([[True, False, False, True]])
    figures = compute_metrics(total_metrics(observe_predictions(log_p, inside, truth)))
    assert figures["top1"] == 1
    assert figures["coverage"] == 0.5
    assert figures["log_loss"] == pytest.approx(-(np.log(0.5) + np.log(0.05)) / 2)


def test_intervals_hold_the_figure_and_shrink_with_more_pictures():
    def interval(n):
        observed = observe_predictions(*some(n))
        low, high = confidence_intervals(observed, resamples=300, seed=1)["top1"]
        assert low <= compute_metrics(total_metrics(observed))["top1"] <= high
        return high - low

    assert interval(3200) == pytest.approx(interval(200) / 4, rel=0.35)


def test_intervals_agree_with_the_binomial_ones():
    observed = observe_predictions(*some(1000))
    p = compute_metrics(total_metrics(observed))["top1"]
    low, high = confidence_intervals(observed, resamples=2000, seed=2)["top1"]
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(p * (1 - p) / 1000), rel=0.1)


def test_no_resamples_give_no_intervals():
    assert confidence_intervals(observe_predictions(*some()), resamples=0) == {}


def test_what_probabilities_contribute_does_not_depend_on_sets_and_sets_change_nothing_else():
    log_p, inside, truth = some()
    alone = observe_probabilities(log_p, truth)
    assert not alone.covered.any()
    assert not alone.set_size.any()
    for sets in (inside, ~inside, np.ones_like(inside)):
        found = observe_sets(alone, sets, truth)
        np.testing.assert_array_equal(found.set_size, sets.sum(1))
        np.testing.assert_array_equal(found.covered, sets[truth])
        for name in set(alone._fields) - {"covered", "set_size"}:
            assert getattr(found, name) is getattr(alone, name)
    both = observe_predictions(log_p, inside, truth)
    for got, wanted in zip(observe_sets(alone, inside, truth), both, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_no_pictures_contribute_nothing():
    none = observe_predictions(*(part[:0] for part in some()))
    assert all(len(field) == 0 for field in none)
    assert all(np.isnan(value) for value in compute_metrics(total_metrics(none)).values())


def test_of_equal_probabilities_the_first_tag_is_the_first_guess():
    log_p, truth = np.log(np.full((3, 4), 0.25)), np.eye(4, dtype=bool)[[0, 1, 3]]
    np.testing.assert_array_equal(observe_probabilities(log_p, truth).top1, [1, 0, 0])


def test_figures_are_those_that_are_listed_and_more_is_better_of_shares_of_what_is_right():
    assert tuple(compute_metrics(empty_metrics())) == METRIC_NAMES
    assert set(HIGHER_IS_BETTER) == {"top1", "top5", "top10", "coverage"}
