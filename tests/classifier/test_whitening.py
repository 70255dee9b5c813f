import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from imagetagger.classifier.naive_bayes import finalize, fit_prior, log_joint
from imagetagger.classifier.scatter import Scatter, empty_scatter, fit_scatter, within_covariance
from imagetagger.classifier.statistics import fit_statistics
from imagetagger.classifier.whitening import (
    MIN_NORM,
    MIN_VARIANCE_SHARE,
    Transform,
    apply_transform,
    fit_transform,
    oracle_shrinkage,
)
from tests.helpers.clusters import clustered
from tests.helpers.precision import rounding

D = 12
COUNTS = (200, 90, 160, 250)


def scattered(x, labels, classes=None, order=None, batch=10_000) -> Scatter:
    order = np.arange(len(x)) if order is None else order
    parts = [order[i : i + batch] for i in range(0, len(x), batch)]
    return fit_scatter(((x[p], labels[p, None]) for p in parts), classes or labels.max() + 1, x.shape[1])


def fit(data, kind="whitened", **options) -> Transform:
    return fit_transform(scattered(*data), kind, **options)


def applied(fitted, x) -> np.ndarray:
    return np.asarray(apply_transform(fitted, jnp.asarray(x)), np.float64)


def exactly(variances, means) -> Scatter:
    """The scatter of two classes of 50 pictures, features independent with these variances within classes."""
    return Scatter(jnp.full(2, 50.0), jnp.asarray(means, jnp.float32), 100 * jnp.diag(jnp.asarray(variances)))


def scores(fitted, data, new, kappa=np.inf, class_prior="counts"):
    x, labels = data
    classes = labels.max() + 1
    y = applied(fitted, x).astype(np.float32)
    s = fit_statistics([(y, labels[:, None])], classes, y.shape[1])
    made = finalize(s, fit_prior(s, kappa), class_prior)
    return np.asarray(log_joint(made, apply_transform(fitted, jnp.asarray(new))), np.float64)


def within_of(y, labels) -> np.ndarray:
    return np.asarray(within_covariance(scattered(y.astype(np.float32), labels)), np.float64)


def test_none_has_no_transform_and_changes_nothing():
    x, labels = clustered(COUNTS, features=D)
    assert fit((x, labels), "none") is None
    np.testing.assert_array_equal(applied(None, x), x)


def test_whitened_without_shrinkage_the_covariance_within_classes_is_the_identity():
    x, labels = clustered(COUNTS, features=D)
    before, after = within_of(x, labels), within_of(applied(fit((x, labels)), x), labels)
    assert np.abs(before - np.eye(D)).max() > 1
    np.testing.assert_allclose(after, np.eye(D), atol=5e-3)  # as near as float16 values come


def test_fewer_dimensions_are_the_first_of_all():
    data = clustered(COUNTS, features=D)
    every = fit(data)
    for dimensions in (1, 5, D, D + 7, None):
        fewer = fit(data, dimensions=dimensions)
        np.testing.assert_array_equal(fewer.weights, every.weights[:, :dimensions])
        assert applied(fewer, data[0]).shape == (len(data[0]), min(dimensions or D, D))


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["eigen", "lsqr"])
def test_tied_variances_on_whitened_embeddings_are_linear_discriminant_analysis(solver):
    data = clustered(COUNTS, features=D, apart=1.0)
    new, _ = clustered((400, 400), features=D, apart=1.0, seed=1)
    wanted = LinearDiscriminantAnalysis(solver=solver).fit(*data).decision_function(new.astype(np.float64))
    got = scores(fit(data), data, new)
    apart, wanted_apart = got - got.mean(1, keepdims=True), wanted - wanted.mean(1, keepdims=True)
    np.testing.assert_allclose(apart, wanted_apart, atol=5e-3 * np.abs(wanted_apart).max())
    best = np.sort(wanted, 1)
    sure = best[:, -1] - best[:, -2] > 0.05
    assert sure.mean() > 0.95
    np.testing.assert_array_equal(got.argmax(1)[sure], wanted.argmax(1)[sure])
    plain = scores(None, data, new).argmax(1)
    assert (plain != wanted.argmax(1)).mean() > 0.05  # tied variances alone are something else


