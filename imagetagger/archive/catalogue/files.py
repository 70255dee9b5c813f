"""The files of a catalogue: their paths, their states, and which of them are gone."""

import itertools
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue, snapshot, transaction
from imagetagger.archive.catalogue.listing import FileState, outermost_folders


class KnownFile(NamedTuple):
    """A file in a catalogue that was there at the last scan."""

    path: Path
    content: str | None
    problem: str | None


def path_bytes(path: Path) -> bytes:
    """Return a path as a catalogue has it: as bytes of the system, as not all names are text."""
    return os.fsencode(path)


def path_of(stored: bytes) -> Path:
    """Return the path that `path_bytes` stored."""
    return Path(os.fsdecode(stored))


def path_ranges(folders: Sequence[Path]) -> tuple[str, list[bytes]]:
    """Return the SQL of a table `ranges` of the paths in folders, from `low` to below `high`, and its values.

    Args:
        folders: by any path; none for all files.
    """
    separator = os.fsencode(os.sep)
    below = [path_bytes(folder).removesuffix(separator) for folder in outermost_folders(folders)]
    bounds = [(path + separator, path + bytes([separator[0] + 1])) for path in below] or [(b"", b"\xff")]
    rows = ", ".join("(?, ?)" for _ in bounds)
    return f"WITH ranges (low, high) AS (VALUES {rows})", list(itertools.chain(*bounds))


def list_files(catalogue: Catalogue, folders: Sequence[Path] = ()) -> list[KnownFile]:
    """Return the files that are there, by path, of folders or of all."""
    ranges, values = path_ranges(folders)
    with snapshot(catalogue) as connection:
        rows = connection.execute(
            f"""{ranges} SELECT path, content, coalesce(files.problem, pictures.problem) FROM ranges
            JOIN files ON path >= low AND path < high LEFT JOIN pictures USING (content)
            WHERE gone IS NULL ORDER BY path""",
            values,
        ).fetchall()
    return [KnownFile(path_of(path), content, problem) for path, content, problem in rows]


def current_states(catalogue: Catalogue, paths: Iterable[Path]) -> dict[Path, FileState]:
    """Return the states in which some files were read last; files that are to be read are left out."""
    with snapshot(catalogue) as connection:
        rows = {
            path: connection.execute(
                "SELECT size, mtime_ns FROM files WHERE path = ? AND gone IS NULL AND mtime_ns IS NOT NULL",
                (path_bytes(path),),
            ).fetchone()
            for path in paths
        }
    return {path: FileState(*row) for path, row in rows.items() if row is not None}


def known_states(catalogue: Catalogue, folders: Sequence[Path]) -> dict[bytes, tuple[FileState | None, bool]]:
    """Return the state and whether it is gone of each file that is known in folders; None for what is to be read."""
    if not folders:
        return {}
    ranges, values = path_ranges(folders)
    with snapshot(catalogue) as connection:
        rows = connection.execute(
            f"{ranges} SELECT path, size, mtime_ns, gone FROM ranges JOIN files ON path >= low AND path < high", values
        ).fetchall()
    return {
        path: (None if mtime_ns is None else FileState(size, mtime_ns), gone is not None)
        for path, size, mtime_ns, gone in rows
    }


def set_gone(catalogue: Catalogue, missing: Sequence[bytes], found: Sequence[bytes] = ()) -> None:
    """Remember which files are no longer there, and which are there again. Nothing about their pictures is deleted."""
    if not missing and not found:
        return
    now = int(time.time())
    with transaction(catalogue) as connection:
        connection.executemany(
            "UPDATE files SET gone = ? WHERE path = ? AND gone IS NULL", [(now, path) for path in missing]
        )
        connection.executemany("UPDATE files SET gone = NULL WHERE path = ?", [(path,) for path in found])


def forget_problems(catalogue: Catalogue) -> int:
    """Let files and pictures that could not be used be read again; return the number of these files."""
    with transaction(catalogue) as connection:
        of_pictures = "content IN (SELECT content FROM pictures WHERE problem IS NOT NULL)"
        (count,) = connection.execute(
            f"SELECT count(*) FROM files WHERE gone IS NULL AND (problem IS NOT NULL OR {of_pictures})"
        ).fetchone()
        connection.execute("UPDATE files SET problem = NULL, mtime_ns = NULL WHERE problem IS NOT NULL")
        connection.execute("UPDATE pictures SET problem = NULL WHERE problem IS NOT NULL")
    return int(count)


def count_gone(catalogue: Catalogue, paths: Iterable[bytes]) -> int:
    """Return how many files are gone, among some, and their pictures with them: there is no other file of the same."""
    with snapshot(catalogue) as connection:
        found = (
            connection.execute(
                """SELECT 1 FROM files WHERE path = ? AND gone IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM files AS other WHERE other.content = files.content AND other.gone IS NULL
                )""",
                (path,),
            ).fetchone()
            for path in paths
        )
        return sum(row is not None for row in found)
