"""Made-up embeddings: batches for the laws of statistics, and classes of few and of many pictures."""

import jax.numpy as jnp
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from imagetagger.classifier.scatter import Scatter, empty_scatter, scatter_from_batch
from imagetagger.classifier.statistics import Statistics, empty_statistics, statistics_from_batch
from tests.helpers.precision import rounding

CLASSES, FEATURES = 4, 3
MAX_PICTURES = 60
"""Pictures in three batches, as the laws of merging take them."""
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


def clustered(
    counts: tuple[int, ...], features: int = FEATURES, apart: float = 3.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and labels of correlated features, classes of so many pictures, their means `apart` from 0."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    mix = rng.normal(size=(features, features)) * np.linspace(0.5, 2, features)
    x = rng.normal(size=(len(labels), features)) @ mix + apart * rng.normal(size=(len(counts), features))[labels]
    return x.astype(np.float32), labels


def few_and_many(seed: int = 7) -> Statistics:
    """Statistics of 0, 1, 3 and 200 pictures."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 2, 3], [1, 3, 200]).astype(np.int32)
    x = rng.normal(size=(204, FEATURES)) + 3 * rng.normal(size=(CLASSES, FEATURES))[labels]
    return statistics_from_batch(jnp.asarray(x.astype(np.float32)), jnp.asarray(labels), CLASSES)


def statistics(data) -> Statistics:
    x, labels = data
    return (
        statistics_from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES)
        if len(x)
        else empty_statistics(CLASSES, FEATURES)
    )


def scatter(data) -> Scatter:
    x, labels = data
    return (
        scatter_from_batch(jnp.asarray(x), jnp.asarray(labels), CLASSES) if len(x) else empty_scatter(CLASSES, FEATURES)
    )


def assert_same_statistics(a: Statistics, b: Statistics, scale: float | None = None) -> None:
    """Equal up to rounding, m2 relative to the largest one and means to the features' size."""
    size = max(float(np.abs(b.mean).max(initial=0)), 1e-6) if scale is None else scale
    np.testing.assert_array_equal(a.count, b.count)
    np.testing.assert_allclose(a.mean, b.mean, atol=rounding(2 * MAX_PICTURES, size))
    np.testing.assert_allclose(a.m2, b.m2, atol=rounding(3 * MAX_PICTURES, max(float(b.m2.max()), size**2)))


def assert_same_scatter(a: Scatter, b: Scatter) -> None:
    """Equal up to rounding, the matrix relative to its largest entry and means to the features' size."""
    size = max(float(np.abs(b.mean).max()), 1e-6)
    np.testing.assert_array_equal(a.count, b.count)
    np.testing.assert_allclose(a.mean, b.mean, atol=rounding(2 * MAX_PICTURES, size))
    largest = max(float(np.abs(b.within).max()), size**2)
    np.testing.assert_allclose(a.within, b.within, atol=rounding(3 * MAX_PICTURES, largest))
