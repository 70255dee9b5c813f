"""Whether anything has changed, since an archive was tagged, that its tags depend on: then it need not be tagged again.

A fingerprint is a digest of the settings, of what the catalogue knows, and of the state of each picture and sidecar. It
is stored only if all of these were the same after tagging as before, but for the sidecars that tagging itself wrote.
"""

import hashlib
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from imagetagger.archive.catalogue.database import Catalogue, snapshot
from imagetagger.archive.catalogue.files import KnownFile, path_bytes, path_ranges
from imagetagger.archive.catalogue.learned import load_learned
from imagetagger.archive.keywords import SidecarChange
from imagetagger.archive.keywords.sidecar import SETTLED_NS, find_all_sidecars
from imagetagger.system.atomic_files import file_sha256, installed_version

TAGGING_VERSION = 1
"""Of what is written for the same pictures, tags and settings: a change of the code that changes it needs a new one."""


class FileLook(NamedTuple):
    """A file as it was when it was looked at.

    Attributes:
        inode, size, mtime_ns, ctime_ns: by which a change shows, unless it follows another one at once.
        digest: SHA-256 of the contents; None if they were not read.
    """

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str | None = None

    @property
    def changed_ns(self) -> int:
        """Time of the last change, in ns since 1970."""
        return max(self.mtime_ns, self.ctime_ns)


class WrittenSidecar(NamedTuple):
    """A sidecar that tagging changed: SHA-256 of its contents before and after; None where there is no file."""

    path: Path
    before: str | None
    after: str | None


Looks = Mapping[Path, FileLook]
"""By path; files that are not there, or cannot be looked at, are left out."""


def settled_at(now_ns: int) -> int:
    """Return the time up to which a last change is old enough that any later one shows: some clocks count 2 s."""
    return now_ns - SETTLED_NS


def look_at_files(pictures: Sequence[Path], settled_ns: int, *, read_sidecars: bool = False) -> dict[Path, FileLook]:
    """Look at pictures and all their sidecars.

    Args:
        pictures: their paths.
        settled_ns: the contents of files that changed after this time are read.
        read_sidecars: read those of all sidecars.
    """
    sidecars = dict.fromkeys(path for found in find_all_sidecars(pictures).values() for path in found)
    looks = {path: _look(path, settled_ns) for path in pictures}
    looks |= {path: _look(path, -1 if read_sidecars else settled_ns) for path in sidecars}
    return {path: look for path, look in looks.items() if look is not None}


def _look(path: Path, settled_ns: int) -> FileLook | None:
    try:
        status = path.stat()
        look = FileLook(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if look.changed_ns <= settled_ns or not stat.S_ISREG(status.st_mode):
            return look
        return look._replace(digest=file_sha256(path))
    except OSError:
        return None


def written_sidecar(change: SidecarChange) -> WrittenSidecar:
    """Return what to remember of a change that was carried out."""
    before, after = (
        None if data is None else hashlib.sha256(data).hexdigest() for data in (change.before, change.after)
    )
    return WrittenSidecar(change.path, before, after)


def is_as_left(before: Looks, after: Looks, written: Iterable[WrittenSidecar]) -> bool:
    """Whether files are as tagging read and left them: nobody else changed one meanwhile.

    Args:
        before: files and the contents of all sidecars, before anything was read.
        after: the same after tagging.
        written: sidecars that tagging changed, in order.
    """
    own: dict[Path, str | None] = {}
    for path, was, became in written:
        expected = own[path] if path in own else _digest(before, path)
        if was != expected:
            return False
        own[path] = became
    others = (before.keys() | after.keys()) - own.keys()
    return all(before.get(path) == after.get(path) for path in others) and all(
        _digest(after, path) == became for path, became in own.items()
    )


def _digest(looks: Looks, path: Path) -> str | None:
    look = looks.get(path)
    return None if look is None else look.digest


def tagging_basis(
    catalogue: Catalogue,
    space: str,
    folders: Sequence[Path],
    files: Sequence[KnownFile],
    settings: Mapping[str, object],
) -> str:
    """Return a digest of what tags depend on, but for the pictures' files and sidecars.

    Args:
        catalogue: with learned tags, embeddings and tags that people withdrew.
        space: embedding space.
        folders: of the pictures.
        files: in these folders, also those that cannot be used.
        settings: of the command; digests of the bundle and the lessons.
    """
    ranges, values = path_ranges(folders)
    with snapshot(catalogue) as connection:
        embedded = connection.execute(
            f"""{ranges} SELECT DISTINCT content FROM ranges JOIN files ON path >= low AND path < high
            WHERE gone IS NULL AND content IN (
                SELECT content FROM embeddings WHERE space = (SELECT id FROM spaces WHERE name = ?)
            ) ORDER BY content""",
            (*values, space),
        ).fetchall()
        withdrawn = connection.execute(
            "SELECT path, keyword, content FROM written WHERE withdrawn IS NOT NULL ORDER BY path, keyword"
        ).fetchall()
    return _digest_of(
        TAGGING_VERSION,
        installed_version("imagetagger"),
        space,
        sorted((key, repr(value)) for key, value in settings.items()),
        [(path_bytes(file.path), file.content, file.problem) for file in files],
        embedded,
        withdrawn,
        load_learned(catalogue, space),
    )


def fingerprint(basis: str, looks: Looks, settled_ns: int) -> str:
    """Return a digest of what a tagging depended on and left.

    Args:
        basis: see `tagging_basis`.
        looks: pictures and sidecars, with the contents of those that changed after `settled_ns`.
        settled_ns: what was read of others does not count: whoever looks later does not read it.
    """
    states = [
        (path_bytes(path), *map(str, look[:4]), look.digest if look.changed_ns > settled_ns else None)
        for path, look in sorted(looks.items())
    ]
    return _digest_of(basis, states)


def _digest_of(*parts: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()
