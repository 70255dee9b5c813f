"""From probabilities to tag sets. NumPy only: the shipped tagger shares it.

Every rule is a score of how badly a tag fits its picture, its nonconformity, and a threshold: the set holds the tags
that score no more, and always the most probable one. conformal.py sets thresholds that hold the right tag as often as
wanted.
"""

from typing import Literal, get_args

import numpy as np

Rule = Literal["lac", "aps", "cumulative", "top_k"]
RULES: tuple[Rule, ...] = get_args(Rule)


def ranked(probabilities: np.ndarray) -> np.ndarray:
    """Return tag indices by descending probability, (N, C); equal ones keep their order."""
    return np.argsort(-probabilities, axis=-1, kind="stable")


def places(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each true tag's picture, the tag, and its place among all tags as `ranked` has them, (T,) each.

    Counts the tags before it instead of sorting them all: the more probable ones, and equal ones of a lower index.

    >>> places(np.array([[0.2, 0.5, 0.3]]), np.array([[True, False, True]]))[2]
    array([2, 1])
    """
    rows, tags = np.nonzero(truth)
    own = probabilities[rows, tags][:, None]
    others = probabilities[rows]
    before = (others > own).sum(1) + ((others == own) & (np.arange(truth.shape[1]) < tags[:, None])).sum(1)
    return rows, tags, before


def nonconformity(probabilities: np.ndarray, rule: Rule) -> np.ndarray:
    """Return how badly each tag fits its picture, float64 (N, C).

    - `lac`: 1 - p, the least ambiguous sets: the smallest ones of a given coverage. Source: Sadinle, Lei and Wasserman
      2019, Least ambiguous set-valued classifiers with bounded error levels.
    - `cumulative` and `aps`: the probability of all tags that are more probable. Its sets are the smallest prefixes
      that reach a sum; with a conformal threshold they are adaptive prediction sets. Source: Romano, Sesia and Candes
      2020, Classification with valid and adaptive coverage.
    - `top_k`: how many tags are more probable.

    Raises:
        ValueError: an unknown rule.
    """
    if rule not in RULES:
        raise ValueError(f"got the rule {rule!r}, expected one of {', '.join(RULES)}")
    if rule == "lac":
        return 1 - probabilities.astype(np.float64)
    order = ranked(probabilities)
    if rule == "top_k":
        before: np.ndarray = np.broadcast_to(np.arange(probabilities.shape[-1], dtype=np.float64), order.shape)
    else:
        before = _mass_before(np.take_along_axis(probabilities, order, -1))
    result = np.empty(order.shape)
    np.put_along_axis(result, order, before, -1)
    return result


def members(probabilities: np.ndarray, rule: Rule, threshold: float) -> np.ndarray:
    """Return the tag sets, bool (N, C): nonconformity <= threshold, or the most probable tag where none has so little.

    Args:
        probabilities: (N, C), rows summing to 1.
        rule: of nonconformity.
        threshold: its largest value in a set. `cumulative` sets stop at the tag with which their probabilities reach
            the threshold, `top_k` sets at that many tags: there a tag whose nonconformity is the threshold is outside.

    >>> members(np.array([[0.6, 0.1, 0.3]]), "cumulative", 0.8)
    array([[ True, False,  True]])
    >>> members(np.array([[0.6, 0.1, 0.3]]), "lac", 0.5)
    array([[ True, False, False]])
    """
    return within(nonconformity(probabilities, rule), probabilities, rule, threshold)


def within(score: np.ndarray, probabilities: np.ndarray, rule: Rule, threshold: float) -> np.ndarray:
    """Return the tag sets of `members`, whose nonconformity (N, C) is known already."""
    inside = score < threshold if rule in ("cumulative", "top_k") else score <= threshold
    if probabilities.shape[-1]:
        np.put_along_axis(inside, probabilities.argmax(-1)[..., None], True, -1)
    return inside


def _mass_before(descending: np.ndarray) -> np.ndarray:
    """Return, for probabilities sorted in descending order, the mass before each one, (N, C)."""
    before = np.zeros_like(descending, np.float64)
    np.cumsum(descending[..., :-1], -1, np.float64, before[..., 1:])
    return before
