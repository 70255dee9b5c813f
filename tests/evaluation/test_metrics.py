import numpy as np
import pytest

from imagetagger.evaluation.metrics import (
    RELIABILITY_BINS,
    Metrics,
    compute_metrics,
    empty_metrics,
    merge_metrics,
    observe_predictions,
    observe_probabilities,
    reliability_bins,
    total_metrics,
)
from imagetagger.options import HIGHER_IS_BETTER, METRIC_NAMES
from imagetagger.prediction.calibration import log_softmax
from imagetagger.prediction.prediction_sets import prediction_sets


def predictions(n=200, classes=12, seed=0):
    """Log probabilities, prediction sets and true tags, as `observe_predictions` takes them."""
    rng = np.random.default_rng(seed)
    labels_onehot = np.eye(classes, dtype=bool)[rng.integers(0, classes, n)]
    log_p = log_softmax(rng.normal(size=(n, classes)) * 3 + 4 * labels_onehot)
    return log_p, prediction_sets(np.exp(log_p), "cumulative", 0.9), labels_onehot


def metrics_of(log_p, in_set, labels_onehot, weights=None):
    return compute_metrics(total_metrics(observe_predictions(log_p, in_set, labels_onehot), weights))


def test_metrics_agree_with_their_definitions():
    log_p, in_set, labels_onehot = predictions()
    metrics = metrics_of(log_p, in_set, labels_onehot)
    p, labels = np.exp(log_p), labels_onehot.argmax(1)
    rank = (p > p[labels_onehot][:, None]).sum(1)
    assert metrics["top1"] == pytest.approx((rank < 1).mean())
    assert metrics["top5"] == pytest.approx((rank < 5).mean())
    assert metrics["top10"] == pytest.approx((rank < 10).mean())
    assert metrics["log_loss"] == pytest.approx(-np.log(p[labels_onehot]).mean())
    assert metrics["coverage"] == pytest.approx(in_set[labels_onehot].mean())
    assert metrics["set_size"] == pytest.approx(in_set.sum(1).mean())
    confidence, is_correct = p.max(1), p.argmax(1) == labels
    ece = 0.0
    for low in np.arange(15) / 15:
        in_bin = (confidence > low) & (confidence <= low + 1 / 15 + 1e-15)
        if in_bin.any():
            ece += in_bin.mean() * abs(is_correct[in_bin].mean() - confidence[in_bin].mean())
    assert metrics["ece"] == pytest.approx(ece)


def test_merged_parts_equal_all_pictures_together_and_empty_is_the_identity():
    together = total_metrics(observe_predictions(*predictions()))
    merged = empty_metrics()
    for rows in np.split(np.arange(200), [30, 31, 150]):
        merged = merge_metrics(merged, total_metrics(observe_predictions(*(array[rows] for array in predictions()))))
    assert compute_metrics(merged) == pytest.approx(compute_metrics(together))


def test_weight_zero_leaves_padding_out():
    weights = (np.arange(200) < 150).astype(float)
    weighted = metrics_of(*predictions(), weights)
    assert weighted == pytest.approx(metrics_of(*(array[:150] for array in predictions())))


def test_no_pictures_give_nan_not_an_error():
    assert all(np.isnan(value) for value in compute_metrics(empty_metrics()).values())


def test_several_true_tags_share_coverage_and_log_loss():
    log_p, in_set = np.log([[0.5, 0.3, 0.15, 0.05]]), np.array([[True, True, False, False]])
    labels_onehot = np.array([[True, False, False, True]])
    metrics = metrics_of(log_p, in_set, labels_onehot)
    assert metrics["top1"] == 1
    assert metrics["coverage"] == 0.5
    assert metrics["log_loss"] == pytest.approx(-(np.log(0.5) + np.log(0.05)) / 2)


def test_what_probabilities_contribute_does_not_depend_on_sets_and_sets_change_nothing_else():
    log_p, in_set, labels_onehot = predictions()
    without_sets = observe_probabilities(log_p, labels_onehot)
    assert not without_sets.covered.any()
    assert not without_sets.set_size.any()
    for sets in (in_set, ~in_set, np.ones_like(in_set)):
        observed = observe_predictions(log_p, sets, labels_onehot)
        np.testing.assert_array_equal(observed.set_size, sets.sum(1))
        np.testing.assert_array_equal(observed.covered, sets[labels_onehot])
        for name in set(Metrics._fields) - {"covered", "set_size"}:
            np.testing.assert_array_equal(getattr(observed, name), getattr(without_sets, name))


def test_no_pictures_contribute_nothing():
    observed = observe_predictions(*(array[:0] for array in predictions()))
    assert all(len(field) == 0 for field in observed)
    assert all(np.isnan(value) for value in compute_metrics(total_metrics(observed)).values())


def test_of_equal_probabilities_the_first_tag_is_the_first_guess():
    log_p, labels_onehot = np.log(np.full((3, 4), 0.25)), np.eye(4, dtype=bool)[[0, 1, 3]]
    np.testing.assert_array_equal(observe_probabilities(log_p, labels_onehot).top1, [1, 0, 0])


def test_reliability_bins_count_pictures_confidence_and_hits():
    log_p, labels_onehot = np.log([[0.9, 0.1], [0.6, 0.4], [0.59, 0.41]]), np.array([[1, 0], [0, 1], [1, 0]], bool)
    bins = reliability_bins(total_metrics(observe_probabilities(log_p, labels_onehot)))
    assert {name: len(values) for name, values in bins.items()} == dict.fromkeys(
        ("count", "confidence", "correct"), RELIABILITY_BINS
    )
    assert [bins["count"][i] for i in (8, 13)] == [2, 1]
    assert [bins["correct"][i] for i in (8, 13)] == [1, 1]
    assert [bins["confidence"][i] for i in (8, 13)] == pytest.approx([1.19, 0.9])


def test_a_true_tag_without_pictures_costs_infinitely_much_and_only_log_loss():
    log_p, labels_onehot = np.array([[0, -np.inf]] * 2), np.array([[True, False], [False, True]])
    observed = observe_predictions(log_p, labels_onehot, labels_onehot)
    metrics = compute_metrics(total_metrics(observed))
    assert metrics["log_loss"] == np.inf
    assert metrics["top1"] == 0.5


def test_all_listed_metrics_are_computed_and_higher_is_better_for_shares_of_what_is_correct():
    assert tuple(compute_metrics(empty_metrics())) == METRIC_NAMES
    assert set(HIGHER_IS_BETTER) == {"top1", "top5", "top10", "coverage"}