@pytest.mark.parametrize("counts", [(5, 3, 6), (1, 1), (4,)])
@pytest.mark.parametrize("shrinkage", [None, 0.0, 0.3])
def test_few_pictures_are_whitened_as_all_directions_would_be(counts, shrinkage, monkeypatch):
    x, labels = clustered(counts, features=200)
    options = {"shrinkage": shrinkage, "within_class_weight": 0.1}
    few = fit((x, labels), **options)
    monkeypatch.setattr("imagetagger.classifier.whitening.SKETCH_MARGIN", 200)
    every = fit((x, labels), **options)
    # Directions that no picture has are in any order: coordinates are compared by the distances of new points.
    new = np.random.default_rng(1).normal(size=(30, 200)).astype(np.float32) + x.mean(0)
    spanned = sum(counts) - 1
    for dimensions in (spanned, None):
        cut = slice(0, dimensions)
        a, b = (applied(f._replace(weights=f.weights[:, cut]), new if dimensions is None else x) for f in (few, every))
        np.testing.assert_allclose(a @ a.T, b @ b.T, rtol=5e-3, atol=5e-3 * np.square(b).sum(1).max())


def test_classes_differ_in_the_first_directions_only_and_less_from_one_to_the_next():
    data = clustered(COUNTS, features=D)
    y = applied(fit(data), data[0])
    means = np.stack([y[data[1] == k].mean(0) for k in range(len(COUNTS))])
    spread = means.var(0)
    assert (np.diff(spread[: len(COUNTS) - 1]) < 0).all()
    assert spread[len(COUNTS) - 1 :].max() < 1e-5 * spread[len(COUNTS) - 2]


@pytest.mark.slow
def test_one_dimension_fewer_than_classes_decides_as_all_do():
    data = clustered(COUNTS, features=D, apart=1.0)
    new, _ = clustered((300,), features=D, apart=1.0, seed=2)
    every, few = (scores(fit(data, dimensions=d), data, new) for d in (None, len(COUNTS) - 1))
    np.testing.assert_allclose(np.diff(few), np.diff(every), atol=1e-2 * np.abs(every).max())
    np.testing.assert_array_equal(few.argmax(1), every.argmax(1))


@pytest.mark.parametrize("weight", [0.0, 1e-3])
def test_where_known_classes_do_not_differ_directions_follow_by_how_much_pictures_do(weight):
    variances = np.array([3, 9, 1, 16, 2, 5], np.float32)
    fitted = fit_transform(exactly(variances, [[0] * 6, [0, 0, 2, 0, 0, 0]]), "whitened", within_class_weight=weight)
    first = np.abs(fitted.weights).argmax(0)
    assert first.tolist() == [2, 3, 1, 5, 0, 4]
    np.testing.assert_allclose(fitted.weights.max(0), np.sqrt(variances[first] ** -1.0) * fitted.scale, rtol=1e-3)


