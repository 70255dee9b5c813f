"""From scores to calibrated probabilities.

Naive Bayes counts dependent features as independent evidence, so its posteriors are saturated. One temperature, fitted
on pictures that were used neither for training nor for evaluation, corrects most of it: p = softmax(log_joint / T).
Source: Guo et al. 2017, On calibration of modern neural networks.

The remaining error depends on the top-1 probability c: high probabilities are still too high, low ones too low. So a
second exponent follows: p' ~ p^sharpness(c), sharpness being interpolated between a few bins of c. Exponents are
positive, so the order of a picture's tags never changes. NumPy and msgspec only: it ships with the tagger.
"""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

MIN_TEMPERATURE, MAX_TEMPERATURE = 1.0, 1e12
"""Bounds of the temperature. It is at least 1: a few held-out pictures, all classified correctly, would give 0."""

PICTURES_PER_BIN = 100
"""Least held-out pictures per bin; with fewer, the fit would follow chance."""

Share = Annotated[float, Meta(ge=0, le=1)]
Exponent = Annotated[float, Meta(ge=1e-3, le=1e3)]


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """How scores become probabilities.

    Attributes:
        temperature: divides scores.
        confidence: ascending top-1 probabilities between which sharpness is interpolated; none for temperature alone.
        sharpness: the exponent at each of them; constant beyond the outer ones.

    Raises:
        ValueError: not as many exponents as probabilities, or these do not ascend.
    """

    temperature: Annotated[float, Meta(ge=1e-6, le=1e15)]
    confidence: tuple[Share, ...] = ()
    sharpness: tuple[Exponent, ...] = ()

    def __post_init__(self) -> None:
        """Check that confidence and sharpness belong together."""
        if len(self.sharpness) != len(self.confidence):
            raise ValueError(
                f"sharpness: got {len(self.sharpness)}, expected one per confidence {len(self.confidence)}"
            )
        if list(self.confidence) != sorted(set(self.confidence)):
            raise ValueError("confidence: expected ascending probabilities")


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log probabilities over the last axis, float64."""
    shifted = scores.astype(np.float64) - scores.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def log_probabilities(log_joint: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return calibrated log probabilities, float64 (N, C); see the module's docstring."""
    log_p = log_softmax(log_joint.astype(np.float64) / calibration.temperature)
    if not calibration.confidence:
        return log_p
    top1 = np.exp(log_p.max(-1))
    sharpness = np.exp(np.interp(top1, calibration.confidence, np.log(calibration.sharpness)))
    return log_softmax(sharpness[..., None] * log_p)


