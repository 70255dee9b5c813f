"""Sidecars: which files they are, and what one says."""

import functools
import os
import stat
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import NamedTuple

from imagetagger.archive.keywords.document import MAX_XMP_BYTES, XmpDocument, parse_xmp
from imagetagger.archive.keywords.encodings import EncodedText, decode_xml
from imagetagger.archive.keywords.errors import SidecarError, XmpError
from imagetagger.archive.keywords.fields import SidecarStyle
from imagetagger.archive.keywords.marks import WANTED_FIELDS, Marks, read_marks, split_ours
from imagetagger.archive.keywords.merge import FieldValue

SUFFIX = ".xmp"
SETTLED_NS = 2_000_000_000
"""Age of a folder's last change from which on its listing can be cached: file systems count time in up to 2 s."""


class Sidecar(NamedTuple):
    """What a sidecar says.

    Attributes:
        path: of it.
        data: all its bytes; None if it is not written yet.
        text: the same as UTF-8.
        document: where its fields are.
        stored: the marks as they are in the file.
        marks: the same, with what is gone by now.
        ours: our values that are there.
        people: values of persons.
    """

    path: Path
    data: bytes | None
    text: EncodedText
    document: XmpDocument
    stored: Marks
    marks: Marks
    ours: Counter[FieldValue]
    people: tuple[FieldValue, ...]


def find_sidecars(picture: Path) -> tuple[Path, ...]:
    """Return the sidecars of a picture that exist: `name.jpg.xmp` before `name.xmp`, in upper or lower case.

    `name.xmp` belongs to all pictures of that name. A sidecar in another spelling belongs to the picture that is
    spelled like it, if there is one.
    """
    return _sidecars_among(_list_names(picture.parent), picture)


def find_all_sidecars(pictures: Iterable[Path]) -> dict[Path, tuple[Path, ...]]:
    """Return the sidecars of many pictures, by picture; each folder is listed once, and has none if it cannot be."""
    names: dict[Path, dict[str, list[str]]] = {}
    found = {}
    for picture in pictures:
        folder = picture.parent
        if folder not in names:
            try:
                names[folder] = _by_lower_case(folder)
            except OSError:
                names[folder] = {}
        found[picture] = _sidecars_among(names[folder], picture)
    return found


def sidecar_path(picture: Path, style: SidecarStyle) -> Path:
    """Return where a new sidecar of a picture is made."""
    return picture.with_name((picture.name if style == "digikam" else picture.stem) + SUFFIX)


def is_shared(sidecar: Path, picture: str) -> bool:
    """Whether a sidecar also belongs to the picture of another name, if it exists."""
    is_named_alike = PurePath(picture).stem.lower() == sidecar.stem.lower()
    return is_named_alike and os.path.lexists(sidecar.with_name(picture))


def load_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        SidecarError: it cannot be read, or is broken.
    """
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SidecarError(f"got {path}, which is a device or a pipe: expected a file")
            data = file.read(MAX_XMP_BYTES + 1)
    except OSError as error:
        raise SidecarError(
            f"{path} cannot be read: {error.strerror}. Make it a readable file, or move it away"
        ) from error
    return parse_sidecar(path, data)


def parse_sidecar(path: Path, data: bytes) -> Sidecar:
    """Return what the bytes of a sidecar say.

    Raises:
        SidecarError: they are broken.
    """
    try:
        text = decode_xml(data)
        document = parse_xmp(text.utf8, WANTED_FIELDS)
        stored = read_marks(document.properties)
    except XmpError as error:
        fix = "Repair it or move it away; it is left as it is"
        raise SidecarError(f"the sidecar {path} {error}. {fix}") from error
    marks, ours, people = split_ours(document.properties, stored)
    return Sidecar(path, data, text, document, stored, marks, ours, tuple(people))


def _sidecars_among(names: dict[str, list[str]], picture: Path) -> tuple[Path, ...]:
    own = _spelled_alike(names, picture.name)
    shared = _spelled_alike(names, picture.stem)
    return tuple(dict.fromkeys(picture.parent / name for name in (own, shared) if name))


def _spelled_alike(names: dict[str, list[str]], name: str) -> str | None:
    """Return a sidecar's name: of the same spelling, or else of another that no file has."""
    found = names.get(f"{name}{SUFFIX}".lower(), [])
    same = [each for each in found if each[: -len(SUFFIX)] == name]
    alike = names.get(name.lower(), [])
    rivals = alike if name in alike else []  # where case makes no difference, a file may be asked for in another one
    others = [each for each in found if each[: -len(SUFFIX)] not in rivals]
    return next(iter([*same, *others]), None)


def _list_names(folder: Path) -> dict[str, list[str]]:
    """Return the names in a folder, by themselves in lower case."""
    status = folder.stat()
    if time.time_ns() - status.st_mtime_ns < SETTLED_NS:
        return _by_lower_case(folder)
    return _listed(folder, (status.st_dev, status.st_ino, status.st_mtime_ns))


@functools.lru_cache(maxsize=4)
def _listed(folder: Path, state: tuple[int, int, int]) -> dict[str, list[str]]:
    """Return the names in a folder that is in a certain state."""
    return _by_lower_case(folder)


def _by_lower_case(folder: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    with os.scandir(folder) as entries:
        for name in sorted(entry.name for entry in entries):
            names.setdefault(name.lower(), []).append(name)
    return names