def test_a_large_within_class_weight_takes_directions_of_much_variance_before_those_of_little_difference():
    two_classes = exactly(np.array([1, 4, 100], np.float32), [[0, 0, 0], [1, 0, 0]])
    order = [
        np.abs(fit_transform(two_classes, "whitened", within_class_weight=weight).weights).argmax(0)
        for weight in (0.0, 0.01, 1.0)
    ]
    assert [o.tolist() for o in order] == [[0, 2, 1], [0, 2, 1], [2, 0, 1]]


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_the_same_pictures_in_another_order_and_other_shards_give_the_same_transform(weight):
    x, labels = clustered(COUNTS, features=D)
    one_batch = fit((x, labels), within_class_weight=weight, shrinkage=0.1)
    for seed, batch in enumerate((700, 100, 37)):
        order = np.random.default_rng(seed).permutation(len(x))
        again = fit_transform(
            scattered(x, labels, 4, order, batch), "whitened", within_class_weight=weight, shrinkage=0.1
        )
        np.testing.assert_allclose(again.weights, one_batch.weights, atol=2e-3 * np.abs(one_batch.weights).max())
        merges = -(-len(x) // batch)
        np.testing.assert_allclose(again.offset, one_batch.offset, atol=rounding(4 * merges, np.abs(x).max()))
        assert again.scale == one_batch.scale


def test_signs_are_fixed_by_the_largest_entry_of_each_direction():
    weights = fit(clustered(COUNTS, features=D), within_class_weight=0.1).weights
    assert (np.take_along_axis(weights, np.abs(weights).argmax(0)[None], 0) > 0).all()


def test_the_matrix_has_float16_values_and_the_scale_is_a_power_of_two():
    x, labels = clustered(COUNTS, features=D)
    for size in (1e-3, 1.0, 300.0):
        fitted = fit((x * np.float32(size), labels), shrinkage=0.2)
        assert fitted.weights.dtype == np.float32
        np.testing.assert_array_equal(fitted.weights.astype(np.float16).astype(np.float32), fitted.weights)
        assert np.frexp(fitted.scale)[0] == 0.5
        deviation = np.sqrt(np.trace(within_of(x * size, labels)) / D)
        assert 2**-0.51 < fitted.scale / deviation < 2**0.51


def test_shrinkage_pulls_variances_to_their_mean():
    x, labels = clustered(COUNTS, features=D)
    within = np.asarray(within_covariance(scattered(x, labels)), np.float64)
    mean = np.trace(within) / D
    for shrinkage in (0.0, 0.3, 1.0):
        fitted = fit((x, labels), shrinkage=shrinkage)
        shrunk = (1 - shrinkage) * within + shrinkage * mean * np.eye(D)
        matrix = fitted.weights.astype(np.float64) / fitted.scale
        np.testing.assert_allclose(matrix.T @ shrunk @ matrix, np.eye(D), atol=5e-3)
    np.testing.assert_allclose(matrix.T @ matrix * mean, np.eye(D), atol=5e-3)  # at 1 a rotation is left


def test_estimated_shrinkage_is_that_of_scikit_learn_on_one_class():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, D)) * np.arange(1, D + 1)
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))
    expected = OAS().fit(x).shrinkage_  # which counts pictures, not degrees of freedom
    assert oracle_shrinkage(eigenvalues, 41, 1) == pytest.approx(expected, rel=0.05)


def test_estimated_shrinkage_falls_with_more_pictures_and_has_no_unit():
    eigenvalues = np.geomspace(1, 1000, D)
    estimates = [oracle_shrinkage(eigenvalues, 3 * n, 3) for n in (2, 8, 50, 10_000)]
    assert 1 >= estimates[0] > estimates[1] > estimates[2] > estimates[3] > 0
    assert estimates[3] < 1e-3
    assert oracle_shrinkage(1e-6 * eigenvalues, 150, 3) == pytest.approx(estimates[2])


@pytest.mark.parametrize(("eigenvalues", "pictures", "classes"), [
    (np.zeros(D), 9, 3), (np.ones(D), 9, 3), (np.ones(1), 9, 3), (np.arange(1.0, D), 3, 3), (np.zeros(D), 0, 0)
])  # fmt: skip
def test_where_nothing_can_be_estimated_shrinkage_is_full(eigenvalues, pictures, classes):
    assert oracle_shrinkage(eigenvalues, pictures, classes) == 1


def test_shrinkage_is_estimated_where_none_is_given():
    x, labels = clustered(COUNTS, features=D)
    eigenvalues = np.linalg.eigvalsh(np.asarray(within_covariance(scattered(x, labels)), np.float64))
    given = fit((x, labels), shrinkage=oracle_shrinkage(eigenvalues, len(x), len(COUNTS)))
    np.testing.assert_allclose(fit((x, labels), shrinkage=None).weights, given.weights, atol=2e-3)


def test_standardised_every_feature_varies_by_one_within_classes():
    x, labels = clustered(COUNTS, features=D)
    fitted = fit((x, labels), "standardised")
    assert fitted.weights.shape == (D,)
    after = within_of(applied(fitted, x), labels)
    np.testing.assert_allclose(after.diagonal(), 1, rtol=1e-4)
    assert np.abs(after - np.diag(after.diagonal())).max() > 0.1  # and stays as dependent as it was


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
def test_the_means_of_the_classes_that_have_pictures_lie_around_zero(kind):
    x, labels = clustered(COUNTS, features=D)
    labels = np.array([0, 2, 3, 5], np.int32)[labels]
    y = applied(fit_transform(scattered(x, labels, 8), kind), x)
    np.testing.assert_allclose(np.mean([y[labels == k].mean(0) for k in (0, 2, 3, 5)], 0), 0, atol=1e-4)


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
def test_with_unit_length_every_embedding_has_the_length_one_and_keeps_its_direction(kind):
    data = clustered(COUNTS, features=D)
    raw, unit = (applied(fit(data, kind, unit_length=on), data[0]) for on in (False, True))
    lengths = np.linalg.norm(raw, axis=1)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=rounding(4 * D))
    np.testing.assert_allclose(unit * lengths[:, None], raw, rtol=0, atol=rounding(4 * D, lengths.max()))