def probabilities(log_joint: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return calibrated probabilities, float64 (N, C)."""
    return np.exp(log_probabilities(log_joint, calibration))


def fit_calibration(
    log_joint: np.ndarray,
    labels_onehot: np.ndarray,
    calibration_bins: int = 0,
    log_temperature: tuple[float, float] | None = None,
) -> Calibration:
    """Fit temperature and sharpness on held-out pictures.

    The temperature minimises the log loss, or with a prior the log loss and the prior's together. Without a prior, if
    the top-1 tag is right for every picture, it is instead the one at which the mean top-1 probability is
    (n + 1/2) / (n + 1), as if half a picture more had been classified wrongly. Then pictures are binned by top-1
    probability, equally many per bin, and each bin gets the exponent at which its mean top-1 probability is its
    accuracy.

    Args:
        log_joint: (N, C) of held-out pictures; -inf for impossible tags.
        labels_onehot: bool (N, C), at least one true tag per picture.
        calibration_bins: most bins; fewer if pictures are few, and none instead of one.
        log_temperature: mean and standard deviation of a normal prior; None without one.
    """
    temperature = fit_temperature(log_joint, labels_onehot, log_temperature)
    has_rivals = np.isfinite(log_joint).sum(1, initial=0) > 1  # a single tag has probability 1 at any temperature
    # Without a prior, the least log loss would be at temperature 0.
    if log_temperature is None and all_correct(log_joint, labels_onehot) and has_rivals.all():
        log_p = log_softmax(log_joint.astype(np.float64) / temperature)
        temperature /= _fit_sharpness(log_p, np.ones(len(labels_onehot), bool), min_sharpness=1 / MAX_TEMPERATURE)
    calibration_bins = min(calibration_bins, len(log_joint) // PICTURES_PER_BIN)
    if calibration_bins < 2:
        return Calibration(temperature)
    log_p = log_softmax(log_joint.astype(np.float64) / temperature)
    top1, is_correct = np.exp(log_p.max(1)), np.take_along_axis(labels_onehot, log_p.argmax(1)[:, None], 1)[:, 0]
    bins = np.array_split(np.argsort(top1, kind="stable"), calibration_bins)
    confidence = [float(top1[rows].mean()) for rows in bins]
    sharpness = [_fit_sharpness(log_p[rows], is_correct[rows]) for rows in bins]
    distinct = np.flatnonzero(np.diff(confidence, prepend=-1.0) > 0)  # interpolation needs ascending confidence
    return Calibration(temperature, tuple(confidence[i] for i in distinct), tuple(sharpness[i] for i in distinct))


def all_correct(log_joint: np.ndarray, labels_onehot: np.ndarray) -> bool:
    """Return whether there are pictures and the top-1 tag of each one is right."""
    top1 = log_joint.argmax(1)[:, None] if log_joint.size else np.zeros((len(labels_onehot), 0), int)
    return bool(len(labels_onehot)) and bool(np.take_along_axis(labels_onehot, top1, 1).all())


def _fit_sharpness(log_p: np.ndarray, is_correct: np.ndarray, min_sharpness: float = 0.001) -> float:
    """Return the exponent at which the mean top-1 probability is the accuracy."""
    accuracy = (is_correct.sum() + 0.5) / (len(is_correct) + 1)  # never 0 or 1, which no exponent reaches

    def is_too_flat(sharpness: float) -> bool:
        return bool(np.exp(log_softmax(sharpness * log_p).max(1)).mean() < accuracy)

    return _bisect_log(is_too_flat, min_sharpness, 20.0)


def fit_temperature(
    log_joint: np.ndarray, labels_onehot: np.ndarray, log_temperature: tuple[float, float] | None = None
) -> float:
    """Return the temperature of least log loss, or of the greatest posterior density.

    The log loss is convex in 1 / T, so the root of its slope is bisected: the sum over pictures of (expected score
    under p) - (mean score of the true tags), divided by T. A prior adds the slope (log T - mean) / deviation^2.

    Args:
        log_joint: (N, C) of held-out pictures; -inf for impossible tags.
        labels_onehot: bool (N, C), at least one true tag per picture.
        log_temperature: mean and standard deviation of a normal prior; None without one.

    Returns:
        T in [MIN_TEMPERATURE, MAX_TEMPERATURE]; the prior's, or 1, without pictures to fit on.
    """
    is_possible = np.isfinite(log_joint)
    usable = (labels_onehot & is_possible).any(1)
    mean, deviation = log_temperature or (0.0, np.inf)
    if not usable.any():
        return float(np.clip(np.exp(mean), MIN_TEMPERATURE, MAX_TEMPERATURE))
    scores = np.where(is_possible, log_joint, -np.inf)[usable].astype(np.float64)
    scores -= scores.max(-1, keepdims=True)
    finite = np.where(np.isfinite(scores), scores, 0)
    labels = (labels_onehot & is_possible)[usable]
    true_score = ((finite * labels).sum(1) / labels.sum(1)).sum()

    def is_too_sharp(temperature: float) -> bool:
        p = np.exp(log_softmax(scores / temperature))
        slope = ((p * finite).sum() - true_score) / temperature
        return bool(slope > (np.log(temperature) - mean) / deviation**2)

    return _bisect_log(is_too_sharp, MIN_TEMPERATURE, MAX_TEMPERATURE)


def _bisect_log(is_too_low: Callable[[float], bool], low: float, high: float) -> float:
    """Return the value between two positive bounds at which `is_too_low` becomes false, to a relative 1e-6."""
    log_low, log_high = np.log(low), np.log(high)
    while log_high - log_low > 1e-6:
        middle = (log_low + log_high) / 2
        log_low, log_high = (middle, log_high) if is_too_low(np.exp(middle)) else (log_low, middle)
    return float(np.exp((log_low + log_high) / 2))
