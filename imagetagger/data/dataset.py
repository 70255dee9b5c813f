"""The data set that every source returns: encoded pictures at random access, with their tags."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from imagetagger.bundle.labels import Term
from imagetagger.preprocess import BadImageError
from imagetagger.system.checked_files import find_checked, write_checked

IDS = "ids"
"""Folder of content ids in the cache."""

ID_BYTES = 16
"""Length of a picture's content id."""


class BadDataError(ValueError):
    """Too many pictures cannot be used, or none remain."""


class DatasetTag(NamedTuple):
    """A tag's stable id, its displayed name, other names that people search for, and ids of broader terms."""

    id: str
    name: str
    synonyms: tuple[str, ...] = ()
    broader: tuple[str, ...] = ()


class Skip(NamedTuple):
    """A picture that was skipped, and the reason."""

    key: str
    reason: str


class Split(NamedTuple):
    """Pictures with their tags.

    Attributes:
        keys: (N,) the source of each picture, for people.
        ids: (N,) first 16 bytes of the SHA-256 of each encoded picture; caches are keyed by it.
        labels: int32 (N, L) indices of each picture's tags, padded with -1; L is 1 for most data sets.
        read: returns the encoded bytes of picture i; safe to call from several threads.
        groups: (N,) the user's own group of each picture, "" for pictures without one; None where nothing is known.
            Pictures of one group never sit on both sides of a split.
    """

    keys: Sequence[str]
    ids: Sequence[bytes]
    labels: np.ndarray
    read: Callable[[int], bytes]
    groups: Sequence[str] | None = None

    def __repr__(self) -> str:
        return f"Split({len(self.keys)} pictures)"


class Dataset(NamedTuple):
    """Tags, and pictures to train and to evaluate on.

    Attributes:
        name: of the data set.
        tags: (C,) what labels are indices of.
        train: pictures to learn from; all but `test` where `is_split` is False.
        validation: pictures to evaluate on; empty where `is_split` is False.
        skipped: pictures that could not be loaded.
        test: a user's own test pictures, which are never learned.
        is_split: whether training and validation pictures are separate already.
        terms: broader terms of the tags, and of these terms.
    """

    name: str
    tags: tuple[DatasetTag, ...]
    train: Split
    validation: Split
    skipped: tuple[Skip, ...] = ()
    test: Split | None = None
    is_split: bool = True
    terms: tuple[Term, ...] = ()


def content_id(data: bytes) -> bytes:
    """Return the first 16 bytes of the SHA-256 of an encoded picture."""
    return hashlib.sha256(data).digest()[:ID_BYTES]


def read_listed(split: Split, i: int) -> bytes:
    """Return the encoded bytes of picture i, which are those that were listed, labelled and split.

    Raises:
        BadImageError: it cannot be read, or is another picture by now.
    """
    try:
        data = split.read(i)
    except OSError as error:
        raise BadImageError(f"cannot be read: {error}") from error
    if content_id(data) != split.ids[i]:
        raise BadImageError("it was replaced by another picture after it was listed; run again to use that one")
    return data


def content_ids(
    read: Callable[[int], bytes], count: int, name: str, cache: Path | None = None, key: str = ""
) -> list[bytes]:
    """Return the content ids of `count` pictures, reading each of them, with a progress bar called `name`.

    The folder `cache` keeps the ids from one call to the next, by a key that identifies the content of all pictures.
    """
    file = f"{key}-{count}"
    if cache and len(cached := find_checked(cache / IDS, file, "") or b"") == ID_BYTES * count:
        return [cached[i : i + ID_BYTES] for i in range(0, len(cached), ID_BYTES)]
    bar = tqdm(range(count), desc=f"reading {name}", unit="image", disable=None, delay=2)
    ids = [content_id(read(i)) for i in bar]
    if cache:
        write_checked(cache / IDS, file, "", b"".join(ids))
    return ids


def select(split: Split, rows: np.ndarray) -> Split:
    """Return the pictures at `rows` (int or bool), in that order."""
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    return Split(
        keys=[split.keys[i] for i in rows],
        ids=[split.ids[i] for i in rows],
        labels=split.labels[rows],
        read=lambda i: split.read(int(rows[i])),
        groups=None if split.groups is None else [split.groups[i] for i in rows],
    )


def pad_labels(tags: Iterable[Sequence[int]]) -> np.ndarray:
    """Return label indices, int32 (N, L), from one sequence per picture, padded with -1.

    >>> pad_labels([[3], [0, 2]])
    array([[ 3, -1],
           [ 0,  2]], dtype=int32)
    """
    rows = [list(row) for row in tags]
    width = max((len(row) for row in rows), default=1)
    return np.array([row + [-1] * (width - len(row)) for row in rows], np.int32).reshape(len(rows), width)


def dataset_fingerprint(dataset: Dataset) -> str:
    """Return a digest of pictures, tags, splits and groups, independent of where the pictures are stored."""
    digest = hashlib.sha256()
    digest.update("\n".join(f"{tag.id}\t{tag.name}" for tag in dataset.tags).encode())
    for split in (dataset.train, dataset.validation, dataset.test):
        if split is None:
            continue
        digest.update(b"split" + b"".join(split.ids) + np.ascontiguousarray(split.labels, "<i4").tobytes())
        if split.groups is not None:
            digest.update(b"groups" + "\n".join(split.groups).encode(errors="replace"))
    return digest.hexdigest()


def multi_hot(labels: np.ndarray, tags: int) -> np.ndarray:
    """Return each picture's tags as bool (N, tags), from labels (N, L) padded with -1."""
    return (labels[:, :, None] == np.arange(tags)).any(1)
