"""Saving lessons to a file that others save to as well: what both changed is kept."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imagetagger.bundle.executor import Executor
from imagetagger.bundle.reader import Bundle
from imagetagger.system.atomic_files import file_sha256, resolve_link
from imagetagger.tagger.lesson_file import AdoptedLessons, load_lessons_for, save_lessons
from imagetagger.tagger.lessons import NO_LESSONS, LessonError, Lessons, check_limits, merge_changes
from imagetagger.tagger.tag_names import taught_names

log = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds to wait for another process before saying so."""


class CommonState(NamedTuple):
    """What a tagger and a file last had in common.

    Attributes:
        digest: SHA-256 of the file where it had these lessons and no others, else "".
        lessons: of the tagger.
    """

    digest: str
    lessons: Lessons


CommonStates = Mapping[Path, CommonState]
"""By resolved path."""


@contextmanager
def locked_lessons(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Hold the lock of a file of lessons, which every writer takes; the system frees it however a process ends.

    Yields whether it is held: some shares have no locks, and what is saved there is not lost for that.

    Args:
        path: of the file; links are followed.
        on_wait: called if another process has the lock for long.
    """
    from filelock import FileLock, Timeout

    path = resolve_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(f"{path.name}.lock")
    lock = FileLock(file, fallback_to_soft=False)  # a soft one outlives a killed process
    try:
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            if not file.exists():  # filelock tries for ever where none can be made, as below /proc
                raise FileNotFoundError(f"{file} cannot be made") from None
            on_wait()
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        log.warning("%s cannot be locked, so save to it from one program at a time: %s", path, error)
    try:
        yield lock.is_locked
    finally:
        lock.release()


class LessonFiles:
    """Loads and saves lessons for a bundle, and keeps what others saved to the same file in between."""

    def __init__(self, bundle: Bundle, executor: Executor) -> None:
        self._bundle = bundle
        self._executor = executor

    def load(self, path: Path, common: CommonStates) -> tuple[AdoptedLessons, CommonStates]:
        """Load a file of lessons; return what a tagger has in common with files once it adopted them.

        Raises like `load_lessons_for`.
        """
        digest = lessons_digest(path) if path.is_file() else ""
        loaded = load_lessons_for(path, self._bundle, self._executor)
        return loaded, {**common, path.resolve(): CommonState(digest, loaded.lessons)}

    def save(self, lessons: Lessons, path: Path, common: CommonStates, *, replace: bool = False) -> CommonStates:
        """Write lessons to a file, with what others saved there since; if `replace`, over whatever is there.

        Returns what the tagger has in common with files then.

        Raises:
            LessonError: the file is damaged or something else, so nothing was written.
            OSError: it cannot be written.
        """
        if path.is_dir():
            raise IsADirectoryError(f"got {path}, which is a folder: expected the name of a file, such as lessons.zip")
        if replace:
            self._write(lessons, path)
            return {**common, path.resolve(): CommonState("", lessons)}
        with locked_lessons(path) as is_locked:
            merged, base = lessons, common.get(path.resolve(), CommonState("", NO_LESSONS))
            if (found := lessons_digest(path)) and found != base.digest:
                merged = merge_changes(base.lessons, lessons, self._load_theirs(path))
                check_limits(merged)
            self._write(merged, path)
            digest = lessons_digest(path) if is_locked and merged is lessons else ""
            return {**common, path.resolve(): CommonState(digest, lessons)}

    def _load_theirs(self, path: Path) -> Lessons:
        try:
            return load_lessons_for(path, self._bundle, self._executor).lessons
        except LessonError as error:
            raise LessonError(f"{error}. Save elsewhere, or replace the file: save(..., replace=True)") from error

    def _write(self, lessons: Lessons, path: Path) -> None:
        save_lessons(lessons, taught_names((*self._bundle.labels, *self._bundle.terms), lessons), path)


def lessons_digest(path: Path) -> str:
    """SHA-256 of a file of lessons; "" of an empty one, or of none."""
    return file_sha256(path) if path.exists() and path.stat().st_size else ""
