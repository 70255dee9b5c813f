"""Ways to learn new tags from a few pictures: that of the bundle, and others to compare it with.

Without reference statistics of the network: those are made from all tags of Tiny ImageNet, the new ones too.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from experiments.common.embeddings import EmbeddedPictures
from imagetagger.classifier.fit import FittedClassifier, fit_classifier, score_embeddings
from imagetagger.classifier.naive_bayes import Gaussian, finalize, log_joint
from imagetagger.classifier.statistics import Statistics, merge_statistics, statistics_from_batch
from imagetagger.classifier.whitening import apply_transform
from imagetagger.config.schema import ClassifierConfig

NEW_TAGS, MOMENTUM, NEIGHBOURS = 50, 0.1, 10


class Task(NamedTuple):
    """Known tags and new ones.

    Attributes:
        is_new: bool (C,), tags that are taught.
        classifier: fitted on the known tags; its statistics have C rows, those of new tags empty.
        is_holdout: bool (N,), training pictures that nothing was fitted on.
        x: float32 (N, d), transformed training pictures.
        y: int (N,), their tags.
        x_validation: float32 (M, d), transformed validation pictures.
        y_validation: int (M,), their tags.
    """

    is_new: np.ndarray
    classifier: FittedClassifier
    is_holdout: np.ndarray
    x: np.ndarray
    y: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray


def make_task(embedded: EmbeddedPictures, config: ClassifierConfig, seed: int) -> Task:
    """Fit transform, prior and statistics on the known tags; transform all pictures."""
    is_new = np.zeros(embedded.tags, bool)
    is_new[np.random.default_rng(seed).permutation(len(is_new))[:NEW_TAGS]] = True
    labels = np.where(is_new[embedded.y], -1, embedded.y)[:, None]
    classifier = fit_classifier(embedded.x, labels, embedded.is_holdout, len(is_new), config)
    x, x_validation = (
        np.asarray(apply_transform(classifier.transform, jax.device_put(x)))
        for x in (embedded.x, embedded.x_validation)
    )
    return Task(is_new, classifier, embedded.is_holdout, x, embedded.y, x_validation, embedded.y_validation)


def arrival_ranks(task: Task, lessons: np.ndarray) -> np.ndarray:
    """Return the rank of each lesson among those of its tag, int (n,), in the order of arrival."""
    rank = np.empty(len(lessons), int)
    for tag in np.flatnonzero(task.is_new):
        rank[task.y[lessons] == tag] = np.arange((task.y[lessons] == tag).sum())
    return rank


def learn(task: Task, rows: np.ndarray) -> Statistics:
    """Statistics after lessons, learned as a batch: up to rounding, what one merge per lesson gives."""
    lessons = statistics_from_batch(task.x[rows], task.y[rows], len(task.is_new))
    return merge_statistics(task.classifier.statistics, lessons)


def score_exact(task: Task, rows: np.ndarray) -> np.ndarray:
    """Scores by exact statistics and the bundle's prior, (M, C)."""
    return np.asarray(log_joint(finalize(learn(task, rows), task.classifier.prior), task.x_validation))


def score_without_mean_prior(task: Task, rows: np.ndarray) -> np.ndarray:
    """Scores by exact statistics without a prior on the means, (M, C)."""
    prior = task.classifier.prior._replace(mean=None, mean_variance=None)
    return np.asarray(log_joint(finalize(learn(task, rows), prior), task.x_validation))


def score_momentum(task: Task, rows: np.ndarray) -> np.ndarray:
    """Scores by the original app's rule, (M, C): each picture moves mean and variance a tenth of the way."""
    statistics, prior = task.classifier.statistics, task.classifier.prior
    known = finalize(statistics, prior)
    mean, variance, pooled = np.array(known.mean), np.array(known.variance), np.asarray(prior.pooled)
    has_pictures = np.asarray(statistics.count) > 0
    for i in rows:
        tag = task.y[i]
        if not has_pictures[tag]:
            mean[tag], variance[tag], has_pictures[tag] = task.x[i], pooled, True
            continue
        delta = task.x[i] - mean[tag]
        mean[tag] += MOMENTUM * delta
        variance[tag] += MOMENTUM * (delta**2 - variance[tag])
    variance = np.maximum(variance, 1e-3 * pooled)
    log_prior = np.where(has_pictures, 0, -np.inf).astype(np.float32)
    return np.asarray(log_joint(Gaussian(*map(jax.device_put, (log_prior, mean, variance))), task.x_validation))


def score_nearest_mean(task: Task, rows: np.ndarray) -> np.ndarray:
    """Cosine similarity to the mean of each tag, (M, C)."""
    mean = np.asarray(learn(task, rows).mean)
    return task.x_validation @ (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)).T


class Neighbours(NamedTuple):
    """The training pictures nearest to each validation picture: similarity and tag, (M, K) each."""

    similarity: np.ndarray
    tag: np.ndarray


def nearest_known(task: Task) -> Neighbours:
    """Nearest pictures of known tags."""
    pictures = len(task.x_validation)
    neighbours = Neighbours(np.zeros((pictures, 0), np.float32), np.zeros((pictures, 0), int))
    for rows in np.array_split(np.flatnonzero(~task.is_holdout & ~task.is_new[task.y]), 8):
        neighbours = _add_neighbours(task, neighbours, rows)
    return neighbours


def _add_neighbours(task: Task, neighbours: Neighbours, rows: np.ndarray) -> Neighbours:
    similarity = np.concatenate([neighbours.similarity, task.x_validation @ task.x[rows].T], 1)
    tag = np.concatenate([neighbours.tag, np.broadcast_to(task.y[rows], (len(similarity), len(rows)))], 1)
    if similarity.shape[1] <= NEIGHBOURS:
        return Neighbours(similarity, tag)
    top = np.argpartition(-similarity, NEIGHBOURS, 1)[:, :NEIGHBOURS]
    return Neighbours(np.take_along_axis(similarity, top, 1), np.take_along_axis(tag, top, 1))


def score_neighbours(task: Task, rows: np.ndarray, known: Neighbours) -> np.ndarray:
    """Votes of the nearest pictures by cosine, weighted by exp(similarity / 0.1), (M, C)."""
    similarity, tag = _add_neighbours(task, known, rows)
    votes = np.zeros((len(task.x_validation), len(task.is_new)))
    np.add.at(votes, (np.arange(len(votes))[:, None], tag), np.exp(similarity / 0.1))
    return votes


def score_refit(embedded: EmbeddedPictures, config: ClassifierConfig, is_used: np.ndarray) -> np.ndarray:
    """Scores after a fit from scratch on the training pictures `is_used`, bool (N,), whitening and prior included."""
    classifier = fit_classifier(embedded.x, embedded.y[:, None], ~is_used, embedded.tags, config)
    return score_embeddings(classifier, embedded.x_validation).log_joint


METHODS: dict[str, Callable[[Task, np.ndarray], np.ndarray]] = {
    "exact": score_exact,
    "no prior on means": score_without_mean_prior,
    "momentum 0.1": score_momentum,
    "NCM": score_nearest_mean,
}
"""Methods that need nothing but the task and the lessons."""

KNN, REFIT = "kNN", "refit from scratch"
ALL_METHODS = (*METHODS, KNN, REFIT)
