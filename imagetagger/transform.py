"""What happens to an embedding between network and Gaussians: a linear map, fitted once, shipped inside `embed`.

Naive Bayes takes features for independent and of one shape for every class. Whitening makes that nearly true: the
within-class covariance becomes the identity, so that tied variances are linear discriminant analysis. Of the whitened
directions those are kept in which classes differ, known ones as well as those that a user may teach.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.scatter import Scatter, within_covariance

Kind = Literal["none", "standardised", "whitened"]

SHORTEST = 2.0**-10
"""Embeddings shorter than this, in standard deviations, are at the offset itself and have no direction."""

SMALLEST = 1e-6
"""Least within-class variance, as a share of the mean one: a direction that never varies cannot be scaled up to 1."""

TIE = 1e-6
"""Weight of the rule that orders directions in which the known classes do not differ at all."""


class Transform(NamedTuple):
    """embedding -> (embedding - offset) / scale, times the weights; then, if asked for, divided by its length.

    Attributes:
        offset: float32 (D,), the mean of the classes' means.
        scale: float32 (), a power of 2 near the within-class standard deviation, so that the weights have no unit.
        weights: float32 (D,), a factor a feature, or (D, d), a matrix of float16 values: half the bytes in a bundle.
        unit_length: whether every result gets the length 1.
    """

    offset: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    unit_length: bool


def fit(
    scatter: Scatter,
    kind: Kind,
    *,
    dimensions: int | None = None,
    shrinkage: float = 0.0,
    spread: float = 0.0,
    unit_length: bool = False,
) -> Transform | None:
    """Return the transform of embeddings, fitted on the training pictures; None for `none`.

    `standardised` divides by the within-class standard deviation of each feature. `whitened`: with the within-class
    covariance W = U diag(w) U^T, its eigenvalues shrunk to s = (1 - shrinkage) w + shrinkage mean(w), P = U s^-1/2
    whitens; the result is rotated to the leading eigenvectors of P^T B P + spread diag(s / mean(s)), B being the
    between-class covariance. C classes fill no more than C - 1 directions. The second term says that classes not met
    yet differ where pictures do, and keeps the directions in which pictures differ most.

    Args:
        scatter: of the training pictures, D features.
        kind: of transform.
        dimensions: d that whitening keeps; None or more than D for all D.
        shrinkage: of the eigenvalues of W to their mean, in 0 .. 1.
        spread: weight of the second term; at 0 it only breaks ties.
        unit_length: makes all results equally long: how strongly a picture speaks is not mistaken for what it says.

    Source: Fukunaga 1990, Introduction to statistical pattern recognition, chapter 10; Garcia-Romero and Espy-Wilson
    2011, Analysis of i-vector length normalization in speaker recognition systems, for the unit length.
    """
    if kind == "none":
        return None
    means = np.asarray(scatter.mean, np.float64)[np.asarray(scatter.count) > 0]
    offset = means.mean(0) if len(means) else np.zeros(means.shape[1])
    # In float64, so that past C - 1 directions the rule for ties decides, not how float32 rounds.
    apart = (means - offset) / np.sqrt(max(len(means), 1))
    within = np.asarray(within_covariance(scatter), np.float64)
    # Where no picture differs from another of its class, from what classes differ by; where none does at all, 1.
    mean_variance = max(np.trace(within), SMALLEST * np.square(apart).sum()) / len(within) or 1.0
    scale = 2.0 ** np.round(np.log2(mean_variance) / 2)
    within, apart, offset = within / scale**2, apart / scale, offset.astype(np.float32)
    if kind == "standardised":
        weights = 1 / np.sqrt(np.maximum(within.diagonal(), SMALLEST))
        return Transform(offset, np.array(scale, np.float32), weights.astype(np.float32), unit_length)
    eigenvalues, vectors = np.linalg.eigh(within)
    shrunk = np.maximum((1 - shrinkage) * eigenvalues + shrinkage * eigenvalues.mean(), SMALLEST)
    whitening = vectors / np.sqrt(shrunk)
    between = (apart @ whitening).T @ (apart @ whitening)
    likely = np.diag(spread * shrunk / shrunk.mean() + TIE * shrunk / shrunk.max())
    rotation = np.linalg.eigh(between + likely)[1][:, ::-1][:, :dimensions]
    return Transform(offset, np.array(scale, np.float32), _half(whitening @ rotation), unit_length)


def apply(transform: Transform | None, embeddings: jax.Array) -> jax.Array:
    """Return embeddings (N, D) transformed, float32 (N, d)."""
    return embeddings if transform is None else _apply(embeddings, *transform)


@partial(jax.jit, static_argnames="unit_length")
def _apply(x: jax.Array, offset: jax.Array, scale: jax.Array, weights: jax.Array, unit_length: bool) -> jax.Array:
    x = (x - offset) * (1 / scale)
    x = x * weights if weights.ndim == 1 else jnp.matmul(x, weights, precision=jax.lax.Precision.HIGHEST)
    if not unit_length:
        return x
    return x * jax.lax.rsqrt(jnp.maximum(jnp.square(x).sum(1, keepdims=True), SHORTEST**2))


def _half(matrix: np.ndarray) -> np.ndarray:
    """Return a matrix of float16 values, the largest entry of each column positive: eigenvectors have no sign."""
    largest = np.take_along_axis(matrix, np.abs(matrix).argmax(0)[None], 0)
    return (matrix * np.sign(largest)).astype(np.float16).astype(np.float32)
