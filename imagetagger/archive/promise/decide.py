"""What happens to the pictures of an archive: tags that are written, and pictures that want a person's look."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imagetagger.archive.promise.tag_promises import TagPromise, promised_tags


class LookGroup(NamedTuple):
    """Pictures to look at for one tag, the most useful first.

    Attributes:
        tag: its index.
        pictures: int (M,), indices of pictures for which it is the most probable tag that is not promised.
        gain: float64 (M,), how much an answer is worth, in descending order.
    """

    tag: int
    pictures: np.ndarray
    gain: np.ndarray


class ArchiveDecision(NamedTuple):
    """What happens to N pictures.

    Attributes:
        is_written: bool (N, C), tags to write.
        looks: pictures that want a look, each in one group; the groups with the largest gain first.
    """

    is_written: np.ndarray
    looks: tuple[LookGroup, ...]


def decide_tags(
    probability: np.ndarray,
    promises: Sequence[TagPromise],
    *,
    is_settled: np.ndarray | None = None,
    embeddings: np.ndarray | None = None,
    plausible: float = 0.5,
) -> ArchiveDecision:
    """Return which tags are written, and which pictures want a look since a plausible tag is not promised.

    The gain of a look is p (1 - p) typicality: an answer is worth most where it is open, and where many pictures are
    like this one. Typicality is the mean cosine to the group's pictures, at least 0.

    Source: Settles and Craven 2008, An analysis of active learning strategies for sequence labeling tasks, "information
    density".

    Args:
        probability: (N, C).
        promises: of the C tags.
        is_settled: bool (N, C), tags that a person set, removed or confirmed: neither written nor asked about.
        embeddings: (N, D), for typicality; None takes all pictures as equally typical.
        plausible: least probability of a tag that is worth a look.

    Raises:
        ValueError: a number of tags that is not that of the promises.
    """
    if probability.shape[1] != len(promises):
        raise ValueError(f"got probabilities of {probability.shape[1]} tags, expected {len(promises)}, the promises'")
    is_open = np.ones(probability.shape, bool) if is_settled is None else ~is_settled
    is_written = promised_tags(probability, promises) & is_open
    doubtful = np.where(is_open & ~is_written & (probability >= plausible), probability, -1)
    pictures = np.flatnonzero((doubtful >= 0).any(1))
    tags = doubtful[pictures].argmax(1)
    groups = []
    for tag in np.unique(tags).tolist():
        members = pictures[tags == tag]
        p = probability[members, tag]
        gain = p * (1 - p) * (1 if embeddings is None else typicality(embeddings[members]))
        order = np.argsort(-gain, kind="stable")
        groups.append(LookGroup(tag, members[order], gain[order]))
    return ArchiveDecision(is_written, tuple(sorted(groups, key=lambda group: -group.gain.sum())))


def typicality(embeddings: np.ndarray) -> np.ndarray:
    """Return the mean cosine of each picture to all of them, float64 (M,), at least 0: (M, D), M >= 1."""
    x = embeddings.astype(np.float64)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return np.maximum(x @ x.mean(0), 0)


def summarize(decision: ArchiveDecision, promises: Sequence[TagPromise], precision: float) -> str:
    """Say what is written and what wants a look, in one line.

    >>> promises = [TagPromise(0.9, 70, 0.98, 0.8, False, 59)]
    >>> summarize(decide_tags(np.array([[0.95], [0.6]]), promises), promises, 0.95)
    '1 tag at least 95 % right, 1 picture wants your look'
    """
    is_pooled = np.array([promise.pooled for promise in promises], bool)
    written, pooled = int(decision.is_written.sum()), int(decision.is_written[:, is_pooled].sum())
    looks = sum(len(group.pictures) for group in decision.looks)
    which = "all" if pooled == written else f"{pooled:,} of them"
    together = f" ({which} counted together, as tags with few pictures)" if pooled else ""
    return (
        f"{written:,} tag{'' if written == 1 else 's'} at least {100 * precision:g} % right{together}, "
        f"{looks:,} picture{' wants' if looks == 1 else 's want'} your look"
    )
