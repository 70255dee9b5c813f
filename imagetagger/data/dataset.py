"""What every data source returns: encoded pictures at random access, with their tags."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from imagetagger.files import whole

ID_BYTES = 16
"""Of a picture's content id."""


class Tag(NamedTuple):
    """A tag's stable id, the name people see, and other names they may look for."""

    id: str
    name: str
    synonyms: tuple[str, ...] = ()


class Skip(NamedTuple):
    """A picture that was left out, and why."""

    key: str
    reason: str


class Split(NamedTuple):
    """Pictures with their tags.

    Attributes:
        keys: (N,) where each picture came from, for people.
        ids: (N,) first 16 bytes of the SHA-256 of each encoded picture; what caches are keyed by.
        labels: int32 (N, L) each picture's tags as indices, padded with -1; L is 1 for most data sets.
        read: gives the encoded bytes of picture i; safe to call from several threads.
    """

    keys: Sequence[str]
    ids: Sequence[bytes]
    labels: np.ndarray
    read: Callable[[int], bytes]

    def __repr__(self) -> str:
        return f"Split({len(self.keys)} pictures)"


class Dataset(NamedTuple):
    """Tags, and pictures to learn from and to evaluate on."""

    name: str
    tags: tuple[Tag, ...]
    train: Split
    validation: Split
    skipped: tuple[Skip, ...] = ()


def content_id(data: bytes) -> bytes:
    """Return the first 16 bytes of the SHA-256 of an encoded picture."""
    return hashlib.sha256(data).digest()[:ID_BYTES]


def content_ids(read: Callable[[int], bytes], count: int, what: str, kept: Path | None = None) -> list[bytes]:
    """Read `count` pictures and return their content ids, with a progress bar named `what`.

    `kept` is a file, named by the content of all, that has them from another time or will have them for the next.
    """
    if kept and kept.is_file() and len(known := kept.read_bytes()) == ID_BYTES * count:
        return [known[i : i + ID_BYTES] for i in range(0, len(known), ID_BYTES)]
    bar = tqdm(range(count), desc=f"reading {what}", unit="image", disable=None, delay=2)
    ids = [content_id(read(i)) for i in bar]
    if kept:
        with whole(kept) as partial:
            partial.write_bytes(b"".join(ids))
    return ids


def take(split: Split, rows: np.ndarray) -> Split:
    """Return the pictures at `rows` (int or bool), in that order."""
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    return Split(
        keys=[split.keys[i] for i in rows],
        ids=[split.ids[i] for i in rows],
        labels=split.labels[rows],
        read=lambda i: split.read(int(rows[i])),
    )


def pad_labels(tags: Iterable[Sequence[int]]) -> np.ndarray:
    """Return int32 (N, L) label indices from one sequence a picture, padded with -1.

    >>> pad_labels([[3], [0, 2]])
    array([[ 3, -1],
           [ 0,  2]], dtype=int32)
    """
    rows = [list(row) for row in tags]
    width = max((len(row) for row in rows), default=1)
    return np.array([row + [-1] * (width - len(row)) for row in rows], np.int32).reshape(len(rows), width)


def fingerprint(dataset: Dataset) -> str:
    """Return a digest of the pictures, their tags and the splits, independent of where they are stored."""
    digest = hashlib.sha256()
    digest.update("\n".join(f"{tag.id}\t{tag.name}" for tag in dataset.tags).encode())
    for split in (dataset.train, dataset.validation):
        digest.update(b"split" + b"".join(split.ids) + np.ascontiguousarray(split.labels, "<i4").tobytes())
    return digest.hexdigest()
