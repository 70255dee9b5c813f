"""Embeddings of a world whose classes are Gaussians of one covariance, with a reference fitted on some of them."""

import functools

import jax.numpy as jnp
import numpy as np

from imagetagger.classifier.fit import FittedClassifier, score_embeddings
from imagetagger.classifier.naive_bayes import finalize
from imagetagger.classifier.reference import Reference, fit_reference
from imagetagger.classifier.scatter import Scatter, scatter_from_batch
from imagetagger.classifier.statistics import Statistics, merge_statistics, statistics_from_batch
from imagetagger.classifier.whitening import apply_transform

FEATURES, DIMENSIONS = 64, 48
APART = 1.2
"""Standard deviation of the classes' means, in that of the pictures of one class."""


@functools.cache
def _mixing() -> tuple[np.ndarray, np.ndarray]:
    """Square roots of the covariance within classes and between them, (64, 64) each."""
    rng = np.random.default_rng(99)
    spread = np.geomspace(4, 0.2, FEATURES)[:, None]
    within = spread * np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))[0]
    between = np.geomspace(2, 0.1, FEATURES)[:, None] * np.linalg.qr(rng.normal(size=(FEATURES, FEATURES)))[0]
    return within, APART * between @ within


def drawn(
    tags: int, per_tag: int, *, world: int = 0, seed: int = 0, only: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, 64) and labels (N,), tag after tag.

    Args:
        tags: number of classes.
        per_tag: pictures of each.
        world: other classes for each.
        seed: other pictures of the same classes for each.
        only: of the classes.
    """
    within, between = _mixing()
    means = 3 + np.random.default_rng([world, 7]).normal(size=(tags, FEATURES)) @ between
    labels = np.repeat(np.arange(tags)[only], per_tag).astype(np.int32)
    noise = np.random.default_rng([world, seed, 8]).normal(size=(len(labels), FEATURES))
    return (means[labels] + noise @ within).astype(np.float32), labels


@functools.cache
def world_scatter() -> Scatter:
    """The scatter of 150 classes of 40 pictures."""
    x, labels = drawn(150, 40, world=1000)
    return scatter_from_batch(jnp.asarray(x), jnp.asarray(labels), 150)


@functools.cache
def world_reference() -> Reference:
    """Reference statistics of those."""
    return fit_reference(world_scatter(), None, DIMENSIONS)._replace(log_temperature=(np.log(10.0), 0.4))


def transformed_statistics(fitted: FittedClassifier, x: np.ndarray, labels: np.ndarray) -> Statistics:
    """Statistics of embeddings as the classifier sees them."""
    tags = len(fitted.log_prior)
    return statistics_from_batch(apply_transform(fitted.transform, jnp.asarray(x)), jnp.asarray(labels), tags)


def taught(fitted: FittedClassifier, x: np.ndarray, labels: np.ndarray) -> FittedClassifier:
    """The classifier after lessons: its transform and prior stay as they are."""
    statistics = merge_statistics(fitted.statistics, transformed_statistics(fitted, x, labels))
    return fitted._replace(statistics=statistics, gaussian=finalize(statistics, fitted.prior, "uniform"))


def top1(fitted: FittedClassifier, x: np.ndarray) -> np.ndarray:
    """The most probable tag of each picture, (N,)."""
    return score_embeddings(fitted, x).log_joint.argmax(1)
