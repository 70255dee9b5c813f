"""Embeddings on disk, keyed by content id within one embedding space.

A space is a folder of shards: .safetensors files of ids and embeddings, each written completely or not at all. Subsets,
other splits and other data sets that share pictures share their embeddings, and a killed run loses at most one shard.
"""

import hashlib
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from imagetagger.system.atomic_files import atomic_write

SPARSE_READ_SHARE = 0.1
"""Below this share of a shard's rows, rows are read one by one."""

log = logging.getLogger(__name__)


class ShardLocation(NamedTuple):
    """The shard of an embedding and its row there."""

    shard: Path
    row: int


def read_index(folder: Path) -> dict[bytes, ShardLocation]:
    """Return the location of each embedding of a space; a damaged shard is reported and deleted."""
    index: dict[bytes, ShardLocation] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(shard, "numpy") as file:
                ids = file.get_tensor("id")
        except FileNotFoundError:  # another process has just deleted it as damaged
            continue
        except SafetensorError as error:
            log.warning("%s is damaged (%s): deleted it; its embeddings will be recomputed", shard, error)
            shard.unlink(missing_ok=True)
            continue
        index.update((row.tobytes(), ShardLocation(shard, i)) for i, row in enumerate(ids))
    return index


def write_shard(folder: Path, ids: Sequence[bytes], embeddings: np.ndarray) -> dict[bytes, ShardLocation]:
    """Write a shard of embeddings (n, D) with their ids; return their locations."""
    packed = np.frombuffer(b"".join(ids), np.uint8).reshape(len(ids), -1)
    shard = folder / f"{hashlib.sha256(b''.join(ids)).hexdigest()[:24]}.safetensors"
    with atomic_write(shard) as partial:
        save_file({"id": packed, "embedding": np.ascontiguousarray(embeddings, np.float32)}, partial)
    return {key: ShardLocation(shard, i) for i, key in enumerate(ids)}


def read_embeddings(index: dict[bytes, ShardLocation], ids: Sequence[bytes]) -> np.ndarray:
    """Return the embeddings of `ids`, float32 (N, D), reading each shard once."""
    by_shard: dict[Path, list[tuple[int, int]]] = {}
    for position, key in enumerate(ids):
        location = index[key]
        by_shard.setdefault(location.shard, []).append((position, location.row))
    result = np.zeros((0, 0), np.float32)
    for shard, pairs in by_shard.items():
        positions, rows = np.array(pairs).T
        embeddings = _read_rows(shard, rows)
        if not result.size:
            result = aligned_empty((len(ids), embeddings.shape[1]))
        result[positions] = embeddings
    return result


def _read_rows(shard: Path, rows: np.ndarray) -> np.ndarray:
    with safe_open(shard, "numpy") as file:
        stored = file.get_slice("embedding")
        if len(rows) < SPARSE_READ_SHARE * stored.get_shape()[0]:
            return np.concatenate([stored[int(row) : int(row) + 1] for row in rows])
        return file.get_tensor("embedding")[rows]


def aligned_empty(shape: tuple[int, int]) -> np.ndarray:
    """Return an uninitialised float32 array on a 64-byte boundary, which JAX uses on a CPU without copying."""
    size = math.prod(shape)
    buffer = np.empty(size + 16, np.float32)
    start = -(buffer.ctypes.data // 4) % 16
    return buffer[start : start + size].reshape(shape)
