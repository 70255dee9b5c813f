import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.classifier.fit import fit_classifier, fit_spectrum, score_embeddings, to_coordinates
from imagetagger.classifier.posterior import CENTRE_TAGS, STRENGTHS, centre_share, fit_posterior
from imagetagger.classifier.whitening import apply_transform
from tests.helpers.composed import settings
from tests.helpers.gaussian_world import DIMENSIONS, drawn, taught, top1, world_reference

FLOAT16 = float(np.finfo(np.float16).eps)
CLASSIFIER = settings("classifier=whitened").classifier
MIXED = np.random.default_rng(4).normal(size=(DIMENSIONS, DIMENSIONS)) / 20 + np.eye(DIMENSIONS)


def fitted(x, labels, tags, reference=None, strength=STRENGTHS[1]):
    return fit_classifier(x, labels[:, None], np.zeros(len(x), bool), tags, CLASSIFIER, reference, strength)


def spectrum_of(tags, per_tag, mixing=None):
    """Spectrum of a data set, of which `mixing` stirs the reference coordinates."""
    x, labels = drawn(tags, per_tag)
    coordinates = to_coordinates(x, world_reference())
    return fit_spectrum(coordinates if mixing is None else coordinates @ mixing, labels[:, None], tags)


def within_after(spectrum, transform):
    """Covariance within classes of transformed coordinates."""
    count = np.asarray(spectrum.scatter.count)
    covariance = np.asarray(spectrum.scatter.within) / (count.sum() - len(count))
    return transform.weights.T @ covariance @ transform.weights


def test_a_reference_that_nothing_outweighs_is_only_scaled():
    spectrum = spectrum_of(5, 20, MIXED)
    transform, _ = fit_posterior(spectrum, world_reference(), 1e12, 1000.0)
    expected = np.eye(DIMENSIONS) / np.sqrt(spectrum.scale)
    np.testing.assert_allclose(transform.weights, expected, atol=1e-6)
    assert np.trace(within_after(spectrum, transform)) / DIMENSIONS == pytest.approx(1, abs=0.05)


def test_with_many_pictures_the_data_set_whitens_itself():
    spectrum = spectrum_of(10, 400, MIXED)

    def error(strength):
        transform, _ = fit_posterior(spectrum, world_reference(), strength, 1000.0)
        return np.abs(np.linalg.eigvalsh(within_after(spectrum, transform)) - 1).max()

    assert error(1e-6) < 1e-3
    assert error(100.0) < 0.2 < 0.5 < error(1e6)


def test_whitening_is_symmetric_so_that_coordinates_remain_those_of_the_reference():
    transform, _ = fit_posterior(spectrum_of(5, 20, MIXED), world_reference(), 100.0, 1000.0)
    np.testing.assert_allclose(transform.weights, transform.weights.T, atol=1e-6)


def test_means_vary_between_tags_as_in_the_reference():
    _, prior = fit_posterior(spectrum_of(5, 20), world_reference(), STRENGTHS[0], 7.0)
    np.testing.assert_allclose(
        np.asarray(prior.mean_variance) / float(prior.mean_variance[0]),
        world_reference().between / world_reference().between[0],
        rtol=1e-5,
    )
    assert float(prior.variance_prior_strength) == 7
    assert np.ptp(np.asarray(prior.pooled)) == 0


def test_tags_that_are_further_apart_than_those_of_the_reference_widen_the_prior():
    x, labels = drawn(12, 20)
    coordinates = to_coordinates(x, world_reference())
    means = np.stack([coordinates[labels == tag].mean(0) for tag in range(12)])
    ratios = []
    for factor in (1.0, 4.0):
        moved = coordinates + (factor - 1) * means[labels]
        _, prior = fit_posterior(fit_spectrum(moved, labels[:, None], 12), world_reference(), STRENGTHS[0], 1000.0)
        ratios.append(float(prior.mean_variance[0] / prior.pooled[0]))
    assert 8 < ratios[1] / ratios[0] <= 16.5


def test_the_centre_of_few_tags_is_mostly_the_references():
    assert centre_share(0) == 0
    assert centre_share(int(CENTRE_TAGS)) == 0.5
    x, labels = drawn(3, 8)
    offset = fitted(x, labels, 3, world_reference()).transform.offset
    means = np.stack([x[labels == tag].mean(0) for tag in range(3)])
    share = centre_share(3)
    np.testing.assert_allclose(
        offset, (1 - share) * world_reference().mean + share * means.mean(0), rtol=1e-4, atol=1e-4
    )


