"""Temperature scaling. NumPy only: the shipped tagger shares it.

Naive Bayes counts dependent features as if each were new evidence, so its posteriors are saturated. One
temperature, fitted on pictures that were neither learned from nor reported on, undoes most of it:
p = softmax(log_joint / T). Source: Guo et al. 2017, On calibration of modern neural networks.
"""

import numpy as np

COLDEST, HOTTEST = 1.0, 1e12
"""Where temperatures are sought. Not below 1: few held-out pictures, all classified right, would ask for 0."""


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Return log probabilities over the last axis, float64."""
    shifted = scores.astype(np.float64) - scores.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def probabilities(log_joint: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log_joint / temperature), float64 (N, C)."""
    return np.exp(log_softmax(log_joint.astype(np.float64) / temperature))


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
