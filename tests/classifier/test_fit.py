import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.classifier import fit
from imagetagger.classifier.fit import fit_classifier, score_embeddings
from imagetagger.classifier.naive_bayes import background_gaussian, finalize, fit_prior, log_joint
from imagetagger.classifier.scatter import fit_scatter
from imagetagger.classifier.statistics import fit_statistics
from imagetagger.classifier.whitening import apply_transform, fit_transform
from imagetagger.data.dataset import BadDataError
from tests.helpers.clusters import clustered
from tests.helpers.composed import settings
from tests.helpers.precision import rounding

pytestmark = pytest.mark.slow

FEATURES = 8
FLOAT16 = float(np.finfo(np.float16).eps)
PLAIN, WHITENED = ("classifier=gnb",), ("classifier=whitened", "classifier.dimensions=5")
STANDARDISED = ("classifier=whitened", "classifier.transform=standardised")


def fitted_on(x, labels, tags, *overrides, is_holdout=None):
    is_holdout = np.zeros(len(x), bool) if is_holdout is None else is_holdout
    return fit_classifier(x, labels, is_holdout, tags, settings(*overrides).classifier)


def made(*overrides, counts=(60, 30, 45), apart=1.0):
    """Embeddings (N, 8), labels (N, 1) and the classifier fitted on them."""
    x, labels = clustered(counts, features=FEATURES, apart=apart)
    return x, labels[:, None], fitted_on(x, labels[:, None], len(counts), *overrides)


def score_rounding(gaussian, x):
    """Bound the difference of two float32 runs that transform x and score it: by the terms of log_joint."""
    mean, precision = np.nan_to_num(gaussian.mean), 1 / np.asarray(gaussian.variance)
    magnitude = (
        np.square(x) @ precision.T + np.square(mean * np.sqrt(precision)).sum(1) + np.abs(np.log(precision)).sum(1)
    )
    return rounding(8 * FEATURES, magnitude.max())


def assert_near(got, expected, terms):
    """Equal up to sums of so many float32 terms in another order."""
    largest = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=rounding(terms), atol=rounding(terms, largest))


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_scores_of_batches_are_those_of_all_at_once(overrides, monkeypatch):
    x, _, classifier = made(*overrides)
    at_once = score_embeddings(classifier, x)
    monkeypatch.setattr(fit, "BATCH_ROWS", 16)
    batched, empty = score_embeddings(classifier, x), score_embeddings(classifier, x[:0])
    atol = score_rounding(classifier.gaussian, np.asarray(apply_transform(classifier.transform, x)))
    np.testing.assert_allclose(batched.log_joint, at_once.log_joint, rtol=0, atol=atol)
    assert empty.log_joint.shape == (0, 3)
    if overrides is PLAIN:
        assert at_once.background is empty.background is None
    else:
        np.testing.assert_allclose(batched.background, at_once.background, rtol=0, atol=atol)
        assert empty.background.shape == (0,)


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_pictures_that_all_look_alike_are_refused(overrides):
    x, labels = np.ones((6, 2), np.float32), np.array([[0], [1]] * 3, np.int32)
    classifier = fitted_on(x, labels, 2, *overrides)
    with pytest.raises(BadDataError, match="look alike"):
        score_embeddings(classifier, x)


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED, STANDARDISED])
def test_a_fit_takes_no_picture_that_is_held_out(overrides, monkeypatch):
    is_holdout = np.arange(135) % 5 == 0
    x, labels, _ = made(*overrides)
    x[is_holdout] += 100  # would show anywhere
    monkeypatch.setattr(fit, "BATCH_ROWS", 7)
    got = fitted_on(x, labels, 3, *overrides, is_holdout=is_holdout)
    monkeypatch.setattr(fit, "BATCH_ROWS", 1000)
    expected = fitted_on(x[~is_holdout], labels[~is_holdout], 3, *overrides)
    assert (got.transform is None) == (overrides is PLAIN)
    np.testing.assert_array_equal(got.statistics.count, expected.statistics.count)
    for name in ("mean", "variance"):
        if overrides is PLAIN:
            assert_near(getattr(got.gaussian, name), getattr(expected.gaussian, name), 4 * len(x))
        else:  # entries of the matrix are float16, and may differ in their last digit
            near = {"rtol": 2 * FLOAT16, "atol": 2 * FLOAT16}
            np.testing.assert_allclose(getattr(got.gaussian, name), getattr(expected.gaussian, name), **near)


