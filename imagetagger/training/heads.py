"""The two classifiers of a training's loss, from embeddings: where the linear one starts, and the Gaussian one."""

import jax.numpy as jnp
import numpy as np

from imagetagger.classifier.fit import FittedClassifier, fit_embedding_scatter
from imagetagger.classifier.scatter import within_covariance
from imagetagger.data.dataset import multi_hot
from imagetagger.prediction.calibration import fit_temperature
from imagetagger.training.objective import GaussianHead, LinearHead, gaussian_logits

SHRINKAGE = 0.3
"""Share of the mean variance in the within-class covariance."""

FOLDS = 3

CALIBRATION_PICTURES = 5000
"""Pictures whose logits choose a temperature."""


def fit_linear_head(embeddings: np.ndarray, labels: np.ndarray, tags: int) -> LinearHead:
    """Return the linear classifier that training starts with: linear discriminant analysis at its best temperature.

    weights_k = W^-1 mean_k / T, bias_k = -mean_k W^-1 mean_k / 2T, with the within-class covariance W shrunk to a
    multiple of the identity. The temperature T is that of scores out of fold: those of pictures that it was fitted on
    are too good. A classifier that starts at random would first spoil the features that it gets. Source: Kumar et al.
    2022 (arXiv 2202.10054), which trains a linear classifier before the network.

    Args:
        embeddings: float32 (N, D), of the network before training.
        labels: int32 (N, L), padded with -1.
        tags: C.
    """
    scores, onehot = [], []
    folds = np.random.default_rng(0).permutation(len(embeddings)) % FOLDS
    for fold in range(FOLDS):
        held_out = np.flatnonzero(folds == fold)
        some = held_out[_spread(len(held_out), CALIBRATION_PICTURES // FOLDS)]
        weights, bias = _discriminant(embeddings[folds != fold], labels[folds != fold], tags)
        scores.append((embeddings[some] @ weights + bias).astype(np.float32))
        onehot.append(multi_hot(labels[some], tags))
    temperature = fit_temperature(np.concatenate(scores), np.concatenate(onehot))
    parts = _discriminant(embeddings, labels, tags)
    return LinearHead(*(jnp.asarray(part / temperature, jnp.float32) for part in parts))


def _discriminant(embeddings: np.ndarray, labels: np.ndarray, tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (D, C) and bias (C,) of linear discriminant analysis, float64."""
    scatter = fit_embedding_scatter(embeddings, labels, tags)
    within = np.asarray(within_covariance(scatter), np.float64)
    variance = np.trace(within) / len(within) or 1.0
    within = (1 - SHRINKAGE) * within + SHRINKAGE * variance * np.eye(len(within))
    has_pictures = np.asarray(scatter.count) > 0
    means = np.where(has_pictures[:, None], np.asarray(scatter.mean, np.float64), 0)
    centre = means.sum(0) / max(has_pictures.sum(), 1)
    means = np.where(has_pictures[:, None], means - centre, 0)
    weights = np.linalg.solve(within, means.T)
    bias = -0.5 * (means.T * weights).sum(0) - centre @ weights
    return weights, np.where(has_pictures, bias, bias.min())


def gaussian_head(classifier: FittedClassifier, embeddings: np.ndarray, labels: np.ndarray) -> GaussianHead:
    """Return a fitted classifier as constants of the loss, at its best temperature for some pictures.

    Args:
        classifier: with a transform to unit length.
        embeddings: float32 (N, D), of pictures that it was not fitted on, if there are any.
        labels: int32 (N, L) of them, padded with -1.

    Raises:
        ValueError: a classifier of another kind.
    """
    transform, gaussian = classifier.transform, classifier.gaussian
    if transform is None or transform.weights.ndim != 2 or not transform.unit_length:
        raise ValueError("got gaussian_weight > 0 with another classifier than whitened, expected classifier=whitened")
    mean, log_prior = np.asarray(gaussian.mean, np.float64), np.asarray(gaussian.log_prior, np.float64)
    variance = np.asarray(gaussian.variance, np.float64).mean(0)
    bias = -0.5 * (np.square(mean) / variance).sum(1) + np.where(np.isfinite(log_prior), log_prior, -1e9)
    matrix = np.asarray(transform.weights, np.float64) / float(transform.scale)
    constants = (transform.offset, matrix, (mean / variance).T, bias)
    head = GaussianHead(*(jnp.asarray(a, jnp.float32) for a in constants))
    some = _spread(len(embeddings), CALIBRATION_PICTURES)
    logits = np.asarray(gaussian_logits(head, jnp.asarray(embeddings[some])))
    temperature = fit_temperature(logits, multi_hot(labels[some], len(bias)))
    return head._replace(weights=head.weights / temperature, bias=head.bias / temperature)


def _spread(count: int, most: int) -> np.ndarray:
    """Return the indices of at most so many of `count` pictures, evenly spread: they are often in the order of tags."""
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)
