"""The pictures that a command line names, and working on several at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from imagetagger.data.folder_walk import walk_folder
from imagetagger.system.ignored_files import PICTURE_SUFFIXES, RAW_SUFFIXES

AHEAD = 2
"""Pictures per worker that may be done before they are wanted."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class FoundPictures(NamedTuple):
    """What paths name.

    Attributes:
        files: pictures, in the order of the paths, those of a folder by name.
        problems: a line for every folder without pictures, or whatever cannot be read.
    """

    files: list[Path]
    problems: list[str]


def find_images(paths: Iterable[Path]) -> FoundPictures:
    """Find the pictures of folders at any depth, also behind links; a path that is no folder is taken as it is.

    In folders, whatever is hidden, left by systems or no picture by its name is skipped, and so is a camera's raw file
    beside its picture.
    """
    files: list[Path] = []
    problems: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        contents = walk_folder(path)
        found = [file for file in contents.files if file.suffix.lower() in PICTURE_SUFFIXES | RAW_SUFFIXES]
        unusable = [
            one for one in contents.unusable if one.path.suffix.lower() in ("", *PICTURE_SUFFIXES, *RAW_SUFFIXES)
        ]
        files += sorted(found, key=_files_before_folders)
        problems += [f"{one.path}: {one.reason}" for one in unusable]
        if not found and not unusable:
            problems.append(f"{path}: no pictures in this folder")
    return FoundPictures(files, problems)


def _files_before_folders(file: Path) -> list[tuple[bool, str]]:
    return [*((True, part) for part in file.parent.parts), (False, file.name)]


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
