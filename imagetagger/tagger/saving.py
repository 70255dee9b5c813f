"""Saving lessons to a file that others save to as well: what both changed is kept."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imagetagger.bundle.executor import Executor
from imagetagger.bundle.reader import Bundle
from imagetagger.system.atomic_files import file_sha256, resolve_link
from imagetagger.tagger.lesson_file import load_lessons_for, save_lessons
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    check_limits,
    final_tags,
)
from imagetagger.tagger.tag_names import taught_names

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


@contextmanager
def locked_lessons(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of a file of lessons, which every writer takes; the system frees it however a process ends.

    Args:
        path: of the file; links are followed.
        on_wait: called if another process has the lock for long.
    """
    from filelock import FileLock, Timeout

    path = resolve_link(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"), mode=0o600)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class LessonFiles:
    """Loads and saves a tagger's lessons, and keeps what others saved to the same file in between."""

    def __init__(self, bundle: Bundle, executor: Executor) -> None:
        self._bundle = bundle
        self._executor = executor
        self._common: dict[Path, CommonState] = {}

    def load(self, path: Path) -> Lessons:
        """Load a file of lessons for the bundle; raises like `load_lessons_for`."""
        digest = _digest(path) if path.is_file() else ""
        loaded = load_lessons_for(path, self._bundle, self._executor)
        self._common[path.resolve()] = CommonState(digest, loaded)
        return loaded

    def save(self, lessons: Lessons, path: Path, *, replace: bool = False) -> None:
        """Write lessons to a file, with what others saved there since; if `replace`, over whatever is there.

        Raises:
            LessonError: the file is damaged or something else, so nothing was written.
            OSError: it cannot be written.
        """
        if path.is_dir():
            raise IsADirectoryError(f"got {path}, which is a folder: expected the name of a file, such as lessons.zip")
        if replace:
            self._write(lessons, path)
            return
        with locked_lessons(path):
            united, common = lessons, self._common.get(path.resolve(), CommonState("", NO_LESSONS))
            if (found := _digest(path)) and found != common.digest:
                united = merge_changes(common.lessons, lessons, self._load_theirs(path))
                check_limits(united)
            self._write(united, path)
            self._common[path.resolve()] = CommonState(_digest(path) if united is lessons else "", lessons)

    def _load_theirs(self, path: Path) -> Lessons:
        try:
            return load_lessons_for(path, self._bundle, self._executor)
        except LessonError as error:
            raise LessonError(f"{error}. Save elsewhere, or replace the file: save(..., replace=True)") from error

    def _write(self, lessons: Lessons, path: Path) -> None:
        save_lessons(lessons, taught_names((*self._bundle.labels, *self._bundle.terms), lessons), path)


def merge_changes(base: Lessons, mine: Lessons, theirs: Lessons) -> Lessons:
    """Merge what two users made of the same lessons, as a version control system does.

    Pictures and tags that either added or took away since are added or taken away. A tag that one removed and the other
    taught stays; where both renamed or merged it, `mine` wins.

    Args:
        base: the lessons that both began with.
        mine: made of them by one.
        theirs: made of them by the other.
    """
    pictures = dict(theirs.pictures)
    for key in dict.fromkeys((*base.pictures, *mine.pictures)):
        before, after = (_tags(lessons.pictures.get(key)) for lessons in (base, mine))
        kept = [tag for tag in _tags(pictures.get(key)) if tag in after or tag not in before]
        tags = tuple(dict.fromkeys((*kept, *(tag for tag in after if tag not in before))))
        picture = pictures.get(key) or mine.pictures.get(key)
        if tags and picture:
            pictures[key] = picture if picture.tags == tags else picture._replace(tags=tags)
        else:
            pictures.pop(key, None)
    edits = VocabularyEdits(
        _merge_mappings(base.edits.names, mine.edits.names, theirs.edits.names),
        _merge_mappings(base.edits.merged, mine.edits.merged, theirs.edits.merged),
        _merge_sets(base.edits.removed, mine.edits.removed, theirs.edits.removed),
        _merge_sets(base.edits.hidden, mine.edits.hidden, theirs.edits.hidden),
    )
    final = final_tags(edits.merged)
    taught = {final.get(tag, tag) for picture in pictures.values() for tag in picture.tags}
    return Lessons(pictures, edits._replace(removed=edits.removed - taught))


def _tags(picture: TaughtPicture | None) -> tuple[str, ...]:
    return picture.tags if picture else ()


def _merge_mappings(base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    merged = dict(theirs)
    for key in dict.fromkeys((*base, *mine)):
        if base.get(key) == mine.get(key):
            continue
        if key in mine:
            merged[key] = mine[key]
        else:
            merged.pop(key, None)
    return merged


def _merge_sets(base: frozenset[str], mine: frozenset[str], theirs: frozenset[str]) -> frozenset[str]:
    return (theirs - (base - mine)) | (mine - base)


def _digest(path: Path) -> str:
    """SHA-256 of a file; "" of an empty one, or of none."""
    return file_sha256(path) if path.exists() and path.stat().st_size else ""
