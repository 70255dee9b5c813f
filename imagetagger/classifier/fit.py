"""The classifier of one embedding space: fitting it on training embeddings, and scoring others."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger.classifier.naive_bayes import Gaussian, Prior, background_gaussian, finalize, fit_prior, log_joint
from imagetagger.classifier.posterior import STRENGTHS, Spectrum, centre_share, decompose_scatter, fit_posterior
from imagetagger.classifier.reference import Reference, reference_coordinates
from imagetagger.classifier.scatter import Scatter, fit_scatter
from imagetagger.classifier.statistics import Statistics, fit_statistics
from imagetagger.classifier.whitening import Transform, apply_transform, fit_transform
from imagetagger.config.schema import ClassifierConfig
from imagetagger.data.dataset import BadDataError

BATCH_ROWS = 16384
"""Embeddings in one step of fitting or scoring; bounds memory, changes nothing else."""
MIN_PADDED_ROWS = 256
"""The last batch is padded to this or the next power of two: data sets of any size share a few compiled functions."""


class FittedClassifier(NamedTuple):
    """A fitted classifier of C tags.

    Attributes:
        transform: of the network's embeddings; None without one.
        statistics: of the transformed training embeddings.
        prior: shared by all tags, fitted on the same embeddings.
        gaussian: one per tag, from statistics and prior; its log prior includes `score_offset`.
        score_offset: float32 (C,), added to the score of each tag; 0 for tags that were fitted on pictures.
    """

    transform: Transform | None
    statistics: Statistics
    prior: Prior
    gaussian: Gaussian
    score_offset: np.ndarray

    @property
    def log_prior(self) -> np.ndarray:
        """Log class prior of each tag, float32 (C,); -inf for tags without pictures."""
        return np.asarray(self.gaussian.log_prior) - self.score_offset


class Scores(NamedTuple):
    """Scores of N pictures.

    Attributes:
        log_joint: log p(tag, embedding), float32 (N, C).
        background: log likelihood under the background, float32 (N,); None without a prior on the means.
    """

    log_joint: np.ndarray
    background: np.ndarray | None


def fit_classifier(
    embeddings: np.ndarray,
    labels: np.ndarray,
    is_holdout: np.ndarray,
    tags: int,
    classifier: ClassifierConfig,
    reference: Reference | None = None,
    strength: float = STRENGTHS[1],
) -> FittedClassifier:
    """Fit transform, statistics and prior on the pictures that are not held out.

    Args:
        embeddings: float32 (N, D), as the network gives them.
        labels: int32 (N, L), padded with -1.
        is_holdout: bool (N,).
        tags: C.
        classifier: settings.
        reference: of the network; with it, whitening and priors are posterior estimates (posterior.py) in place of
            those that the settings of the plug-in estimates describe.
        strength: of the reference.
    """
    training_labels = np.where(is_holdout[:, None], -1, labels)
    transform: Transform | None
    prior: Prior | None
    if reference is not None:
        spectrum = fit_spectrum(to_coordinates(embeddings, reference), training_labels, tags)
        rotated, prior = fit_posterior(spectrum, reference, strength, classifier.variance_prior_strength)
        transform = _compose(reference, rotated, embeddings, training_labels, tags)
    else:
        transform, prior = _fit_transform(embeddings, training_labels, tags, classifier), None
    return fit_gaussians(embeddings, training_labels, tags, transform, prior, classifier)


def fit_gaussians(
    embeddings: np.ndarray,
    labels: np.ndarray,
    tags: int,
    transform: Transform | None,
    prior: Prior | None,
    classifier: ClassifierConfig,
) -> FittedClassifier:
    """Fit the Gaussians of transformed embeddings, and their prior if it is None."""
    features = transform.weights.shape[-1] if transform else embeddings.shape[1]
    batches = ((apply_transform(transform, jax.device_put(x)), y) for x, y in _batches(embeddings, labels))
    statistics = fit_statistics(batches, tags, features)
    if prior is None:
        prior = fit_prior(
            statistics,
            classifier.variance_prior_strength,
            classifier.var_smoothing,
            classifier.mean_variance_floor,
            classifier.isotropic_prior_strength,
        )
    class_prior: Any = classifier.class_prior
    gaussian = finalize(statistics, prior, class_prior)
    return FittedClassifier(transform, statistics, prior, gaussian, np.zeros(tags, np.float32))


def to_coordinates(embeddings: np.ndarray, reference: Reference) -> np.ndarray:
    """Return the reference coordinates of embeddings, float32 (N, d)."""
    coordinates = [np.zeros((0, reference.weights.shape[1]), np.float32)]
    for batch, label in _batches(embeddings, np.zeros((len(embeddings), 1), np.int32)):
        computed = reference_coordinates(jax.device_put(batch), reference.mean, reference.weights)
        coordinates.append(np.asarray(computed)[label[:, 0] >= 0])
    return np.concatenate(coordinates)


def fit_embedding_scatter(embeddings: np.ndarray, labels: np.ndarray, tags: int) -> Scatter:
    """Return the scatter of embeddings (N, D) and labels (N, L), in batches."""
    return fit_scatter(_batches(embeddings, labels), tags, embeddings.shape[1])


def fit_spectrum(coordinates: np.ndarray, labels: np.ndarray, tags: int) -> Spectrum:
    """Return the spectrum of reference coordinates (N, d); pictures without labels are left out."""
    return decompose_scatter(fit_embedding_scatter(coordinates, labels, tags))


def _fit_transform(
    embeddings: np.ndarray, labels: np.ndarray, tags: int, classifier: ClassifierConfig
) -> Transform | None:
    kind: Any = classifier.transform
    if kind == "none":
        return None
    return fit_transform(
        fit_embedding_scatter(embeddings, labels, tags),
        kind,
        dimensions=classifier.dimensions,
        shrinkage=classifier.shrinkage,
        within_class_weight=classifier.within_class_weight,
        unit_length=classifier.unit_length,
    )


def _compose(
    reference: Reference, rotated: Transform, embeddings: np.ndarray, labels: np.ndarray, tags: int
) -> Transform:
    """Return one transform of embeddings for that to reference coordinates and the one of those."""
    count = np.bincount(labels[labels >= 0], minlength=tags)
    weight = np.where(labels >= 0, 1 / np.maximum(count, 1)[labels], 0).sum(1) / max((count > 0).sum(), 1)
    own_centre = np.einsum("n,nd->d", weight, embeddings)
    share = centre_share(int((count > 0).sum()))
    offset = ((1 - share) * reference.mean + share * own_centre).astype(np.float32)
    weights = (reference.weights.astype(np.float64) @ rotated.weights).astype(np.float16).astype(np.float32)
    return rotated._replace(offset=offset, weights=weights)


def score_embeddings(classifier: FittedClassifier, embeddings: np.ndarray) -> Scores:
    """Score embeddings (N, D), as the network gives them, under every tag and the background.

    Raises:
        BadDataError: scores are not numbers, as when all pictures look alike to the network.
    """
    background = background_gaussian(classifier.prior) if classifier.prior.mean is not None else None
    joint = [np.zeros((0, len(classifier.log_prior)), np.float32)]
    backgrounds = [np.zeros(0, np.float32)]
    for batch, label in _batches(embeddings, np.zeros((len(embeddings), 1), np.int32)):
        x, is_real = apply_transform(classifier.transform, jax.device_put(batch)), label[:, 0] >= 0
        joint.append(np.asarray(log_joint(classifier.gaussian, x))[is_real])
        if background:
            backgrounds.append(np.asarray(log_joint(background, x))[is_real, 0])
    scores = np.concatenate(joint)
    if np.isnan(scores).any():
        raise BadDataError("scores are not numbers: all pictures look alike to the network; use other pictures")
    return Scores(scores, np.concatenate(backgrounds) if background else None)


def _batches(embeddings: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of embeddings (N, D) and labels (N, L); the last one padded with pictures of no tag."""
    for start in range(0, len(embeddings), BATCH_ROWS):
        x, y = embeddings[start : start + BATCH_ROWS], labels[start : start + BATCH_ROWS]
        if missing := max(MIN_PADDED_ROWS, 1 << (len(x) - 1).bit_length()) - len(x):
            # Any picture does for padding, but one of zeros could have no direction.
            x = np.concatenate([x, np.broadcast_to(x[-1:], (missing, x.shape[1]))])
            y = np.pad(y, ((0, missing), (0, 0)), constant_values=-1)
        yield x, y
