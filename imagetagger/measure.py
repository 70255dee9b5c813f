"""What embeddings of one network give: statistics, a calibrated classifier, and its figures."""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger import calibration, gaussian, metrics
from imagetagger.config import Classifier

BATCH = 16384
"""Embeddings that one step of fit and scoring holds; bounds memory, changes nothing else."""

FEVERISH = 1e4
"""Temperatures of sound scores are in the tens; far above, variances were estimated from too little."""

log = logging.getLogger(__name__)


class BadDataError(ValueError):
    """Too many pictures cannot be used, or none are left."""


class Measured(NamedTuple):
    """A classifier and how good it is.

    Attributes:
        statistics: of the pictures it was fitted on.
        temperature: that turns scores into probabilities.
        embeddings: float32 (M, D) of the validation pictures.
        scores: float32 (M, C) their log joint.
        truth: bool (M, C) their tags.
        raw: figures at temperature 1.
        observed: each validation picture's contribution to the figures.
        figures: at the fitted temperature.
    """

    statistics: gaussian.Statistics
    temperature: float
    embeddings: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    raw: dict[str, float]
    observed: metrics.Metrics
    figures: dict[str, float]


def fit(embeddings: np.ndarray, labels: np.ndarray, held: np.ndarray, tags: int) -> gaussian.Statistics:
    """Return the statistics of the pictures that are not held out.

    Args:
        embeddings: float32 (N, D).
        labels: int32 (N, L), padded with -1.
        held: bool (N,).
        tags: C.
    """
    learned = np.where(held[:, None], -1, labels)
    return gaussian.fit(((embeddings[i], learned[i]) for i in _batches(len(held))), tags, embeddings.shape[1])


def finalize(statistics: gaussian.Statistics, classifier: Classifier) -> gaussian.Gaussian:
    """Return the classifier that the settings make of statistics."""
    prior: Any = classifier.class_prior
    return gaussian.finalize(statistics, classifier.kappa, classifier.smoothing, prior)


def calibrate(fitted: gaussian.Gaussian, embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature fitted on held-out embeddings (N, D) with labels (N, L); warn where it is unsound."""
    temperature = calibration.fit_temperature(score(fitted, embeddings), multi_hot(labels, len(fitted.log_prior)))
    if not len(embeddings):
        log.warning("no pictures to calibrate on: probabilities are raw, and far too sure")
    elif temperature <= calibration.COLDEST + 1e-3:
        log.warning(
            "temperature 1: all %d calibration pictures were told right, so nothing was learned of being wrong, and "
            "probabilities may be far too sure; use more pictures",
            len(embeddings),
        )
    if temperature > FEVERISH:
        log.warning(
            "temperature %.3g: the variances are poor; use more pictures or raise classifier.kappa", temperature
        )
    return temperature


def evaluate(
    statistics: gaussian.Statistics,
    classifier: Classifier,
    temperature: float,
    embeddings: np.ndarray,
    truth: np.ndarray,
) -> Measured:
    """Return the figures of a classifier on embeddings (M, D) of true tags, bool (M, C)."""
    scores = score(finalize(statistics, classifier), embeddings)
    raw = metrics.compute(metrics.total(metrics.observe(scores, truth, 1.0, classifier.threshold)))
    observed = metrics.observe(scores, truth, temperature, classifier.threshold)
    median = float(np.median(observed.set_size)) if len(scores) else float("nan")
    figures = metrics.compute(metrics.total(observed)) | {"median_set_size": median}
    return Measured(statistics, temperature, embeddings, scores, truth, raw, observed, figures)


def score(fitted: gaussian.Gaussian, embeddings: np.ndarray) -> np.ndarray:
    """Return the log joint of embeddings (N, D) under every class, float32 (N, C)."""
    rows = [np.asarray(gaussian.log_joint(fitted, jax.device_put(embeddings[i]))) for i in _batches(len(embeddings))]
    scores = np.concatenate(rows) if rows else np.zeros((0, len(fitted.log_prior)), np.float32)
    if np.isnan(scores).any():
        raise BadDataError("scores are not numbers: all pictures look alike to the network; give it others")
    return scores


def multi_hot(labels: np.ndarray, tags: int) -> np.ndarray:
    """Return which tags each picture has, bool (N, tags), from labels (N, L) padded with -1."""
    return (labels[:, :, None] == np.arange(tags)).any(1)


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))
