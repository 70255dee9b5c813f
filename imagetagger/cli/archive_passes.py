"""Second passes of `archive tag`: where all is as the last one left it, nothing is tagged again."""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imagetagger.cli.archive import OpenArchive
from imagetagger.cli.terminal import print_json, print_line

if TYPE_CHECKING:
    from imagetagger.archive.catalogue.files import KnownFile
    from imagetagger.archive.catalogue.taggings import PastTagging
    from imagetagger.archive.unchanged import Looks, WrittenSidecar
    from imagetagger.archive.writing import SidecarResult

TAG_SETTINGS = ("everyday", "all", "under", "sidecar", "precision", "exact")
"""Options of `tag` that decide what is written, but for those that name files."""


class FilesBefore(NamedTuple):
    """Files as they were before any of them was read: when they were looked at, in ns since 1970, and how they were."""

    time_ns: int
    looks: "Looks"


class TaggingCounts(NamedTuple):
    """What came of a tagging: different pictures, tags that are written for them, and a summary."""

    pictures: int
    tags: int
    summary: str


def find_same_tagging(
    archive: OpenArchive, options: argparse.Namespace, listed: "Sequence[KnownFile]"
) -> "PastTagging | None":
    """Return the last tagging of the same folders, if nothing that it depended on has changed."""
    from imagetagger.archive.catalogue.taggings import load_tagging
    from imagetagger.archive.unchanged import fingerprint, look_at_files

    past = load_tagging(archive.catalogue, archive.folders)
    if past is None:
        return None
    looks = look_at_files([file.path for file in listed if not file.problem], past.settled_ns)
    found = fingerprint(digest_basis(archive, options, listed), looks, past.settled_ns)
    return past if found == past.fingerprint else None


def print_same_tagging(past: "PastTagging", options: argparse.Namespace) -> None:
    """Say that there is nothing to do."""
    if options.json:
        counts = {"pictures": past.pictures, "tags": past.tags, "sidecars": 0, "unchanged": True}
        print_json({**counts, "summary": past.summary, "problems": []})
    else:
        pictures = f"{past.pictures:,} picture{'' if past.pictures == 1 else 's'}"
        print_line(f"nothing changed since the last tagging: {pictures}")


def digest_basis(archive: OpenArchive, options: argparse.Namespace, listed: "Sequence[KnownFile]") -> str:
    """Return a digest of all that tags depend on beside the pictures' files and sidecars."""
    from imagetagger.archive.unchanged import tagging_basis
    from imagetagger.tagger.saving import lessons_digest

    settings = {name: getattr(options, name) for name in TAG_SETTINGS}
    settings["bundle"] = archive.bundle.manifest.digest
    settings["lessons"] = None if archive.lessons is None else lessons_digest(archive.lessons)
    return tagging_basis(archive.catalogue, archive.space, archive.folders, listed, settings)


def look_before(files: "Sequence[KnownFile]") -> FilesBefore:
    """Look at pictures and their sidecars before they are read."""
    from imagetagger.archive.unchanged import look_at_files, settled_at

    now_ns = time.time_ns()
    looks = look_at_files([file.path for file in files], settled_at(now_ns), read_sidecars=True)
    return FilesBefore(now_ns, looks)


def note_written(results: "Iterable[SidecarResult]", written: "list[WrittenSidecar]") -> "Iterator[SidecarResult]":
    """Yield results, and note which sidecars were changed."""
    from imagetagger.archive.unchanged import written_sidecar

    for result in results:
        if result.change is not None and result.is_changed:
            written.append(written_sidecar(result.change))
        yield result


def store_tagged(
    archive: OpenArchive,
    options: argparse.Namespace,
    before: FilesBefore,
    basis: str,
    written: "Sequence[WrittenSidecar]",
    counts: TaggingCounts,
) -> bool:
    """Remember a tagging without problems, unless something changed meanwhile; whether it is remembered.

    Args:
        archive: whose folders were tagged.
        options: of the command.
        before: files before any was read.
        basis: see `digest_basis`, before anything of that was used.
        written: sidecars that it changed.
        counts: what came of it.
    """
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.archive.catalogue.taggings import PastTagging, store_tagging
    from imagetagger.archive.unchanged import fingerprint, is_as_left, look_at_files, settled_at

    settled_ns = settled_at(time.time_ns())
    listed = list_files(archive.catalogue, archive.folders)
    pictures = [file.path for file in listed if not file.problem]
    after = look_at_files(pictures, settled_at(before.time_ns), read_sidecars=True)
    if not is_as_left(before.looks, after, written) or digest_basis(archive, options, listed) != basis:
        return False
    past = PastTagging(fingerprint(basis, after, settled_ns), settled_ns, *counts)
    store_tagging(archive.catalogue, archive.folders, past)
    return True
