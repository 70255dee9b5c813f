"""What people did with the tags of an archive's pictures, by their sidecars and what is embedded in the files."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue
from imagetagger.archive.catalogue.files import KnownFile
from imagetagger.archive.catalogue.written import record_withdrawn, withdrawn_keywords
from imagetagger.archive.keywords import PictureKeywords, SidecarError, read_keywords
from imagetagger.archive.tagging.labelled import SetKeywords


class FileKeywords(NamedTuple):
    """The keywords of a file, or why they cannot be read."""

    file: KnownFile
    keywords: PictureKeywords | None
    problem: str | None


def read_files_keywords(files: Iterable[KnownFile]) -> Iterator[FileKeywords]:
    """Yield the keywords of each file, in order."""
    for file in files:
        try:
            yield FileKeywords(file, read_keywords(file.path), None)
        except (SidecarError, OSError) as error:
            yield FileKeywords(file, None, str(error))


def remember_withdrawn(catalogue: Catalogue, files: Iterable[FileKeywords], when: str) -> None:
    """Remember which of our tags people deleted: a sidecar may be deleted with the marks in it."""
    for file, keywords, _ in files:
        if keywords is not None and keywords.withdrawn:
            record_withdrawn(catalogue, file.path, [tag.keyword for tag in keywords.withdrawn], when)


def set_keywords(catalogue: Catalogue, files: Sequence[FileKeywords]) -> dict[str, SetKeywords]:
    """Return what people did with the tags of each picture, by content id: in any of its files.

    Args:
        catalogue: with the tags that were deleted earlier.
        files: with their keywords.
    """
    found: dict[str, SetKeywords] = {}
    for file, keywords, _ in files:
        if file.content is None or keywords is None:
            continue
        before = found.get(file.content, SetKeywords())
        gone = {*(tag.keyword for tag in keywords.withdrawn), *withdrawn_keywords(catalogue, file.path)}
        withdrawn = dict.fromkeys((*before.withdrawn, *sorted(gone)))
        people = dict.fromkeys((*before.people, *keywords.people))
        found[file.content] = SetKeywords(tuple(people), tuple(withdrawn))
    return found
