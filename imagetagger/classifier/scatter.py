"""The scatter of embeddings around the means of their classes: one mergeable matrix for all classes.

One pass over the data, in batches and in any order. Values are centred before they are squared, so float32 suffices.
"""

from collections.abc import Iterable
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.classifier.statistics import check_labels, check_sums, weighted_counts


class Scatter(NamedTuple):
    """Sufficient statistics of classes that share one covariance.

    Attributes:
        count: (C,) summed weights.
        mean: (C, D).
        within: (D, D) sum over pictures of weight * (x - mean of its class) (x - mean of its class)^T.
    """

    count: jax.Array  # type: ignore[assignment]  # hides tuple.count
    mean: jax.Array
    within: jax.Array


def empty_scatter(classes: int, features: int, dtype: jnp.dtype | type = jnp.float32) -> Scatter:
    """Return the scatter of no pictures: the identity of `merge_scatter`."""
    zeros = partial(jnp.zeros, dtype=dtype)
    return Scatter(zeros(classes), zeros((classes, features)), zeros((features, features)))


@partial(jax.jit, static_argnames="classes")
def scatter_from_batch(
    embeddings: jax.Array, labels: jax.Array, classes: int, weights: jax.Array | None = None
) -> Scatter:
    """Return the scatter of a batch: class means first, then one product of the residuals.

    Args:
        embeddings: (N, D).
        labels: int (N,); pictures with negative labels are ignored.
        classes: C.
        weights: (N,), not negative, 0 for padding; None for 1 each.
    """
    labels, weights, count = weighted_counts(labels, weights, classes, embeddings.dtype)
    # Sums around a point within the batch: an offset shared by all embeddings would cost digits.
    centre = weights @ embeddings / jnp.maximum(weights.sum(), 1)
    x = embeddings - centre
    total = jnp.zeros_like(x, shape=(classes, x.shape[1])).at[labels].add(weights[:, None] * x)
    shift = total / jnp.where(count == 0, 1, count)[:, None]
    residual = jnp.sqrt(weights)[:, None] * (x - shift[labels])
    return Scatter(count, jnp.where(count[:, None] == 0, 0, centre + shift), _gram(residual))


@jax.jit
def merge_scatter(a: Scatter, b: Scatter) -> Scatter:
    """Return the scatter of two collections of pictures together.

    within = within_a + within_b + sum_k n_ak n_bk / n_k delta_k delta_k^T,  delta_k = mean_bk - mean_ak.

    Commutative and associative up to rounding, safe at zero counts.

    Source: Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample variances;
    for the shared matrix of a growing number of classes, Hayes and Kanan 2020, arXiv 1909.01520 (streaming LDA).
    """
    count = a.count + b.count
    share = jnp.where(count == 0, 0, b.count / jnp.where(count == 0, 1, count))[:, None]
    delta = jnp.where(((a.count == 0) | (b.count == 0))[:, None], 0, b.mean - a.mean)
    mean = jnp.where(a.count[:, None] == 0, b.mean, a.mean + delta * share)
    between = _gram(delta * jnp.sqrt(a.count[:, None] * share))
    return Scatter(count, jnp.where(count[:, None] == 0, 0, mean), a.within + b.within + between)


def fit_scatter(batches: Iterable[tuple[np.ndarray, np.ndarray]], classes: int, features: int) -> Scatter:
    """Return the scatter of batches of embeddings (N, D) and labels (N, L), padded with -1.

    A picture with several tags counts for each.

    Raises:
        ValueError: a label is out of range, or an embedding not finite; names the row of the batch.
    """

    def sum_batch(batch: tuple[np.ndarray, np.ndarray]) -> Scatter:
        check_labels(*batch, classes)
        embeddings, labels = jax.device_put(batch)
        scatter = reduce(merge_scatter, (scatter_from_batch(embeddings, column, classes) for column in labels.T))
        check_sums(scatter, embeddings)
        return scatter

    return reduce(merge_scatter, map(sum_batch, batches), empty_scatter(classes, features))


def within_covariance(scatter: Scatter) -> jax.Array:
    """Return the covariance of pictures around the mean of their class, (D, D)."""
    return scatter.within / jnp.maximum(scatter.count.sum(), 1)


def _gram(rows: jax.Array) -> jax.Array:
    return jnp.matmul(rows.T, rows, precision=jax.lax.Precision.HIGHEST)
