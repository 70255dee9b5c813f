import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from imagetagger import gaussian
from imagetagger.gaussian import (
    Gaussian,
    Prior,
    Statistics,
    empty,
    finalize,
    fit,
    fit_prior,
    from_batch,
    lesson,
    log_joint,
    merge,
    posterior,
    row_log_joint,
)

CLASSES, FEATURES = 4, 3
LAWS = settings(max_examples=50, deadline=None)


@st.composite
def pictures(draw, smallest=0):
    """Embeddings and labels of 0 to 20 pictures, some classes often without any."""
    n = draw(st.integers(smallest, 20))
    seed = draw(st.integers(0, 2**32 - 1))
    scale = draw(st.sampled_from([1e-2, 1.0, 1e2]))
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(n, FEATURES)) * scale + scale * rng.normal(size=FEATURES)).astype(np.float32)
    return x, rng.integers(0, draw(st.integers(1, CLASSES)), n).astype(np.int32)


def statistics(data):
    x, labels = data
    return from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES) if len(x) else empty(CLASSES, FEATURES)


def assert_same(a: Statistics, b: Statistics, scale=None):
    """Equal up to rounding, m2 relative to the pooled scatter and means to the features' spread."""
    np.testing.assert_allclose(a.count, b.count, atol=1e-5)
    size = max(float(np.abs(b.mean).max(initial=0)), 1e-6) if scale is None else scale
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-5 * size)
    np.testing.assert_allclose(a.m2, b.m2, atol=2e-5 * max(float(b.m2.max()), size**2))


@LAWS
@given(pictures())
def test_empty_is_the_identity_of_merge(data):
    s = statistics(data)
    for merged in (merge(s, empty(CLASSES, FEATURES)), merge(empty(CLASSES, FEATURES), s)):
        for got, expected in zip(merged, s, strict=True):
            np.testing.assert_array_equal(got, expected)


@LAWS
@given(pictures(), pictures())
def test_merge_is_commutative(a, b):
    assert_same(merge(statistics(a), statistics(b)), merge(statistics(b), statistics(a)))


@LAWS
@given(pictures(), pictures(), pictures())
def test_merge_is_associative(a, b, c):
    a, b, c = map(statistics, (a, b, c))
    assert_same(merge(merge(a, b), c), merge(a, merge(b, c)))


@LAWS
@given(pictures(smallest=1), st.randoms(use_true_random=False))
def test_any_split_in_any_order_equals_the_whole(data, random):
    x, labels = data
    order = list(range(len(x)))
    random.shuffle(order)
    cuts = sorted(random.sample(range(len(x) + 1), min(3, len(x))))
    parts = np.split(np.array(order), cuts)
    merged = functools.reduce(merge, [statistics((x[p], labels[p])) for p in parts], empty(CLASSES, FEATURES))
    assert_same(merged, statistics(data))


@LAWS
@given(pictures(smallest=1))
def test_learning_one_by_one_equals_the_batch(data):
    x, labels = data
    learned = empty(CLASSES, FEATURES)
    for row, label in zip(x, labels, strict=True):
        learned = merge(learned, lesson(jnp.asarray(row), int(label), CLASSES))
    assert_same(learned, statistics(data))


@LAWS
@given(pictures(), pictures(smallest=1))
def test_forgetting_what_was_learned_restores_the_statistics(data, lessons):
    before = statistics(data)
    scale = max(np.abs(np.concatenate([data[0], lessons[0]])).max(), 1e-6)
    now = before
    for row, label in zip(*lessons, strict=True):
        now = merge(now, lesson(jnp.asarray(row), int(label), CLASSES))
    for row, label in reversed(list(zip(*lessons, strict=True))):
        now = merge(now, lesson(jnp.asarray(row), int(label), CLASSES, weight=-1.0))
    np.testing.assert_array_equal(now.count, before.count)
    pooled = np.linalg.norm(
        statistics((np.concatenate([data[0], lessons[0]]), np.concatenate([data[1], lessons[1]]))).m2
    )
    assert np.linalg.norm(now.m2 - before.m2) <= 1e-5 * max(pooled, scale**2)
    assert np.linalg.norm(now.mean - before.mean) <= 1e-5 * scale
    assert (np.asarray(now.m2) >= 0).all()
    assert (np.asarray(now.m2)[np.asarray(now.count) <= 1] == 0).all()


def test_weight_zero_and_negative_labels_count_for_nothing():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, FEATURES)).astype(np.float32))
    labels = jnp.array([0, 1, 1, 2, -1, 0])
    weights = jnp.array([1, 1, 1, 1, 1, 0.0])
    assert_same(from_batch(x, labels, CLASSES, weights), from_batch(x[:4], labels[:4], CLASSES))


