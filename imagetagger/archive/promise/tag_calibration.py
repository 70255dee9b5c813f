"""From scores to a probability per tag: a logistic regression for each tag, shrunk towards one that all tags share.

p(tag k | x) = 1 / (1 + exp(-(slope_k s_k(x) + intercept_k)))

A tag with few pictures cannot determine two numbers. So (slope_k, intercept_k) ~ N(m, V), and m and V come from all
tags together, by expectation maximisation with a normal approximation of each tag's posterior. A tag without pictures
gets m, one with many its own regression.

Sources: Platt 1999, Probabilistic outputs for support vector machines, for the regression; Gelman et al. 2013, Bayesian
data analysis, chapter 15, for the hierarchy.
"""

from typing import NamedTuple

import numpy as np

ROUNDS = 10
"""Rounds of expectation maximisation: further ones changed no probability by more than 0.005, of 22 tags of animals."""

SHARED_DEVIATION = 10.0
"""Standard deviation of m around 0: scores that separate all pictures would make the slope infinite."""

TAG_DEVIATION, PRIOR_TAGS = 0.5, 4
"""Standard deviation of tags around m before any is seen, and the number of tags that this guess counts as."""


class TagCalibration(NamedTuple):
    """The regressions of C tags: slope (C,) per nat and intercept (C,), float64."""

    slope: np.ndarray
    intercept: np.ndarray


def fit_tag_calibration(scores: np.ndarray, labels: np.ndarray, is_evidence: np.ndarray) -> TagCalibration:
    """Fit a logistic regression per tag by Newton's method, all of them with one prior that is fitted too.

    Args:
        scores: (N, C) of pictures by tags that were learned without them; -inf for tags without pictures.
        labels: bool (N, C), what people set.
        is_evidence: bool (N, C), see evidence.py.

    Raises:
        ValueError: shapes differ, or no picture has a tag.
    """
    if not scores.shape == labels.shape == is_evidence.shape:
        got = f"scores {scores.shape}, labels {labels.shape}, is_evidence {is_evidence.shape}"
        raise ValueError(f"got {got}, expected the same shape (pictures, tags) for all")
    usable = is_evidence & np.isfinite(scores)
    if not (labels & usable).any():
        raise ValueError("got no picture with a tag, expected some that people tagged: they calibrate probabilities")
    scale = float(np.sqrt(np.square(scores[usable]).mean())) or 1.0
    scaled = np.where(usable, scores, 0) / scale
    data = [(scaled[rows, tag], labels[rows, tag]) for tag, rows in enumerate(usable.T)]
    shared = fit_logistic(scaled[usable], labels[usable], np.zeros(2), np.eye(2) / SHARED_DEVIATION**2)[0]
    guess = TAG_DEVIATION**2 * np.eye(2)
    covariance, tags = guess, np.tile(shared, (len(data), 1))
    for _ in range(ROUNDS):
        precision = np.linalg.inv(covariance)
        fits = [fit_logistic(s, y, shared, precision, start) for (s, y), start in zip(data, tags, strict=True)]
        tags, uncertainty = np.stack([mean for mean, _ in fits]), np.stack([cov for _, cov in fits])
        shared = tags.mean(0)
        spread = np.einsum("ti,tj->ij", tags - shared, tags - shared) + uncertainty.sum(0)
        covariance = (spread + PRIOR_TAGS * guess) / (len(data) + PRIOR_TAGS)
    return TagCalibration(tags[:, 0] / scale, tags[:, 1])


def tag_probabilities(scores: np.ndarray, calibration: TagCalibration) -> np.ndarray:
    """Return calibrated probabilities, float64 (N, C); 0 where a score is -inf."""
    is_finite = np.isfinite(scores)
    logit = calibration.slope * np.where(is_finite, scores, 0) + calibration.intercept
    return np.where(is_finite, np.exp(-np.logaddexp(0, -logit)), 0)


def fit_logistic(
    scores: np.ndarray, labels: np.ndarray, mean: np.ndarray, precision: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable slope and intercept, (2,), and their covariance, (2, 2), by Newton's method.

    Minimises sum log(1 + exp(z)) - y z, z = slope s + intercept, plus half the squared distance from the prior. The
    prior makes it strictly convex; a step that does not descend is halved.

    Args:
        scores: (n,).
        labels: bool (n,).
        mean: (2,) of the normal prior.
        precision: (2, 2), the inverse of its covariance.
        start: (2,), where to begin; None for the mean.
    """
    x = np.stack([scores, np.ones(len(scores))], 1)
    value = mean if start is None else start

    def loss(at: np.ndarray) -> float:
        z = x @ at
        return float((np.logaddexp(0, z) - labels * z).sum() + (at - mean) @ precision @ (at - mean) / 2)

    current = loss(value)
    for _ in range(100):
        p = np.exp(-np.logaddexp(0, -(x @ value)))
        gradient = x.T @ (p - labels) + precision @ (value - mean)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + precision
        step = np.linalg.solve(hessian, gradient)
        while (descended := loss(value - step)) > current and np.abs(step).max() > 1e-9:
            step = step / 2
        if descended <= current:
            value, current = value - step, descended
        if np.abs(step).max() < 1e-6:
            break
    return value, np.linalg.inv(hessian)
