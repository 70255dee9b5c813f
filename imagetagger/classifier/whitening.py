"""The linear map from the network's embeddings to the Gaussians' features: fitted once, part of the exported `embed`.

Naive Bayes assumes that features are independent. Whitening makes that nearly true: the within-class covariance becomes
the identity, and tied variances then give linear discriminant analysis. The whitened directions that are kept are those
in which classes differ: the known classes, and those that a user may teach.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.classifier.scatter import Scatter, within_covariance
from imagetagger.options import TransformKind

MIN_NORM = 2.0**-10
"""Embeddings nearer to the offset than this, in standard deviations, have no direction."""

MIN_VARIANCE_SHARE = 1e-6
"""Least within-class variance, as a share of the mean one: a constant direction cannot be scaled to 1."""

TIE_BREAK_WEIGHT = 1e-6
"""Weight of the term that orders directions in which the known classes do not differ."""

SKETCH_MARGIN = 8
"""Random vectors beyond the rank of a covariance, so that their products with it surely span its range."""


class Transform(NamedTuple):
    """embedding -> (embedding - offset) / scale, times the weights; then, if `unit_length`, divided by its length.

    Attributes:
        offset: float32 (D,), the mean of the classes' means.
        scale: float32 (), a power of 2 near the within-class standard deviation, so that the weights have no unit.
        weights: float32 (D,), a factor per feature, or (D, d), a matrix of float16 values: half the bytes in a bundle.
        unit_length: whether results are scaled to length 1.
    """

    offset: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    unit_length: bool


def fit_transform(
    scatter: Scatter,
    kind: TransformKind,
    *,
    dimensions: int | None = None,
    shrinkage: float | None = 0.0,
    within_class_weight: float = 0.0,
    unit_length: bool = False,
) -> Transform | None:
    """Return the transform of embeddings, fitted on the training pictures; None for `none`.

    `standardised` divides by the within-class standard deviation of each feature. `whitened`: with the within-class
    covariance W = U diag(w) U^T, its eigenvalues shrunk to s = (1 - shrinkage) w + shrinkage mean(w), P = U s^-1/2
    whitens. The result is rotated to the leading eigenvectors of P^T B P + within_class_weight diag(s / mean(s)), where
    B is the between-class covariance. C classes span at most C - 1 directions. The second term assumes that unknown
    classes differ where pictures do, and keeps the directions in which pictures differ most.

    Args:
        scatter: of the training pictures, D features.
        kind: `none`, `standardised` or `whitened`.
        dimensions: d, kept by whitening; None or more than D for all D.
        shrinkage: of the eigenvalues of W to their mean, in 0 .. 1; None to estimate it with `oracle_shrinkage`.
        within_class_weight: weight of the second term; at 0 it only breaks ties.
        unit_length: scale results to length 1: the strength of an embedding is no evidence for a class.

    Source: Fukunaga 1990, Introduction to statistical pattern recognition, chapter 10; Garcia-Romero and Espy-Wilson
    2011, Analysis of i-vector length normalization in speaker recognition systems, for the unit length.
    """
    if kind == "none":
        return None
    means = np.asarray(scatter.mean, np.float64)[np.asarray(scatter.count) > 0]
    offset = means.mean(0) if len(means) else np.zeros(means.shape[1])
    # In float64, so that beyond C - 1 directions the tie break decides, not the rounding of float32.
    deviations = (means - offset) / np.sqrt(max(len(means), 1))
    within = np.asarray(within_covariance(scatter), np.float64)
    # If no picture differs from others of its class, the variance between classes counts; if classes are equal too, 1.
    mean_variance = max(np.trace(within), MIN_VARIANCE_SHARE * np.square(deviations).sum()) / len(within) or 1.0
    scale = 2.0 ** np.round(np.log2(mean_variance) / 2)
    within, deviations, offset = within / scale**2, deviations / scale, offset.astype(np.float32)
    if kind == "standardised":
        weights = 1 / np.sqrt(np.maximum(within.diagonal(), MIN_VARIANCE_SHARE))
        return Transform(offset, np.array(scale, np.float32), weights.astype(np.float32), unit_length)
    pictures = float(np.asarray(scatter.count).sum())
    basis, others = _split_space(within, deviations, math.ceil(pictures) - len(means))
    eigenvalues, vectors = np.linalg.eigh(basis.T @ within @ basis)
    spectrum = np.concatenate([np.zeros(others.shape[1]), eigenvalues])
    if shrinkage is None:
        shrinkage = oracle_shrinkage(spectrum, pictures, len(means))
    spectrum = np.maximum((1 - shrinkage) * spectrum + shrinkage * spectrum.mean(), MIN_VARIANCE_SHARE)
    shrunk = spectrum[others.shape[1] :]
    whitening = basis @ (vectors / np.sqrt(shrunk))
    between = (deviations @ whitening).T @ (deviations @ whitening)
    unknown = np.diag(within_class_weight * shrunk / spectrum.mean() + TIE_BREAK_WEIGHT * shrunk / spectrum.max())
    rotation = np.linalg.eigh(between + unknown)[1][:, ::-1]
    weights = np.hstack([whitening @ rotation, others / np.sqrt(spectrum[0])])[:, :dimensions]
    return Transform(offset, np.array(scale, np.float32), _to_float16(weights), unit_length)


def _split_space(within: np.ndarray, deviations: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a basis of the directions in which pictures differ (D, k), and one of all others (D, D - k).

    Few pictures span few directions, and eigenvectors among those are found in a fraction of the time. The range of
    the covariance is that of its products with random vectors. Source: Halko, Martinsson and Tropp 2011, Finding
    structure with randomness, section 4.1.

    Args:
        within: (D, D), the within-class covariance.
        deviations: (C, D), of the classes' means.
        rank: that `within` has at most.
    """
    features = len(within)
    spanned = rank + SKETCH_MARGIN + len(deviations)
    if 2 * spanned > features:
        return np.eye(features), np.zeros((features, 0))
    sketch = within @ np.random.default_rng(0).standard_normal((features, rank + SKETCH_MARGIN))
    q = np.linalg.qr(np.hstack([sketch, deviations.T]), mode="complete")[0]
    return q[:, :spanned], q[:, spanned:]