def test_an_offset_of_ten_thousand_costs_no_digits_that_naive_moments_lose():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(1000, FEATURES)) + 1e4).astype(np.float32)
    labels = rng.integers(0, CLASSES, 1000).astype(np.int32)
    fitted = fit([(x[i : i + 100], labels[i : i + 100, None]) for i in range(0, 1000, 100)], CLASSES, FEATURES)
    exact = np.stack([x[labels == k].astype(np.float64).var(0) * (labels == k).sum() for k in range(CLASSES)])
    np.testing.assert_allclose(fitted.m2, exact, rtol=1e-3)
    squares = np.stack([(x[labels == k] ** 2).sum(0) for k in range(CLASSES)])
    sums = np.stack([x[labels == k].sum(0) for k in range(CLASSES)])
    naive = squares - sums**2 / np.asarray(fitted.count)[:, None]
    assert np.abs(naive / exact - 1).max() > 0.1


def test_float64_agrees_with_scikit_learn_to_a_millionth():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, 400)
    x = rng.normal(size=(400, 20)) * rng.uniform(0.1, 3, 20) + rng.normal(size=(5, 20))[labels]
    new = rng.normal(size=(50, 20))
    reference = GaussianNB().fit(x, labels)
    with jax.enable_x64(True):
        s = from_batch(jnp.asarray(x), jnp.asarray(labels), 5)
        fitted = finalize(s, 0.0, reference.var_smoothing, "counts")
        scores = log_joint(fitted, jnp.asarray(new))
        assert scores.dtype == jnp.float64
        np.testing.assert_allclose(fitted.mean, reference.theta_, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(fitted.variance, reference.var_, rtol=1e-6)
        np.testing.assert_allclose(scores, reference.predict_joint_log_proba(new), rtol=1e-6)


def test_log_joint_is_the_formula_it_states():
    rng = np.random.default_rng(2)
    x, labels = rng.normal(size=(60, FEATURES)).astype(np.float32), rng.integers(0, CLASSES, 60)
    fitted = finalize(from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES))
    mean, variance = np.asarray(fitted.mean, np.float64), np.asarray(fitted.variance, np.float64)
    expected = np.log(1 / CLASSES) - 0.5 * (
        np.log(2 * np.pi * variance) + (x[:, None].astype(np.float64) - mean) ** 2 / variance
    ).sum(-1)
    np.testing.assert_allclose(log_joint(fitted, jnp.asarray(x)), expected, rtol=1e-5, atol=1e-4)


def test_kappa_leads_from_own_variances_to_the_pooled_one():
    rng = np.random.default_rng(3)
    s = from_batch(jnp.asarray(rng.normal(size=(50, FEATURES)).astype(np.float32)), jnp.arange(50) % 3, CLASSES)
    pooled = np.asarray(gaussian.pooled_variance(s))
    own = np.asarray(s.m2[:3] / s.count[:3, None])
    np.testing.assert_allclose(finalize(s, 0.0, 0.0).variance[:3], own, rtol=1e-5)
    between = finalize(s, 10.0, 0.0).variance[:3]
    np.testing.assert_allclose(
        between, (np.asarray(s.m2[:3]) + 10 * pooled) / (np.asarray(s.count[:3, None]) + 10), rtol=1e-5
    )
    for kappa in (1e12, np.inf):
        np.testing.assert_allclose(
            finalize(s, kappa, 0.0).variance, np.broadcast_to(pooled, (CLASSES, FEATURES)), rtol=1e-5
        )


def test_a_tag_seen_once_or_never_leaks_no_nan():
    x = jnp.asarray(np.random.default_rng(4).normal(size=(7, FEATURES)).astype(np.float32))
    s = from_batch(x, jnp.array([0, 0, 0, 1, 1, 1, 2]), CLASSES)
    for kappa in (0.0, 5.0, np.inf):
        scores = np.asarray(log_joint(finalize(s, kappa), x))
        assert np.isfinite(scores[:, :3]).all()
        assert (scores[:, 3] == -np.inf).all()


def test_priors_are_uniform_over_the_tags_seen_or_follow_their_counts():
    s = from_batch(jnp.zeros((4, FEATURES)), jnp.array([0, 0, 0, 1]), CLASSES)
    np.testing.assert_allclose(jnp.exp(finalize(s).log_prior), [0.5, 0.5, 0, 0])
    np.testing.assert_allclose(jnp.exp(finalize(s, class_prior="counts").log_prior), [0.75, 0.25, 0, 0])


