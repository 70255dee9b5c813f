import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.classifier.fit import fit_classifier
from imagetagger.prediction.calibration import log_softmax
from imagetagger.training import heads
from imagetagger.training.heads import fit_linear_head, gaussian_head
from imagetagger.training.objective import linear_logits
from tests.helpers.gaussian_world import drawn
from tests.training.test_objective import TIED

TAGS = 12


def predicted(head, x: np.ndarray) -> np.ndarray:
    return np.asarray(linear_logits(head, jnp.asarray(x)).argmax(1))


def nearest_mean(x: np.ndarray, labels: np.ndarray, other: np.ndarray) -> np.ndarray:
    means = np.stack([x[labels == tag].mean(0) for tag in range(TAGS)])
    return np.square(other[:, None] - means).sum(2).argmin(1)


@pytest.mark.parametrize("per_tag", [3, 8, 40])
def test_the_first_classifier_is_at_least_as_accurate_as_the_nearest_mean(per_tag):
    x, labels = drawn(TAGS, per_tag)
    other, expected = drawn(TAGS, 100, seed=1)
    head = fit_linear_head(x, labels[:, None], TAGS)
    accuracy = (predicted(head, other) == expected).mean()
    assert accuracy >= (nearest_mean(x, labels, other) == expected).mean()
    assert accuracy > 0.5


def test_its_probabilities_are_better_than_a_guess_and_finite():
    x, labels = drawn(TAGS, 40)
    other, expected = drawn(TAGS, 40, seed=1)
    logits = np.asarray(linear_logits(fit_linear_head(x, labels[:, None], TAGS), jnp.asarray(other)))
    loss = -log_softmax(logits)[np.arange(len(other)), expected].mean()
    assert loss < 0.5 * np.log(TAGS)


def test_tags_without_pictures_are_not_predicted():
    x, labels = drawn(TAGS, 20)
    is_seen = ~np.isin(labels, [2, 11])
    head = fit_linear_head(x[is_seen], labels[is_seen, None], TAGS)
    assert np.isfinite(head.weights).all()
    assert np.isfinite(head.bias).all()
    other, expected = drawn(TAGS, 20, seed=1)
    is_seen = ~np.isin(expected, [2, 11])
    got = predicted(head, other[is_seen])
    assert (got == expected[is_seen]).mean() > 0.7
    assert not np.isin(got, [2, 11]).any()


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_or_two_give_a_classifier(count):
    x = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    head = fit_linear_head(x, np.arange(count, dtype=np.int32)[:, None], count)
    np.testing.assert_array_equal(predicted(head, x), np.arange(count))


def test_pictures_of_several_tags_count_for_each():
    x, labels = drawn(3, 20)
    both = np.where((labels == 0)[:, None], [0, 2], np.stack([labels, np.full_like(labels, -1)], 1)).astype(np.int32)
    logits = np.asarray(linear_logits(fit_linear_head(x, both, 3), jnp.asarray(x)))
    assert (logits[labels == 1].argmax(1) == 1).all()
    assert (logits[labels == 0, 1] < logits[labels == 0][:, [0, 2]].max(1)).all()


def test_the_temperature_is_chosen_on_pictures_of_all_tags(monkeypatch):
    """Pictures of a folder come tag after tag."""
    monkeypatch.setattr(heads, "CALIBRATION_PICTURES", 3 * TAGS)
    seen = []
    monkeypatch.setattr(heads, "fit_temperature", lambda scores, labels: seen.append(labels) or 1.0)
    x, labels = drawn(TAGS, 30)
    fit_linear_head(x, labels[:, None], TAGS)
    assert seen[0].shape == (3 * TAGS, TAGS)
    assert seen[0].any(0).sum() >= TAGS - 1


def test_a_classifier_without_whitening_or_unit_length_is_refused():
    x, labels = drawn(4, 10)
    for other in ({"transform": "none"}, {"transform": "standardised"}, {"unit_length": False}):
        settings = dataclasses.replace(TIED, **other)
        classifier = fit_classifier(x, labels[:, None], np.zeros(len(x), bool), 4, settings)
        with pytest.raises(ValueError, match="expected classifier=whitened"):
            gaussian_head(classifier, x, labels[:, None])


def test_tags_without_pictures_have_no_part_in_the_gaussian_loss():
    x, labels = drawn(4, 10, only=slice(0, 3))
    classifier = fit_classifier(x, labels[:, None], np.zeros(len(x), bool), 4, TIED)
    head = gaussian_head(classifier, x, labels[:, None])
    assert np.isfinite(head.weights).all()
    assert head.bias[3] < -1e6
