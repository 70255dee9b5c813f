"""What can be promised of each tag: alone if people set it often enough, else together with others that are as rare."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imagetagger.archive.promise.precision_threshold import pictures_needed, precision_threshold


class TagPromise(NamedTuple):
    """What is promised of a tag.

    Attributes:
        threshold: pictures with at least this probability have the tag as often as promised; None without a promise.
        evidence: labelled pictures at or above the threshold, of all pooled tags if it is pooled; without a promise,
            those that have the tag.
        expected_precision: share of right ones among new pictures at or above the threshold, of all pooled tags if it
            is pooled; None without a promise. An unset tag counts as wrong, so it is a lower bound.
        expected_recall: share of this tag's pictures that are found so; None without a promise.
        pooled: whether the precision is that of all pooled tags together, of which this one may have less.
        needed: pictures with a high probability that a promise of its own takes, if all further ones are right.
    """

    threshold: float | None
    evidence: int
    expected_precision: float | None
    expected_recall: float | None
    pooled: bool
    needed: int


def promise_tags(
    probability: np.ndarray,
    labels: np.ndarray,
    is_evidence: np.ndarray,
    *,
    precision: float = 0.95,
    confidence: float = 0.95,
    groups: np.ndarray | None = None,
) -> tuple[TagPromise, ...]:
    """Return what can be promised of each of C tags, each with the confidence by itself.

    A tag with too few pictures to afford a single wrong one, which has no promise of its own, is pooled: all such tags
    share one threshold. For it, each picture counts once, with the most probable of them; `pooled_candidates` applies
    the same rule to new pictures. A tag with more pictures stays without a promise rather than hide among others, and
    so does one that no picture has.

    Args:
        probability: (N, C) of labelled pictures, by tags that were learned without them.
        labels: bool (N, C), what people set.
        is_evidence: bool (N, C), see evidence.py.
        precision: target, in (0, 1).
        confidence: probability that a promise is kept, in (0, 1).
        groups: (N,), equal for pictures that are not independent, such as those of a burst, of which the first one
            counts; None if all are.

    Raises:
        ValueError: a target is out of range, or a probability is not a number.
    """
    if groups is not None:
        first = np.sort(np.unique(groups, return_index=True)[1])
        probability, labels, is_evidence = probability[first], labels[first], is_evidence[first]
    right = labels & is_evidence
    alone = [
        precision_threshold(probability[rows, tag], right[rows, tag], precision, confidence)
        for tag, rows in enumerate(is_evidence.T)
    ]
    has_few = (right.sum(0) > 0) & (right.sum(0) < pictures_needed(precision, confidence, wrong=1))
    is_pooled = has_few & [own.threshold is None for own in alone]
    candidate = pooled_candidates(probability, is_pooled) & is_evidence
    pool = precision_threshold(probability[candidate], right[candidate], precision, confidence)
    wrong = (is_evidence & ~labels & (probability >= precision)).sum(0).tolist()
    promises = []
    for tag, own in enumerate(alone):
        found, counts = (pool, candidate[:, tag]) if is_pooled[tag] else (own, is_evidence[:, tag])
        total, needed = int(right[:, tag].sum()), pictures_needed(precision, confidence, wrong[tag])
        if found.threshold is None:
            promises.append(TagPromise(None, total, None, None, False, needed))
            continue
        share = (found.right + 0.5) / (found.evidence + 1)  # never 1, which no number of pictures shows
        recall = float((right[counts, tag] & (probability[counts, tag] >= found.threshold)).sum() / total)
        promises.append(TagPromise(found.threshold, found.evidence, share, recall, bool(is_pooled[tag]), needed))
    return tuple(promises)


def pooled_candidates(probability: np.ndarray, is_pooled: np.ndarray) -> np.ndarray:
    """Return the most probable pooled tag of each picture, bool (N, C) with at most one true value in a row.

    One per picture, so that pictures remain independent.

    Args:
        probability: (N, C).
        is_pooled: bool (C,).
    """
    candidate = np.zeros(probability.shape, bool)
    if is_pooled.any():
        best = np.where(is_pooled, probability, -1).argmax(1)
        candidate[np.arange(len(probability)), best] = True
    return candidate


def promised_tags(probability: np.ndarray, promises: Sequence[TagPromise]) -> np.ndarray:
    """Return which tags of new pictures the promises are about, bool (N, C): those at or above their threshold.

    Args:
        probability: (N, C) of pictures that nobody labelled.
        promises: of the C tags.
    """
    threshold = np.array([np.inf if promise.threshold is None else promise.threshold for promise in promises])
    is_pooled = np.array([promise.pooled for promise in promises], bool)
    return (probability >= threshold) & (~is_pooled | pooled_candidates(probability, is_pooled))
