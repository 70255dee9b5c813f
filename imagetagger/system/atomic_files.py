"""Files written completely or not at all, their digests, the user's folders, and versions of packages.

Standard library only: the tagger that ships uses it.
"""

import ctypes
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imagetagger.system.partial_files import LEFTOVER, partial_file, partial_folder, sweep_leftovers

PRIVATE = 0o600
"""Permissions of a file that only its owner can read."""

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""What the system says of a disk, without the name of a file."""


@contextmanager
def atomic_write(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` atomically, after fsync, if the block ends well.

    A reader sees the old file or the new one, never half of one, even after kill -9 or a power cut. What a link leads
    to is replaced, and the link stays. A new file has the permissions that the umask leaves, a replaced one keeps its
    own, and only its owner can read a `private` file. Leftovers of killed writers in the folder are deleted.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "deep" / "note.txt"
    >>> with atomic_write(target) as partial:
    ...     _ = partial.write_text("done")
    >>> target.read_text()
    'done'

    Raises:
        OSError: it cannot be written there; the old file is as it was.
    """
    target = _prepare(path)
    mode = PRIVATE if private else None
    if os.path.lexists(target):
        status = target.lstat()
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"got {path}, which is a folder: expected the name of a file")
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"got {path}, which is a device or a pipe: expected the name of a file")
        mode = PRIVATE if private else status.st_mode & 0o777
    with _naming(path), partial_file(target.parent, 0o666 if mode is None else mode & 0o666 | PRIVATE) as partial:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        if mode is not None:
            partial.chmod(mode)
        partial.replace(target)
        sync_folder(target.parent)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `folder`, after fsync, if the block ends well.

    On Linux the two change places in one step. Elsewhere the old folder is moved aside first, and a process that is
    killed between the two steps leaves it there until something is written beside it again: then it is put back.

    Raises:
        OSError: it cannot be written there; the old folder is as it was.
    """
    target = _prepare(folder)
    if os.path.lexists(target) and not target.is_dir():
        raise NotADirectoryError(f"got {folder}, which is a file: expected the name of a folder")
    with _naming(folder), partial_folder(target.parent) as partial:
        yield partial
        _sync_tree(partial)
        if not target.exists():
            partial.rename(target)
        elif not _exchange(partial, target):
            with partial_folder(target.parent, "old") as old:
                aside = old / target.name
                target.rename(aside)
                try:
                    partial.rename(target)
                finally:
                    if not target.exists():
                        aside.rename(target)
        sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder outlast a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def resolve_link(path: Path) -> Path:
    """Return what a link finally leads to, which need not exist; a path that is no link as it is.

    Raises:
        OSError: links lead in a circle.
    """
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        message = f"got {path}, a link that leads in a circle: expected the name of a file or folder"
        raise _error(OSError, errno.ELOOP, message)
    return target


def _prepare(path: Path) -> Path:
    """Make the folder of a path and clean it; return what is to be replaced."""
    target = resolve_link(path)
    if target == path:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not target.parent.is_dir():
        raise FileNotFoundError(f"got {path}, a link to {target}, whose folder does not exist")
    sweep_leftovers(target.parent, target.name)
    return target


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file that was to be written in errors that name the partial one or none, as of a full disk."""
    try:
        yield
    except OSError as error:
        names_partial = error.filename is not None and LEFTOVER.search(os.fsdecode(error.filename))
        if not names_partial and (error.errno not in DISK_ERRORS or error.filename is not None):
            raise
        raise _error(type(error), error.errno, f"{path} cannot be written: {error.strerror}") from error


def _error(kind: type[OSError], code: int | None, message: str) -> OSError:
    """Make an error of the system whose text is the message alone."""
    error = kind(message)
    error.errno = code
    return error


def _sync_tree(folder: Path) -> None:
    for where, _, names in os.walk(folder, topdown=False):
        for name in names:
            with Path(where, name).open("rb+") as file:
                os.fsync(file.fileno())
        sync_folder(Path(where))


def _exchange(a: Path, b: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    at_working_directory, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # an older C library
        return False
    return renameat2(at_working_directory, os.fsencode(a), at_working_directory, os.fsencode(b), exchange) == 0


def expand_home(path: str | Path) -> Path:
    """Return a path with `~` and `~user` replaced by the user's folder; unchanged where there is no such user.

    >>> expand_home("~nobody-of-that-name/pictures").as_posix()
    '~nobody-of-that-name/pictures'
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def cache_directory(setting: str | None = None) -> Path:
    """Return the folder of downloads, models and embeddings.

    It is `setting` if there is one, else the environment variable IMAGETAGGER_CACHE, else the user's cache directory
    on this platform (`~/.cache/imagetagger` on Linux).
    """
    import platformdirs

    folder = setting or os.environ.get("IMAGETAGGER_CACHE") or platformdirs.user_cache_dir("imagetagger")
    return expand_home(folder)


def data_directory() -> Path:
    """Return the folder of what a user taught.

    It is the environment variable IMAGETAGGER_DATA, else the user's data directory on this platform
    (`~/.local/share/imagetagger` on Linux).
    """
    import platformdirs

    folder = os.environ.get("IMAGETAGGER_DATA") or platformdirs.user_data_dir("imagetagger", appauthor=False)
    return expand_home(folder)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed_version(package: str) -> str | None:
    """Return the version of a package, None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # 30 ms that a Tagger need not pay

    try:
        return version(package)
    except PackageNotFoundError:
        return None
