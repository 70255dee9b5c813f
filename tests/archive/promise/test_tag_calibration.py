import numpy as np
import pytest

from imagetagger.archive.promise.tag_calibration import fit_logistic, fit_tag_calibration, tag_probabilities


def drawn(slope, intercept, pictures, seed=0):
    """Scores, and labels by the regression of each tag."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 40, (pictures, len(slope)))
    p = 1 / (1 + np.exp(-(np.array(slope) * scores + intercept)))
    return scores, rng.random(scores.shape) < p


def log_loss(labels, p):
    return -np.where(labels, np.log(p), np.log1p(-p)).mean()


def test_newton_finds_where_the_gradient_vanishes():
    scores, labels = drawn([0.8], [0.3], 200)
    mean, precision = np.array([0.5, 0]), np.array([[2.0, 0.3], [0.3, 1.0]])
    value, covariance = fit_logistic(scores[:, 0], labels[:, 0], mean, precision, np.array([9.0, -9.0]))
    x = np.stack([scores[:, 0], np.ones(200)], 1)
    p = 1 / (1 + np.exp(-x @ value))
    np.testing.assert_allclose(x.T @ (p - labels[:, 0]), -precision @ (value - mean), atol=1e-5)
    np.testing.assert_allclose(np.linalg.inv(covariance), (x * (p * (1 - p))[:, None]).T @ x + precision, rtol=1e-4)


def test_tags_with_many_pictures_get_their_own_regression():
    slope, intercept = [0.02, 0.05, 0.1], [-1.0, 0.0, 1.0]
    scores, labels = drawn(slope, intercept, 20_000)
    fitted = fit_tag_calibration(scores, labels, np.ones_like(labels))
    np.testing.assert_allclose(fitted.slope, slope, rtol=0.1)
    np.testing.assert_allclose(fitted.intercept, intercept, atol=0.15)


def test_tags_with_few_pictures_get_nearly_the_shared_one():
    scores, labels = drawn([0.05] * 9, [0.5] * 9, 2000)
    is_evidence = np.ones_like(labels)
    is_evidence[4:, 0] = False
    labels[:4, 0] = scores[:4, 0] < 0  # as if the slope were negative
    fitted = fit_tag_calibration(scores, labels, is_evidence)
    assert fitted.slope[0] > 0.025
    is_evidence[:, 0] = False
    fitted = fit_tag_calibration(scores, labels, is_evidence)
    assert fitted.slope[0] == pytest.approx(fitted.slope[1:].mean(), rel=0.01)
    assert fitted.intercept[0] == pytest.approx(fitted.intercept[1:].mean(), abs=0.05)


def test_shrinkage_predicts_new_pictures_better_than_either_extreme():
    rng = np.random.default_rng(1)
    slope, intercept = 0.05 * np.exp(rng.normal(0, 0.3, 30)), rng.normal(0, 1, 30)
    scores, labels = drawn(slope, intercept, 25)
    new, truth = drawn(slope, intercept, 4000, seed=2)
    shrunk = tag_probabilities(new, fit_tag_calibration(scores, labels, np.ones_like(labels)))
    flat, nothing = np.eye(2) * 1e-6, np.zeros(2)
    pooled = fit_logistic(scores.ravel(), labels.ravel(), nothing, flat)[0]
    own = np.stack([fit_logistic(s, y, nothing, flat)[0] for s, y in zip(scores.T, labels.T, strict=True)])

    def predict(a, b):
        return np.clip(1 / (1 + np.exp(-np.clip(a * new + b, -500, 500))), 1e-15, 1 - 1e-15)

    assert log_loss(truth, shrunk) < log_loss(truth, predict(*pooled))
    assert log_loss(truth, shrunk) < log_loss(truth, predict(*own.T))


def test_scores_that_separate_all_pictures_give_finite_probabilities():
    labels = np.eye(4, dtype=bool)[np.arange(40) % 4]
    scores = np.where(labels, 1000.0, -1000.0)
    scores[:, 3] = -np.inf  # a tag without pictures
    fitted = fit_tag_calibration(scores, labels, np.ones_like(labels))
    p = tag_probabilities(scores, fitted)
    assert np.isfinite(fitted).all()
    assert (p[:, :3][labels[:, :3]] > 0.9).all()
    assert (p[:, :3][~labels[:, :3]] < 0.1).all()
    assert not p[:, 3].any()


def test_nothing_to_calibrate_on_is_refused():
    with pytest.raises(ValueError, match="got no picture with a tag"):
        fit_tag_calibration(np.zeros((3, 2)), np.zeros((3, 2), bool), np.ones((3, 2), bool))
    with pytest.raises(ValueError, match=r"labels \(3, 1\).*expected the same shape"):
        fit_tag_calibration(np.zeros((3, 2)), np.zeros((3, 1), bool), np.ones((3, 2), bool))
