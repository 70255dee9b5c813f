"""Does a picture show anything that was taught? NumPy only: the shipped tagger shares it.

The background is a class without pictures: where the prior expects embeddings of anything. A picture that no tag
explains better than the background does is novel. Source: Ren et al. 2021, A simple fix to Mahalanobis distance for
improving near-OOD detection.
"""

import numpy as np


def novelty_score(log_likelihood: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Novelty of each picture: log p(x | background) - max_k log p(x | tag k), in nats, float64 (N,).

    Args:
        log_likelihood: (N, C), -inf for tags without pictures. If no tag has any, the score is infinite.
        background: (N,), log likelihood under the background.
    """
    best = log_likelihood.max(1, initial=-np.inf).astype(np.float64)
    return background.astype(np.float64) - best


def novelty_threshold(scores: np.ndarray, fpr: float) -> float | None:
    """Score above which a picture is novel: at most a share `fpr` of these known pictures is.

    Args:
        scores: (N,) novelty scores of held-out pictures of known tags.
        fpr: false-positive rate, in 0 .. 1.

    Returns:
        None without finite scores.
    """
    finite = scores[np.isfinite(scores)]
    return -float(np.quantile(-finite, fpr, method="lower")) if len(finite) else None
