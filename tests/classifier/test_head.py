"""A network's own classifier as rows: in a world of Gaussians, whose best classifier is linear."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.classifier import head
from imagetagger.classifier.fit import score_embeddings
from imagetagger.classifier.head import HEAD_PICTURES, NEW_TAG_LOG_ODDS, cross_fit_head, fit_head_classifier
from imagetagger.classifier.naive_bayes import finalize
from imagetagger.classifier.reference import fit_reference
from imagetagger.classifier.statistics import merge_statistics
from imagetagger.classifier.whitening import apply_transform
from imagetagger.prediction.calibration import log_softmax
from tests.helpers.gaussian_world import FEATURES, drawn, transformed_statistics, world_reference, world_scatter
from tests.helpers.precision import rounding

TAGS, PER_TAG = 12, 20


@functools.cache
def trained() -> tuple[np.ndarray, np.ndarray]:
    """Weights (12, 64) and bias (12,) of the linear classifier that many pictures of the world train."""
    x, labels = drawn(TAGS, 500, seed=1)
    means = np.stack([x[labels == tag].mean(0, dtype=np.float64) for tag in range(TAGS)])
    weights = means @ np.linalg.inv(np.cov((x - means[labels]).T))
    return weights, -(weights * means).sum(1) / 2


@functools.cache
def reference():
    """Reference statistics in all 64 dimensions."""
    return fit_reference(world_scatter(), None, FEATURES)


def space(dimensions=None, known=None):
    return head.fit_head_space(*trained(), known or reference(), dimensions)


def pictures(seed=0):
    """Embeddings (240, 64) and labels (240, 1) of other pictures than the head was trained on."""
    x, labels = drawn(TAGS, PER_TAG, seed=seed)
    return x, labels[:, None]


def logits(x):
    weights, bias = trained()
    return x.astype(np.float64) @ weights.T + bias


def centred(scores):
    return scores - scores.mean(1, keepdims=True, dtype=np.float64)


def scale(scores, expected):
    """The factor by which scores are those that are expected, each picture's mean left out."""
    return (centred(scores) * centred(expected)).sum() / np.square(centred(expected)).sum()


@pytest.fixture
def unrounded(monkeypatch):
    monkeypatch.setattr(head, "_round", lambda matrix: matrix.astype(np.float32))
    monkeypatch.setattr(head, "ROW_STEP", 2.0**-40)


def test_scores_of_pictures_of_one_length_are_the_logits_times_one_temperature(unrounded):
    made = space()
    x, labels = pictures()
    coordinates = (x.astype(np.float64) - made.offset) @ made.weights
    coordinates *= 9 / np.linalg.norm(coordinates, axis=1, keepdims=True)
    x = (coordinates @ np.linalg.inv(made.weights.astype(np.float64)) + made.offset).astype(np.float32)
    scores = score_embeddings(fit_head_classifier(made, x, labels), x).log_joint
    temperature = scale(scores, logits(x))
    assert temperature > 0
    tolerance = rounding(4 * FEATURES, np.abs(scores).max())
    np.testing.assert_allclose(centred(scores), temperature * centred(logits(x)), rtol=0, atol=tolerance)
    assert np.ptp(centred(scores)) > 1000 * tolerance


def test_scores_of_other_pictures_are_the_logits_of_their_mean_length(unrounded):
    made = space()
    x, labels = pictures()
    lengths = np.linalg.norm((x.astype(np.float64) - made.offset) @ made.weights, axis=1, keepdims=True)
    same_length = made.offset + (x - made.offset) * (np.sqrt(np.square(lengths).mean()) / lengths)
    scores = score_embeddings(fit_head_classifier(made, x, labels), x).log_joint
    expected = logits(same_length)
    tolerance = rounding(4 * FEATURES, np.abs(scores).max())
    np.testing.assert_allclose(centred(scores), scale(scores, expected) * centred(expected), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("dimensions", "known"), [(None, reference()), (FEATURES, world_reference()), (11, None)])
def test_tags_and_probabilities_are_the_softmaxs_after_rounding(dimensions, known):
    made = space(dimensions, known)
    assert made.weights.shape == (FEATURES, dimensions or FEATURES)
    fitted = fit_head_classifier(made, *pictures())
    x, _ = pictures(seed=5)
    scores = score_embeddings(fitted, x).log_joint
    assert (scores.argmax(1) == logits(x).argmax(1)).mean() > 0.97
    ours, softmax = (np.exp(log_softmax(each)) for each in (scores / scale(scores, logits(x)), logits(x)))
    assert np.abs(ours - softmax).mean() < 0.01


def test_the_coordinates_are_those_in_which_rows_differ_most_whitened_by_the_reference(unrounded):
    made, few = space(), space(5)
    turned = np.linalg.solve(reference().weights.astype(np.float64), made.weights)  # of the reference's coordinates
    np.testing.assert_allclose(turned.T @ turned, np.eye(FEATURES), atol=1e-4)
    spread = made.directions.T @ made.directions
    np.testing.assert_allclose(spread, np.diag(np.diag(spread)), atol=1e-9 * spread.max())
    assert (np.diff(np.diag(spread)) <= 1e-9 * spread.max()).all()
    np.testing.assert_array_equal(few.weights, made.weights[:, :5])
    np.testing.assert_array_equal(few.directions, made.directions[:, :5])


