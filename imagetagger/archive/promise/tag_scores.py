"""How well each tag explains a picture, beside all that it could show instead; a picture may have several tags."""

import numpy as np

RIVAL_SHARE = 0.1
"""Two tags are rivals if fewer than this share of the rarer one's pictures have both."""


def rival_tags(labels: np.ndarray) -> np.ndarray:
    """Return which tags exclude each other, as far as people's tags show it, bool (C, C), symmetric.

    Dog and wolf are rivals, since hardly a picture has both; dog and grass are not, nor are eagle and bird.

    Args:
        labels: bool (N, C), what people set. Tags without pictures are everybody's rivals.

    >>> rival_tags(np.array([[True, True, False], [True, False, False], [False, False, True]])).astype(int)
    array([[0, 0, 1],
           [0, 0, 1],
           [1, 1, 0]])
    """
    together = labels.T.astype(np.float64) @ labels.astype(np.float64)
    count = np.diag(together)
    rarer = np.maximum(np.minimum(count[:, None], count), 1)
    is_rival = together < RIVAL_SHARE * rarer
    np.fill_diagonal(is_rival, False)
    return is_rival


def tag_scores(
    scores: np.ndarray, background: np.ndarray, log_prior: np.ndarray, rivals: np.ndarray | None = None
) -> np.ndarray:
    """Return how much better each tag explains a picture than the best alternative, float64 (N, C), in nats.

    s_k(x) = log p(x | k) - max(log p(x | background), max over rivals j of log p(x | j))

    Against the background alone, a wolf is far more like a dog than like anything: rivals separate the two. A softmax
    over all tags would make every pair of tags rivals, and find either the dog or the grass.

    Args:
        scores: (N, C), log p(tag, picture) up to a constant per picture, as for `prediction.predict`.
        background: (N,), log likelihood under the background.
        log_prior: (C,), what the scores contain of the class prior; -inf for tags without pictures, which get -inf.
        rivals: bool (C, C), row k says which tags are rivals of k; None for the background alone.
    """
    has_pictures = np.isfinite(log_prior)
    likelihood = np.where(has_pictures, scores - np.where(has_pictures, log_prior, 0), -np.inf).astype(np.float64)
    ratio = likelihood - background[:, None].astype(np.float64)
    return ratio if rivals is None else ratio - _best_rivals(ratio, rivals)


def _best_rivals(ratio: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Return the best ratio among the rivals of each tag, at least 0, which is the background's, (N, C)."""
    best, is_open = np.zeros(ratio.shape), np.ones(ratio.shape, bool)
    rows = np.arange(len(ratio))
    for tags in np.argsort(-ratio, axis=1, kind="stable").T:  # the first rival in this order is the best one
        explains = ratio[rows, tags]
        is_first = is_open & rivals[:, tags].T & (explains > 0)[:, None]
        best = np.where(is_first, explains[:, None], best)
        is_open &= ~is_first & (explains > 0)[:, None]
        if not is_open.any():
            break
    return best
