"""The keywords of a picture: whose they are, by its sidecars and by what is embedded in it."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.keywords.embedded import embedded_values
from imagetagger.archive.keywords.fields import Keyword, is_same_keyword, keyword_key
from imagetagger.archive.keywords.marks import MachineTag, TagMark, is_withdrawn, machine_tag
from imagetagger.archive.keywords.merge import merge_values
from imagetagger.archive.keywords.sidecar import find_sidecars, load_sidecar


class PictureKeywords(NamedTuple):
    """The keywords of a picture.

    Attributes:
        people: what persons set in any field, each once. What we added is not among them.
        machine: our tags, of which at least one field still has the value that we added.
        withdrawn: our tags that somebody deleted from all fields. One that is among those of persons by now is theirs.
    """

    people: tuple[Keyword, ...]
    machine: tuple[MachineTag, ...]
    withdrawn: tuple[MachineTag, ...]


def read_keywords(picture: Path) -> PictureKeywords:
    """Return the keywords of a picture in its sidecars and in itself; no pixel is decoded.

    A sidecar that several pictures share, `name.xmp`, counts for each of them.

    Raises:
        SidecarError: a sidecar is broken.
        OSError: the picture cannot be read.
    """
    sidecars = [load_sidecar(path) for path in find_sidecars(picture)]
    values = [*(value for sidecar in sidecars for value in sidecar.people), *embedded_values(picture)]
    people = merge_values(values)
    marks = [mark for sidecar in sidecars for mark in sidecar.marks.tags]
    present = _distinct(mark for mark in marks if mark.values)
    names = {keyword_key(mark.keyword) for mark in present}
    gone = [mark for mark in marks if is_withdrawn(mark) and keyword_key(mark.keyword) not in names]
    withdrawn = _distinct(mark for mark in gone if not has_keyword(people, mark.keyword))
    return PictureKeywords(people, tuple(map(machine_tag, present)), tuple(map(machine_tag, withdrawn)))


def has_keyword(keywords: Iterable[Keyword], keyword: Keyword) -> bool:
    """Whether a keyword is among others."""
    return any(is_same_keyword(keyword, other) for other in keywords)


def _distinct(marks: Iterable[TagMark]) -> list[TagMark]:
    """Return the first mark of each keyword."""
    return list({keyword_key(mark.keyword): mark for mark in reversed(list(marks))}.values())[::-1]
