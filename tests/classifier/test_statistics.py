import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from imagetagger.classifier import statistics as statistics_module
from imagetagger.classifier.scatter import fit_scatter
from imagetagger.classifier.statistics import (
    empty_statistics,
    fit_statistics,
    lesson_statistics,
    merge_statistics,
    statistics_from_batch,
)
from imagetagger.system.cpus import cpu_count
from tests.helpers.clusters import CLASSES, FEATURES, LAWS, assert_same_statistics, pictures, statistics
from tests.helpers.precision import rounding


@LAWS
@given(pictures(smallest=1))
def test_learning_one_by_one_equals_the_batch(data):
    x, labels = data
    learned = empty_statistics(CLASSES, FEATURES)
    for row, label in zip(x, labels, strict=True):
        learned = merge_statistics(learned, lesson_statistics(jnp.asarray(row), int(label), CLASSES))
    assert_same_statistics(learned, statistics(data))


@pytest.mark.slow
@LAWS
@given(pictures(), pictures(smallest=1))
def test_forgetting_what_was_learned_restores_the_statistics(data, lessons):
    before = statistics(data)
    scale = max(np.abs(np.concatenate([data[0], lessons[0]])).max(), 1e-6)
    now = before
    for row, label in zip(*lessons, strict=True):
        now = merge_statistics(now, lesson_statistics(jnp.asarray(row), int(label), CLASSES))
    for row, label in reversed(list(zip(*lessons, strict=True))):
        now = merge_statistics(now, lesson_statistics(jnp.asarray(row), int(label), CLASSES, weight=-1.0))
    np.testing.assert_array_equal(now.count, before.count)
    pooled = np.linalg.norm(
        statistics((np.concatenate([data[0], lessons[0]]), np.concatenate([data[1], lessons[1]]))).m2
    )
    merges = 2 * len(lessons[0])  # each of them rounds every number a few times
    assert np.linalg.norm(now.m2 - before.m2) <= rounding(8 * merges, max(pooled, scale**2))
    assert np.linalg.norm(now.mean - before.mean) <= rounding(8 * merges, scale)
    assert (np.asarray(now.m2) >= 0).all()
    assert (np.asarray(now.m2)[np.asarray(now.count) <= 1] == 0).all()


def test_weight_zero_and_negative_labels_count_for_nothing():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, FEATURES)).astype(np.float32))
    labels = jnp.array([0, 1, 1, 2, -1, 0])
    weights = jnp.array([1, 1, 1, 1, 1, 0.0])
    assert_same_statistics(
        statistics_from_batch(x, labels, CLASSES, weights), statistics_from_batch(x[:4], labels[:4], CLASSES)
    )


def test_an_offset_of_ten_thousand_costs_no_digits_that_naive_moments_lose():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(1000, FEATURES)) + 1e4).astype(np.float32)
    labels = rng.integers(0, CLASSES, 1000).astype(np.int32)
    fitted = fit_statistics(
        [(x[i : i + 100], labels[i : i + 100, None]) for i in range(0, 1000, 100)], CLASSES, FEATURES
    )
    exact = np.stack([x[labels == k].astype(np.float64).var(0) * (labels == k).sum() for k in range(CLASSES)])
    np.testing.assert_allclose(fitted.m2, exact, rtol=1e-3)
    squares = np.stack([(x[labels == k] ** 2).sum(0) for k in range(CLASSES)])
    sums = np.stack([x[labels == k].sum(0) for k in range(CLASSES)])
    naive = squares - sums**2 / np.asarray(fitted.count)[:, None]
    assert np.abs(naive / exact - 1).max() > 0.1


def test_a_count_that_float32_cannot_raise_by_one_is_refused(monkeypatch):
    monkeypatch.setattr(statistics_module, "MAX_COUNT", 3)
    with pytest.raises(OverflowError, match="fewer than 3"):
        fit_statistics([(np.zeros((4, FEATURES), np.float32), np.zeros((4, 1), np.int32))], CLASSES, FEATURES)