def oracle_shrinkage(eigenvalues: np.ndarray, pictures: float, classes: int) -> float:
    """The shrinkage of the within-class covariance W to a multiple of the identity, in 0 .. 1.

    ((1 - 2 / D) tr(S^2) + tr(S)^2) / ((n + 1 - 2 / D) (tr(S^2) - tr(S)^2 / D)), at most 1, brings the covariance S of n
    Gaussian pictures nearest to the true one. It has no unit. S is that of one class, as in scikit-learn: n = N / C - 1
    and tr(S^2) = tr(W^2) + tr(W)^2 (1 / n - 1 / (N - C)), the last term being noise that W averages out. W itself needs
    less to be estimated well, but classifies better with more.

    Args:
        eigenvalues: (D,), of W.
        pictures: N.
        classes: C, that have pictures.

    Source: Chen, Wiesel, Eldar and Hero 2010, Shrinkage algorithms for MMSE covariance estimation, equation 23
    (oracle approximating shrinkage).
    """
    if pictures <= classes:
        return 1.0
    features, n = len(eigenvalues), pictures / classes - 1
    total = np.square(eigenvalues.sum())
    square = np.square(eigenvalues).sum() + total * (1 / n - 1 / (pictures - classes))
    excess = (n + 1 - 2 / features) * (square - total / features)
    shared = (1 - 2 / features) * square + total
    return float(shared / excess) if 0 < shared < excess else 1.0


def apply_transform(transform: Transform | None, embeddings: jax.Array) -> jax.Array:
    """Return the transform of embeddings (N, D), float32 (N, d)."""
    return embeddings if transform is None else _apply(embeddings, *transform)


@partial(jax.jit, static_argnames="unit_length")
def _apply(x: jax.Array, offset: jax.Array, scale: jax.Array, weights: jax.Array, unit_length: bool) -> jax.Array:
    x = (x - offset) * (1 / scale)
    x = x * weights if weights.ndim == 1 else jnp.matmul(x, weights, precision=jax.lax.Precision.HIGHEST)
    if not unit_length:
        return x
    return x * jax.lax.rsqrt(jnp.maximum(jnp.square(x).sum(1, keepdims=True), MIN_NORM**2))


def _to_float16(matrix: np.ndarray) -> np.ndarray:
    """Round to float16 values, the largest entry of each column made positive: eigenvectors have no sign."""
    largest = np.take_along_axis(matrix, np.abs(matrix).argmax(0)[None], 0)
    return (matrix * np.sign(largest)).astype(np.float16).astype(np.float32)
