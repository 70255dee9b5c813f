"""The last complete tagging of folders: what it depended on, as a fingerprint, and what came of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue, snapshot, transaction
from imagetagger.archive.catalogue.files import path_bytes
from imagetagger.archive.catalogue.listing import outermost_folders


class PastTagging(NamedTuple):
    """A tagging that was complete and without problems.

    Attributes:
        fingerprint: of all that it depended on and left; see `archive/unchanged.py`.
        settled_ns: the fingerprint has the contents of files that changed after this time, in ns since 1970.
        pictures: different ones that were tagged.
        tags: that were written for them.
        summary: of it, for people.
    """

    fingerprint: str
    settled_ns: int
    pictures: int
    tags: int
    summary: str


def store_tagging(catalogue: Catalogue, folders: Sequence[Path], tagging: PastTagging) -> None:
    """Store a tagging of folders in the place of the last one of the same."""
    with transaction(catalogue) as connection:
        connection.execute("REPLACE INTO taggings VALUES (?, ?, ?, ?, ?, ?)", (_key(folders), *tagging))


def load_tagging(catalogue: Catalogue, folders: Sequence[Path]) -> PastTagging | None:
    """Return the last tagging of folders that was stored; None without one."""
    with snapshot(catalogue) as connection:
        found = connection.execute(
            "SELECT fingerprint, settled_ns, pictures, tags, summary FROM taggings WHERE folders = ?", (_key(folders),)
        ).fetchone()
    return None if found is None else PastTagging(*found)


def _key(folders: Sequence[Path]) -> bytes:
    return b"\0".join(path_bytes(folder) for folder in outermost_folders(folders))
