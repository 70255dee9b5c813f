"""Cross-fitting: scores of training pictures by classifiers that were fitted without them.

Each fold is scored by a classifier, transform and prior included, that was fitted on the other folds. So every picture
serves to fit the final classifier and to calibrate it too. Source: Vovk 2015, Cross-conformal predictors.
"""

from typing import NamedTuple

import numpy as np

from imagetagger.classifier.fit import (
    FittedClassifier,
    Scores,
    fit_classifier,
    fit_gaussians,
    fit_spectrum,
    score_embeddings,
    to_coordinates,
)
from imagetagger.classifier.posterior import STRENGTHS, fit_posterior
from imagetagger.classifier.reference import Reference
from imagetagger.config.schema import ClassifierConfig
from imagetagger.data.dataset import multi_hot
from imagetagger.prediction.calibration import fit_temperature, log_softmax

ENOUGH_PICTURES = 8192
"""Further folds are left out once so many pictures are scored."""


class CrossFit(NamedTuple):
    """Out-of-fold scores of K training pictures.

    Attributes:
        rows: int64 (K,) their indices, ascending. Pictures none of whose tags has pictures in other folds are left out.
        scores: of these pictures; tags without pictures in other folds score -inf.
        labels_onehot: bool (K, C), their tags, those without pictures in other folds left out.
        strength: of the reference, chosen by the log loss of these scores; None without a reference.
    """

    rows: np.ndarray
    scores: Scores
    labels_onehot: np.ndarray
    strength: float | None


def cross_fit(
    embeddings: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    tags: int,
    classifier: ClassifierConfig,
    reference: Reference | None = None,
) -> CrossFit:
    """Score training pictures out of fold, and choose the strength of the reference.

    Args:
        embeddings: float32 (N, D), as the network gives them.
        labels: int32 (N, L), padded with -1.
        folds: int (N,) fold of each picture, from 0; pictures of one group share a fold. -1 for pictures that are
            neither fitted nor scored.
        tags: C.
        classifier: settings.
        reference: of the network; None without one.
    """
    strengths = STRENGTHS if reference is not None else (None,)
    rows, labels_onehot = [], []
    scored: dict[float | None, list[Scores]] = {strength: [] for strength in strengths}
    coordinates = to_coordinates(embeddings, reference) if reference is not None else embeddings
    for fold in range(folds.max(initial=-1) + 1):
        others = np.where(((folds != fold) & (folds >= 0))[:, None], labels, -1)
        has_pictures = np.bincount(others[others >= 0], minlength=tags) > 0
        in_fold = np.flatnonzero(folds == fold)
        onehot = multi_hot(labels[in_fold], tags) & has_pictures
        in_fold, onehot = in_fold[onehot.any(1)], onehot[onehot.any(1)]
        if not len(in_fold):
            continue
        rows.append(in_fold)
        labels_onehot.append(onehot)
        for strength, fitted in _fit_fold(coordinates, others, tags, classifier, reference):
            scored[strength].append(score_embeddings(fitted, coordinates[in_fold]))
        if sum(map(len, rows)) >= ENOUGH_PICTURES:
            break
    if not rows:
        background = np.zeros(0, np.float32) if classifier.mean_variance_floor is not None or reference else None
        nothing = Scores(np.zeros((0, tags), np.float32), background)
        middle = STRENGTHS[1] if reference is not None else None
        return CrossFit(np.zeros(0, np.int64), nothing, np.zeros((0, tags), bool), middle)
    order = np.argsort(np.concatenate(rows))
    onehot = np.concatenate(labels_onehot)[order]
    joined = {strength: _join(parts, order) for strength, parts in scored.items()}
    strength = choose_strength({key: one.log_joint for key, one in joined.items() if key is not None}, onehot)
    return CrossFit(np.concatenate(rows)[order], joined[strength], onehot, strength)


def choose_strength(scores: dict[float, np.ndarray], labels_onehot: np.ndarray) -> float | None:
    """Return the greatest strength whose log loss is within one standard error of the least; None if there is none.

    Each strength is tried at its own best temperature. Ties, and differences that chance explains, go to the
    reference. Source: Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, section 7.10.

    Args:
        scores: (N, C) out of fold, by strength.
        labels_onehot: bool (N, C).
    """
    losses = {strength: log_losses(log_joint, labels_onehot) for strength, log_joint in scores.items()}
    if not losses:
        return None
    least = min(losses.values(), key=np.mean)

    def is_near(loss: np.ndarray) -> bool:
        difference = loss - least
        return bool(difference.mean() <= difference.std() / np.sqrt(len(difference)))

    return max(strength for strength, loss in losses.items() if is_near(loss))


def log_losses(log_joint: np.ndarray, labels_onehot: np.ndarray) -> np.ndarray:
    """Log loss of each picture at the best temperature, float64 (N,), in nats; the mean over a picture's tags."""
    log_p = log_softmax(log_joint / fit_temperature(log_joint, labels_onehot))
    return -np.where(labels_onehot, log_p, 0).sum(1) / labels_onehot.sum(1)


def _fit_fold(
    coordinates: np.ndarray, labels: np.ndarray, tags: int, classifier: ClassifierConfig, reference: Reference | None
) -> list[tuple[float | None, FittedClassifier]]:
    """Fit on the labelled pictures, once for each strength."""
    if reference is None:
        nothing = np.zeros(len(labels), bool)
        return [(None, fit_classifier(coordinates, labels, nothing, tags, classifier))]
    spectrum = fit_spectrum(coordinates, labels, tags)
    fitted = []
    for strength in STRENGTHS:
        transform, prior = fit_posterior(spectrum, reference, strength, classifier.variance_prior_strength)
        fitted.append((strength, fit_gaussians(coordinates, labels, tags, transform, prior, classifier)))
    return fitted


def _join(parts: list[Scores], order: np.ndarray) -> Scores:
    backgrounds = [part.background for part in parts if part.background is not None]
    log_joint = np.concatenate([part.log_joint for part in parts])[order]
    return Scores(log_joint, np.concatenate(backgrounds)[order] if backgrounds else None)
