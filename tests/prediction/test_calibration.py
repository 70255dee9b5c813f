import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.prediction.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    PICTURES_PER_BIN,
    Calibration,
    fit_calibration,
    fit_temperature,
    log_probabilities,
    log_softmax,
    probabilities,
)
from imagetagger.prediction.prediction_sets import ranked_tags


def drawn(p, seed):
    """One true tag a picture, drawn from probabilities (N, C)."""
    rng = np.random.default_rng(seed)
    return np.eye(p.shape[1], dtype=bool)[(p.cumsum(1) < rng.random((len(p), 1))).sum(1).clip(max=p.shape[1] - 1)]


def sample(temperature, n=4000, classes=6, seed=0):
    """Scores whose softmax at `temperature` is the very distribution the labels are drawn from."""
    scores = np.random.default_rng(seed).normal(size=(n, classes)) * 2 * temperature
    return scores.astype(np.float32), drawn(np.exp(log_softmax(scores / temperature)), seed + 1)


def distorted(n=6000, classes=6, seed=0):
    """Scores that grow sharper with confidence: at any temperature, some probabilities are too high or too low."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(size=(n, classes)) * rng.uniform(0.2, 4, (n, 1)))
    sure = np.exp(log_p.max(1, keepdims=True))
    return (20 * log_p * (0.5 + 2 * sure)).astype(np.float32), drawn(np.exp(log_p), seed + 1)


def ece(scores, labels, calibration):
    log_p = log_probabilities(scores, calibration)
    return compute_metrics(total_metrics(observe_predictions(log_p, np.ones_like(labels), labels)))["ece"]


def log_loss(scores, labels, temperature):
    return -log_softmax(scores.astype(np.float64) / temperature)[labels].mean()


@pytest.mark.parametrize("temperature", [1.5, 7.0, 67.0])
def test_the_temperature_behind_the_labels_is_found(temperature):
    assert fit_temperature(*sample(temperature)) == pytest.approx(temperature, rel=0.08)


def test_no_other_temperature_has_less_log_loss():
    scores, labels = sample(20.0)
    best = fit_temperature(scores, labels)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert log_loss(scores, labels, best) <= log_loss(scores, labels, best * factor)


def test_shifting_all_scores_of_a_picture_changes_nothing():
    scores, labels = sample(7.0)
    shifted = scores.astype(np.float64) - np.linspace(0, 16000, len(scores))[:, None]
    assert fit_temperature(shifted, labels) == pytest.approx(fit_temperature(scores, labels), rel=1e-4)


def test_impossible_tags_are_left_out():
    scores, labels = sample(7.0)
    scores = np.concatenate([scores, np.full((len(scores), 1), -np.inf)], 1)
    labels = np.concatenate([labels, np.zeros((len(labels), 1), bool)], 1)
    fitted = fit_calibration(scores, labels, 8)
    assert fitted.temperature == pytest.approx(7.0, rel=0.08)
    assert (probabilities(scores, fitted)[:, -1] == 0).all()


def test_uninformative_pictures_keep_the_temperature_in_bounds():
    scores = np.array([[5.0, 0.0], [0.0, 5.0]])
    right = np.eye(2, dtype=bool)
    assert fit_temperature(scores, right) == pytest.approx(MIN_TEMPERATURE, rel=1e-4)
    assert fit_temperature(scores, ~right) == pytest.approx(MAX_TEMPERATURE, rel=1e-4)
    assert fit_temperature(np.zeros((0, 2)), np.zeros((0, 2), bool)) == 1.0
    assert fit_temperature(np.array([[0.0, -np.inf]]), np.array([[False, True]])) == 1.0
    assert fit_calibration(np.zeros((0, 2)), np.zeros((0, 2), bool), 8) == Calibration(1.0)


def test_scores_of_any_size_find_their_temperature():
    assert fit_temperature(*sample(1e8)) == pytest.approx(1e8, rel=0.08)


@given(
    st.integers(0, 1000),
    st.floats(1, 1000),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.05, 20)), max_size=5, unique_by=lambda pair: pair[0]),
)
def test_no_bins_change_the_order_of_a_pictures_tags_and_probabilities_sum_to_one(seed, temperature, calibration_bins):
    calibration_bins = sorted(calibration_bins)
    made = Calibration(temperature, tuple(c for c, _ in calibration_bins), tuple(s for _, s in calibration_bins))
    scores = np.random.default_rng(seed).normal(size=(20, 6)) * 2 * temperature
    log_p = log_probabilities(scores, made)
    np.testing.assert_array_equal(ranked_tags(log_p), ranked_tags(scores))
    np.testing.assert_allclose(np.exp(log_p).sum(1), 1)


def test_between_two_bins_sharpness_runs_evenly_and_beyond_them_it_is_constant():
    made = Calibration(1.0, (0.6, 0.8), (0.5, 2.0))
    for sure, exponent in ((0.55, 0.5), (0.6, 0.5), (0.7, 1.0), (0.8, 2.0), (0.99, 2.0)):
        p = np.array([sure, 1 - sure])
        np.testing.assert_allclose(probabilities(np.log(p)[None], made)[0], p**exponent / (p**exponent).sum())


def test_bins_correct_what_no_temperature_can():
    holdout, fresh = distorted(), distorted(seed=7)
    plain, binned = fit_calibration(*holdout), fit_calibration(*holdout, 8)
    assert plain == Calibration(binned.temperature)
    assert ece(*fresh, plain) > 0.03
    assert ece(*fresh, binned) < ece(*fresh, plain) / 2


def test_bins_hardly_change_what_a_temperature_corrects():
    holdout, fresh = sample(20.0, 8000), sample(20.0, 8000, seed=7)
    binned = fit_calibration(*holdout, 8)
    np.testing.assert_allclose(binned.sharpness, 1, atol=0.35)
    assert ece(*fresh, binned) < 0.02


def test_in_its_bins_the_mean_probability_is_the_accuracy():
    scores, labels = distorted()
    log_p = log_softmax(scores.astype(np.float64) / fit_temperature(scores, labels))
    sharpness = fit_calibration(scores, labels, 2).sharpness
    parts = np.array_split(np.argsort(np.exp(log_p.max(1)), kind="stable"), 2)
    for part, exponent in zip(parts, sharpness, strict=True):
        right = labels[part, log_p[part].argmax(1)].mean()
        assert np.exp(log_softmax(exponent * log_p[part]).max(1)).mean() == pytest.approx(right, abs=1e-3)


@pytest.mark.parametrize(
    ("pictures", "calibration_bins"),
    [(0.99, 0), (1.99, 0), (2, 2), (5, 5), (20, 8)],
)
def test_few_pictures_get_few_bins_or_temperature_only(pictures, calibration_bins):
    fitted = fit_calibration(*sample(5.0, int(pictures * PICTURES_PER_BIN)), 8)
    assert len(fitted.confidence) == len(fitted.sharpness) == calibration_bins
    assert list(fitted.confidence) == sorted(set(fitted.confidence))


@pytest.mark.parametrize("scores", [[[5.0]] * 3, [[5.0, -np.inf]] * 3])
def test_a_tag_without_rivals_leaves_the_temperature_alone(scores):
    labels = np.isfinite(scores)
    assert fit_calibration(np.array(scores), labels) == Calibration(fit_temperature(np.array(scores), labels))


@pytest.mark.parametrize("calibration_bins", [0, 1])
def test_fewer_than_two_bins_are_temperature_only(calibration_bins):
    assert fit_calibration(*sample(5.0), calibration_bins) == Calibration(fit_temperature(*sample(5.0)))


def test_equal_confidences_share_one_bin():
    scores = np.tile([[30.0, 0.0, -5.0]], (1000, 1))
    labels = np.eye(3, dtype=bool)[np.arange(1000) % 4 // 3]  # three of four right
    fitted = fit_calibration(scores, labels, 8)
    assert len(fitted.confidence) == len(fitted.sharpness) == 1
    assert probabilities(scores[:1], fitted)[0, 0] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("right", [True, False])
def test_pictures_all_right_or_all_wrong_give_finite_bins(right):
    scores, _ = sample(5.0, 1000)
    labels = np.eye(6, dtype=bool)[scores.argmax(1) if right else scores.argmin(1)]
    fitted = fit_calibration(scores, labels, 4)
    assert np.isfinite([fitted.temperature, *fitted.confidence, *fitted.sharpness]).all()
    assert np.isfinite(log_probabilities(scores, fitted)).all()


def test_a_prior_decides_without_pictures_and_hardly_matters_with_many():
    nothing = np.zeros((0, 6)), np.zeros((0, 6), bool)
    assert fit_temperature(*nothing, (np.log(30.0), 0.4)) == pytest.approx(30)
    assert fit_temperature(*nothing, (-5.0, 0.4)) == MIN_TEMPERATURE
    assert fit_calibration(*nothing, 8, (np.log(30.0), 0.4)) == Calibration(
        fit_temperature(*nothing, (np.log(30), 0.4))
    )
    assert fit_temperature(*sample(7.0), (np.log(30.0), 0.4)) == pytest.approx(7, rel=0.08)


def test_no_other_temperature_is_more_probable_under_prior_and_pictures():
    scores, labels = sample(20.0, 20)
    mean, deviation = np.log(60.0), 0.4
    best = fit_temperature(scores, labels, (mean, deviation))

    def loss(temperature):
        prior = np.square((np.log(temperature) - mean) / deviation) / 2
        return len(scores) * log_loss(scores, labels, temperature) + prior

    assert fit_temperature(scores, labels) < best < 60
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert loss(best) <= loss(best * factor)


def test_under_a_prior_pictures_that_are_all_right_lower_the_temperature_and_not_to_nothing():
    scores, _ = sample(20.0, 30)
    right = np.eye(6, dtype=bool)[scores.argmax(1)]
    fitted = fit_calibration(scores, right, 0, (np.log(20.0), 0.4)).temperature
    assert MIN_TEMPERATURE < 20 * np.exp(-2) < fitted < 20
    assert fit_calibration(scores, right).temperature != pytest.approx(fitted)  # without it, half a picture more


def test_a_prior_without_width_is_the_temperature():
    assert fit_temperature(*sample(5.0), (np.log(12.0), 1e-6)) == pytest.approx(12, rel=1e-3)
