"""Deterministic stratified splits: hold out or keep some pictures of each tag.

Pictures are chosen by their rank within their tag (the rarest, if a picture has several), in an order derived from the
seed and each picture's content. So a larger subset contains every smaller one of the same seed, and neither names nor
the order of files on disk nor pictures of other tags change a picture's rank.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from imagetagger.data.dataset import Split, select


def rarest_tag(labels: np.ndarray) -> np.ndarray:
    """Return each picture's rarest tag, (N,): the one with the fewest pictures. Labels are (N, L), padded with -1.

    Stratifying by it keeps a tag that only occurs beside others from being held out entirely.

    >>> rarest_tag(np.array([[0, -1], [0, 1], [0, -1]]))
    array([0, 1, 0])
    """
    pictures = np.bincount(labels[labels >= 0], minlength=1)
    rarity = np.where(labels >= 0, pictures[labels], len(labels) + 1)
    return np.take_along_axis(labels, rarity.argmin(1)[:, None], 1)[:, 0]


def ranks_within_tag(ids: Sequence[bytes], labels: np.ndarray, seed: int) -> np.ndarray:
    """Return each picture's rank within its rarest tag, int64 (N,), from 0.

    Args:
        ids: (N,) content ids.
        labels: int32 (N, L).
        seed: of the order.
    """
    salt = seed.to_bytes(8, "little", signed=True)
    keys = np.array([hashlib.blake2b(i, key=salt, digest_size=8).hexdigest() for i in ids])
    tag = rarest_tag(labels)
    order = np.lexsort((keys, tag))
    starts = np.searchsorted(tag[order], tag[order])
    result = np.empty(len(ids), np.int64)
    result[order] = np.arange(len(ids)) - starts
    return result


def holdout_count(n: np.ndarray | int, fraction: float) -> np.ndarray:
    """Return how many of a tag's first n pictures are held out.

    One of the first two, then `fraction` of the further ones: 50 of 500 for 0.1. A tag's only picture is never held
    out.

    >>> holdout_count(np.array([1, 2, 11, 12, 500]), 0.1)
    array([ 0,  1,  1,  2, 50])
    """
    n = np.asarray(n)
    if fraction == 0:
        return np.zeros_like(n)
    return np.where(n < 2, 0, np.floor((n - 2) * fraction + 1e-9).astype(n.dtype) + 1)


def holdout_mask(rank: np.ndarray, fraction: float) -> np.ndarray:
    """Return which ranks are held out, bool (N,): the same ones however many pictures a tag has."""
    return holdout_count(rank + 1, fraction) > holdout_count(rank, fraction)


def subsample_mask(
    rank: np.ndarray, labels: np.ndarray, fraction: float | None = None, per_class: int | None = None
) -> np.ndarray:
    """Return which pictures belong to the subset, bool (N,).

    Args:
        rank: (N,) from `ranks_within_tag`.
        labels: int32 (N, L).
        fraction: share of each tag's pictures to keep, rounded up, so at least one.
        per_class: most pictures of each tag to keep.

    Raises:
        ValueError: both are given, or one is out of range.
    """
    if fraction is not None and per_class is not None:
        raise ValueError(f"got fraction={fraction} and per_class={per_class}: set one of them to null")
    if fraction is not None:
        if not 0 < fraction <= 1:
            raise ValueError(f"got fraction={fraction}, expected a share in (0, 1], or null for all pictures")
        tag = rarest_tag(labels)
        total = np.bincount(tag)[tag]
        return rank < np.ceil(total * fraction - 1e-9)
    if per_class is not None:
        if per_class < 1:
            raise ValueError(f"got per_class={per_class}, expected at least 1, or null for all pictures")
        return rank < per_class
    return np.ones(len(rank), bool)


def train_validation_split(split: Split, validation_fraction: float, seed: int) -> tuple[Split, Split]:
    """Return a split's training and validation pictures, the latter a share of each tag's."""
    validation = holdout_mask(ranks_within_tag(split.ids, split.labels, seed), validation_fraction)
    return select(split, ~validation), select(split, validation)