def test_directions_that_the_reference_lacks_have_its_mean_variance(unrounded):
    known = world_reference()
    lacking = np.linalg.svd(known.weights.astype(np.float64))[0][:, known.weights.shape[1] :]
    made = space(known=known)
    back = np.linalg.pinv(known.weights.astype(np.float64))
    variance = np.square(back).sum() / known.weights.shape[1]
    within = np.linalg.inv(made.weights.astype(np.float64) @ made.weights.T)
    np.testing.assert_allclose(lacking.T @ within @ lacking, variance * np.eye(lacking.shape[1]), atol=1e-3 * variance)


def test_weights_are_float16_values_and_rows_multiples_of_a_step():
    made = space()
    np.testing.assert_array_equal(made.weights.astype(np.float16).astype(np.float32), made.weights)
    assert len(np.unique(made.weights)) < made.weights.size / 10
    rows = np.asarray(fit_head_classifier(made, *pictures()).statistics.mean)
    np.testing.assert_array_equal(np.round(rows / head.ROW_STEP) * head.ROW_STEP, rows)


def test_a_users_tag_stands_below_the_mean_tag_of_the_head_by_the_same_nats_of_logits(unrounded):
    fitted = fit_head_classifier(space(), *pictures())
    x, _ = pictures(seed=5)
    temperature = scale(score_embeddings(fitted, x).log_joint, logits(x))
    assert fitted.score_offset.mean() == pytest.approx(NEW_TAG_LOG_ODDS * temperature, rel=0.1)
    np.testing.assert_allclose(fitted.log_prior, -np.log(TAGS), atol=rounding(2, np.abs(fitted.score_offset).max()))


def test_a_taught_picture_moves_its_row_as_one_more_of_the_heads_pictures():
    fitted = fit_head_classifier(space(), *pictures())
    x, _ = pictures(seed=5)
    statistics = merge_statistics(fitted.statistics, transformed_statistics(fitted, x[:1], np.array([3])))
    coordinates = np.asarray(apply_transform(fitted.transform, jnp.asarray(x[:1])))[0]
    before, after = np.asarray(fitted.statistics.mean), np.asarray(statistics.mean)
    moved = (coordinates - before[3]) / (HEAD_PICTURES + 1)
    np.testing.assert_allclose(after[3] - before[3], moved, atol=rounding(4, np.abs(before).max()))
    np.testing.assert_array_equal(np.delete(after, 3, 0), np.delete(before, 3, 0))
    taught = fitted._replace(gaussian=finalize(statistics, fitted.prior, "uniform"))
    plain = fitted._replace(gaussian=finalize(fitted.statistics, fitted.prior, "uniform"))
    scores = [score_embeddings(one, x[:1]).log_joint[0, 3] for one in (plain, taught)]
    assert scores[1] > scores[0]


@pytest.mark.parametrize("labels", [np.full((240, 1), -1), np.full((240, 1), 4)], ids=["none", "one"])
def test_a_head_is_scaled_with_pictures_of_two_tags_at_least(labels):
    with pytest.raises(ValueError, match=r"got pictures of [01] tags, expected two tags at least to scale a head with"):
        fit_head_classifier(space(), pictures()[0], labels)


def test_no_picture_is_scored_by_a_classifier_that_was_scaled_on_it():
    folds = np.tile(np.arange(5), TAGS * PER_TAG // 5)
    x, labels = pictures()
    plain = cross_fit_head(space(), x, labels, folds)
    np.testing.assert_array_equal(plain.rows, np.arange(len(x)))
    np.testing.assert_array_equal(plain.labels_onehot.argmax(1), labels[:, 0])
    in_fold = np.flatnonzero(folds == 2)
    changed, other_labels = x.copy(), labels.copy()
    changed[in_fold[1:]] += 30
    other_labels[in_fold] = labels[in_fold][::-1]
    again = cross_fit_head(space(), changed, other_labels, folds)
    for a, b in ((plain.scores.log_joint, again.scores.log_joint), (plain.novelty, again.novelty)):
        np.testing.assert_array_equal(a[in_fold[0]], b[in_fold[0]])
        others = folds != 2
        assert np.abs(a[others] - b[others]).max() > 1


def test_pictures_in_no_fold_are_neither_scored_nor_scaled_on():
    folds = np.tile(np.arange(-1, 4), TAGS * PER_TAG // 5)
    x, labels = pictures()
    plain = cross_fit_head(space(), x, labels, folds)
    np.testing.assert_array_equal(plain.rows, np.flatnonzero(folds >= 0))
    x[folds < 0] += 30
    again = cross_fit_head(space(), x, labels, folds)
    np.testing.assert_array_equal(again.scores.log_joint, plain.scores.log_joint)
