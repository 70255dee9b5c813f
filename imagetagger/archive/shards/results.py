"""What is written of a shard, in a folder of its name: its embeddings, and the statistics of its tags.

Files are written completely or not at all. Each has a fingerprint of what it was made from, by which the next run sees
whether it can be used.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from safetensors.numpy import save as save_tensors

from imagetagger.archive.keywords.fields import Keyword
from imagetagger.archive.shards.reading import ShardError
from imagetagger.bundle.reader import Rows, read_tensors
from imagetagger.bundle.strict_json import BundleError
from imagetagger.system.atomic_files import atomic_write

Result = TypeVar("Result")

SHARDS_SCHEMA = "1"


class ShardEntry(msgspec.Struct, frozen=True):
    """A picture in the file of a shard's embeddings."""

    key: str
    content: str
    keywords: tuple[Keyword, ...]


class ShardListing(msgspec.Struct, frozen=True):
    """What a shard holds: pictures with an embedding, and the others' keys with what is wrong with them."""

    pictures: tuple[ShardEntry, ...]
    problems: tuple[tuple[str, str], ...]


class EmbeddedShard(NamedTuple):
    """The pictures of a shard and their embeddings, float32 (N, D); D is 0 where there are none."""

    listing: ShardListing
    embeddings: np.ndarray


def embeddings_file(out: Path, shard: Path) -> Path:
    """Return where the embeddings of a shard are."""
    return out / shard.name / "embeddings.safetensors"


def statistics_file(out: Path, shard: Path) -> Path:
    """Return where the statistics of a shard are."""
    return out / shard.name / "statistics.safetensors"


def shard_fingerprint(shard: Path, space: str) -> str:
    """Return a digest of a shard's name, size and modification time, and of an embedding space.

    Raises:
        OSError: there is no such shard.
    """
    status = shard.stat()
    return _digest(SHARDS_SCHEMA, shard.name, str(status.st_size), str(status.st_mtime_ns), space)


def rows_fingerprint(embedded: str, keywords: tuple[Keyword, ...]) -> str:
    """Return a digest of the fingerprint of a shard's embeddings and of the tags that it is summed for."""
    return _digest(embedded, msgspec.json.encode(keywords).decode())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def write_embedded(path: Path, embedded: EmbeddedShard, fingerprint: str) -> None:
    """Write the embeddings of a shard."""
    listing = np.frombuffer(msgspec.msgpack.encode(embedded.listing), np.uint8)
    _write(path, {"embeddings": embedded.embeddings, "listing": listing}, fingerprint)


def read_embedded(path: Path, fingerprint: str) -> EmbeddedShard | None:
    """Return the embeddings of a shard; None if there are none of this fingerprint, or they are damaged."""
    tensors = _read(path, fingerprint)
    try:
        listing = msgspec.msgpack.decode(tensors["listing"].tobytes(), type=ShardListing)
        return EmbeddedShard(listing, tensors["embeddings"])
    except (KeyError, msgspec.MsgspecError):
        return None


def write_shard_rows(path: Path, rows: Rows, fingerprint: str) -> None:
    """Write statistics, float64: count (C,), mean (C, D), m2 (C, D)."""
    _write(path, rows._asdict(), fingerprint)


def read_shard_rows(path: Path, fingerprint: str) -> Rows | None:
    """Return statistics, float64; None if there are none of this fingerprint, or they are damaged."""
    tensors = _read(path, fingerprint)
    return Rows(**tensors) if set(tensors) == set(Rows._fields) else None


def expect_result(found: Result | None, path: Path) -> Result:
    """Return what was read of a file.

    Raises:
        ShardError: nothing was.
    """
    if found is None:
        raise ShardError(f"{path} was changed or deleted meanwhile: start again")
    return found


def _write(path: Path, tensors: dict[str, np.ndarray], fingerprint: str) -> None:
    contents = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with atomic_write(path) as partial:
        partial.write_bytes(save_tensors(contents, {"fingerprint": fingerprint}))


def _read(path: Path, fingerprint: str) -> dict[str, np.ndarray]:
    try:
        tensors, metadata = read_tensors(path.read_bytes(), path.name)
    except (FileNotFoundError, NotADirectoryError, BundleError):
        return {}
    return tensors if metadata.get("fingerprint") == fingerprint else {}
