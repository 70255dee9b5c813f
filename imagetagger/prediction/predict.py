"""From scores to predictions: the one way that evaluation, the Tagger, golden vectors and assembly share. NumPy only.

Scores of tags without pictures mean nothing: such a tag has probability 0 and is in no set. The class prior belongs to
the probabilities; novelty compares likelihoods, without it.
"""

from typing import NamedTuple

import numpy as np

from imagetagger.options import ClassPrior
from imagetagger.prediction.calibration import log_probabilities
from imagetagger.prediction.conformal import threshold_at
from imagetagger.prediction.decision import Decision, PredictionSetRule
from imagetagger.prediction.novelty import novelty_score
from imagetagger.prediction.prediction_sets import prediction_sets


class PredictionError(ValueError):
    """A prediction that is not finite, which nobody may see; `tag` is its column, None for the background."""

    def __init__(self, message: str, tag: int | None) -> None:
        super().__init__(message)
        self.tag = tag


class Prediction(NamedTuple):
    """Predictions for N pictures under C tags.

    Attributes:
        log_probability: float64 (N, C), calibrated; -inf for tags without pictures.
        in_set: bool (N, C), the prediction sets.
        novelty_score: float64 (N,), in nats, infinite where no tag has pictures; None without a background.
        is_novel: bool (N,).
    """

    log_probability: np.ndarray
    in_set: np.ndarray
    novelty_score: np.ndarray | None
    is_novel: np.ndarray

    @property
    def probability(self) -> np.ndarray:
        """Calibrated probabilities, float64 (N, C)."""
        return np.exp(self.log_probability)


def log_class_prior(count: np.ndarray, class_prior: ClassPrior) -> np.ndarray:
    """Log prior of each tag, up to a constant, from its number of pictures: float32 (C,), -inf without pictures."""
    log_count = np.log(np.maximum(count, 1)) if class_prior == "counts" else np.zeros_like(count)
    return np.where(count > 0, log_count, -np.inf).astype(np.float32)


def score_novelty(scores: np.ndarray, background: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
    """Novelty score of each picture, float64 (N,); see `predict` for the arguments."""
    has_pictures = np.isfinite(log_prior)
    likelihood = np.where(has_pictures, scores, -np.inf) - np.where(has_pictures, log_prior, 0)
    return novelty_score(likelihood, background)


def predict(
    scores: np.ndarray,
    background: np.ndarray | None,
    log_prior: np.ndarray,
    decision: Decision,
    coverage: float | None = None,
) -> Prediction:
    """Predict probabilities, prediction sets and novelty of N pictures.

    Args:
        scores: (N, C), log p(tag, picture) up to a constant per picture.
        background: (N,), log likelihood under the background; None without one.
        log_prior: (C,), what the scores contain of the class prior; -inf for tags without pictures.
        decision: constants of the classifier.
        coverage: of the prediction sets; None for the decision's.

    Raises:
        ValueError: a coverage for a rule that guarantees none.
        PredictionError: the score of a tag with pictures, or of the background, is not finite.
    """
    has_pictures = np.isfinite(log_prior)
    _check_scores(scores, background, has_pictures)
    novelty = None if background is None else score_novelty(scores, background, log_prior)
    is_novel = np.zeros(len(scores), bool)
    if decision.novelty and novelty is not None:
        is_novel = novelty > decision.novelty.threshold
    log_p = np.full(scores.shape, -np.inf)
    if has_pictures.any():
        log_p = log_probabilities(np.where(has_pictures, scores, -np.inf), decision.calibration)
    return Prediction(log_p, sets_at(log_p, decision.prediction_set, coverage), novelty, is_novel)


def _check_scores(scores: np.ndarray, background: np.ndarray | None, has_pictures: np.ndarray) -> None:
    if not (is_right := np.isfinite(scores) | ~has_pictures).all():
        picture, tag = np.argwhere(~is_right)[0].tolist()
        raise PredictionError(f"picture {picture} has the score {scores[picture, tag]:g} for tag {tag}", tag)
    if background is not None and not np.isfinite(background).all():
        picture = int(np.flatnonzero(~np.isfinite(background))[0])
        raise PredictionError(f"picture {picture} has the score {background[picture]:g} for the background", None)


def sets_at(log_probability: np.ndarray, rule: PredictionSetRule, coverage: float | None = None) -> np.ndarray:
    """Return the prediction sets, bool (N, C), of calibrated log probabilities; -inf for tags without pictures.

    Raises:
        ValueError: a coverage for a rule that guarantees none.
    """
    threshold = rule.threshold
    if coverage is not None:
        if not rule.thresholds:
            raise ValueError(f"got coverage={coverage:g}, expected none: {rule.rule} sets have no guaranteed coverage")
        threshold = threshold_at(np.asarray(rule.thresholds), coverage)
    return prediction_sets(np.exp(log_probability), rule.rule, threshold) & np.isfinite(log_probability)
