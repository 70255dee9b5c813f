"""A network's own classifier as rows of the Gaussian family: tags without any picture of them.

With class means mu_0 + W w_k and a shared covariance W, the scores of Gaussians are the logits w_k x + b_k, but for an
offset of each tag. So a linear classifier over embeddings (a head) becomes rows that score as it does, and that the
pictures of a user are merged into like into any other.

- Coordinates: W whitens, and the directions are those in which the head's rows differ most. In all dimensions scores
  equal the logits; with fewer, they are the best approximation under W.
- Scale: what a head says of a class mean is `slope` times too small, as it is trained to separate classes, not to
  describe them. The slope and the within-class variance come from pictures, three numbers in all.
- Offset: what the bias of the head and the Gaussians' own differ by. A tag that a user adds has the offset 0.
- Count: a head's word is worth HEAD_PICTURES pictures.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from imagetagger.classifier.cross_fit import CrossFit, join_folds
from imagetagger.classifier.fit import FittedClassifier, score_embeddings
from imagetagger.classifier.naive_bayes import Prior, finalize
from imagetagger.classifier.reference import Reference
from imagetagger.classifier.statistics import Statistics
from imagetagger.classifier.whitening import Transform
from imagetagger.data.dataset import multi_hot
from imagetagger.prediction.predict import score_novelty

HEAD_PICTURES = 12.0
"""Weight of a head's row, in pictures: on Tiny ImageNet the mean of a class differs from it by as much as the mean of
so many of its pictures would."""

NEW_TAG_LOG_ODDS = 4.0
"""Log prior of a user's tag below the mean one of the head, in nats of logits; see experiments/everyday."""

ROW_STEP = 2.0**-10
"""Means of rows are multiples of this, so that they compress: 0.02 nats of a score."""

WEIGHT_STEP = 1 / 8
"""Weights of the transform are multiples of about this share of their root mean square, so that they compress: 0.1 % of
the variance of a coordinate."""


class HeadSpace(NamedTuple):
    """A head in coordinates of its own: logits are (x - offset) @ weights @ directions.T + bias, up to a constant.

    Attributes:
        offset: float32 (D,).
        weights: float32 (D, d), of float16 values; they whiten.
        directions: float64 (K, d).
        bias: float64 (K,), of mean 0.
        sha256: of the reference statistics' file.
    """

    offset: np.ndarray
    weights: np.ndarray
    directions: np.ndarray
    bias: np.ndarray
    sha256: str


Knowledge = Reference | HeadSpace | None
"""What is known of a network before any picture: reference statistics, or its own classifier in their coordinates."""


def fit_head_space(weights: np.ndarray, bias: np.ndarray, reference: Reference, dimensions: int | None) -> HeadSpace:
    """Return the coordinates in which a head's rows differ most, whitened by the reference's within-class covariance.

    The reference knows W in its own coordinates; in the others its mean variance is taken.

    Args:
        weights: (K, D) of the head.
        bias: (K,) of the head.
        reference: of the network.
        dimensions: d; None or more than D for all.
    """
    rows = weights.astype(np.float64) - weights.mean(0, dtype=np.float64)
    back = np.linalg.pinv(reference.weights.astype(np.float64))  # reference coordinates to embeddings
    features, known = reference.weights.shape
    span = np.linalg.qr(reference.weights.astype(np.float64))[0]
    within = back.T @ back
    within += np.trace(within) / known * (np.eye(features) - span @ span.T)
    eigenvalues, vectors = np.linalg.eigh(within)
    root = (vectors * np.sqrt(eigenvalues)) @ vectors.T
    scaled = rows @ root
    rotation = np.linalg.eigh(scaled.T @ scaled)[1][:, ::-1][:, :dimensions]
    rotation *= np.sign(np.take_along_axis(rotation, np.abs(rotation).argmax(0)[None], 0))  # eigenvectors have no sign
    whitening = (vectors / np.sqrt(eigenvalues)) @ vectors.T @ rotation
    centred = bias.astype(np.float64) + weights.astype(np.float64) @ reference.mean
    return HeadSpace(reference.mean, _round(whitening), scaled @ rotation, centred - centred.mean(), reference.sha256)


