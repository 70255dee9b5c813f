import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from imagetagger.classifier.scatter import Scatter, fit_scatter, merge_scatter, scatter_from_batch, within_covariance
from imagetagger.classifier.statistics import statistics_from_batch
from tests.helpers.clusters import (
    CLASSES,
    FEATURES,
    LAWS,
    MAX_PICTURES,
    assert_same_scatter,
    clustered,
    pictures,
    scatter,
)
from tests.helpers.precision import rounding


def exact_within(x, labels, classes):
    """The matrix of `within`, in float64 and class after class."""
    by_class = [x[labels == k].astype(np.float64) for k in range(classes)]
    return sum((rows - rows.mean(0)).T @ (rows - rows.mean(0)) for rows in by_class if len(rows))


@pytest.mark.slow
@LAWS
@given(pictures(smallest=1))
def test_counts_means_and_the_diagonal_are_those_of_the_statistics(data):
    x, labels = data
    s = scatter(data)
    other = statistics_from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES)
    diagonal = Scatter(other.count, other.mean, jnp.diag(other.m2.sum(0)))
    assert_same_scatter(s._replace(within=jnp.diag(jnp.diag(s.within))), diagonal)


@pytest.mark.slow
@LAWS
@given(pictures(), pictures())
def test_the_matrix_is_symmetric_and_has_no_negative_eigenvalue(a, b):
    within = np.asarray(merge_scatter(scatter(a), scatter(b)).within, np.float64)
    np.testing.assert_array_equal(within, within.T)
    assert np.linalg.eigvalsh(within).min() >= -rounding(FEATURES * MAX_PICTURES, np.abs(within).max(initial=1e-30))


@pytest.mark.slow
def test_the_covariance_is_that_of_float64_whatever_the_batches():
    x, labels = clustered((200, 3, 1, 0, 90), features=20)
    exact = exact_within(x, labels, 5)
    for size in (294, 50, 7):
        batches = ((x[i : i + size], labels[i : i + size, None]) for i in range(0, len(x), size))
        got = fit_scatter(batches, 5, 20)
        tolerance = rounding(len(x), np.abs(exact).max())
        np.testing.assert_allclose(got.within, exact, atol=tolerance)
        np.testing.assert_allclose(within_covariance(got), exact / 294, atol=tolerance / 294)
        np.testing.assert_array_equal(got.count, [200, 3, 1, 0, 90])


def test_in_float64_it_is_the_reference_to_the_last_digits():
    x, labels = clustered((40, 30), features=8)
    with jax.enable_x64(True):
        got = scatter_from_batch(jnp.asarray(x.astype(np.float64)), jnp.asarray(labels), 2)
        assert got.within.dtype == jnp.float64
        np.testing.assert_allclose(got.within, exact_within(x, labels, 2), rtol=1e-12, atol=1e-10)


def test_a_picture_with_several_tags_counts_for_each():
    x, _ = clustered((5,))
    labels = np.array([[0, 1], [1, -1], [0, 2], [2, 1], [-1, -1]], np.int32)
    got = fit_scatter([(x, labels)], CLASSES, FEATURES)
    rows, columns = np.nonzero(labels >= 0)
    np.testing.assert_array_equal(got.count, [2, 3, 2, 0])
    assert_same_scatter(got, scatter((x[rows], labels[rows, columns])))


def test_weight_zero_and_negative_labels_count_for_nothing():
    x, _ = clustered((6,))
    labels, weights = jnp.array([0, 1, 1, 2, -1, 0]), jnp.array([1, 1, 1, 1, 1, 0.0])
    assert_same_scatter(scatter_from_batch(jnp.asarray(x), labels, CLASSES, weights), scatter((x[:4], labels[:4])))


def test_a_weight_of_two_is_the_picture_twice():
    x, _ = clustered((4,))
    labels, weights = np.array([0, 1, 1, 0], np.int32), jnp.array([1, 2, 1, 3.0])
    twice = [0, 1, 1, 2, 3, 3, 3]
    got = scatter_from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES, weights)
    assert_same_scatter(got, scatter((x[twice], labels[twice])))


def test_no_pictures_have_no_covariance_and_no_nan():
    none = fit_scatter([(np.zeros((0, FEATURES), np.float32), np.zeros((0, 1), np.int32))], CLASSES, FEATURES)
    one = scatter((np.full((1, FEATURES), 7, np.float32), np.array([2], np.int32)))
    for s in (none, one):
        assert all(np.isfinite(part).all() for part in s)
        np.testing.assert_array_equal(within_covariance(s), np.zeros((FEATURES, FEATURES)))


@pytest.mark.parametrize("batch", [1000, 100])
def test_an_offset_of_ten_thousand_costs_no_digits_that_naive_moments_lose(batch):
    x, labels = clustered((250, 250, 300, 200), apart=1.0)
    x = x + np.float32(1e4)
    exact = exact_within(x, labels, CLASSES)
    size = np.abs(exact).max()
    batches = ((x[i : i + batch], labels[i : i + batch, None]) for i in range(0, 1000, batch))
    got = fit_scatter(batches, CLASSES, FEATURES)
    np.testing.assert_allclose(got.within, exact, atol=1e-4 * size)
    means = np.stack([x[labels == k].astype(np.float64).mean(0) for k in range(CLASSES)])
    np.testing.assert_allclose(got.mean, means, rtol=0, atol=2e-3)  # two steps of float32 there
    sums = np.stack([x[labels == k].sum(0) for k in range(CLASSES)])
    counts = np.bincount(labels).astype(np.float32)[:, None]
    naive = x.T @ x - (sums / counts).T @ sums
    assert naive.dtype == np.float32
    assert np.abs(naive - exact).max() > 0.1 * size
