"""Embedding of pictures: streaming, cached by content, resumable."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from imagetagger.data.dataset import Skip, Split, read_listed
from imagetagger.embedding.cache import (
    EMBEDDINGS,
    aligned_empty,
    delete_unchecked,
    read_embeddings,
    read_index,
    write_shard,
)
from imagetagger.embedding.runtime import Runtime
from imagetagger.preprocess import PIXEL_LIMIT, BadImageError, preprocess

MOVED_ROWS = 4096

log = logging.getLogger(__name__)


class Embeddings(NamedTuple):
    """Embeddings of a split's readable pictures.

    Attributes:
        embeddings: float32 (M, D).
        rows: int64 (M,) their pictures' indices in the split, ascending.
        skipped: the other pictures, with reasons.
        computed: number of embeddings computed by this call; the others came from the cache.
        seconds: time spent on computing.
    """

    embeddings: np.ndarray
    rows: np.ndarray
    skipped: tuple[Skip, ...]
    computed: int
    seconds: float


def extract_embeddings(
    split: Split,
    runtime: Runtime,
    resolution: int,
    cache: Path,
    *,
    shard_size: int = 2048,
    pixel_limit: int = PIXEL_LIMIT,
    name: str = "embedding",
) -> Embeddings:
    """Embed the pictures of a split; embeddings in the cache are not computed again.

    Args:
        split: N pictures.
        runtime: executes the backbone.
        resolution: side of the network's input.
        cache: the cache directory; embeddings are in one folder per embedding space and pixel limit.
        shard_size: pictures between two writes, which kill -9 can lose.
        pixel_limit: larger pictures are skipped.
        name: label of the progress bar.
    """
    folder = cache / EMBEDDINGS / f"{runtime.space[:32]}-{pixel_limit}"
    delete_unchecked(folder)
    embeddings, is_cached = read_embeddings(read_index(folder), split.ids)
    positions: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(~is_cached).tolist():
        positions.setdefault(split.ids[i], []).append(i)
    missing = [copies[0] for copies in positions.values()]
    if missing:
        log.info("%s: %d pictures, %d of them in the cache", name, len(split.ids), is_cached.sum())
    bad: dict[bytes, str] = {}
    ids: list[bytes] = []
    rows: list[np.ndarray] = []
    start = time.perf_counter()
    with tqdm(total=len(missing), desc=name, unit="image", disable=None if missing else True, smoothing=0.05) as bar:
        results = runtime.run(_loader(split, resolution, pixel_limit), missing)
        for i, result in zip(missing, results, strict=True):
            if isinstance(result, BadImageError):
                bad[split.ids[i]] = str(result)
            else:
                if not embeddings.size:
                    embeddings = aligned_empty((len(split.ids), len(result)))
                embeddings[positions[split.ids[i]]] = result
                ids.append(split.ids[i])
                rows.append(result)
            bar.update()
            if ids and (len(ids) == shard_size or i == missing[-1]):
                write_shard(folder, ids, np.stack(rows))
                ids, rows = [], []
    seconds = time.perf_counter() - start
    good = np.array([i for i, key in enumerate(split.ids) if key not in bad], np.int64)
    return Embeddings(
        embeddings=_keep_rows(embeddings, good),
        rows=good,
        skipped=tuple(Skip(split.keys[i], bad[key]) for i, key in enumerate(split.ids) if key in bad),
        computed=len(missing) - len(bad),
        seconds=seconds,
    )


def _keep_rows(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of x at ascending indices, moved to its beginning: not two arrays of its size at once."""
    if len(rows) < len(x):
        for start in range(0, len(rows), MOVED_ROWS):
            chunk = rows[start : start + MOVED_ROWS]
            x[start : start + len(chunk)] = x[chunk]
    return x[: len(rows)]


def _loader(split: Split, resolution: int, pixel_limit: int) -> Callable[[int], np.ndarray]:
    return lambda i: preprocess(read_listed(split, i), resolution, pixel_limit)