def fit_head_classifier(space: HeadSpace, embeddings: np.ndarray, labels: np.ndarray) -> FittedClassifier:
    """Fit the Gaussians of a head: its scale, and the within-class variance, to pictures.

    Args:
        space: of the head.
        embeddings: float32 (N, D), as the network gives them.
        labels: int32 (N, L), padded with -1; a picture counts once for each of its tags. Two tags at least.

    Raises:
        ValueError: pictures of fewer than two tags.
    """
    picture, column = np.nonzero(labels >= 0)
    tag = labels[picture, column]
    if len(np.unique(tag)) < 2:
        raise ValueError(f"got pictures of {len(np.unique(tag))} tags, expected two tags at least to scale a head with")
    x = (embeddings[picture].astype(np.float64) - space.offset) @ space.weights
    direction = space.directions[tag] - space.directions[tag].mean(0)
    deviation = x - x.mean(0)
    slope = float((deviation * direction).sum() / np.square(direction).sum())
    features = x.shape[1]
    within = float(np.square(deviation - slope * direction).sum() / (len(x) * features))
    squared_length = float(np.square(x).sum(1).mean())
    # Coordinates have unit length, so variances are divided by the squared one.
    pooled = np.full(features, within / squared_length)
    between = np.var(slope * space.directions, axis=0) / squared_length + pooled / HEAD_PICTURES
    share = between / (pooled + HEAD_PICTURES * between)
    variance = pooled + pooled * share
    mean = slope * space.directions / np.sqrt(squared_length) * (variance / variance.mean())
    rows = np.round(mean / (HEAD_PICTURES * share) / ROW_STEP) * ROW_STEP
    temperature = slope / (squared_length * variance.mean())
    offset = temperature * space.bias + np.square(mean / np.sqrt(variance)).sum(1) / 2
    offset += NEW_TAG_LOG_ODDS * temperature - offset.mean()
    tags = len(rows)
    numbers = (np.inf, pooled, 1e-9 * pooled.mean(), np.zeros(features), between)
    prior = Prior(*(jnp.asarray(number, jnp.float32) for number in numbers))
    statistics = Statistics(
        *(jnp.asarray(part, jnp.float32) for part in (np.full(tags, HEAD_PICTURES), rows, np.zeros_like(rows)))
    )
    gaussian = finalize(statistics, prior, "uniform")
    score_offset = offset.astype(np.float32)
    transform = Transform(space.offset, np.ones((), np.float32), space.weights, True)
    gaussian = gaussian._replace(log_prior=gaussian.log_prior + score_offset)
    return FittedClassifier(transform, statistics, prior, gaussian, score_offset)


def cross_fit_head(space: HeadSpace, embeddings: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> CrossFit:
    """Score pictures by classifiers that were scaled on those of the other folds; see `cross_fit` for the arguments."""
    parts = []
    onehot = multi_hot(labels, len(space.bias))
    for fold in range(folds.max(initial=-1) + 1):
        rows = np.flatnonzero(folds == fold)
        others = np.where(((folds != fold) & (folds >= 0))[:, None], labels, -1)
        fitted = fit_head_classifier(space, embeddings, others)
        scores = score_embeddings(fitted, embeddings[rows])
        novelty = None
        if scores.background is not None:
            novelty = score_novelty(scores.log_joint, scores.background, fitted.log_prior)
        parts.append(CrossFit(rows, scores, novelty, onehot[rows], None))
    return join_folds(parts)


def _round(matrix: np.ndarray) -> np.ndarray:
    """Round to multiples of one power of two, which are float16 values."""
    step = 2.0 ** np.round(np.log2(WEIGHT_STEP * np.sqrt(np.square(matrix).mean())))
    return (np.round(matrix / step) * step).astype(np.float16).astype(np.float32)