def test_a_picture_with_two_tags_counts_for_both():
    x = np.random.default_rng(5).normal(size=(3, FEATURES)).astype(np.float32)
    fitted = fit_statistics([(x, np.array([[0, 1], [1, -1], [2, -1]], np.int32))], CLASSES, FEATURES)
    np.testing.assert_array_equal(fitted.count, [1, 2, 1, 0])
    np.testing.assert_allclose(fitted.mean[1], x[:2].mean(0), rtol=0, atol=rounding(4, np.abs(x).sum()))


def test_a_fit_sharded_over_devices_equals_the_fit_on_one():
    rng = np.random.default_rng(6)
    x = jnp.asarray(rng.normal(size=(64, FEATURES)).astype(np.float32))
    labels = jnp.asarray(rng.integers(0, CLASSES, 64))
    mesh = jax.make_mesh((jax.local_device_count(),), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
    sharded = statistics_from_batch(jax.device_put(x, sharding), jax.device_put(labels, sharding), CLASSES)
    assert jax.local_device_count() > 1
    assert_same_statistics(sharded, statistics_from_batch(x, labels, CLASSES))


def test_a_fit_draws_no_more_batches_than_it_sums_side_by_side(monkeypatch):
    drawn: list[int] = []
    drawn_at_merge: list[int] = []

    def batches():
        for i in range(40):
            drawn.append(i)
            yield np.ones((2, FEATURES), np.float32), np.zeros((2, 1), np.int32)

    def counting_merge(a, b):
        drawn_at_merge.append(len(drawn))
        return merge_statistics(a, b)

    monkeypatch.setattr(statistics_module, "merge_statistics", counting_merge)
    assert fit_statistics(batches(), CLASSES, FEATURES).count[0] == 80
    assert drawn_at_merge[0] <= cpu_count()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("row", [0, 5])
def test_an_embedding_that_is_not_finite_or_overflows_is_refused_with_its_row(value, row):
    """B22-small-api: it spoiled the statistics of its tag."""
    x = np.random.default_rng(0).normal(size=(7, FEATURES)).astype(np.float32)
    x[row, 1] = value
    labels = np.array([0, 1, 2, 0, 1, 2, -1], np.int32)
    with pytest.raises(ValueError, match=f"row {row} of the embeddings has the value"):
        statistics_from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES)
    for fit in (fit_statistics, fit_scatter):
        with pytest.raises(ValueError, match=f"row {row} of the embeddings has the value"):
            fit([(x, labels[:, None])], CLASSES, FEATURES)


@pytest.mark.parametrize("label", [CLASSES, 7, 2**31 - 1])
def test_a_label_out_of_range_is_refused_with_its_row(label):
    """B22-small-api: the picture was dropped silently."""
    x, labels = np.zeros((3, FEATURES), np.float32), np.array([[0, -1], [1, label], [-1, -1]], np.int32)
    with pytest.raises(ValueError, match=f"row 1 has the label {label}, expected less than {CLASSES}"):
        statistics_from_batch(jnp.asarray(x), jnp.asarray(labels[:, 1]), CLASSES)
    for fit in (fit_statistics, fit_scatter):
        with pytest.raises(ValueError, match=f"row 1 has the label {label}, expected less than {CLASSES}"):
            fit([(x, labels)], CLASSES, FEATURES)


def test_shapes_and_weights_that_do_not_fit_are_refused():
    x, labels = jnp.zeros((3, FEATURES)), jnp.zeros(3, jnp.int32)
    for embeddings, wrong, weights, why in (
        (x[0], labels, None, "expected \\(N, D\\)"),
        (x, labels[:2], None, "expected \\(N, D\\)"),
        (x, labels, jnp.ones(2), "got weights \\(2,\\), expected \\(3,\\)"),
        (x, labels, jnp.array([1, jnp.nan, 1]), "row 1 has the weight nan"),
    ):
        with pytest.raises(ValueError, match=why):
            statistics_from_batch(embeddings, wrong, CLASSES, weights)


def test_within_jit_statistics_are_those_of_the_batch():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, FEATURES)).astype(np.float32))
    labels = jnp.array([0, 1, 1, 2, -1, 0])
    inner = jax.jit(lambda x, labels: statistics_from_batch(x, labels, CLASSES))
    assert_same_statistics(inner(x, labels), statistics_from_batch(x, labels, CLASSES))
