"""Embeddings on disk, keyed by content id within one embedding space.

A space is a folder of shards: .safetensors files of ids and embeddings, each written completely or not at all. Subsets,
other splits and other data sets that share pictures share their embeddings, and a killed run loses at most one shard.

The name of a shard is the digest of its ids and that of its contents, and its metadata name the space: a shard that is
damaged, or of another space or other ids, is never believed. Shards of earlier versions have no checksum. They are
deleted and computed again rather than adopted: a checksum made now would vouch for whatever they hold, and those
versions could store the embedding of one picture under the id of another that replaced it during a run.
"""

import contextlib
import hashlib
import logging
import math
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from imagetagger.system.checked_files import discard_damaged, read_checked, write_checked
from imagetagger.system.cpus import cpu_count
from imagetagger.system.tensor_bytes import view_tensor

EMBEDDINGS = "embeddings"
"""Folder of the spaces in the cache."""

ID_DIGITS = 24
"""Hexadecimal digits of the ids' digest in the name of a shard."""

UNCHECKED_NAME = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}\.safetensors")
"""A shard of an earlier version."""

log = logging.getLogger(__name__)


class ShardLocation(NamedTuple):
    """The shard of an embedding and its row there."""

    shard: Path
    row: int


class CachedEmbeddings(NamedTuple):
    """What the cache holds of N pictures.

    Attributes:
        embeddings: float32 (N, D), uninitialised where `is_cached` is False; (0, 0) if it holds none.
        is_cached: bool (N,).
    """

    embeddings: np.ndarray
    is_cached: np.ndarray


def read_index(folder: Path) -> dict[bytes, ShardLocation]:
    """Return the location of each embedding of a space; a shard seen to be damaged is reported and deleted."""
    index: dict[bytes, ShardLocation] = {}
    for shard in sorted(folder.glob("*-*.safetensors")):
        try:
            with safe_open(shard, "numpy") as file:
                ids, space = file.get_tensor("id"), (file.metadata() or {}).get("space")
        except FileNotFoundError:  # another process has just deleted it as damaged
            continue
        except SafetensorError as error:
            discard_damaged(shard, str(error))
            continue
        if space != folder.name:
            discard_damaged(shard, f"got embeddings of space {str(space)[:60]!r}, expected {folder.name!r}")
        elif not shard.name.startswith(_ids_digest(ids.tobytes())):
            discard_damaged(shard, "got other ids than those that its name is the digest of")
        else:
            index.update((key, ShardLocation(shard, i)) for i, key in enumerate(_split_rows(ids)))
    return index


def delete_unchecked(folder: Path) -> None:
    """Delete the shards of a space that an earlier version wrote, and say so; see above."""
    unchecked = [shard for shard in folder.glob("*.safetensors") if UNCHECKED_NAME.fullmatch(shard.name)]
    for shard in unchecked:
        with contextlib.suppress(OSError):  # where it cannot be deleted, it is still not used
            shard.unlink()
    if unchecked:
        log.warning(
            "%s: files of an earlier version without a checksum: %d; they are not used and will be computed again",
            folder,
            len(unchecked),
        )


def write_shard(folder: Path, ids: Sequence[bytes], embeddings: np.ndarray) -> Path:
    """Write a shard of embeddings (n, D) with their ids."""
    return write_rows(folder, ids, "embedding", np.ascontiguousarray(embeddings, np.float32))


def write_rows(folder: Path, ids: Sequence[bytes], name: str, rows: np.ndarray) -> Path:
    """Write a shard of rows (n, ...), the tensor `name`, with their ids."""
    joined = b"".join(ids)
    tensors = {"id": np.frombuffer(joined, np.uint8).reshape(len(ids), -1), name: rows}
    return write_checked(folder, _ids_digest(joined), ".safetensors", save(tensors, {"space": folder.name}))


def read_embeddings(index: dict[bytes, ShardLocation], ids: Sequence[bytes]) -> CachedEmbeddings:
    """Return the embeddings of `ids` that an index has, reading each shard once and completely, for its checksum.

    Those of a shard that turns out to be damaged are not among them; it is reported and deleted.
    """
    by_shard: dict[Path, list[tuple[int, int]]] = {}
    for position, key in enumerate(ids):
        if location := index.get(key):
            by_shard.setdefault(location.shard, []).append((position, location.row))
    is_cached, result, lock = np.zeros(len(ids), bool), np.zeros((0, 0), np.float32), Lock()

    def load(shard: Path) -> None:
        nonlocal result
        stored = _read_shard(shard)
        if stored is None:
            return
        with lock:
            if not result.size:
                result = aligned_empty((len(ids), stored.shape[1]))
        positions, rows = np.array(by_shard[shard]).T
        result[positions] = stored[rows]
        is_cached[positions] = True

    with ThreadPoolExecutor(cpu_count()) as pool:  # reading and hashing leave the interpreter to other threads
        list(pool.map(load, by_shard))
    return CachedEmbeddings(result, is_cached)


def _read_shard(shard: Path) -> np.ndarray | None:
    """The embeddings of a shard, float32 (n, D), without copying them; None if it is damaged or gone."""
    data = read_checked(shard)
    if data is None:
        return None
    return view_tensor(data, "embedding")


def _ids_digest(joined: bytes) -> str:
    return hashlib.sha256(joined).hexdigest()[:ID_DIGITS]


def _split_rows(ids: np.ndarray) -> list[bytes]:
    data, size = ids.tobytes(), ids.shape[1]
    return [data[i : i + size] for i in range(0, len(data), size)]


def aligned_empty(shape: tuple[int, int]) -> np.ndarray:
    """Return an uninitialised float32 array on a 64-byte boundary, which JAX uses on a CPU without copying."""
    size = math.prod(shape)
    buffer = np.empty(size + 16, np.float32)
    start = -(buffer.ctypes.data // 4) % 16
    return buffer[start : start + size].reshape(shape)
