import numpy as np
import pytest

from imagetagger.calibration import probabilities
from imagetagger.metrics import compute, confidence_intervals, empty, merge, observe, total
from imagetagger.tagset import cumulative


def some(n=200, classes=12, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.eye(classes, dtype=bool)[rng.integers(0, classes, n)]
    return (rng.normal(size=(n, classes)) * 30 + 40 * truth).astype(np.float32), truth


def test_figures_agree_with_their_definitions():
    scores, truth = some()
    figures = compute(total(observe(scores, truth, 10.0, 0.9)))
    p = probabilities(scores, 10.0)
    labels = truth.argmax(1)
    rank = (p > p[truth][:, None]).sum(1)
    members = cumulative(p, 0.9)
    assert figures["top1"] == pytest.approx((rank < 1).mean())
    assert figures["top5"] == pytest.approx((rank < 5).mean())
    assert figures["top10"] == pytest.approx((rank < 10).mean())
    assert figures["log_loss"] == pytest.approx(-np.log(p[truth]).mean())
    assert figures["coverage"] == pytest.approx(members[truth].mean())
    assert figures["set_size"] == pytest.approx(members.sum(1).mean())
    confidence, correct = p.max(1), p.argmax(1) == labels
    ece = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15 + 1e-15)
        if inside.any():
            ece += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert figures["ece"] == pytest.approx(ece)


def test_merged_parts_equal_the_whole_and_empty_is_the_identity():
    scores, truth = some()
    whole = total(observe(scores, truth, 10.0, 0.9))
    parts = [total(observe(scores[i], truth[i], 10.0, 0.9)) for i in np.split(np.arange(200), [30, 31, 150])]
    merged = empty()
    for part in parts:
        merged = merge(merged, part)
    assert compute(merged) == pytest.approx(compute(whole))


def test_weight_zero_leaves_padding_out():
    scores, truth = some()
    weights = (np.arange(200) < 150).astype(float)
    weighted = compute(total(observe(scores, truth, 10.0, 0.9), weights))
    assert weighted == pytest.approx(compute(total(observe(scores[:150], truth[:150], 10.0, 0.9))))


def test_no_pictures_give_nan_not_an_error():
    assert all(np.isnan(value) for value in compute(empty()).values())


def test_several_true_tags_share_coverage_and_log_loss():
    scores = np.log([[0.5, 0.3, 0.15, 0.05]])
    truth = np.array([[True, False, False, True]])
    figures = compute(total(observe(scores, truth, 1.0, 0.6)))
    assert figures["top1"] == 1
    assert figures["coverage"] == 0.5
    assert figures["log_loss"] == pytest.approx(-(np.log(0.5) + np.log(0.05)) / 2)


def test_intervals_hold_the_figure_and_shrink_with_more_pictures():
    def interval(n):
        observed = observe(*some(n), 10.0, 0.9)
        low, high = confidence_intervals(observed, resamples=300, seed=1)["top1"]
        assert low <= compute(total(observed))["top1"] <= high
        return high - low

    assert interval(3200) == pytest.approx(interval(200) / 4, rel=0.35)


def test_intervals_agree_with_the_binomial_ones():
    observed = observe(*some(1000), 10.0, 0.9)
    p = compute(total(observed))["top1"]
    low, high = confidence_intervals(observed, resamples=2000, seed=2)["top1"]
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(p * (1 - p) / 1000), rel=0.1)


def test_no_resamples_give_no_intervals():
    assert confidence_intervals(observe(*some(), 10.0, 0.9), resamples=0) == {}
