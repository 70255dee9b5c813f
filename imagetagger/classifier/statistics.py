"""Sufficient statistics of one Gaussian per class, and their algebra.

Batch fit, sharded fit, learning one picture and forgetting it are one operation, `merge_statistics`. naive_bayes.py
turns statistics into a classifier. All functions are pure, and all but `fit_statistics` can be jitted.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from itertools import islice
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.bundle.magnitudes import MAX_COUNT
from imagetagger.system.cpus import cpu_count

BLOCK_ROWS = 512
"""Pictures summed at a time."""


class Statistics(NamedTuple):
    """Sufficient statistics of one Gaussian per class, features independent.

    Attributes:
        count: (C,) summed weights; negative in a lesson to be forgotten.
        mean: (C, D).
        m2: (C, D) centred second moment, sum of weight * (x - mean)^2.
    """

    count: jax.Array  # type: ignore[assignment]  # hides tuple.count
    mean: jax.Array
    m2: jax.Array


def empty_statistics(classes: int, features: int, dtype: jnp.dtype | type = jnp.float32) -> Statistics:
    """Return the statistics of no pictures: the identity of `merge_statistics`."""
    zeros = jnp.zeros((classes, features), dtype)
    return Statistics(jnp.zeros(classes, dtype), zeros, zeros)


def statistics_from_batch(
    embeddings: jax.Array, labels: jax.Array, classes: int, weights: jax.Array | None = None
) -> Statistics:
    """Return the statistics of a batch, in two passes: means, then squares around them.

    Args:
        embeddings: (N, D).
        labels: int (N,); pictures with negative labels are ignored.
        classes: C.
        weights: (N,), 0 for padding; None for 1 each.

    Raises:
        ValueError: shapes that do not fit, a label out of range, or a number that is not finite or overflows; names the
            row. Within `jax.jit` nothing is checked.
    """
    if isinstance(embeddings, jax.core.Tracer):
        return _statistics_from_batch(embeddings, labels, classes, weights)
    check_labels(embeddings, labels, classes, weights)
    statistics = _statistics_from_batch(embeddings, labels, classes, weights)
    check_sums(statistics, embeddings)
    return statistics


def check_labels(
    embeddings: jax.Array | np.ndarray, labels: jax.Array | np.ndarray, classes: int, weights: jax.Array | None = None
) -> None:
    """Check embeddings (N, D), labels (N,) or (N, L) below `classes`, and weights (N,), without looking at embeddings.

    Raises:
        ValueError: names the row.
    """
    if embeddings.ndim != 2 or labels.ndim not in (1, 2) or len(labels) != len(embeddings):
        raise ValueError(f"got embeddings {embeddings.shape} and labels {labels.shape}, expected (N, D) and (N,)")
    if labels.size and not labels.max() < classes:
        row = int(np.argwhere(~(np.asarray(labels) < classes))[0][0])
        raise ValueError(f"row {row} has the label {np.max(labels[row])}, expected less than {classes}, the classes")
    if weights is None:
        return
    if weights.shape != (len(embeddings),):
        raise ValueError(f"got weights {weights.shape}, expected ({len(embeddings)},)")
    if len(wrong := np.flatnonzero(~np.isfinite(weights))):
        raise ValueError(f"row {wrong[0]} has the weight {weights[wrong[0]]}, expected a finite one")


def check_sums(sums: tuple[jax.Array, ...], embeddings: jax.Array | np.ndarray) -> None:
    """Check that sums over a batch of embeddings (N, D) are finite: far fewer numbers than the embeddings.

    Raises:
        ValueError: names the row that spoils them.
    """
    if _are_finite(sums):
        return
    largest = np.abs(np.asarray(embeddings)).max(1, initial=0)  # NaN where a row has any
    wrong = np.flatnonzero(~np.isfinite(largest))
    row = int(wrong[0]) if len(wrong) else int(largest.argmax())
    raise ValueError(f"row {row} of the embeddings has the value {largest[row]:g}, expected one whose square is finite")


@jax.jit
def _are_finite(sums: tuple[jax.Array, ...]) -> jax.Array:
    return jnp.stack([jnp.isfinite(part).all() for part in sums]).all()


@partial(jax.jit, static_argnames="classes")
def _statistics_from_batch(
    embeddings: jax.Array, labels: jax.Array, classes: int, weights: jax.Array | None
) -> Statistics:
    labels, weights, count = weighted_counts(labels, weights, classes, embeddings.dtype)
    total = partial(_total, embeddings=embeddings, labels=labels, weights=weights, classes=classes)
    divisor = jnp.where(count == 0, 1, count)[:, None]
    # Sums around a point within the batch: an offset shared by all embeddings would cost digits.
    centre = (
        embeddings[:BLOCK_ROWS].mean(0) if len(embeddings) else jnp.zeros_like(embeddings, shape=embeddings.shape[1:])
    )
    shift = total(lambda x, _: x - centre) / divisor
    m2 = total(lambda x, label: jnp.square(x - centre - shift[label]))
    return Statistics(count, jnp.where(count[:, None] == 0, 0, centre + shift), m2)


def weighted_counts(
    labels: jax.Array, weights: jax.Array | None, classes: int, dtype: jnp.dtype
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return labels (N,) with 0 for negative ones, weights (N,) with 0 there too, and summed weights (C,)."""
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

    Summed block by block, so that terms stay in the processor's cache; in one piece it takes several times as long.
    """

    def add(start: int | jax.Array, size: int, sums: jax.Array) -> jax.Array:
        x, label, weight = (jax.lax.dynamic_slice_in_dim(a, start, size) for a in (embeddings, labels, weights))
        return sums.at[label].add(weight[:, None] * term(x, label))

    blocks, rest = divmod(len(embeddings), BLOCK_ROWS)
    sums = jnp.zeros_like(embeddings, shape=(classes, embeddings.shape[1]))
    if blocks:
        sums = jax.lax.fori_loop(0, blocks, lambda i, sums: add(i * BLOCK_ROWS, BLOCK_ROWS, sums), sums)
    return add(blocks * BLOCK_ROWS, rest, sums)


@jax.jit
def merge_statistics(a: Statistics, b: Statistics) -> Statistics:
    """Return the statistics of two collections of pictures together.

    n = n_a + n_b,  mean = mean_a + delta n_b / n,  m2 = m2_a + m2_b + delta^2 n_a n_b / n,  delta = mean_b - mean_a.

    Commutative and associative up to rounding, safe at zero counts. Merging a lesson of weight -1 forgets a picture; m2
    is then at least 0, and 0 if at most one picture remains.

    Source: Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample variances.
    """
    count = a.count + b.count
    n_a, n_b, n = a.count[..., None], b.count[..., None], count[..., None]
    # The share first: with a count of 0 the other side's mean is then exact.
    share = jnp.where(n == 0, 0, n_b / jnp.where(n == 0, 1, n))
    delta = b.mean - a.mean
    mean = jnp.where(n_a == 0, b.mean, a.mean + delta * share)
    m2 = a.m2 + b.m2 + jnp.square(delta) * n_a * share
    forgotten = ((n_a < 0) | (n_b < 0)) & (n >= 0)
    m2 = jnp.where(forgotten, jnp.where(n <= 1, 0, jnp.maximum(m2, 0)), m2)
    return Statistics(count, jnp.where(n == 0, 0, mean), jnp.where(n == 0, 0, m2))


def lesson_statistics(embedding: jax.Array, label: int, classes: int, weight: float = 1.0) -> Statistics:
    """Return the statistics of one picture, embedding (D,): merge them to learn it, with weight -1 to forget it."""
    empty = empty_statistics(classes, embedding.shape[-1], embedding.dtype)
    return Statistics(empty.count.at[label].set(weight), empty.mean.at[label].set(embedding), empty.m2)


def fit_statistics(
    batches: Iterable[tuple[np.ndarray | jax.Array, np.ndarray]], classes: int, features: int
) -> Statistics:
    """Return the statistics of batches of embeddings (N, D) and labels (N, L), padded with -1.

    A picture with several tags counts for each. Batches are summed in parallel, one per core, and merged in order.

    Raises:
        OverflowError: a class has MAX_COUNT pictures or more.
        ValueError: see `statistics_from_batch`; the row is that of the batch.
    """

    def sum_batch(batch: tuple[np.ndarray | jax.Array, np.ndarray]) -> Statistics:
        # device_put does not copy memory that is aligned for XLA; jnp.asarray would.
        embeddings, labels = jax.device_put(batch)
        return reduce(merge_statistics, (statistics_from_batch(embeddings, column, classes) for column in labels.T))

    statistics, remaining = empty_statistics(classes, features), iter(batches)
    with ThreadPoolExecutor() as pool:
        while parallel := list(islice(remaining, cpu_count())):
            statistics = reduce(merge_statistics, pool.map(sum_batch, parallel), statistics)
    if (largest := float(statistics.count.max())) >= MAX_COUNT:
        raise OverflowError(f"got {largest:.0f} pictures of one tag, expected fewer than {MAX_COUNT}: fit a subset")
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