def test_a_fit_is_a_transform_and_then_statistics_prior_and_gaussians_of_what_it_gives():
    x, labels, classifier = made(*WHITENED)
    chosen = settings(*WHITENED).classifier
    options = {key: getattr(chosen, key) for key in ("dimensions", "shrinkage", "within_class_weight", "unit_length")}
    transform = fit_transform(fit_scatter([(x, labels)], 3, FEATURES), "whitened", **options)
    weights = np.asarray(transform.weights, np.float32)
    np.testing.assert_allclose(classifier.transform.weights, weights, rtol=0, atol=FLOAT16 * np.abs(weights).max())
    y = apply_transform(classifier.transform, jnp.asarray(x))
    statistics = fit_statistics([(y, labels)], 3, 5)
    prior = fit_prior(
        statistics,
        chosen.variance_prior_strength,
        chosen.var_smoothing,
        chosen.mean_variance_floor,
        chosen.isotropic_prior_strength,
    )
    gaussian = finalize(statistics, prior, chosen.class_prior)
    for got, expected in zip((*classifier.prior, *classifier.gaussian), (*prior, *gaussian), strict=True):
        assert_near(got, expected, 4 * len(x))
    atol = score_rounding(gaussian, np.asarray(y)) + rounding(4 * len(x), np.abs(log_joint(gaussian, y)).max())
    np.testing.assert_allclose(score_embeddings(classifier, x).log_joint, log_joint(gaussian, y), rtol=0, atol=atol)


@pytest.mark.parametrize("class_prior", ["uniform", "counts"])
def test_scores_are_of_every_tag_and_of_the_background(class_prior):
    x, labels = clustered((60, 30), features=FEATURES)
    classifier = fitted_on(x, labels[:, None], 3, *WHITENED, f"classifier.class_prior={class_prior}")  # 2 has pictures
    y = apply_transform(classifier.transform, jnp.asarray(x))
    scores, atol = score_embeddings(classifier, x), score_rounding(classifier.gaussian, np.asarray(y))
    np.testing.assert_allclose(scores.log_joint, log_joint(classifier.gaussian, y), rtol=0, atol=atol)
    assert (scores.log_joint[:, 2] == -np.inf).all()
    assert classifier.log_prior[2] == -np.inf
    background = log_joint(background_gaussian(classifier.prior), y)[:, 0]
    np.testing.assert_allclose(scores.background, background, rtol=0, atol=atol)


def test_the_default_classifier_separates_classes_that_are_apart():
    x, labels, classifier = made(*WHITENED, apart=3.0)
    assert (score_embeddings(classifier, x).log_joint.argmax(1) == labels[:, 0]).mean() > 0.95


def test_batches_are_padded_to_a_few_sizes_with_pictures_of_no_tag(monkeypatch):
    monkeypatch.setattr(fit, "BATCH_ROWS", 64)
    monkeypatch.setattr(fit, "MIN_PADDED_ROWS", 16)
    sizes = set()
    for n in range(1, 200):
        x, labels = np.arange(2.0 * n, dtype=np.float32).reshape(n, 2), np.arange(n, dtype=np.int32)[:, None]
        batches = list(fit._batches(x, labels))
        unpadded = [batch[tags[:, 0] >= 0] for batch, tags in batches]
        np.testing.assert_array_equal(np.concatenate(unpadded), x)
        np.testing.assert_array_equal(np.concatenate([tags for _, tags in batches])[:n], labels)
        padding = np.concatenate([batch[tags[:, 0] < 0] for batch, tags in batches])
        assert (padding == x[-1]).all()  # looks like a picture
        sizes |= {len(batch) for batch, _ in batches}
    assert sizes == {16, 32, 64}
    assert list(fit._batches(x[:0], labels[:0])) == []


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_padding_changes_no_number(overrides, monkeypatch):
    x, labels, classifier = made(*overrides)
    padded = score_embeddings(classifier, x)
    monkeypatch.setattr(fit, "MIN_PADDED_ROWS", 1)
    unpadded = fitted_on(x, labels, 3, *overrides)
    np.testing.assert_array_equal(unpadded.statistics.count, classifier.statistics.count)
    if overrides is PLAIN:
        assert_near(unpadded.gaussian.mean, classifier.gaussian.mean, 4 * len(x))
    else:
        np.testing.assert_allclose(unpadded.gaussian.mean, classifier.gaussian.mean, rtol=0, atol=2 * FLOAT16)
    atol = score_rounding(classifier.gaussian, np.asarray(apply_transform(classifier.transform, x)))
    np.testing.assert_allclose(score_embeddings(classifier, x).log_joint, padded.log_joint, rtol=0, atol=atol)
