import numpy as np
import pytest

from imagetagger.calibration import COLDEST, HOTTEST, fit_temperature, log_softmax, probabilities


def sample(temperature, n=4000, classes=6, seed=0):
    """Scores whose softmax at `temperature` is the very distribution the labels are drawn from."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes)) * 2 * temperature
    p = probabilities(scores, temperature)
    labels = (p.cumsum(1) < rng.random((n, 1))).sum(1)
    return scores.astype(np.float32), np.eye(classes, dtype=bool)[labels]


def log_loss(scores, truth, temperature):
    return -log_softmax(scores.astype(np.float64) / temperature)[truth].mean()


@pytest.mark.parametrize("temperature", [1.5, 7.0, 67.0])
def test_the_temperature_behind_the_labels_is_found(temperature):
    assert fit_temperature(*sample(temperature)) == pytest.approx(temperature, rel=0.08)


def test_no_other_temperature_has_less_log_loss():
    scores, truth = sample(20.0)
    best = fit_temperature(scores, truth)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert log_loss(scores, truth, best) <= log_loss(scores, truth, best * factor)


def test_shifting_all_scores_of_a_picture_changes_nothing():
    scores, truth = sample(7.0)
    shifted = scores.astype(np.float64) - np.linspace(0, 16000, len(scores))[:, None]
    assert fit_temperature(shifted, truth) == pytest.approx(fit_temperature(scores, truth), rel=1e-4)


def test_impossible_tags_are_left_out():
    scores, truth = sample(7.0)
    scores = np.concatenate([scores, np.full((len(scores), 1), -np.inf)], 1)
    truth = np.concatenate([truth, np.zeros((len(truth), 1), bool)], 1)
    assert fit_temperature(scores, truth) == pytest.approx(7.0, rel=0.08)
    assert (probabilities(scores, 7.0)[:, -1] == 0).all()


def test_pictures_that_say_nothing_leave_the_range_bounded():
    scores = np.array([[5.0, 0.0], [0.0, 5.0]])
    right = np.eye(2, dtype=bool)
    assert fit_temperature(scores, right) == pytest.approx(COLDEST, rel=1e-4)
    assert fit_temperature(scores, ~right) == pytest.approx(HOTTEST, rel=1e-4)
    assert fit_temperature(np.zeros((0, 2)), np.zeros((0, 2), bool)) == 1.0
    assert fit_temperature(np.array([[0.0, -np.inf]]), np.array([[False, True]])) == 1.0


def test_scores_of_any_size_find_their_temperature():
    assert fit_temperature(*sample(1e8)) == pytest.approx(1e8, rel=0.08)
