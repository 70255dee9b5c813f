"""Pictures to embeddings: streaming, cached by content, resumable."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from imagetagger.data.dataset import Skip, Split
from imagetagger.embedding_store import gather, read_index, write_shard
from imagetagger.preprocess import PIXEL_LIMIT, BadImageError, preprocess
from imagetagger.runtime import Runtime

log = logging.getLogger(__name__)


class Embedded(NamedTuple):
    """Embeddings of a split's good pictures.

    Attributes:
        embeddings: float32 (M, D).
        rows: int64 (M,) which pictures of the split they belong to, ascending.
        skipped: the bad pictures, and why.
        computed: how many were computed now; the others came from the cache.
        seconds: time spent computing.
    """

    embeddings: np.ndarray
    rows: np.ndarray
    skipped: tuple[Skip, ...]
    computed: int
    seconds: float


def embed(
    split: Split,
    runtime: Runtime,
    resolution: int,
    cache: Path,
    *,
    shard_size: int = 2048,
    pixel_limit: int = PIXEL_LIMIT,
    name: str = "embedding",
) -> Embedded:
    """Embed the pictures of a split, those not in the cache yet.

    Args:
        split: N pictures.
        runtime: what executes the backbone.
        resolution: side of the network's input.
        cache: the cache directory; embeddings lie in a folder per embedding space and pixel limit.
        shard_size: pictures between two writes: what a kill -9 can lose.
        pixel_limit: larger pictures are skipped.
        name: what the progress bar says.
    """
    folder = cache / "embeddings" / f"{runtime.space[:32]}-{pixel_limit}"
    index = read_index(folder)
    todo = list({key: i for i, key in reversed(list(enumerate(split.ids))) if key not in index}.values())[::-1]
    if todo:
        cached = sum(key in index for key in split.ids)
        log.info("%s: %d pictures, %d of them in the cache already", name, len(split.ids), cached)
    bad: dict[bytes, str] = {}
    ids: list[bytes] = []
    rows: list[np.ndarray] = []
    start = time.perf_counter()
    with tqdm(total=len(todo), desc=name, unit="image", disable=None if todo else True, smoothing=0.05) as bar:
        results = runtime.run(_loader(split, resolution, pixel_limit), todo)
        for i, result in zip(todo, results, strict=True):
            if isinstance(result, BadImageError):
                bad[split.ids[i]] = str(result)
            else:
                ids.append(split.ids[i])
                rows.append(result)
            bar.update()
            if ids and (len(ids) == shard_size or i == todo[-1]):
                index |= write_shard(folder, ids, np.stack(rows))
                ids, rows = [], []
    seconds = time.perf_counter() - start
    good = np.array([i for i, key in enumerate(split.ids) if key not in bad], np.int64)
    return Embedded(
        embeddings=gather(index, [split.ids[i] for i in good]),
        rows=good,
        skipped=tuple(Skip(split.keys[i], bad[key]) for i, key in enumerate(split.ids) if key in bad),
        computed=len(todo) - len(bad),
        seconds=seconds,
    )


def _loader(split: Split, resolution: int, pixel_limit: int) -> Callable[[int], np.ndarray]:
    def load(i: int) -> np.ndarray:
        try:
            data = split.read(i)
        except OSError as error:
            raise BadImageError(f"cannot be read: {error}") from error
        return preprocess(data, resolution, pixel_limit)

    return load
