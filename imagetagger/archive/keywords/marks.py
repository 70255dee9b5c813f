"""Marks in a sidecar: which values of which fields are ours, and what we know of them.

They are entries of one list in a namespace of our own, each a line of JSON: programs that write a sidecar again keep
texts as they are, but write structures in many ways.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from imagetagger.archive.keywords.document import EDITED_FORMS, Property
from imagetagger.archive.keywords.errors import XmpError
from imagetagger.archive.keywords.fields import FIELDS, Keyword
from imagetagger.archive.keywords.merge import FieldValue
from imagetagger.system.printable import cut, printable_text

MARKS_NAMESPACE = "urn:imagetagger:archive:1/"
"""It ends in a slash, which exiv2 would add. A change that older versions would misread needs a new one."""
MARKS = "imagetagger:Marks"
WANTED_FIELDS = {
    f"{namespace.removesuffix('/')}/{name.partition(':')[2]}": name
    for name, namespace in (*((field.name, field.namespace) for field in FIELDS.values()), (MARKS, MARKS_NAMESPACE))
}
"""What is read of a sidecar, as `parse_xmp` takes it."""

_Name = Annotated[str, Meta(min_length=1, max_length=1000)]
_Names = Annotated[tuple[_Name, ...], Meta(min_length=1, max_length=32)]
_Text = Annotated[str, Meta(max_length=1000)]
_Probability = Annotated[float, Meta(ge=0, le=1)]


class MachineTag(NamedTuple):
    """A tag that a tagger set.

    Attributes:
        keyword: with its broader ones.
        probability: in [0, 1], that it is right.
        bundle: digest of the bundle that predicted it.
        written: when, as an ISO date and time.
    """

    keyword: Keyword
    probability: float
    bundle: str
    written: str


class TagMark(msgspec.Struct, frozen=True, tag="tag", omit_defaults=True):
    """A machine tag in a sidecar.

    Attributes:
        keyword, probability, bundle, written: see `MachineTag`.
        pictures: names of the pictures that it was written for.
        values: that we added, by field.
        gone: fields in which somebody deleted our value.
    """

    keyword: _Names
    probability: _Probability
    bundle: _Text
    written: _Text
    pictures: tuple[_Text, ...] = ()
    values: dict[str, str] = {}
    gone: tuple[str, ...] = ()


class MirrorMark(msgspec.Struct, frozen=True, tag="mirror", omit_defaults=True):
    """A person's keyword that we added to fields that lacked it; attributes as of `TagMark`."""

    keyword: _Names
    values: dict[str, str] = {}
    gone: tuple[str, ...] = ()


class FileMark(msgspec.Struct, frozen=True, tag="file", omit_defaults=True):
    """What else we changed in a sidecar.

    Attributes:
        is_ours: whether we made the file.
        created: fields that it lacked.
        wrapped: fields that had a text instead of a list.
    """

    is_ours: bool = False
    created: tuple[str, ...] = ()
    wrapped: tuple[str, ...] = ()


class Marks(NamedTuple):
    """All marks of a sidecar."""

    tags: tuple[TagMark, ...] = ()
    mirrors: tuple[MirrorMark, ...] = ()
    file: FileMark = FileMark()


_decoder = msgspec.json.Decoder(TagMark | MirrorMark | FileMark)


def read_marks(properties: Iterable[Property]) -> Marks:
    """Return the marks of a sidecar.

    Raises:
        XmpError: they were edited by hand, or are of another version.
    """
    marks = [found for found in properties if found.name == MARKS]
    if any(found.form not in EDITED_FORMS for found in marks):
        raise XmpError(f"has {MARKS} in a form that imagetagger does not write")
    texts = [item.text for found in marks for item in found.items]
    try:
        entries = [_decoder.decode(text) for text in texts]
    except (msgspec.DecodeError, UnicodeError) as error:
        reason = cut(printable_text(str(error)))
        raise XmpError(f"has an entry of {MARKS} that is none of imagetagger's ({reason})") from error
    tags = tuple(entry for entry in entries if isinstance(entry, TagMark))
    mirrors = tuple(entry for entry in entries if isinstance(entry, MirrorMark))
    return Marks(tags, mirrors, next((entry for entry in entries if isinstance(entry, FileMark)), FileMark()))


def mark_lines(marks: Marks) -> list[str]:
    """Return the entries of marks, none if nothing is ours."""
    if not marks.tags and not marks.mirrors:
        return []
    entries = [*marks.tags, *marks.mirrors, *([marks.file] if marks.file != FileMark() else [])]
    return [msgspec.json.encode(entry).decode() for entry in entries]


def split_ours(properties: Iterable[Property], marks: Marks) -> tuple[Marks, Counter[FieldValue], list[FieldValue]]:
    """Separate our values from those of persons.

    Returns:
        The marks with what is gone by now, our values that are there, and the values of persons.
    """
    fields = [found for found in properties if found.name != MARKS]
    present = Counter(FieldValue(found.name, item.text) for found in fields for item in found.items)
    fixed = {found.name for found in fields if found.form not in EDITED_FORMS}
    marked = set(added_values(marks))
    ours = Counter(value for value in marked if present[value] and value.field not in fixed)
    current = marks._replace(
        tags=tuple(msgspec.structs.replace(mark, **_remaining(mark, ours)) for mark in marks.tags),
        mirrors=tuple(msgspec.structs.replace(mark, **_remaining(mark, ours)) for mark in marks.mirrors),
    )
    return current, ours, list((present - ours).elements())


def added_values(marks: Marks) -> list[FieldValue]:
    """Return the values that we added; those of persons' keywords first, as these came first."""
    mirrored = [FieldValue(*value) for mirror in marks.mirrors for value in mirror.values.items()]
    return [*mirrored, *(FieldValue(*value) for mark in marks.tags for value in mark.values.items())]


def is_withdrawn(mark: TagMark | MirrorMark) -> bool:
    """Whether somebody deleted all that we added."""
    return bool(mark.gone) and not mark.values


def machine_tag(mark: TagMark) -> MachineTag:
    """Return the tag of a mark."""
    return MachineTag(mark.keyword, mark.probability, mark.bundle, mark.written)


def _remaining(mark: TagMark | MirrorMark, ours: Mapping[FieldValue, int]) -> dict[str, Any]:
    """Return the attributes of a mark that follow from which of its values are there."""
    values = {field: text for field, text in mark.values.items() if ours.get(FieldValue(field, text))}
    gone = (*mark.gone, *(field for field in mark.values if field not in values))
    return {"values": values, "gone": tuple(dict.fromkeys(gone))}
