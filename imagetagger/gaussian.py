"""Sufficient statistics of one Gaussian a class, and their algebra.

Batch fit, sharded fit, learning one picture and forgetting it are one operation, `merge`; what a classifier makes of
them stands in naive_bayes.py. All functions are pure and can be jitted.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from itertools import islice
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.cores import cores

BLOCK = 512
"""Pictures summed at once."""

LARGEST_COUNT = 2**24
"""Up to here float32 counts every picture; beyond, adding one more would change nothing."""


class Statistics(NamedTuple):
    """Sufficient statistics of one Gaussian a class, features independent.

    Attributes:
        count: (C,) summed weights; negative in a lesson to be forgotten.
        mean: (C, D).
        m2: (C, D) centred second moment, sum of weight * (x - mean)^2.
    """

    count: jax.Array  # type: ignore[assignment]  # hides tuple.count
    mean: jax.Array
    m2: jax.Array


def empty(classes: int, features: int, dtype: jnp.dtype | type = jnp.float32) -> Statistics:
    """Return the statistics of no pictures: the identity of `merge`."""
    zeros = jnp.zeros((classes, features), dtype)
    return Statistics(jnp.zeros(classes, dtype), zeros, zeros)


@partial(jax.jit, static_argnames="classes")
def from_batch(embeddings: jax.Array, labels: jax.Array, classes: int, weights: jax.Array | None = None) -> Statistics:
    """Return the statistics of a batch, in two passes: means, then squares around them.

    Args:
        embeddings: (N, D).
        labels: int (N,); negative ones count for nothing.
        classes: C.
        weights: (N,), 1 where None; 0 for padding.
    """
    labels, weights, count = counted(labels, weights, classes, embeddings.dtype)
    total = partial(_total, embeddings=embeddings, labels=labels, weights=weights, classes=classes)
    seen = jnp.where(count == 0, 1, count)[:, None]
    # Sums around a point amid the batch: an offset shared by all embeddings would cost digits.
    centre = embeddings[:BLOCK].mean(0) if len(embeddings) else jnp.zeros_like(embeddings, shape=embeddings.shape[1:])
    shift = total(lambda x, _: x - centre) / seen
    m2 = total(lambda x, label: jnp.square(x - centre - shift[label]))
    return Statistics(count, jnp.where(count[:, None] == 0, 0, centre + shift), m2)


def counted(
    labels: jax.Array, weights: jax.Array | None, classes: int, dtype: jnp.dtype
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return labels (N,) without negative ones, weights (N,) with 0 in their place, and summed weights (C,)."""
    weights = jnp.ones(labels.shape, dtype) if weights is None else weights.astype(dtype)
    weights = jnp.where(labels < 0, 0, weights)
    labels = jnp.where(labels < 0, 0, labels)
    return labels, weights, jnp.zeros(classes, dtype).at[labels].add(weights)


def _total(
    term: Callable[[jax.Array, jax.Array], jax.Array],
    embeddings: jax.Array,
    labels: jax.Array,
    weights: jax.Array,
    classes: int,
) -> jax.Array:
    """Return the sum of weight * term(embedding, label) by class, (C, D).

    Block after block, so that terms stay in the processor's cache; all at once takes several times as long.
    """

    def add(start: int | jax.Array, size: int, sums: jax.Array) -> jax.Array:
        x, label, weight = (jax.lax.dynamic_slice_in_dim(a, start, size) for a in (embeddings, labels, weights))
        return sums.at[label].add(weight[:, None] * term(x, label))

    blocks, rest = divmod(len(embeddings), BLOCK)
    sums = jnp.zeros_like(embeddings, shape=(classes, embeddings.shape[1]))
    if blocks:
        sums = jax.lax.fori_loop(0, blocks, lambda i, sums: add(i * BLOCK, BLOCK, sums), sums)
    return add(blocks * BLOCK, rest, sums)


@jax.jit
def merge(a: Statistics, b: Statistics) -> Statistics:
    """Return the statistics of two collections of pictures together.

    n = n_a + n_b,  mean = mean_a + delta n_b / n,  m2 = m2_a + m2_b + delta^2 n_a n_b / n,  delta = mean_b - mean_a.

    Commutative and associative up to rounding, safe at zero counts. Merging a `lesson` of weight -1 takes a
    picture out again; m2 is then kept at 0 or above, and is 0 when at most one picture remains.

    Source: Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample variances.
    """
    count = a.count + b.count
    n_a, n_b, n = a.count[..., None], b.count[..., None], count[..., None]
    # Weights first: with a count of 0 the other side's mean comes through to the last bit.
    share = jnp.where(n == 0, 0, n_b / jnp.where(n == 0, 1, n))
    delta = b.mean - a.mean
    mean = jnp.where(n_a == 0, b.mean, a.mean + delta * share)
    m2 = a.m2 + b.m2 + jnp.square(delta) * n_a * share
    forgotten = ((n_a < 0) | (n_b < 0)) & (n >= 0)
    m2 = jnp.where(forgotten, jnp.where(n <= 1, 0, jnp.maximum(m2, 0)), m2)
    return Statistics(count, jnp.where(n == 0, 0, mean), jnp.where(n == 0, 0, m2))


def lesson(embedding: jax.Array, label: int, classes: int, weight: float = 1.0) -> Statistics:
    """Return the statistics of one picture, embedding (D,): merge it to learn, with weight -1 to forget."""
    blank = empty(classes, embedding.shape[-1], embedding.dtype)
    return Statistics(blank.count.at[label].set(weight), blank.mean.at[label].set(embedding), blank.m2)


def fit(batches: Iterable[tuple[np.ndarray | jax.Array, np.ndarray]], classes: int, features: int) -> Statistics:
    """Return the statistics of all batches of embeddings (N, D) and labels (N, L), -1 padded.

    A picture with several tags counts for each. Batches are summed side by side, one a core, and merged in order.

    Raises:
        OverflowError: a class has more pictures than float32 counts one by one.
    """

    def of(batch: tuple[np.ndarray | jax.Array, np.ndarray]) -> Statistics:
        # device_put, as jnp.asarray would copy; it does not where memory is aligned as XLA wants it.
        embeddings, labels = jax.device_put(batch)
        return reduce(merge, (from_batch(embeddings, column, classes) for column in labels.T))

    statistics, waiting = empty(classes, features), iter(batches)
    with ThreadPoolExecutor() as pool:
        while side_by_side := list(islice(waiting, cores())):
            statistics = reduce(merge, pool.map(of, side_by_side), statistics)
    if (largest := float(statistics.count.max())) >= LARGEST_COUNT:
        raise OverflowError(f"got {largest:.0f} pictures of one tag, expected fewer than {LARGEST_COUNT}: fit a subset")
    return statistics


def pooled_variance(statistics: Statistics) -> jax.Array:
    """Return the within-class variance over all classes, (D,): sum of m2 / sum of counts."""
    return statistics.m2.sum(0) / jnp.maximum(statistics.count.sum(), 1)


def total_variance(statistics: Statistics) -> jax.Array:
    """Return the variance of all pictures around their common mean, (D,)."""
    n = jnp.maximum(statistics.count.sum(), 1)
    share = (statistics.count / n)[:, None]
    centre = (share * statistics.mean).sum(0)
    return pooled_variance(statistics) + (share * jnp.square(statistics.mean - centre)).sum(0)
