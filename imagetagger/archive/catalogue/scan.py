"""Finding out what became of the pictures in folders since the last scan; only new and changed files are opened."""

import os
import random
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue
from imagetagger.archive.catalogue.files import count_gone, current_states, known_states, path_bytes, set_gone
from imagetagger.archive.catalogue.listing import FileState, list_archive, outermost_folders
from imagetagger.archive.catalogue.reading import FileReading, read_file
from imagetagger.archive.catalogue.recording import record_readings
from imagetagger.data.folder_walk import Unusable
from imagetagger.system.ignored_files import is_raw_name

SEPARATOR = os.fsencode(os.sep)
BATCH = 32
"""Files that are read between two transactions: as many are read again after a process was killed."""


class ScanReport(NamedTuple):
    """What a scan found.

    Attributes:
        unread: files that are still to be read; 0 in the end.
        new, changed, moved, unchanged: files; see `FileChange`. Those that another process read count as unchanged.
        raw: camera raw files that were listed; they are in the other counts too.
        raw_left_out: camera raw files that are neither asked for nor known; they are in no other count.
        gone: files that are no longer there, nor is their picture elsewhere; found in the end.
        problems: files and folders that cannot be used, of those that were listed or read now.
    """

    unread: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    unchanged: int = 0
    raw: int = 0
    raw_left_out: int = 0
    gone: int = 0
    problems: tuple[Unusable, ...] = ()


def scan(
    catalogue: Catalogue, folders: Iterable[Path], read: Callable[[Path], FileReading] = read_file, *, raw: bool = False
) -> Iterator[ScanReport]:
    """Bring a catalogue up to date with folders; yield a report as each folder and batch is done, the full one last.

    A file of the same size and modification time as before is unchanged, and is not opened. Others are read, and known
    by the content of their pictures: one that is no longer where it was, was moved.

    Several processes may scan the same folders at once. Each reads batches in a random order, and leaves out what
    others have read since, so that they share the work rather than repeat it.

    Args:
        catalogue: is changed in short transactions.
        folders: with all that is below them.
        read: reads a file.
        raw: include camera raw files. Those that are known, since they once were, are always included.

    Raises:
        CatalogueError: see `transaction`.
    """
    tops = outermost_folders(folders)
    known = known_states(catalogue, tops)  # before listing: what others add meanwhile is not missing
    listed, returned, unread = set[bytes](), list[bytes](), dict[Path, FileState]()
    report = ScanReport()
    for files, unusable in list_archive(tops):
        included, left_out = 0, 0
        for path, state in files.items():
            key = path_bytes(path)
            if is_raw_name(path.name):
                if not raw and key not in known:
                    left_out += 1
                    continue
                included += 1
            listed.add(key)
            before, was_gone = known.get(key, (None, False))
            if before != state:
                unread[path] = state
            elif was_gone:
                returned.append(key)
        report = ScanReport(
            len(unread),
            unchanged=len(listed) - len(unread),
            raw=report.raw + included,
            raw_left_out=report.raw_left_out + left_out,
            problems=report.problems + unusable,
        )
        yield report
    hidden = _hidden(report.problems)
    missing = [
        key
        for key, (_, was_gone) in known.items()
        if not was_gone and key not in listed and not (key + SEPARATOR).startswith(hidden)
    ]
    set_gone(catalogue, missing, returned)
    report = yield from _read_batches(catalogue, unread, read, report)
    yield report._replace(gone=count_gone(catalogue, missing))


def _read_batches(
    catalogue: Catalogue, unread: dict[Path, FileState], read: Callable[[Path], FileReading], report: ScanReport
) -> Generator[ScanReport, None, ScanReport]:
    """Read and record files; yield the report after each batch, and return the last one."""
    paths = list(unread)
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    random.shuffle(batches)  # in one order, processes that met would read every batch together from then on
    for batch in batches:
        current = current_states(catalogue, batch)
        readings = [read(path) for path in batch if current.get(path) != unread[path]]
        changes = Counter(record_readings(catalogue, readings))
        report = report._replace(
            unread=report.unread - len(batch),
            new=report.new + changes["new"],
            changed=report.changed + changes["changed"],
            moved=report.moved + changes["moved"],
            unchanged=report.unchanged + changes["unchanged"] + len(batch) - len(readings),
            problems=(*report.problems, *(Unusable(one.path, one.problem) for one in readings if one.problem)),
        )
        yield report
    return report


def _hidden(problems: Iterable[Unusable]) -> tuple[bytes, ...]:
    """Return how paths begin that are there and cannot be read, so that nobody knows what is gone of what they hold."""
    return tuple(path_bytes(path) + SEPARATOR for path, _ in problems if not _is_missing(path))


def _is_missing(path: Path) -> bool:
    """Whether nothing is there, or a link to nothing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False
