"""Files and folders while they are written, and those that killed processes left behind.

A partial file has a short random name beside its target, so that any name of a target is possible, and its writer
holds a lock on it, which the system frees however a process ends: one that nobody holds is left over. Where that is
unknown (no locks, another machine, a version without locks) it is left over after a day.
"""

import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Literal

HAS_LOCKS = os.name == "posix"
"""Whether an open file can be locked and renamed."""

if HAS_LOCKS:
    import fcntl

LEFTOVER = re.compile(r"\.imagetagger-([0-9a-f]{8})-[0-9a-f]{16}\.(?:partial|old)")
"""Names of partial files: the machine of the writer, and a random number."""

OLD_LEFTOVER = re.compile(r"\..+\.[a-z0-9_]{8}\.(?:partial|old)", re.DOTALL)
"""Names that earlier versions gave."""

ABANDONED_AFTER = 86_400.0
"""Seconds after which a partial file without a lock that we can see is taken for left over."""


@contextmanager
def partial_file(folder: Path, mode: int) -> Iterator[Path]:
    """Yield a new empty file in `folder`, locked; delete it in the end, unless it was moved away.

    Args:
        folder: in which it is made.
        mode: its permissions; the system takes the umask off.
    """
    while True:
        path = _random_path(folder, "partial")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        if not HAS_LOCKS:
            os.close(handle)
            handle = -1
        if handle < 0 or _lock(handle, path) is not False:
            break
        os.close(handle)  # a sweep came between
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        if handle >= 0:
            os.close(handle)


@contextmanager
def partial_folder(folder: Path, kind: Literal["partial", "old"] = "partial") -> Iterator[Path]:
    """Yield a new empty folder in `folder`, locked; delete it in the end, unless it was moved away."""
    while True:
        path = _random_path(folder, kind)
        path.mkdir(mode=0o777 if kind == "partial" else 0o700)
        handle = os.open(path, os.O_RDONLY) if HAS_LOCKS else -1
        if handle < 0 or _lock(handle, path) is not False:
            break
        os.close(handle)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle >= 0:
            os.close(handle)


def sweep_leftovers(folder: Path, target: str) -> None:
    """Delete what killed writers left in a folder; a folder that was moved aside and not replaced is put back.

    Args:
        folder: to look in.
        target: name of the file or folder that is to be written; of its leftovers, those of earlier versions go too.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".partial", ".old"))]
    except OSError:
        return
    for name in names:
        if (match := LEFTOVER.fullmatch(name)) is not None:
            with suppress(OSError):
                _sweep(folder / name, is_ours=match[1] == _machine())
        elif name.startswith(f".{target}.") and OLD_LEFTOVER.fullmatch(name):
            with suppress(OSError):
                _sweep(folder / name, is_ours=False)


def _sweep(path: Path, *, is_ours: bool) -> None:
    status = path.lstat()
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder and not stat.S_ISREG(status.st_mode):
        return
    is_old = time.time() - status.st_mtime > ABANDONED_AFTER
    handle = -1
    try:
        is_dead: bool | None = None
        if is_ours and HAS_LOCKS:
            flags = os.O_RDONLY if is_folder else os.O_RDWR  # NFS locks only what may be written
            handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
            is_dead = _lock(handle, path)
        if is_dead is None:
            is_dead = is_old
        if is_dead:
            _delete(path)
    finally:
        if handle >= 0:
            os.close(handle)


def _delete(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    if path.suffix == ".old":
        for aside in path.iterdir():
            if not os.path.lexists(path.parent / aside.name):
                aside.rename(path.parent / aside.name)
    shutil.rmtree(path)


def _lock(handle: int, path: Path) -> bool | None:
    """Lock what is open as `handle`; False if another has it or `path` is something else by now, None without locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def _random_path(folder: Path, kind: str) -> Path:
    return folder / f".imagetagger-{_machine()}-{secrets.token_hex(8)}.{kind}"


@cache
def _machine() -> str:
    """Return a digest of this machine's name and id: locks may not reach processes of other machines."""
    try:
        machine_id = Path("/etc/machine-id").read_bytes()
    except OSError:  # not a Linux of today
        machine_id = b""
    return hashlib.sha256(platform.node().encode("utf-8", "replace") + machine_id).hexdigest()[:8]
