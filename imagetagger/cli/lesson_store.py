"""A file of lessons that several processes change: one at a time, and with earlier versions to go back to.

Beside `lessons.zip` are `lessons.zip.lock`, which the system frees however a process ends, and the folder
`lessons.zip.undo` with earlier versions: `000007.zip`, an empty file where there were no lessons, and `000007.json`,
which says what was changed then. A change is one rename of a complete file, so a crash leaves the old lessons or the
new ones.
"""

import argparse
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from imagetagger.cli.terminal import CommandError, print_problem
from imagetagger.system.atomic_files import atomic_write, data_directory, file_sha256, resolve_link, sync_folder
from imagetagger.system.partial_files import sweep_leftovers
from imagetagger.tagger.saving import lessons_digest, locked_lessons

if TYPE_CHECKING:
    from imagetagger.tagger.tagger import Tagger

NEXT = "next.zip"
"""The lessons that are about to become the current ones, in the folder of earlier versions."""

MAX_VERSIONS = 10
"""Earlier versions that are kept."""


class VersionNote(msgspec.Struct, frozen=True):
    """What happened to an earlier version.

    Attributes:
        change: in words.
        left: SHA-256 of the file that the change left.
    """

    change: str
    left: str


def default_lessons() -> Path:
    """Return the path of the lessons in the user's data folder."""
    return data_directory() / "lessons.zip"


def lessons_to_change(options: argparse.Namespace) -> Path:
    """Return the file of lessons that a command changes.

    Raises:
        CommandError: the options name a bundle of the user's own, and no file.
    """
    if options.lessons is None and options.bundle is not None:
        raise CommandError("got --bundle without --lessons: name the file for this bundle's lessons, as mine.zip")
    return options.lessons or default_lessons()


def lessons_to_read(options: argparse.Namespace) -> Path | None:
    """The lessons that a command uses: those named, or without a bundle the user's if there are any.

    `archive learn --teach` and `archive review` make the file that is named if it does not exist.
    """
    if options.lessons is None and options.bundle is None and default_lessons().exists():
        return default_lessons()
    named: Path | None = options.lessons
    return None if named and getattr(options, "teach", False) and not named.exists() else named


def change_lessons(path: Path, tagger: "Tagger", change: Callable[[], str]) -> None:
    """Load a file's lessons into a tagger, change and save them, while no other process does.

    Args:
        path: of the file; it need not exist.
        tagger: with the bundle that the lessons are for.
        change: changes the tagger and returns what it did in words; "" for nothing worth keeping.
    """
    path = resolve_link(path)
    if path.is_dir():
        raise CommandError(f"got the lessons {path}, which is a folder: expected a file such as lessons.zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        if path.exists():
            tagger.replace_lessons(path)
        before = tagger.lessons
        done = change()
        if done and tagger.lessons is not before:
            _replace(path, tagger, done)


def undo_lessons(path: Path) -> str:
    """Put the version before the last change back, and return what that change was.

    Raises:
        CommandError: there is none, or something else changed the file since.
    """
    path = resolve_link(path)
    if not undo_folder(path).is_dir():
        raise CommandError(f"there is nothing to undo: {path} has no earlier versions")
    with _locked(path):
        _clean(path)
        current = lessons_digest(path)
        for version in reversed(_versions(path)):
            note = _read_note(version)
            if lessons_digest(version) == current:  # the process ended before its change came about
                _drop(version)
                continue
            if note is None or note.left != current:
                raise CommandError(f"{path} was changed since by another program: nothing was undone")
            if version.stat().st_size:
                version.replace(path)
            else:
                path.unlink()
            sync_folder(path.parent)
            _drop(version)
            return note.change
    raise CommandError(f"there is nothing to undo: {path} has no earlier versions")


def drop_versions(path: Path) -> None:
    """Delete the earlier versions of a file of lessons, with the pictures in them."""
    path = resolve_link(path)
    if undo_folder(path).is_dir():
        with _locked(path):
            shutil.rmtree(undo_folder(path))


def undo_folder(path: Path) -> Path:
    """Return the folder of the earlier versions of a file of lessons."""
    return path.with_name(f"{path.name}.undo")


def _locked(path: Path) -> AbstractContextManager[bool]:
    return locked_lessons(path, lambda: print_problem(f"waiting for another process that is changing {path}"))


def _replace(path: Path, tagger: "Tagger", change: str) -> None:
    folder = undo_folder(path)
    folder.mkdir(mode=0o700, exist_ok=True)
    _clean(path)
    fresh = folder / NEXT
    tagger.save(fresh, replace=True)
    left = file_sha256(fresh)
    if left != lessons_digest(path):
        number = max((int(version.stem) for version in _versions(path)), default=0) + 1
        version = folder / f"{number:06}.zip"
        with atomic_write(version.with_suffix(".json"), private=True) as partial:
            partial.write_bytes(msgspec.json.encode(VersionNote(change, left)))
        _keep(path, version)
    sync_folder(folder)
    fresh.replace(path)
    sync_folder(path.parent)
    for version in _versions(path)[:-MAX_VERSIONS]:
        _drop(version)


def _clean(path: Path) -> None:
    """Delete what processes that were killed left in the folder of earlier versions, while holding the lock."""
    folder = undo_folder(path)
    (folder / NEXT).unlink(missing_ok=True)
    sweep_leftovers(folder, NEXT)
    for note in folder.glob("*.json"):
        if not note.with_suffix(".zip").exists():
            note.unlink()
    for version in _versions(path)[-1:]:
        if lessons_digest(version) == lessons_digest(path):  # its change never came about
            _drop(version)
    sweep_leftovers(path.parent, path.name)


def _keep(path: Path, version: Path) -> None:
    """Give a file a second name, or leave an empty file if there is none."""
    if not path.exists():
        version.touch(mode=0o600)
        return
    try:
        os.link(path, version)
    except OSError:  # a file system without hard links
        with atomic_write(version, private=True) as partial:
            shutil.copyfile(path, partial)


def _versions(path: Path) -> list[Path]:
    """Earlier versions, the oldest first."""
    return sorted(
        (file for file in undo_folder(path).glob("*.zip") if file.stem.isdecimal()), key=lambda f: int(f.stem)
    )


def _drop(version: Path) -> None:
    version.unlink(missing_ok=True)
    version.with_suffix(".json").unlink(missing_ok=True)


def _read_note(version: Path) -> VersionNote | None:
    try:
        return msgspec.json.decode(version.with_suffix(".json").read_bytes(), type=VersionNote)
    except (OSError, msgspec.MsgspecError):
        return None
