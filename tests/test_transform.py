import jax
import jax.numpy as jnp
import numpy as np
import pytest
from clusters import clustered
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from imagetagger import gaussian, naive_bayes, scatter, transform
from imagetagger.scatter import Scatter
from imagetagger.transform import SHORTEST, SMALLEST, Transform, apply

D = 12
COUNTS = (200, 90, 160, 250)


def scattered(x, labels, classes=None, order=None, batch=10_000) -> Scatter:
    order = np.arange(len(x)) if order is None else order
    parts = [order[i : i + batch] for i in range(0, len(x), batch)]
    return scatter.fit(((x[p], labels[p, None]) for p in parts), classes or labels.max() + 1, x.shape[1])


def fit(data, kind="whitened", **options) -> Transform:
    return transform.fit(scattered(*data), kind, **options)


def applied(fitted, x) -> np.ndarray:
    return np.asarray(apply(fitted, jnp.asarray(x)), np.float64)


def exactly(variances, means) -> Scatter:
    """The scatter of two classes of 50 pictures, features independent with these variances within classes."""
    return Scatter(jnp.full(2, 50.0), jnp.asarray(means, jnp.float32), 100 * jnp.diag(jnp.asarray(variances)))


def scores(fitted, data, new, kappa=np.inf, class_prior="counts"):
    x, labels = data
    classes = labels.max() + 1
    y = applied(fitted, x).astype(np.float32)
    s = gaussian.fit([(y, labels[:, None])], classes, y.shape[1])
    made = naive_bayes.finalize(s, naive_bayes.fit_prior(s, kappa), class_prior)
    return np.asarray(naive_bayes.log_joint(made, apply(fitted, jnp.asarray(new))), np.float64)


def within_of(y, labels) -> np.ndarray:
    return np.asarray(scatter.within_covariance(scattered(y.astype(np.float32), labels)), np.float64)


def test_none_is_no_transform_and_changes_nothing():
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
    whole = fit(data)
    for dimensions in (1, 5, D, D + 7, None):
        some = fit(data, dimensions=dimensions)
        np.testing.assert_array_equal(some.weights, whole.weights[:, :dimensions])
        assert applied(some, data[0]).shape == (len(data[0]), min(dimensions or D, D))


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


def test_classes_differ_in_the_first_directions_only_and_less_from_one_to_the_next():
    data = clustered(COUNTS, features=D)
    y = applied(fit(data), data[0])
    means = np.stack([y[data[1] == k].mean(0) for k in range(len(COUNTS))])
    spread = means.var(0)
    assert (np.diff(spread[: len(COUNTS) - 1]) < 0).all()
    assert spread[len(COUNTS) - 1 :].max() < 1e-5 * spread[len(COUNTS) - 2]


def test_one_dimension_fewer_than_classes_decides_as_all_do():
    data = clustered(COUNTS, features=D, apart=1.0)
    new, _ = clustered((300,), features=D, apart=1.0, seed=2)
    whole, few = (scores(fit(data, dimensions=d), data, new) for d in (None, len(COUNTS) - 1))
    np.testing.assert_allclose(np.diff(few), np.diff(whole), atol=1e-2 * np.abs(whole).max())
    np.testing.assert_array_equal(few.argmax(1), whole.argmax(1))


@pytest.mark.parametrize("spread", [0.0, 1e-3])
def test_where_known_classes_do_not_differ_directions_follow_by_how_much_pictures_do(spread):
    variances = np.array([3, 9, 1, 16, 2, 5], np.float32)
    fitted = transform.fit(exactly(variances, [[0] * 6, [0, 0, 2, 0, 0, 0]]), "whitened", spread=spread)
    first = np.abs(fitted.weights).argmax(0)
    assert first.tolist() == [2, 3, 1, 5, 0, 4]
    np.testing.assert_allclose(fitted.weights.max(0), np.sqrt(variances[first] ** -1.0) * fitted.scale, rtol=1e-3)


def test_a_large_spread_takes_directions_of_much_variance_before_those_of_little_difference():
    variances = np.array([1, 4, 100], np.float32)
    order = [
        np.abs(transform.fit(exactly(variances, [[0, 0, 0], [1, 0, 0]]), "whitened", spread=s).weights).argmax(0)
        for s in (0.0, 0.01, 1.0)
    ]
    assert [o.tolist() for o in order] == [[0, 2, 1], [0, 2, 1], [2, 0, 1]]


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_same_pictures_in_another_order_and_other_shards_give_the_same_transform(spread):
    x, labels = clustered(COUNTS, features=D)
    whole = fit((x, labels), spread=spread, shrinkage=0.1)
    for seed, batch in enumerate((700, 100, 37)):
        order = np.random.default_rng(seed).permutation(len(x))
        again = transform.fit(scattered(x, labels, 4, order, batch), "whitened", spread=spread, shrinkage=0.1)
        np.testing.assert_allclose(again.weights, whole.weights, atol=2e-3 * np.abs(whole.weights).max())
        np.testing.assert_allclose(again.offset, whole.offset, atol=1e-5)
        assert again.scale == whole.scale


