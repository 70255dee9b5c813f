"""From probabilities to prediction sets.

Every rule is a nonconformity score, which measures how badly a tag fits its picture, and a threshold. The set contains
the tags that score no more, and always the most probable one. conformal.py finds thresholds of a guaranteed coverage.
NumPy only: it ships with the tagger.
"""

import numpy as np

from imagetagger.options import PREDICTION_SETS, PredictionSet


def ranked_tags(probabilities: np.ndarray) -> np.ndarray:
    """Return tag indices by descending probability, (N, C); ties keep their order."""
    return np.argsort(-probabilities, axis=-1, kind="stable")


def true_label_ranks(probabilities: np.ndarray, labels_onehot: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the picture, tag and rank of each true tag, (T,) each; ranks count from 0 in the order of `ranked_tags`.

    A rank is the number of tags that are more probable, or as probable with a lower index; no sorting is needed.

    >>> true_label_ranks(np.array([[0.2, 0.5, 0.3]]), np.array([[True, False, True]]))[2]
    array([2, 1])
    """
    pictures, tags = np.nonzero(labels_onehot)
    probability = probabilities[pictures, tags][:, None]
    others = probabilities[pictures]
    is_before = np.arange(labels_onehot.shape[1]) < tags[:, None]
    ranks = (others > probability).sum(1) + ((others == probability) & is_before).sum(1)
    return pictures, tags, ranks


def nonconformity(probabilities: np.ndarray, rule: PredictionSet) -> np.ndarray:
    """Return how badly each tag fits its picture, float64 (N, C).

    - `lac`: 1 - p. Its least ambiguous sets are the smallest ones of a coverage. Source: Sadinle, Lei and Wasserman
      2019, Least ambiguous set-valued classifiers with bounded error levels.
    - `cumulative` and `aps`: the total probability of the more probable tags. Sets are the smallest prefixes that reach
      a sum; with a conformal threshold they are adaptive prediction sets. Source: Romano, Sesia and Candes
      2020, Classification with valid and adaptive coverage.
    - `top_k`: the number of more probable tags.

    Raises:
        ValueError: an unknown rule.
    """
    if rule not in PREDICTION_SETS:
        raise ValueError(f"got rule={rule!r}, expected one of {', '.join(PREDICTION_SETS)}")
    if rule == "lac":
        return 1 - probabilities.astype(np.float64)
    order = ranked_tags(probabilities)
    if rule == "top_k":
        before: np.ndarray = np.broadcast_to(np.arange(probabilities.shape[-1], dtype=np.float64), order.shape)
    else:
        before = _mass_before(np.take_along_axis(probabilities, order, -1))
    result = np.empty(order.shape)
    np.put_along_axis(result, order, before, -1)
    return result


def prediction_sets(probabilities: np.ndarray, rule: PredictionSet, threshold: float) -> np.ndarray:
    """Return the tags with nonconformity <= threshold and the most probable tag, bool (N, C).

    Args:
        probabilities: (N, C), rows summing to 1.
        rule: of nonconformity.
        threshold: largest nonconformity in a set. A tag at the threshold itself is outside for `cumulative`, whose sets
            end with the tag at which their probabilities reach the threshold, and for `top_k`, whose sets have that
            many tags.

    >>> prediction_sets(np.array([[0.6, 0.1, 0.3]]), "cumulative", 0.8)
    array([[ True, False,  True]])
    >>> prediction_sets(np.array([[0.6, 0.1, 0.3]]), "lac", 0.5)
    array([[ True, False, False]])
    """
    return sets_from_scores(nonconformity(probabilities, rule), probabilities, rule, threshold)


def sets_from_scores(
    nonconformity_scores: np.ndarray, probabilities: np.ndarray, rule: PredictionSet, threshold: float
) -> np.ndarray:
    """Return the sets of `prediction_sets` from the rule's nonconformity scores, (N, C)."""
    is_strict = rule in ("cumulative", "top_k")
    is_in_set = nonconformity_scores < threshold if is_strict else nonconformity_scores <= threshold
    if probabilities.shape[-1]:
        np.put_along_axis(is_in_set, probabilities.argmax(-1)[..., None], True, -1)
    return is_in_set


def _mass_before(descending: np.ndarray) -> np.ndarray:
    """Return the sum of the probabilities before each one, (N, C), for probabilities in descending order."""
    before = np.zeros_like(descending, np.float64)
    np.cumsum(descending[..., :-1], -1, np.float64, before[..., 1:])
    return before
