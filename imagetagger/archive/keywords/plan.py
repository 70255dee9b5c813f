"""What of a sidecar becomes ours: pure functions of the keywords and marks that there are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from imagetagger.archive.keywords.document import XmpDocument
from imagetagger.archive.keywords.edit import editable
from imagetagger.archive.keywords.fields import (
    FIELDS,
    FLAT_FIELD,
    STYLE_FIELDS,
    Keyword,
    SidecarStyle,
    keyword_key,
    split_value,
)
from imagetagger.archive.keywords.marks import (
    FileMark,
    MachineTag,
    Marks,
    MirrorMark,
    TagMark,
    added_values,
    is_withdrawn,
)
from imagetagger.archive.keywords.merge import FieldValue
from imagetagger.archive.keywords.read import has_keyword


class Request(NamedTuple):
    """A tag that a sidecar shall have, and the pictures that it is for."""

    tag: MachineTag
    pictures: tuple[str, ...]


def choose_fields(document: XmpDocument, created: Iterable[str], style: SidecarStyle) -> tuple[str, ...]:
    """Return the fields to write: the flat one, and those hierarchical ones that there are, or else the style's.

    A program that wrote some of them reads these; in a field that it does not write, what a person deletes with it
    would stay.

    Args:
        document: without anything of ours.
        created: fields that we added to it before.
        style: of a sidecar without hierarchical fields.
    """
    present = {found.name for found in document.properties}
    hierarchical = [name for name in FIELDS if name in {*present, *created} and name != FLAT_FIELD]
    chosen = (FLAT_FIELD, *hierarchical) if hierarchical else STYLE_FIELDS[style]
    return tuple(name for name in chosen if name not in present or editable(document, name))


def request_tags(
    marks: Marks, tags: Iterable[MachineTag], picture: str, is_other: Callable[[str], bool]
) -> list[Request]:
    """Return what a sidecar shall have: these tags for one picture, and for others that share it what they have.

    Args:
        marks: of the sidecar.
        tags: of the picture.
        picture: its name.
        is_other: whether the picture of a name shares the sidecar.
    """
    requests: dict[str, Request] = {}
    order = {keyword_key(mark.keyword): i for i, mark in enumerate(marks.tags)}
    for mark in marks.tags:
        if others := tuple(name for name in mark.pictures if name != picture and is_other(name)):
            tag = MachineTag(mark.keyword, mark.probability, mark.bundle, mark.written)
            requests[keyword_key(mark.keyword)] = Request(tag, others)
    is_alone = not requests
    for tag in tags:
        key = keyword_key(tag.keyword)
        others = requests[key].pictures if key in requests else ()
        requests[key] = Request(tag, tuple(sorted({*others, picture})))
    if is_alone:
        return list(requests.values())
    return [requests[key] for key in sorted(requests, key=lambda key: order.get(key, len(order)))]


def plan_marks(
    document: XmpDocument,
    fields: Sequence[str],
    values: Sequence[FieldValue],
    people: Sequence[Keyword],
    marks: Marks,
    requests: Iterable[Request],
) -> Marks:
    """Return the marks, with the values to add, of a sidecar that has the requested tags.

    A tag that a person set is not added, nor one that somebody deleted. Keywords of persons are added to the fields
    that lack them, since some programs read one field only; a value of ours that is gone from a field is not added to
    it again.

    Args:
        document: without anything of ours.
        fields: to write.
        values: of persons, in this sidecar.
        people: keywords of persons, from everywhere.
        marks: that there are, with what is gone.
        requests: see `request_tags`.
    """
    old = {keyword_key(mark.keyword): mark for mark in marks.tags}
    taken = {field: {value.text for value in values if value.field == field} for field in fields}
    wanted = {keyword_key(request.tag.keyword): request for request in requests}
    tags: list[TagMark] = []
    for key, request in wanted.items():
        before = old.get(key)
        if has_keyword(people, request.tag.keyword) or (before and is_withdrawn(before)):
            continue
        gone = before.gone if before else ()
        added = _add(request.tag.keyword, [field for field in fields if field not in gone], taken)
        if added:
            tags.append(_tag_mark(request, before, added))
    tags += [mark for mark in marks.tags if is_withdrawn(mark) and not has_keyword(people, mark.keyword)]
    was_ours = bool(wanted and added_values(marks))
    is_needed = was_ours or any(mark.values for mark in tags)  # a tag that a person set meanwhile stays where we put it
    mirrors = _plan_mirrors(fields, values, people, marks, taken) if is_needed else []
    used = {value.field for value in added_values(Marks(tuple(tags), tuple(mirrors)))}
    found = {name: editable(document, name) for name in FIELDS if name in used}
    file = FileMark(
        marks.file.is_ours,
        tuple(name for name, each in found.items() if each is None),
        tuple(name for name, each in found.items() if each and each.form == "text"),
    )
    return Marks(tuple(tags), tuple(mirrors), file)


def _tag_mark(request: Request, before: TagMark | None, added: dict[str, str]) -> TagMark:
    """Return the mark of a tag; one whose prediction is as before was written when it was."""
    tag = request.tag
    if before and (before.probability, before.bundle) == (tag.probability, tag.bundle):
        tag = tag._replace(written=before.written)
    return TagMark(*tag, request.pictures, added, before.gone if before else ())


def _plan_mirrors(
    fields: Sequence[str],
    values: Sequence[FieldValue],
    people: Sequence[Keyword],
    marks: Marks,
    taken: Mapping[str, set[str]],
) -> list[MirrorMark]:
    old = {keyword_key(mark.keyword): mark for mark in marks.mirrors}
    keys = {
        field: {_field_key(field, split_value(*value)) for value in values if value.field == field} for field in fields
    }
    mirrors = []
    for keyword in people:
        before = old.get(keyword_key(keyword), MirrorMark(keyword))
        lacking = [name for name in fields if name not in before.gone and _field_key(name, keyword) not in keys[name]]
        added = _add(keyword, lacking, taken)
        if added or before.gone:
            mirrors.append(msgspec.structs.replace(before, keyword=keyword, values=added))
    return mirrors


def _field_key(field: str, keyword: Keyword) -> str:
    """Return what the spellings of a keyword in one field have in common."""
    return keyword_key(keyword[-1:] if field == FLAT_FIELD else keyword)


def _add(keyword: Keyword, fields: Iterable[str], taken: Mapping[str, set[str]]) -> dict[str, str]:
    """Return the values that a keyword adds to fields, and count them as taken."""
    added = {field: FIELDS[field].join(keyword) for field in fields}
    added = {field: text for field, text in added.items() if text not in taken[field]}
    for field, text in added.items():
        taken[field].add(text)
    return added
