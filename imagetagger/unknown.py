"""Does a picture show anything that was taught? NumPy only: the shipped tagger shares it.

The background is the class that has no pictures yet: where the prior expects embeddings of anything. A picture that no
tag explains better than the background does, shows nothing known. Source: Ren et al. 2021, A simple fix to Mahalanobis
distance for improving near-OOD detection.
"""

import numpy as np


def fit_of(log_likelihood: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return how well the best tag fits each picture, in nats above the background, float64 (N,).

    Args:
        log_likelihood: (N, C), of each picture under each tag; -inf for tags without pictures.
        background: (N,), of each picture under the background.
    """
    best = log_likelihood.max(1, initial=-np.inf).astype(np.float64)
    return best - background.astype(np.float64)


def threshold(fits: np.ndarray, rate: float) -> float | None:
    """Return the fit below which a picture is called unknown: a share `rate` of these known ones is.

    Args:
        fits: (N,) of held-out pictures of known tags.
        rate: of false alarms, in 0 .. 1.

    Returns:
        None where there are no pictures.
    """
    finite = fits[np.isfinite(fits)]
    return float(np.quantile(finite, rate, method="lower")) if len(finite) else None


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """Return the probability that a known picture fits better than an unknown one, ties counting half.

    >>> auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    if not len(known) or not len(unknown):
        return float("nan")
    both = np.concatenate([known, unknown])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2
    return float(above / (len(known) * len(unknown)))
