"""What a folder holds: pictures, what lies beside them, and what cannot be read.

Files with the suffix of no picture are opened, unless names are to decide: their first bytes say whether they are one.
"""

import itertools
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from imagetagger.preprocess.file_kinds import SNIFFED_BYTES, is_picture
from imagetagger.system.ignored_files import is_ignored_name, is_picture_name, is_sidecar, picture_stems


class Unusable(NamedTuple):
    """A file or folder that cannot be used, and why."""

    path: Path
    reason: str


class FolderContents(NamedTuple):
    """What a folder holds.

    Attributes:
        folders: in it, also behind links.
        files: that may be pictures, also behind links.
        sidecars: files that are no pictures by their names, or by their first bytes.
        ignored: hidden files and folders, and those that systems leave.
        repeated: links to folders that are read anyway, or that hold the link.
        unusable: links to nothing, folders that cannot be read, pipes and devices.
    """

    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    sidecars: tuple[Path, ...] = ()
    ignored: tuple[Path, ...] = ()
    repeated: tuple[Path, ...] = ()
    unusable: tuple[Unusable, ...] = ()


def join_contents(parts: Iterable[FolderContents]) -> FolderContents:
    """Return what several folders hold, sorted by name."""
    columns = zip(*(FolderContents(), *parts), strict=True)
    return FolderContents(*(tuple(sorted(itertools.chain(*column))) for column in columns))


def list_folder(folder: Path, *, by_name: bool = False) -> FolderContents:
    """List what lies directly in a folder, sorted by name.

    Args:
        folder: to read.
        by_name: open no file: those with the suffix of no picture are none.
    """
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        return FolderContents(unusable=(Unusable(folder, f"a folder that cannot be read: {error.strerror}"),))
    ignored = [folder / name for name in names if is_ignored_name(name, is_folder=True)]
    names = [name for name in names if not is_ignored_name(name, is_folder=True)]
    stems, above = picture_stems(names), None
    folders: list[Path] = []
    files: list[Path] = []
    sidecars: list[Path] = []
    repeated: list[Path] = []
    unusable: list[Unusable] = []
    for name in names:
        path = folder / name
        try:
            status: os.stat_result | OSError = path.stat()
        except OSError as error:
            status = error
        if not isinstance(status, OSError) and stat.S_ISDIR(status.st_mode):
            above = _identities_above(folder) if above is None and path.is_symlink() else above
            is_loop = path.is_symlink() and (status.st_dev, status.st_ino) in (above or ())
            (repeated if is_loop else folders).append(path)
        elif is_ignored_name(name):
            ignored.append(path)
        elif is_sidecar(name, stems):
            sidecars.append(path)
        elif isinstance(status, OSError):
            unusable.append(Unusable(path, _problem(path, status)))
        elif stat.S_ISREG(status.st_mode):
            is_one = is_picture_name(name) or (not by_name and _may_be_picture(path, status.st_size))
            (files if is_one else sidecars).append(path)
        else:
            unusable.append(Unusable(path, "a pipe, socket or device: expected a file"))
    return FolderContents(
        tuple(folders), tuple(files), tuple(sidecars), tuple(ignored), tuple(repeated), tuple(unusable)
    )


def walk_folder(folder: Path) -> FolderContents:
    """List all that lies below a folder, sorted by name. Folders behind links are read too, each folder once."""
    return join_contents(iter_folders(folder))


def iter_folders(folder: Path, *, by_name: bool = False) -> Iterator[FolderContents]:
    """Yield what lies directly in a folder, and in every folder below it; see `list_folder` and `walk_folder`."""
    seen: set[tuple[int, int]] = set()
    real, linked = deque([folder]), deque[Path]()
    while real or linked:  # a folder is read at its own place rather than behind a link
        path = real.popleft() if real else linked.popleft()
        if (identity := _identity(path)) in seen:
            yield FolderContents(repeated=(path,))
            continue
        seen |= {identity} if identity else set()
        contents = list_folder(path, by_name=by_name)
        yield contents
        for inner in contents.folders:
            (linked if inner.is_symlink() else real).append(inner)


def _may_be_picture(path: Path, size: int) -> bool:
    try:
        with path.open("rb") as file:
            return is_picture(file.read(SNIFFED_BYTES), size)
    except OSError:  # reported where the picture is read
        return True


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _identities_above(folder: Path) -> set[tuple[int, int]]:
    """Return the identities of a folder and of those that hold it, on the way it was reached and without links."""
    resolved = folder.resolve()
    absolute = folder.absolute()  # as it was reached: `..` of a link is not where the link leads
    paths = {resolved, *resolved.parents, absolute, *absolute.parents}
    return {identity for path in paths if (identity := _identity(path))}


def _problem(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"a link to {path.readlink()}, where nothing is"
    return f"cannot be read: {error.strerror}"
