"""Embeddings on disk, keyed by what a picture is: its content id, within one embedding space.

A space is a folder of shards, each a .safetensors file of ids and embeddings written whole or not at all. So
subsets, other splits and other data sets that share pictures share their embeddings, and a killed run loses
at most the shard it was in.
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

from imagetagger.files import whole

FEW = 0.1
"""Share of a shard's rows below which they are read one by one."""

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where an embedding lies."""

    shard: Path
    row: int


def read_index(folder: Path) -> dict[bytes, Place]:
    """Return where each embedding of a space lies; a damaged shard is reported and deleted, its work redone."""
    index: dict[bytes, Place] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(shard, "numpy") as file:
                ids = file.get_tensor("id")
        except FileNotFoundError:  # another process has just found it damaged
            continue
        except SafetensorError as error:
            log.warning("%s is damaged (%s): its embeddings are computed again", shard, error)
            shard.unlink(missing_ok=True)
            continue
        index.update((row.tobytes(), Place(shard, i)) for i, row in enumerate(ids))
    return index


def write_shard(folder: Path, ids: Sequence[bytes], embeddings: np.ndarray) -> dict[bytes, Place]:
    """Write a shard of embeddings (n, D) with their ids; return where they lie."""
    packed = np.frombuffer(b"".join(ids), np.uint8).reshape(len(ids), -1)
    shard = folder / f"{hashlib.sha256(b''.join(ids)).hexdigest()[:24]}.safetensors"
    with whole(shard) as partial:
        save_file({"id": packed, "embedding": np.ascontiguousarray(embeddings, np.float32)}, partial)
    return {key: Place(shard, i) for i, key in enumerate(ids)}


def gather(index: dict[bytes, Place], ids: Sequence[bytes]) -> np.ndarray:
    """Return the embeddings of `ids`, float32 (N, D), reading each shard once."""
    by_shard: dict[Path, list[tuple[int, int]]] = {}
    for position, key in enumerate(ids):
        place = index[key]
        by_shard.setdefault(place.shard, []).append((position, place.row))
    result = np.zeros((0, 0), np.float32)
    for shard, pairs in by_shard.items():
        positions, rows = np.array(pairs).T
        embeddings = _read_rows(shard, rows)
        if not result.size:
            result = aligned((len(ids), embeddings.shape[1]))
        result[positions] = embeddings
    return result


def _read_rows(shard: Path, rows: np.ndarray) -> np.ndarray:
    with safe_open(shard, "numpy") as file:
        stored = file.get_slice("embedding")
        if len(rows) < FEW * stored.get_shape()[0]:
            return np.concatenate([stored[int(row) : int(row) + 1] for row in rows])
        return file.get_tensor("embedding")[rows]


def aligned(shape: tuple[int, int]) -> np.ndarray:
    """Return an uninitialised float32 array on a 64-byte boundary, which JAX takes on a CPU without copying."""
    size = math.prod(shape)
    buffer = np.empty(size + 16, np.float32)
    start = -(buffer.ctypes.data // 4) % 16
    return buffer[start : start + size].reshape(shape)
