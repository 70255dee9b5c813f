"""Does a picture show anything that was taught? NumPy only: the shipped tagger shares it.

The background is a class without pictures: where the prior expects embeddings of anything. A picture that no tag
explains better than the background does is novel. Source: Ren et al. 2021, A simple fix to Mahalanobis distance for
improving near-OOD detection.
"""

from statistics import NormalDist

import numpy as np

NORMAL_PICTURES = 50
"""Weight, in pictures, of the quantile of a normal distribution beside the empirical one."""


def novelty_score(log_likelihood: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Novelty of each picture: log p(x | background) - max_k log p(x | tag k), in nats, float64 (N,).

    Args:
        log_likelihood: (N, C), -inf for tags without pictures. If no tag has any, the score is infinite.
        background: (N,), log likelihood under the background.
    """
    best = log_likelihood.max(1, initial=-np.inf).astype(np.float64)
    return background.astype(np.float64) - best


def novelty_threshold(scores: np.ndarray, fpr: float) -> float | None:
    """Score above which a picture is novel: a share `fpr` of new known pictures is expected to be.

    The empirical quantile of few scores is a lottery: of 24, the largest decides. So it is averaged with the predictive
    quantile mean + z deviation sqrt(1 + 1/n) of a normal distribution, which is worth NORMAL_PICTURES pictures.

    Args:
        scores: (N,) novelty scores of known pictures by classifiers that were fitted without them.
        fpr: false-positive rate, in 0 .. 1.

    Returns:
        None without finite scores.
    """
    finite = np.sort(scores[np.isfinite(scores)]).astype(np.float64)
    n = len(finite)
    if not n:
        return None
    # Of n + 1 scores in any order, the next one exceeds the k-th of n with probability 1 - k / (n + 1).
    rank = int(np.ceil((1 - fpr) * (n + 1) - 1e-9))
    empirical = float(finite[min(max(rank, 1), n) - 1])
    if not 0 < 1 - fpr < 1 or n < 2:
        return empirical
    normal = finite.mean() + NormalDist().inv_cdf(1 - fpr) * finite.std(ddof=1) * np.sqrt(1 + 1 / n)
    return float((n * empirical + NORMAL_PICTURES * normal) / (n + NORMAL_PICTURES))
