"""What training reads instead of pictures: rows of activations of the network's frozen part, on disk and memory-mapped.

For each picture and each of its views there is a row: float16 activations before the first trained block, or, where the
whole network is trained, uint8 pixels. They are kept like embeddings, by content id: a folder per frozen part and kind
of views, of shards that are written completely or not at all, with a checksum in their names.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from imagetagger.data.dataset import Skip, Split, read_listed
from imagetagger.embedding.cache import ShardLocation, read_index, write_rows
from imagetagger.embedding.runtime import Runtime
from imagetagger.preprocess import PIXEL_LIMIT, BadImageError, decode_image
from imagetagger.system.checked_files import checksum, discard_damaged
from imagetagger.system.cpus import cpu_count
from imagetagger.system.tensor_bytes import view_tensor

ACTIVATIONS_FOLDER = "activations"
"""Folder in the cache."""

SHARD_BYTES = 1 << 26

log = logging.getLogger(__name__)


class ActivationRows(NamedTuple):
    """The rows of N pictures, V views each; only those that a batch needs are read.

    Attributes:
        shards: memory-mapped arrays (n, V, ...).
        location: int64 (N, 2), the shard of each picture and its place there.
        pictures: int64 (N,), their indices in the split, ascending.
        skipped: the other pictures of the split, with reasons.
    """

    shards: tuple[np.ndarray, ...]
    location: np.ndarray
    pictures: np.ndarray
    skipped: tuple[Skip, ...]

    @property
    def views(self) -> int:
        """Number of views of a picture, V."""
        return int(self.shards[0].shape[1])

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of the row of one view."""
        return self.shards[0].shape[2:]


def gather_rows(rows: ActivationRows, pictures: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Return one view each of some pictures, (n, ...)."""
    places = zip(rows.location[pictures].tolist(), views.tolist(), strict=True)
    return np.stack([rows.shards[shard][place, view] for (shard, place), view in places])


def select_rows(rows: ActivationRows, keep: np.ndarray) -> ActivationRows:
    """Return the rows of some of the pictures, at indices or where a mask is true."""
    return rows._replace(location=rows.location[keep], pictures=rows.pictures[keep])


def to_rows(computed: np.ndarray) -> ActivationRows:
    """Return the rows of pictures that have one view each, from activations or pixels (N, H, W, C)."""
    places = np.arange(len(computed))
    shard = _to_row(computed)[:, None]
    return ActivationRows((shard,), np.stack([np.zeros_like(places), places], 1), places, ())


def extract_activations(
    split: Split,
    runtime: Runtime,
    make_views: Callable[[Image.Image, bytes], np.ndarray],
    views_name: str,
    cache: Path,
    *,
    shape: tuple[int, ...],
    pixel_limit: int = PIXEL_LIMIT,
    name: str = "activations",
) -> ActivationRows:
    """Compute the rows of a split's pictures; those in the cache are not computed again.

    Args:
        split: N pictures.
        runtime: the network's frozen part; it gives a row, flattened, for each view.
        make_views: from an upright RGB picture and its content id to its views, uint8 (V, S, S, 3).
        views_name: name and settings of these views: others have their own rows.
        cache: the cache directory.
        shape: of a row.
        pixel_limit: larger pictures are skipped.
        name: label of the progress bar.

    Raises:
        BadImageError: no picture can be used.
    """
    key = hashlib.sha256(f"{runtime.space}\n{views_name}".encode()).hexdigest()[:32]
    folder = cache / ACTIVATIONS_FOLDER / f"{key}-{pixel_limit}"
    shards, index = _open_shards(folder, set(split.ids))
    missing = list({key: i for i, key in enumerate(split.ids) if key not in index}.values())
    bad: dict[bytes, str] = {}

    def load(i: int) -> np.ndarray:
        return make_views(decode_image(read_listed(split, i), pixel_limit), split.ids[i])

    if missing:
        log.info("%s: %d pictures, %d of them in the cache", name, len(split.ids), len(split.ids) - len(missing))
    ids: list[bytes] = []
    pending: list[np.ndarray] = []
    with tqdm(total=len(missing), desc=name, unit="image", disable=None if missing else True, smoothing=0.05) as bar:
        for i, computed in zip(missing, runtime.run(load, missing), strict=True):
            bar.update()
            if isinstance(computed, BadImageError):
                bad[split.ids[i]] = str(computed)
            else:
                ids.append(split.ids[i])
                pending.append(_to_row(computed).reshape(len(computed), *shape))
            if ids and (pending[0].nbytes * len(ids) >= SHARD_BYTES or i == missing[-1]):
                write_rows(folder, ids, "row", np.stack(pending))
                ids, pending = [], []
    if missing:
        shards, index = _open_shards(folder, set(split.ids))
    good = np.array([i for i, key in enumerate(split.ids) if key in index], np.int64)
    if not len(good):
        raise BadImageError(f"none of {len(split.ids)} pictures can be used: {next(iter(bad.values()), 'none given')}")
    lost = "its activations were deleted or damaged just now; run again"
    skipped = tuple(Skip(split.keys[i], bad.get(key, lost)) for i, key in enumerate(split.ids) if key not in index)
    return ActivationRows(shards, np.array([index[split.ids[i]] for i in good], np.int64), good, skipped)


def _to_row(computed: np.ndarray) -> np.ndarray:
    limit = np.finfo(np.float16).max
    return computed if computed.dtype == np.uint8 else np.clip(computed, -limit, limit).astype(np.float16)


def _open_shards(folder: Path, ids: set[bytes]) -> tuple[tuple[np.ndarray, ...], dict[bytes, tuple[int, int]]]:
    """Map the shards that hold some of the ids, and say where each of those is; damaged shards are deleted."""
    index: dict[bytes, ShardLocation] = {key: at for key, at in read_index(folder).items() if key in ids}
    paths = sorted({location.shard for location in index.values()})
    with ThreadPoolExecutor(cpu_count()) as pool:  # checksums leave the interpreter to other threads
        opened = dict(zip(paths, pool.map(_map_shard, paths), strict=True))
    sound = [path for path in paths if opened[path] is not None]
    number = {path: i for i, path in enumerate(sound)}
    places = {key: (number[at.shard], at.row) for key, at in index.items() if at.shard in number}
    return tuple(array for path in sound if (array := opened[path]) is not None), places


def _map_shard(path: Path) -> np.ndarray | None:
    """Map the rows of a shard into memory once their checksum is right; None if they are damaged or gone."""
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError):  # deleted just now, or empty
        return None
    if path.stem.rpartition("-")[2] != checksum(data.data):
        discard_damaged(path, f"the checksum of its {len(data):,} bytes differs from the one in its name")
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return view_tensor(data, "row")
