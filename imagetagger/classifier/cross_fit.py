"""Cross-fitting: scores of training pictures by classifiers that were fitted without them.

Each fold is scored by a classifier, transform and prior included, that was fitted on the other folds. So every picture
serves to fit the final classifier and to calibrate it too. Source: Vovk 2015, Cross-conformal predictors.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

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
from imagetagger.prediction.predict import score_novelty

ENOUGH_PICTURES = 8192
"""Further folds are left out once so many pictures are scored."""


class CrossFit(NamedTuple):
    """Out-of-fold scores of K training pictures.

    Attributes:
        rows: int64 (K,) their indices, ascending. Pictures none of whose tags has pictures in other folds are left out.
        scores: of these pictures; tags without pictures in other folds score -inf.
        novelty: float64 (K,) novelty scores, see prediction/novelty.py; None without a background.
        labels_onehot: bool (K, C), their tags, those without pictures in other folds left out.
        strength: of the reference, chosen by the log loss of these scores; None without a reference.
    """

    rows: np.ndarray
    scores: Scores
    novelty: np.ndarray | None
    labels_onehot: np.ndarray
    strength: float | None


def cross_fit(
    embeddings: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    tags: int,
    classifier: ClassifierConfig,
    reference: Reference | None = None,
    is_seen: np.ndarray | None = None,
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
        is_seen: bool (N,), pictures that the network itself was trained on. They are fitted and not scored: to such a
            network they look unlike new pictures.
    """
    is_scored = np.ones(len(folds), bool) if is_seen is None else ~is_seen
    strengths = STRENGTHS if reference is not None else (None,)
    count = 0
    scored: dict[float | None, list[CrossFit]] = {strength: [] for strength in strengths}
    coordinates = to_coordinates(embeddings, reference) if reference is not None else embeddings
    for fold in range(folds.max(initial=-1) + 1):
        others = np.where(((folds != fold) & (folds >= 0))[:, None], labels, -1)
        has_pictures = np.bincount(others[others >= 0], minlength=tags) > 0
        in_fold = np.flatnonzero((folds == fold) & is_scored)
        onehot = multi_hot(labels[in_fold], tags) & has_pictures
        in_fold, onehot = in_fold[onehot.any(1)], onehot[onehot.any(1)]
        if not len(in_fold):
            continue
        count += len(in_fold)
        for strength, fitted in _fit_fold(coordinates, others, tags, classifier, reference):
            scores = score_embeddings(fitted, coordinates[in_fold])
            novelty = None
            if scores.background is not None:
                novelty = score_novelty(scores.log_joint, scores.background, fitted.log_prior)
            scored[strength].append(CrossFit(in_fold, scores, novelty, onehot, strength))
        if count >= ENOUGH_PICTURES:
            break
    if not count:
        nothing = Scores(np.zeros((0, tags), np.float32), None)
        middle = None if reference is None else STRENGTHS[1]
        return CrossFit(np.zeros(0, np.int64), nothing, None, np.zeros((0, tags), bool), middle)
    joined = {strength: join_folds(parts) for strength, parts in scored.items()}
    return joined[choose_strength(joined) if reference is not None else None]


def subset_scores(crossed: CrossFit, keep: np.ndarray) -> CrossFit:
    """Return the scores of the pictures where `keep`, bool (K,), is true."""
    background = None if crossed.scores.background is None else crossed.scores.background[keep]
    return CrossFit(
        crossed.rows[keep],
        Scores(crossed.scores.log_joint[keep], background),
        None if crossed.novelty is None else crossed.novelty[keep],
        crossed.labels_onehot[keep],
        crossed.strength,
    )


def choose_strength(scored: Mapping[Any, CrossFit]) -> float:
    """Return the greatest strength whose log loss is within one standard error of the least.

    Each strength has its own best temperature. Ties, and differences that chance explains, go to the
    reference. Source: Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, section 7.10.

    Args:
        scored: out-of-fold scores of the same pictures, by strength.
    """
    losses = {strength: log_losses(one.scores.log_joint, one.labels_onehot) for strength, one in scored.items()}
    least = min(losses.values(), key=np.mean)

    def is_near(loss: np.ndarray) -> bool:
        difference = loss - least
        return bool(difference.mean() <= difference.std() / np.sqrt(len(difference)))

    return float(max(strength for strength, loss in losses.items() if is_near(loss)))


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
    fitted: list[tuple[float | None, FittedClassifier]] = []
    for strength in STRENGTHS:
        transform, prior = fit_posterior(spectrum, reference, strength, classifier.variance_prior_strength)
        fitted.append((strength, fit_gaussians(coordinates, labels, tags, transform, prior, classifier)))
    return fitted


def join_folds(parts: list[CrossFit]) -> CrossFit:
    """Return the scores of several folds, one at least, in the order of the pictures."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows)
    log_joint = np.concatenate([part.scores.log_joint for part in parts])[order]
    backgrounds = [part.scores.background for part in parts if part.scores.background is not None]
    novelty = [part.novelty for part in parts if part.novelty is not None]
    return CrossFit(
        rows[order],
        Scores(log_joint, np.concatenate(backgrounds)[order] if backgrounds else None),
        np.concatenate(novelty)[order] if novelty else None,
        np.concatenate([part.labels_onehot for part in parts])[order],
        parts[0].strength,
    )