def test_at_the_offset_itself_there_is_no_direction_and_no_nan():
    fitted = fit(clustered(COUNTS, features=D), unit_length=True)
    near = fitted.offset + MIN_NORM * 0.01 * np.eye(1, D, dtype=np.float32)[0] * fitted.scale
    for x in (fitted.offset, near):
        assert np.linalg.norm(applied(fitted, x[None])) < 0.1


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("kind", ["standardised", "whitened"])
@pytest.mark.parametrize("size", [1000.0, 1e-3, 2.0**-10])
def test_the_unit_of_embeddings_changes_no_decision(kind, size, unit_length):
    x, labels = clustered(COUNTS, features=D, apart=1.0)
    new, _ = clustered((300,), features=D, apart=1.0, seed=3)
    options = {"shrinkage": 0.1, "within_class_weight": 0.1, "unit_length": unit_length}
    sized = (x * np.float32(size), labels)
    before = scores(fit((x, labels), kind, **options), (x, labels), new)
    after = scores(fit(sized, kind, **options), sized, new * np.float32(size))
    np.testing.assert_array_equal(after.argmax(1), before.argmax(1))
    np.testing.assert_allclose(after, before, atol=2e-3 * np.abs(before).max())


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
def test_features_that_never_vary_are_survived(kind):
    x, labels = clustered(COUNTS, features=D)
    x[:, [1, 5]] = 7.0
    for shrinkage in (0.0, 0.1):
        y = applied(fit((x, labels), kind, shrinkage=shrinkage), x)
        assert np.isfinite(y).all()
        assert np.abs(y).max() < 100
    wild = x.copy()
    wild[:, 1] += np.float32(x.std())  # a new picture's may; it is scaled up, but by no more than the bound
    y = applied(fit((x, labels), kind), wild)
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 10 / np.sqrt(MIN_VARIANCE_SHARE)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["standardised", "whitened"])
@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("counts", [(1,), (1, 1, 1), (0, 1, 0)])
def test_a_single_picture_a_class_is_survived(kind, unit_length, counts):
    x, labels = clustered(counts, features=D)
    fitted = fit_transform(scattered(x, labels, len(counts)), kind, unit_length=unit_length, within_class_weight=0.1)
    new, _ = clustered((20,), features=D, seed=4)
    assert all(np.isfinite(part).all() for part in fitted[:3])
    y = applied(fitted, np.concatenate([x, new]))
    assert np.isfinite(y).all()
    assert np.isfinite(np.square(y.astype(np.float32)).sum(1)).all()
    if sum(counts) > 1:
        got = scores(fitted, (x, labels), x)
        np.testing.assert_array_equal(got.argmax(1), labels)


def test_no_picture_at_all_is_survived():
    fitted = fit_transform(empty_scatter(3, D), "whitened", dimensions=5)
    assert np.isfinite(applied(fitted, np.ones((2, D)))).all()


def test_applying_computes_the_stated_formula_and_can_be_jitted():
    data = clustered(COUNTS, features=D)
    fitted = fit(data, dimensions=5, unit_length=True)
    centred = (data[0].astype(np.float64) - fitted.offset) / fitted.scale
    x = centred @ fitted.weights
    length = np.linalg.norm(x, axis=1, keepdims=True)
    wanted = x / length
    sums = np.abs(centred) @ np.abs(fitted.weights) / length
    np.testing.assert_allclose(applied(fitted, data[0]), wanted, rtol=0, atol=rounding(2 * D, sums.max()))
    compiled = jax.jit(lambda e: apply_transform(fitted, e))(jnp.asarray(data[0]))
    np.testing.assert_allclose(compiled, wanted, rtol=0, atol=rounding(2 * D, sums.max()))