def test_a_count_that_float32_cannot_raise_by_one_is_refused(monkeypatch):
    monkeypatch.setattr(gaussian, "LARGEST_COUNT", 3)
    with pytest.raises(OverflowError, match="fewer than 3"):
        fit([(np.zeros((4, FEATURES), np.float32), np.zeros((4, 1), np.int32))], CLASSES, FEATURES)


def test_a_picture_with_two_tags_counts_for_both():
    x = np.random.default_rng(5).normal(size=(3, FEATURES)).astype(np.float32)
    fitted = fit([(x, np.array([[0, 1], [1, -1], [2, -1]], np.int32))], CLASSES, FEATURES)
    np.testing.assert_array_equal(fitted.count, [1, 2, 1, 0])
    np.testing.assert_allclose(fitted.mean[1], x[:2].mean(0), rtol=1e-5)


def test_a_fit_sharded_over_devices_equals_the_fit_on_one():
    rng = np.random.default_rng(6)
    x = jnp.asarray(rng.normal(size=(64, FEATURES)).astype(np.float32))
    labels = jnp.asarray(rng.integers(0, CLASSES, 64))
    mesh = jax.make_mesh((jax.local_device_count(),), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    sharded = from_batch(jax.device_put(x, sharding), jax.device_put(labels, sharding), CLASSES)
    assert jax.local_device_count() > 1
    assert_same(sharded, from_batch(x, labels, CLASSES))


def test_a_fit_draws_no_more_batches_than_it_sums_side_by_side(monkeypatch):
    drawn: list[int] = []
    drawn_at_merge: list[int] = []

    def batches():
        for i in range(40):
            drawn.append(i)
            yield np.ones((2, FEATURES), np.float32), np.zeros((2, 1), np.int32)

    def counting_merge(a, b):
        drawn_at_merge.append(len(drawn))
        return merge(a, b)

    monkeypatch.setattr(gaussian, "merge", counting_merge)
    assert fit(batches(), CLASSES, FEATURES).count[0] == 80
    assert drawn_at_merge[0] <= gaussian.cores()


def few_and_many(seed=7):
    """Statistics of 0, 1, 3 and 200 pictures."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 2, 3], [1, 3, 200]).astype(np.int32)
    x = rng.normal(size=(204, FEATURES)) + 3 * rng.normal(size=(CLASSES, FEATURES))[labels]
    return from_batch(jnp.asarray(x.astype(np.float32)), jnp.asarray(labels), CLASSES)


def with_means(statistics, kappa=5.0, between=2.0):
    """A prior on the means: centre 0.5, variance `between` times 1, 2, 3."""
    spread = between * jnp.arange(1, FEATURES + 1, dtype=jnp.float32)
    return fit_prior(statistics, kappa, 1e-9)._replace(mean=jnp.full(FEATURES, 0.5), mean_variance=spread)


@pytest.mark.parametrize("kappa", [1.0, 5.0, 1e6])
def test_the_posterior_is_that_of_conjugate_gaussians_in_float64(kappa):
    s = few_and_many()
    prior = with_means(s, kappa)
    mean, variance = posterior(prior, s)
    count, own_mean, m2 = (np.asarray(part, np.float64) for part in s)
    pooled, floor, centre, spread = (np.asarray(part, np.float64) for part in prior[1:])
    for k, n in enumerate(count):
        within = (m2[k] + kappa * pooled) / (n + kappa) + floor
        precision = 1 / spread + n / within
        np.testing.assert_allclose(mean[k], (centre / spread + n * own_mean[k] / within) / precision, rtol=1e-5)
        np.testing.assert_allclose(variance[k], within + 1 / precision, rtol=1e-5)


def test_the_predictive_density_is_the_average_over_all_means_that_the_pictures_leave_possible():
    s = few_and_many()
    prior = with_means(s)
    mean, variance = (np.asarray(part, np.float64)[2, 0] for part in posterior(prior, s))
    n, own = float(s.count[2]), float(s.mean[2, 0])
    within = (float(s.m2[2, 0]) + 5 * float(prior.pooled[0])) / (n + 5) + float(prior.floor)
    mu = np.linspace(-40, 40, 200_001)
    weight = np.exp(-((mu - 0.5) ** 2) / 2 / 2.0 - n * (mu - own) ** 2 / 2 / within)
    for x in (-2.0, 0.0, 3.0):
        density = np.exp(-((x - mu) ** 2) / 2 / within) / np.sqrt(2 * np.pi * within)
        expected = (weight * density).sum() / weight.sum()
        got = np.exp(-((x - mean) ** 2) / 2 / variance) / np.sqrt(2 * np.pi * variance)
        assert got == pytest.approx(expected, rel=1e-4)


def test_with_a_prior_on_means_a_tag_without_pictures_scores_as_the_background():
    s = few_and_many()
    prior = with_means(s)
    mean, variance = posterior(prior, s)
    np.testing.assert_allclose(mean[0], prior.mean, rtol=1e-6)
    np.testing.assert_allclose(variance[0], prior.pooled + prior.floor + prior.mean_variance, rtol=1e-6)
    x = np.random.default_rng(8).normal(size=(1, FEATURES)).astype(np.float32)
    spread = np.asarray(prior.pooled + prior.floor + prior.mean_variance, np.float64)
    expected = -0.5 * (np.log(2 * np.pi * spread) + (x[0] - 0.5) ** 2 / spread).sum()
    assert row_log_joint(prior, jnp.asarray(x), s)[0] == pytest.approx(expected, rel=1e-5)
    assert row_log_joint(fit_prior(s, 5.0, 1e-9), jnp.asarray(x), s)[0] == -jnp.inf


def test_a_wide_prior_on_means_is_none_and_so_is_any_with_many_pictures():
    s = few_and_many()
    plain_mean, plain_variance = posterior(fit_prior(s, 5.0, 1e-9), s)
    wide_mean, wide_variance = posterior(with_means(s, between=1e6), s)
    seen = np.asarray(s.count) > 0
    np.testing.assert_allclose(wide_mean[seen], plain_mean[seen], rtol=1e-4, atol=1e-4)
    # A mean known from n pictures is uncertain by variance / n, however little was known before.
    wanted = plain_variance[seen] * (1 + 1 / np.asarray(s.count)[seen, None])
    np.testing.assert_allclose(wide_variance[seen], wanted, rtol=1e-4)
    many = s._replace(count=s.count * 1e5, m2=s.m2 * 1e5)
    for got, expected in zip(posterior(with_means(s), many), posterior(fit_prior(s, 5.0, 1e-9), many), strict=True):
        np.testing.assert_allclose(got[3], expected[3], rtol=1e-5)


def test_pictures_pull_a_mean_from_the_priors_to_their_own():
    s = few_and_many()
    pulled = []
    for factor in (0.01, 1, 100):
        mean, _ = posterior(with_means(s), s._replace(count=s.count * factor, m2=s.m2 * factor))
        pulled.append(float(jnp.abs(mean[1] - s.mean[1]).max()))
    assert pulled[0] > pulled[1] > pulled[2]


@pytest.mark.parametrize("class_prior", ["uniform", "counts"])
@pytest.mark.parametrize("kappa", [0.0, 5.0, np.inf])
def test_row_log_joint_is_log_joint_up_to_one_constant(kappa, class_prior):
    s = merge(few_and_many(), few_and_many(seed=9))  # no class of one picture, whose variance would be 0
    x = jnp.asarray(np.random.default_rng(10).normal(size=(6, FEATURES)).astype(np.float32))
    expected = np.asarray(log_joint(finalize(s, kappa, 1e-9, class_prior), x))
    got = np.stack([row_log_joint(fit_prior(s, kappa, 1e-9), one[None], s, class_prior) for one in x])
    assert (got[:, 0] == -np.inf).all()
    assert (expected[:, 0] == -np.inf).all()
    constant = np.log(408) if class_prior == "counts" else np.log(3)
    np.testing.assert_allclose((got - constant)[:, 1:], expected[:, 1:], rtol=1e-5, atol=1e-4)


def test_row_log_joint_with_a_prior_on_means_is_log_joint_of_the_posterior():
    s = few_and_many()
    prior = with_means(s)
    x = jnp.asarray(np.random.default_rng(11).normal(size=(6, FEATURES)).astype(np.float32))
    expected = log_joint(Gaussian(jnp.zeros(CLASSES), *posterior(prior, s)), x)
    got = np.stack([row_log_joint(prior, one[None], s) for one in x])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-4)


def test_a_prior_is_of_the_statistics_own_precision():
    with jax.enable_x64(True):
        s = from_batch(jnp.asarray(np.random.default_rng(12).normal(size=(9, FEATURES))), jnp.arange(9) % 3, CLASSES)
        prior = fit_prior(s, 5.0, 1e-9)
        assert {value.dtype for value in prior if value is not None} == {jnp.dtype("float64")}
    assert isinstance(fit_prior(few_and_many(), 5.0, 1e-9), Prior)
    assert fit_prior(few_and_many(), 5, 1e-9).kappa.dtype == jnp.float32
