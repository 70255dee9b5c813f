"""Deterministic stratified splits: hold out or keep some pictures of each tag.

Pictures are chosen by their rank within their tag (the rarest, if a picture has several), in an order derived from the
seed and each picture's content. So a larger subset contains every smaller one of the same seed, and neither names nor
the order of files on disk nor pictures of other tags change a picture's rank.

Groups of pictures, such as bursts, are ordered likewise, by their content together: `validation_mask` and
`assign_folds` put them on one side whole.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

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
    keys = _sort_keys(ids, seed)
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


class _Group(NamedTuple):
    """Pictures that stay together: their rows, the rarest of their tags, and all of them."""

    rows: np.ndarray
    rarest: int
    tags: np.ndarray


def validation_mask(
    ids: Sequence[bytes], labels: np.ndarray, groups: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
    """Return which pictures to evaluate on, bool (N,): `holdout_count` of each tag's groups, whatever their size.

    Whole groups of any size are as likely to be held out: small ones are other pictures than large ones, and choosing
    by size would make the metrics those of lone pictures. Groups of one picture each give what `holdout_mask` gives.
    Of two groups the smaller one is held out. Each tag keeps one in training: a tag's only group is never held out.

    Args:
        ids: (N,) content ids.
        labels: int32 (N, L), padded with -1.
        groups: int64 (N,) the number of each picture's group.
        fraction: share of each tag's pictures.
        seed: of the order.
    """
    ordered = _ordered_groups(ids, labels, groups, seed)
    training = _groups_per_tag(ordered)
    mask = np.zeros(len(ids), bool)

    def hold_out(group: _Group) -> int:
        mask[group.rows] = True
        training[group.tags] -= 1
        return len(group.rows)

    for tag in sorted({group.rarest for group in ordered}) if fraction else []:
        own = [group for group in ordered if group.rarest == tag]
        is_chosen = holdout_mask(np.arange(len(own)), fraction)
        sizes = [len(group.rows) for group in own]
        if len(own) == 2 and sizes[0] != sizes[1]:
            is_chosen = np.arange(2) == np.argmin(sizes)
        count = 0
        for group, chosen in zip(own, is_chosen, strict=True):
            if chosen and (training[group.tags] > 1).all():
                count += hold_out(group)
        possible = [group for group in own if (training[group.tags] > 1).all()]
        if not count and possible:
            hold_out(min(possible, key=lambda group: len(group.rows)))
    return mask


def assign_folds(ids: Sequence[bytes], labels: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return each picture's fold, int64 (N,) in [0, folds), whole groups together and each tag spread evenly.

    Large groups go first, each to the fold with the fewest pictures of its rarest tag. No fold holds all groups of a
    tag that has several, where that can be avoided; a tag's only group has a fold too.

    Args:
        ids: (N,) content ids.
        labels: int32 (N, L), padded with -1.
        groups: int64 (N,) the number of each picture's group.
        folds: how many, two or more.
        seed: of the order of groups of one size.

    Raises:
        ValueError: fewer than two folds.
    """
    if folds < 2:
        raise ValueError(f"got folds={folds}, expected 2 or more")
    ordered = _ordered_groups(ids, labels, groups, seed)
    groups_of_tag = _groups_per_tag(ordered)
    placed_groups = np.zeros((folds, len(groups_of_tag)), np.int64)
    placed_pictures = np.zeros((folds, len(groups_of_tag)), np.int64)
    total = np.zeros(folds, np.int64)
    result = np.zeros(len(ids), np.int64)
    for group in sorted(ordered, key=lambda group: -len(group.rows)):
        of_tags = groups_of_tag[group.tags]
        has_all = ((placed_groups[:, group.tags] + 1 == of_tags) & (of_tags > 1)).any(1)
        fold = np.lexsort((total, placed_pictures[:, group.rarest], has_all))[0]
        placed_groups[fold, group.tags] += 1
        placed_pictures[fold, group.rarest] += len(group.rows)
        total[fold] += len(group.rows)
        result[group.rows] = fold
    return result


def _ordered_groups(ids: Sequence[bytes], labels: np.ndarray, groups: np.ndarray, seed: int) -> list[_Group]:
    """Return the groups in an order derived from the seed and from their pictures' content alone."""
    order = np.argsort(groups, kind="stable")
    rows_of = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(ids) else []
    contents = [b"".join(sorted(ids[i] for i in rows)) for rows in rows_of]
    pictures = np.bincount(labels[labels >= 0], minlength=1)
    result = []
    for i in np.argsort(_sort_keys(contents, seed), kind="stable"):
        tags = sorted({*labels[rows_of[i]].ravel().tolist()} - {-1})
        result.append(_Group(rows_of[i], min(tags, key=pictures.__getitem__), np.array(tags)))
    return result


def _groups_per_tag(groups: Sequence[_Group]) -> np.ndarray:
    """Return how many groups have each tag, int64 (C,)."""
    return np.bincount(np.concatenate([group.tags for group in groups] or [np.zeros(0, np.int64)]), minlength=1)


def _sort_keys(contents: Sequence[bytes], seed: int) -> np.ndarray:
    salt = seed.to_bytes(8, "little", signed=True)
    return np.array([hashlib.blake2b(content, key=salt, digest_size=8).hexdigest() for content in contents], "U16")
