"""The pictures that a command line names, and working on several at a time."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from imagetagger.data.folder_listing import is_ignored_name

PICTURE_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
    *(".avif", ".avifs", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
    *(".heic", ".heif"),  # which Pillow does not read by itself: they are reported rather than skipped
}
"""Of files that count as pictures in folders, in lower case."""

AHEAD = 2
"""Pictures per worker that may be done before they are wanted."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class FoundPictures(NamedTuple):
    """What paths name.

    Attributes:
        files: pictures, in the order of the paths, those of a folder by name.
        problems: a line for every folder without pictures, or that cannot be read.
    """

    files: list[Path]
    problems: list[str]


def find_images(paths: Iterable[Path]) -> FoundPictures:
    """Find the pictures of folders at any depth; a path that is no folder is taken as it is.

    In folders, whatever is hidden, left by desktops or no picture by its name is skipped.
    """
    files: list[Path] = []
    problems: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        before = len(files), len(problems)
        files += _images_below(path, problems)
        if (len(files), len(problems)) == before:
            problems.append(f"{path}: no pictures in this folder")
    return FoundPictures(files, problems)


def _images_below(root: Path, problems: list[str]) -> Iterator[Path]:
    def report(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    for where, folders, names in os.walk(root, onerror=report):  # follows no links to folders
        folders[:] = sorted(name for name in folders if not is_ignored_name(name))
        for name in sorted(names):
            if not is_ignored_name(name) and Path(name).suffix.lower() in PICTURE_SUFFIXES:
                yield Path(where, name)


def map_in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int, ahead: int = AHEAD
) -> Iterator[Result]:
    """Yield the results of a function, computed by threads, in the order of the items and as soon as they are there."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > ahead * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