def test_the_transform_of_embeddings_is_that_of_coordinates_after_that_to_coordinates():
    x, labels = drawn(3, 8)
    reference = world_reference()
    coordinates = to_coordinates(x, reference)
    rotated, prior = fit_posterior(fit_spectrum(coordinates, labels[:, None], 3), reference, STRENGTHS[1], 1000.0)
    classifier = fitted(x, labels, 3, reference)
    expected = np.asarray(apply_transform(rotated, jnp.asarray(coordinates)))
    got = np.asarray(apply_transform(classifier.transform, jnp.asarray(x)))
    np.testing.assert_allclose(got, expected, atol=8 * FLOAT16)
    np.testing.assert_array_equal(classifier.prior.mean_variance, prior.mean_variance)
    np.testing.assert_array_equal(classifier.transform.weights, classifier.transform.weights.astype(np.float16))


@pytest.mark.parametrize("world", range(3))
def test_one_picture_a_tag_is_enough(world):
    x, labels = drawn(6, 1, world=world)
    assert fit_spectrum(to_coordinates(x, world_reference()), labels[:, None], 6).scale == pytest.approx(1)
    classifier = fitted(x, labels, 6, world_reference())
    fresh, true = drawn(6, 50, world=world, seed=1)
    assert (top1(classifier, fresh) == true).mean() > 0.9
    assert np.isfinite(score_embeddings(classifier, fresh).background).all()


def test_tags_without_pictures_change_nothing_but_their_own_scores():
    x, labels = drawn(3, 8)
    scores = [score_embeddings(fitted(x, labels, tags, world_reference()), x).log_joint for tags in (3, 5)]
    np.testing.assert_allclose(scores[1][:, :3], scores[0], rtol=1e-3, atol=0.1)
    assert (scores[1][:, 3:] == -np.inf).all()


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_predictions_do_not_depend_on_the_unit_of_the_data(factor):
    centre = world_reference().mean
    (x, labels), (fresh, _) = drawn(10, 40), drawn(10, 50, seed=1)
    plain = score_embeddings(fitted(x, labels, 10, world_reference()), fresh).log_joint
    scaled = fitted(centre + factor * (x - centre), labels, 10, world_reference())
    other = score_embeddings(scaled, centre + factor * (fresh - centre)).log_joint
    assert (plain.argmax(1) == other.argmax(1)).mean() > 0.99
    spread = plain.max(1) - np.median(plain, 1)
    np.testing.assert_allclose(other.max(1) - np.median(other, 1), spread, rtol=0.2)


@pytest.mark.parametrize("lessons", [1, 5])
def test_a_tag_that_is_taught_is_known_and_changes_nothing_about_the_others(lessons):
    x, labels = drawn(4, 8)
    old, lesson = labels < 3, np.flatnonzero(labels == 3)[:lessons]
    classifier = fitted(x[old], labels[old], 4, world_reference())
    fresh, _ = drawn(4, 50, seed=1, only=slice(3, None))
    before = score_embeddings(classifier, fresh).log_joint
    learned = taught(classifier, x[lesson], labels[lesson])
    assert (top1(learned, fresh) == 3).mean() > 0.9
    after = score_embeddings(learned, fresh).log_joint
    differences = after[:, :3] - before[:, :3]
    np.testing.assert_allclose(differences, np.log(3 / 4), atol=1e-3)  # of a uniform prior of one tag more
    assert (before[:, 3] == -np.inf).all()


@pytest.mark.parametrize("world", range(4))
def test_a_tag_taught_to_a_tagger_of_few_pictures_leaves_the_others_as_good_as_they_were(world):
    x, labels = drawn(4, 8, world=world)  # 24 pictures in 64 dimensions, and then 5 of another tag
    old, lessons = labels < 3, np.flatnonzero(labels == 3)[:5]
    fresh, true = drawn(4, 50, world=world, seed=1, only=slice(3))
    kept = {}
    for name, reference in (("plug-in", None), ("posterior", world_reference())):
        before = fitted(x[old], labels[old], 4, reference)
        after = taught(before, x[lessons], labels[lessons])
        assert (top1(before, fresh) == true).mean() > 0.95
        kept[name] = (top1(after, fresh) == true).mean()
    assert kept["posterior"] > 0.97
    assert kept["plug-in"] < 0.92  # the fault: its whitening fits the 24 pictures by chance
