"""The pictures in folders by their names, sizes and times: no file is opened."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from imagetagger.data.folder_walk import Unusable, iter_folders

MAX_INTEGER = 2**63 - 1
"""Of SQLite. Some file systems have times after the year 2262, which are larger in nanoseconds."""


class FileState(NamedTuple):
    """By what a change of a file shows: its size in bytes and its modification time."""

    size: int
    mtime_ns: int


class FolderListing(NamedTuple):
    """The pictures that lie directly in a folder, by path, and what cannot be used."""

    files: dict[Path, FileState]
    unusable: tuple[Unusable, ...]


def file_state(status: os.stat_result) -> FileState:
    """Return the state of a file from what the system says of it."""
    return FileState(status.st_size, max(min(status.st_mtime_ns, MAX_INTEGER), -MAX_INTEGER))


def list_archive(folders: Iterable[Path]) -> Iterator[FolderListing]:
    """Yield the pictures of folders and of all folders below them, folder by folder.

    What is hidden, left by systems or no picture by its name is left out, and so is a camera's raw file beside its
    picture. Folders behind links are read too, each once; see `data/folder_walk.py`.
    """
    for folder in folders:
        for contents in iter_folders(folder, by_name=True):
            files, unusable = dict[Path, FileState](), list(contents.unusable)
            for path in contents.files:
                try:
                    files[path] = file_state(path.stat())
                except OSError as error:
                    unusable.append(Unusable(path, f"cannot be read: {error.strerror}"))
            yield FolderListing(files, tuple(unusable))


def outermost_folders(folders: Iterable[Path]) -> list[Path]:
    """Return folders without those inside of others, each by the one path that it has: absolute, and without links.

    On a file system that ignores case it is spelled as there, so that `photos` and `Photos` are one folder.
    """
    paths = {_as_spelled(Path(os.path.realpath(folder))) for folder in folders}
    return sorted(path for path in paths if paths.isdisjoint(path.parents))


def _as_spelled(path: Path) -> Path:
    """Return a path with the names that its folders list."""
    spelled = Path(path.anchor)
    for name in path.parts[1:]:
        spelled = spelled / _listed_name(spelled, name)
    return spelled


def _listed_name(folder: Path, name: str) -> str:
    try:
        if not (folder / name).exists() or name in (names := [path.name for path in folder.iterdir()]):
            return name
        alike = (other for other in names if other.lower() == name.lower())
        return next((other for other in alike if (folder / other).samefile(folder / name)), name)
    except OSError:  # a folder that cannot be listed
        return name
