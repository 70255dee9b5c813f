"""What a cache directory holds, by kind: shown, deleted, and kept below a limit. Standard library only.

Only files with the places and names that this package writes are seen. A cache directory that is set to a folder with
other files in it loses none of them.
"""

import contextlib
import logging
import math
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

CacheKind = Literal["embeddings", "activations", "models", "ids", "trainings", "downloads"]

CHECKSUMMED = r"(-[0-9a-f]{8})?"
"""Files of earlier versions have none."""

CACHE_FILES: dict[CacheKind, str] = {
    "embeddings": rf"embeddings/[0-9a-f]+-\d+/[0-9a-f]{{24}}{CHECKSUMMED}\.safetensors",
    "activations": r"activations/[0-9a-f]{32}-\d+/[0-9a-f]{24}-[0-9a-f]{8}\.safetensors",
    "models": rf"models/[0-9a-f]{{32}}(-[0-9a-f]{{16}}-\d+)?-jax[\w.+]+-tensorflow[\w.+]+{CHECKSUMMED}\.tflite",
    "ids": rf"ids/[0-9a-f]{{64}}-[a-z]+(-\d+)?{CHECKSUMMED}",
    "trainings": r"trainings/[0-9a-f]{32}(-[0-9a-f]{8}\.safetensors|/.+)",
    "downloads": r"(downloads/tiny-imagenet-200\.zip|weights/mobilenet_v2_weights_[\w.]+\.h5)(\.sha256)?",
}
"""Paths inside a cache directory by kind, as regular expressions."""

FOLDERS = ("embeddings/*/*", "activations/*/*", "models/*", "ids/*", "trainings/**/*", "downloads/*", "weights/*")

FOLDER_NAMES = {pattern.partition("/")[0] for pattern in FOLDERS}

COMPUTED_KINDS: tuple[CacheKind, ...] = ("embeddings", "activations", "models", "ids")
"""What a run computes again in minutes if it is missing. A limit holds for these; trainings and downloads are kept."""

DEFAULT_LIMIT = 20.0
"""Gigabytes: embeddings of four million pictures."""

LIMIT_VARIABLE = "IMAGETAGGER_CACHE_LIMIT"

PROCESS_START = time.time() - 5  # file systems round times down, to 2 seconds at most
"""What was written or read since then belongs to the runs of this process."""

log = logging.getLogger(__name__)


class CachedFile(NamedTuple):
    """A file of a cache: its size in bytes, and when it was last written or read, in seconds since 1970."""

    path: Path
    kind: CacheKind
    size: int
    used: float


def list_cache(folder: Path) -> list[CachedFile]:
    """Return the files of a cache directory that this package wrote, the least recently used first."""
    found = []
    for path in (path for pattern in FOLDERS for path in folder.glob(pattern)):
        kind = _kind(path.relative_to(folder).as_posix())
        with contextlib.suppress(OSError):  # deleted by another process
            if kind and path.is_file() and not path.is_symlink():
                status = path.stat()
                found.append(CachedFile(path, kind, status.st_size, status.st_mtime))
    return sorted(found, key=lambda file: (file.used, file.path))


def cache_limit(gigabytes: float | None = None) -> float:
    """Return the limit of a cache in bytes: of a setting, else of IMAGETAGGER_CACHE_LIMIT, else DEFAULT_LIMIT.

    Raises:
        ValueError: the variable is not a number of gigabytes.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if gigabytes is None and text:
        try:
            gigabytes = float(text)
        except ValueError:
            gigabytes = math.nan
        if not gigabytes >= 0:
            raise ValueError(f"got {LIMIT_VARIABLE}={text}, expected a number of gigabytes, such as 20")
    return 1e9 * (DEFAULT_LIMIT if gigabytes is None else gigabytes)


def trim_cache(folder: Path, limit: float, since: float = PROCESS_START) -> None:
    """Delete the least recently used computed files of a cache directory until they take at most `limit` bytes.

    Those used since a time, by default the start of this process, stay even if they take more.
    """
    computed = [file for file in list_cache(folder) if file.kind in COMPUTED_KINDS]
    excess = sum(file.size for file in computed) - limit
    surplus = []
    for file in computed:
        if excess <= 0 or file.used >= since:
            break
        surplus.append(file)
        excess -= file.size
    deleted = delete_cached(surplus)
    if deleted:
        freed, limited = (size / 1e9 for size in (sum(file.size for file in deleted), limit))
        log.info("deleted %d old files (%.2f GB) of the cache, whose limit is %g GB", len(deleted), freed, limited)


def delete_cached(files: Iterable[CachedFile]) -> list[CachedFile]:
    """Delete files of a cache, and folders that this empties; return those that could be deleted."""
    deleted = []
    for file in files:
        with contextlib.suppress(OSError):
            file.path.unlink(missing_ok=True)
            deleted.append(file)
        with contextlib.suppress(OSError):  # other files are left
            for parent in file.path.parents:
                if parent.name in FOLDER_NAMES:
                    break
                parent.rmdir()
    return deleted


def _kind(path: str) -> CacheKind | None:
    return next((kind for kind, pattern in CACHE_FILES.items() if re.fullmatch(pattern, path)), None)
