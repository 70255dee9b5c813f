"""Planned changes of sidecars, shown or carried out."""

import difflib
import os
from pathlib import Path

from imagetagger.archive.keywords.encodings import decode_xml
from imagetagger.archive.keywords.errors import SidecarError
from imagetagger.archive.keywords.write import SidecarChange
from imagetagger.system.atomic_files import atomic_write, resolve_link
from imagetagger.system.printable import printable_text


def apply_change(change: SidecarChange) -> None:
    """Write, replace or delete a sidecar, completely or not at all; links stay, and a file keeps its permissions.

    Raises:
        SidecarError: the file is not as it was when the change was planned, or read-only.
        OSError: it cannot be written.
    """
    if change.before == change.after:
        return
    _check_unchanged(change)
    if change.before is not None and not _is_writable(change.path):
        raise SidecarError(f"the sidecar {change.path} is read-only. Make it writable, or move it away")
    if change.after is None:
        resolve_link(change.path).unlink()
        return
    with atomic_write(change.path) as partial:
        partial.write_bytes(change.after)
        _check_unchanged(change)  # once more: it may have taken a while


def describe_change(change: SidecarChange) -> str:
    """Return a change as a unified diff, "" if it changes nothing."""
    if change.before == change.after:
        return ""
    name = printable_text(str(change.path))
    old, new = ("/dev/null" if data is None else name for data in (change.before, change.after))
    lines = difflib.unified_diff(_lines(change.before), _lines(change.after), old, new, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _is_writable(path: Path) -> bool:
    """Whether a file may be written, and says so: the administrator may write any."""
    return os.access(path, os.W_OK) and bool(path.stat().st_mode & 0o222)


def _check_unchanged(change: SidecarChange) -> None:
    if _read(change.path) != change.before:
        raise SidecarError(f"the sidecar {change.path} has changed since it was read: plan the change again")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _lines(data: bytes | None) -> list[str]:
    text = "" if data is None else decode_xml(data).utf8.decode()
    return [printable_text(line.expandtabs()) for line in text.splitlines()]
