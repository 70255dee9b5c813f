"""From scores to probabilities that hold what they promise. NumPy only: the shipped tagger shares it.

Naive Bayes counts dependent features as if each were new evidence, so its posteriors are saturated. One
temperature, fitted on pictures that were neither learned from nor reported on, undoes most of it:
p = softmax(log_joint / T). Source: Guo et al. 2017, On calibration of modern neural networks.

What is left depends on how sure the tagger is: high probabilities are still too high, low ones too low. So a second
exponent follows the first guess's probability c: p' ~ p^sharpness(c), sharpness being interpolated between a few knots.
Every exponent is positive, so a picture's tags never change their order.
"""

from dataclasses import dataclass

import numpy as np

COLDEST, HOTTEST = 1.0, 1e12
"""Where temperatures are sought. Not below 1: few held-out pictures, all classified right, would ask for 0."""

PICTURES_PER_KNOT = 100
"""Least number of held-out pictures behind each knot: with fewer, chance would be learned."""


@dataclass(frozen=True)
class Calibration:
    """How scores become probabilities.

    Attributes:
        temperature: divides scores.
        confidence: knots, ascending probabilities of the first guess; none for temperature alone.
        sharpness: the exponent at each knot; constant beyond the outer ones.
    """

    temperature: float
    confidence: tuple[float, ...] = ()
    sharpness: tuple[float, ...] = ()


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log probabilities over the last axis, float64."""
    shifted = scores.astype(np.float64) - scores.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def log_probabilities(log_joint: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return calibrated log probabilities, float64 (N, C); see the module's docstring."""
    log_p = log_softmax(log_joint.astype(np.float64) / calibration.temperature)
    if not calibration.confidence:
        return log_p
    first = np.exp(log_p.max(-1))
    sharpness = np.exp(np.interp(first, calibration.confidence, np.log(calibration.sharpness)))
    return log_softmax(sharpness[..., None] * log_p)


def probabilities(log_joint: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return calibrated probabilities, float64 (N, C)."""
    return np.exp(log_probabilities(log_joint, calibration))


def fit(log_joint: np.ndarray, truth: np.ndarray, knots: int = 0) -> Calibration:
    """Return the calibration fitted on held-out pictures.

    The temperature is that of least log loss; where every first guess is right, that with which the first probability
    is on average (n + 1/2) / (n + 1), as if half a picture more had been told wrong. Then pictures are parted by
    their first guess's probability, as many in each part, and each part gets the exponent with which that probability
    is on average the share of right guesses.

    Args:
        log_joint: (N, C) of held-out pictures; -inf for impossible tags.
        truth: bool (N, C) their true tags, at least one each.
        knots: most parts; fewer where pictures are few, and none below two.
    """
    temperature = fit_temperature(log_joint, truth)
    rivals = np.isfinite(log_joint).sum(1, initial=0) > 1  # a tag without any has the probability 1 at all temperatures
    if all_right(log_joint, truth) and rivals.all():  # nothing would stop the temperature from falling to 0
        log_p = log_softmax(log_joint.astype(np.float64) / temperature)
        temperature /= _sharpness(log_p, np.ones(len(truth), bool), least=1 / HOTTEST)
    knots = min(knots, len(log_joint) // PICTURES_PER_KNOT)
    if knots < 2:
        return Calibration(temperature)
    log_p = log_softmax(log_joint.astype(np.float64) / temperature)
    first, right = np.exp(log_p.max(1)), np.take_along_axis(truth, log_p.argmax(1)[:, None], 1)[:, 0]
    parts = np.array_split(np.argsort(first, kind="stable"), knots)
    confidence = [float(first[part].mean()) for part in parts]
    sharpness = [_sharpness(log_p[part], right[part]) for part in parts]
    apart = np.flatnonzero(np.diff(confidence, prepend=-1.0) > 0)  # equal knots would be no function
    return Calibration(temperature, tuple(confidence[i] for i in apart), tuple(sharpness[i] for i in apart))


def all_right(log_joint: np.ndarray, truth: np.ndarray) -> bool:
    """Return whether there are pictures, and the first guess is right for every one of them."""
    first = log_joint.argmax(1)[:, None] if log_joint.size else np.zeros((len(truth), 0), int)
    return bool(len(truth)) and bool(np.take_along_axis(truth, first, 1).all())


def _sharpness(log_p: np.ndarray, right: np.ndarray, least: float = 0.001) -> float:
    """Return the exponent with which the mean first probability is the share of right guesses."""
    wanted = (right.sum() + 0.5) / (len(right) + 1)  # never 0 or 1, which no exponent reaches
    low, high = np.log(least), np.log(20.0)
    while high - low > 1e-6:
        middle = (low + high) / 2
        sure = np.exp(log_softmax(np.exp(middle) * log_p).max(1)).mean()
        low, high = (middle, high) if sure < wanted else (low, middle)
    return float(np.exp((low + high) / 2))


def fit_temperature(log_joint: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature of least log loss.

    The log loss is convex in 1 / T, so its slope, the mean over pictures of (expected score under p) - (score of
    the true tags), is bisected.

    Args:
        log_joint: (N, C) of held-out pictures; -inf for impossible tags.
        truth: bool (N, C) their true tags, at least one each.

    Returns:
        T in [COLDEST, HOTTEST]; 1 where there is nothing to fit on.
    """
    possible = np.isfinite(log_joint)
    usable = (truth & possible).any(1)
    if not usable.any():
        return 1.0
    scores = np.where(possible, log_joint, -np.inf)[usable].astype(np.float64)
    scores -= scores.max(-1, keepdims=True)
    finite = np.where(np.isfinite(scores), scores, 0)
    target = (truth & possible)[usable]
    observed = ((finite * target).sum(1) / target.sum(1)).mean()

    def slope(log_temperature: float) -> float:
        p = np.exp(log_softmax(scores / np.exp(log_temperature)))
        return (p * finite).sum(1).mean() - observed

    low, high = np.log(COLDEST), np.log(HOTTEST)
    while high - low > 1e-6:
        middle = (low + high) / 2
        # A positive slope says: the sharper, the worse. Go hotter.
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return float(np.exp((low + high) / 2))
