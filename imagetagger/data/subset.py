"""Deterministic class-stratified choices: hold some pictures of each tag out, keep some of each tag.

Every choice goes by a picture's rank within its tag (the rarest, where it has several), in an order drawn from the
seed and the picture's content. So a bigger subset contains every smaller one of the same seed, and neither names nor
the order of files on disk nor pictures of other tags change a picture's place.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from imagetagger.data.dataset import Split, take


def rarest_tag(labels: np.ndarray) -> np.ndarray:
    """Return of each picture's tags the one with the fewest pictures, (N,), from labels (N, L) padded with -1.

    Stratifying by it keeps a tag that only accompanies others from being held out entirely.

    >>> rarest_tag(np.array([[0, -1], [0, 1], [0, -1]]))
    array([0, 1, 0])
    """
    pictures = np.bincount(labels[labels >= 0], minlength=1)
    rarity = np.where(labels >= 0, pictures[labels], len(labels) + 1)
    return np.take_along_axis(labels, rarity.argmin(1)[:, None], 1)[:, 0]


def ranks(ids: Sequence[bytes], labels: np.ndarray, seed: int) -> np.ndarray:
    """Return each picture's rank within its rarest tag, int64 (N,): 0 for the first of its tag.

    Args:
        ids: (N,) content ids.
        labels: int32 (N, L).
        seed: another seed gives another order.
    """
    salt = seed.to_bytes(8, "little", signed=True)
    keys = np.array([hashlib.blake2b(i, key=salt, digest_size=8).hexdigest() for i in ids])
    tag = rarest_tag(labels)
    order = np.lexsort((keys, tag))
    starts = np.searchsorted(tag[order], tag[order])
    result = np.empty(len(ids), np.int64)
    result[order] = np.arange(len(ids)) - starts
    return result


def held_out_count(n: np.ndarray | int, fraction: float) -> np.ndarray:
    """Return how many of a tag's first n pictures are held out.

    One from the second picture on, then `fraction` of the further ones: 50 of 500 for 0.1. A tag's only
    picture is never held out.

    >>> held_out_count(np.array([1, 2, 11, 12, 500]), 0.1)
    array([ 0,  1,  1,  2, 50])
    """
    n = np.asarray(n)
    if fraction == 0:
        return np.zeros_like(n)
    return np.where(n < 2, 0, np.floor((n - 2) * fraction + 1e-9).astype(n.dtype) + 1)


def held_out(rank: np.ndarray, fraction: float) -> np.ndarray:
    """Return which ranks are held out, bool (N,): the same ones however many pictures a tag has."""
    return held_out_count(rank + 1, fraction) > held_out_count(rank, fraction)


def keep(
    rank: np.ndarray, labels: np.ndarray, fraction: float | None = None, per_class: int | None = None
) -> np.ndarray:
    """Return which pictures belong to the subset, bool (N,).

    Args:
        rank: (N,) from `ranks`.
        labels: int32 (N, L).
        fraction: keep this share of each tag's pictures, rounded up, so at least one.
        per_class: keep at most this many pictures of each tag.

    Raises:
        ValueError: both are given, or one is out of range.
    """
    if fraction is not None and per_class is not None:
        raise ValueError(f"got data.fraction={fraction} and data.per_class={per_class}: set one of them to null")
    if fraction is not None:
        if not 0 < fraction <= 1:
            raise ValueError(f"got data.fraction={fraction}, expected a share in (0, 1], or null for all pictures")
        tag = rarest_tag(labels)
        total = np.bincount(tag)[tag]
        return rank < np.ceil(total * fraction - 1e-9)
    if per_class is not None:
        if per_class < 1:
            raise ValueError(f"got data.per_class={per_class}, expected at least 1, or null for all pictures")
        return rank < per_class
    return np.ones(len(rank), bool)


def divide(split: Split, validation_fraction: float, seed: int) -> tuple[Split, Split]:
    """Divide a split into training and validation pictures, the latter a share of each tag's."""
    validation = held_out(ranks(split.ids, split.labels, seed), validation_fraction)
    return take(split, ~validation), take(split, validation)