def test_signs_are_fixed_by_the_largest_entry_of_each_direction():
    weights = fit(clustered(COUNTS, features=D), spread=0.1).weights
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
    within = np.asarray(scatter.within_covariance(scattered(x, labels)), np.float64)
    mean = np.trace(within) / D
    for shrinkage in (0.0, 0.3, 1.0):
        fitted = fit((x, labels), shrinkage=shrinkage)
        shrunk = (1 - shrinkage) * within + shrinkage * mean * np.eye(D)
        matrix = fitted.weights.astype(np.float64) / fitted.scale
        np.testing.assert_allclose(matrix.T @ shrunk @ matrix, np.eye(D), atol=5e-3)
    np.testing.assert_allclose(matrix.T @ matrix * mean, np.eye(D), atol=5e-3)  # at 1 a rotation is left


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
    y = applied(transform.fit(scattered(x, labels, 8), kind), x)
    np.testing.assert_allclose(np.mean([y[labels == k].mean(0) for k in (0, 2, 3, 5)], 0), 0, atol=1e-4)


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
def test_with_unit_length_every_embedding_has_the_length_one_and_keeps_its_direction(kind):
    data = clustered(COUNTS, features=D)
    free, unit = (applied(fit(data, kind, unit_length=on), data[0]) for on in (False, True))
    lengths = np.linalg.norm(free, axis=1)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(unit * lengths[:, None], free, rtol=1e-4, atol=1e-5)


def test_at_the_offset_itself_there_is_no_direction_and_no_nan():
    fitted = fit(clustered(COUNTS, features=D), unit_length=True)
    near = fitted.offset + SHORTEST * 0.01 * np.eye(1, D, dtype=np.float32)[0] * fitted.scale
    for x in (fitted.offset, near):
        assert np.linalg.norm(applied(fitted, x[None])) < 0.1


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("kind", ["standardised", "whitened"])
@pytest.mark.parametrize("size", [1000.0, 1e-3, 2.0**-10])
def test_the_unit_of_embeddings_changes_no_decision(kind, size, unit_length):
    x, labels = clustered(COUNTS, features=D, apart=1.0)
    new, _ = clustered((300,), features=D, apart=1.0, seed=3)
    options = {"shrinkage": 0.1, "spread": 0.1, "unit_length": unit_length}
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
    wild[:, 1] += np.float32(x.std())  # a new picture's may; it is scaled up, but by no more than said
    y = applied(fit((x, labels), kind), wild)
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 10 / np.sqrt(SMALLEST)


@pytest.mark.parametrize("kind", ["standardised", "whitened"])
@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("counts", [(1,), (1, 1, 1), (0, 1, 0)])
def test_a_single_picture_a_class_is_survived(kind, unit_length, counts):
    x, labels = clustered(counts, features=D)
    fitted = transform.fit(scattered(x, labels, len(counts)), kind, unit_length=unit_length, spread=0.1)
    new, _ = clustered((20,), features=D, seed=4)
    assert all(np.isfinite(part).all() for part in fitted[:3])
    y = applied(fitted, np.concatenate([x, new]))
    assert np.isfinite(y).all()
    assert np.isfinite(np.square(y.astype(np.float32)).sum(1)).all()
    if sum(counts) > 1:
        got = scores(fitted, (x, labels), x)
        np.testing.assert_array_equal(got.argmax(1), labels)


def test_no_picture_at_all_is_survived():
    fitted = transform.fit(scatter.empty(3, D), "whitened", dimensions=5)
    assert np.isfinite(applied(fitted, np.ones((2, D)))).all()


def test_apply_computes_what_it_says_and_can_be_jitted():
    data = clustered(COUNTS, features=D)
    fitted = fit(data, dimensions=5, unit_length=True)
    x = (data[0].astype(np.float64) - fitted.offset) / fitted.scale @ fitted.weights
    wanted = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(applied(fitted, data[0]), wanted, atol=1e-5)
    compiled = jax.jit(lambda e: apply(fitted, e))(jnp.asarray(data[0]))
    np.testing.assert_allclose(compiled, wanted, atol=1e-5)
