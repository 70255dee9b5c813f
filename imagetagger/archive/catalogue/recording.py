"""Storing what reading files brought, and what became of their pictures."""

import os
import sqlite3
from collections.abc import Sequence
from typing import Literal

from imagetagger.archive.catalogue.database import Catalogue, snapshot, transaction
from imagetagger.archive.catalogue.files import path_bytes, set_gone
from imagetagger.archive.catalogue.reading import FileReading

FileChange = Literal["new", "changed", "moved", "unchanged", "unusable"]
"""What became of a file that was read: a picture that is new there, another picture than before, one that was elsewhere
and is no longer, the same as before (its metadata may have changed), or nothing that can be used."""


def record_readings(catalogue: Catalogue, readings: Sequence[FileReading]) -> list[FileChange]:
    """Store what reading files brought, and return what became of each.

    A problem of a file with a picture belongs to the picture, wherever else it is.
    """
    set_gone(catalogue, _vanished(catalogue, readings))
    with transaction(catalogue) as connection:
        return [_record(connection, reading) for reading in readings]


def _vanished(catalogue: Catalogue, readings: Sequence[FileReading]) -> list[bytes]:
    """Return files of the same pictures at other paths that are no longer there, in folders that were not scanned."""
    with snapshot(catalogue) as connection:
        others = {
            path
            for reading in readings
            for (path,) in connection.execute(
                "SELECT path FROM files WHERE content = ? AND path != ? AND gone IS NULL",
                (reading.content, path_bytes(reading.path)),
            )
        }
    return [path for path in others if not os.path.lexists(path)]


def _record(connection: sqlite3.Connection, reading: FileReading) -> FileChange:
    path, content = path_bytes(reading.path), reading.content
    change = _change(connection, path, content)
    if change == "moved":
        _move_written(connection, path, content)
    if content is not None:
        connection.execute("INSERT INTO pictures (content) VALUES (?) ON CONFLICT DO NOTHING", (content,))
        if reading.problem is not None:
            connection.execute("UPDATE pictures SET problem = ? WHERE content = ?", (reading.problem, content))
            connection.execute("DELETE FROM claims WHERE content = ?", (content,))
    problem = None if content is not None else reading.problem
    connection.execute(
        "REPLACE INTO files (path, size, mtime_ns, content, problem) VALUES (?, ?, ?, ?, ?)",
        (path, reading.size, reading.mtime_ns, content, problem),
    )
    return change


def _change(connection: sqlite3.Connection, path: bytes, content: str | None) -> FileChange:
    if content is None:
        return "unusable"
    (before,) = connection.execute("SELECT content FROM files WHERE path = ?", (path,)).fetchone() or (None,)
    if before == content:
        return "unchanged"
    others, present = connection.execute(
        "SELECT count(*), coalesce(sum(gone IS NULL), 0) FROM files WHERE content = ? AND path != ?", (content, path)
    ).fetchone()
    if others and not present:
        return "moved"
    return "new" if before is None else "changed"


def _move_written(connection: sqlite3.Connection, path: bytes, content: str | None) -> None:
    """Let what was written beside a picture count where it is now, too: it may be that only a disk is missing."""
    connection.execute(
        """INSERT OR IGNORE INTO written (path, keyword, content, probability, bundle, written, withdrawn)
        SELECT ?, keyword, content, probability, bundle, written, withdrawn FROM written WHERE content = ?""",
        (path, content),
    )
