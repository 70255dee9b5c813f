"""Values of fields taken out of an XMP document and put into it, by splicing its bytes: all else stays as it is."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from imagetagger.archive.keywords.document import EDITED_FORMS, RDF, Item, Property, Span, XmpDocument
from imagetagger.archive.keywords.fields import FIELDS
from imagetagger.archive.keywords.marks import MARKS, MARKS_NAMESPACE, FileMark
from imagetagger.archive.keywords.merge import FieldValue

WHITE_SPACE = b" \t\r\n"


class Edit(NamedTuple):
    """Bytes that take the place of others."""

    start: int
    end: int
    replacement: bytes


def take_out(document: XmpDocument, ours: Mapping[FieldValue, int], file: FileMark) -> bytes:
    """Return a document without our values and marks.

    What `put_in` made goes with them: fields, their resource, lists around a text.

    Args:
        document: with them.
        ours: how often each value is ours.
        file: which fields we made.
    """
    left, edits, deleted = Counter(ours), list[Edit](), list[Property]()
    for found in document.properties:
        items = _taken(found, left)
        is_emptied = len(items) == len(found.items)
        if found.name == MARKS or (is_emptied and found.name in file.created and found.form in EDITED_FORMS):
            deleted.append(found)
        elif found.container and found.name in file.wrapped and len(found.items) - len(items) <= 1:
            edits.append(_unwrap(document.utf8, found, [item for item in found.items if item not in items]))
        elif found.container:
            deletions = [_deletion(document.utf8, item.span) for item in items]
            edits += deletions
            if items and is_emptied:
                edits += _collapse(found.container, deletions)
        elif items:
            edits.append(Edit(found.span.inner_start, found.span.inner_end, b""))
    counts = Counter(found.resource for found in deleted)
    whole = {place for place, count in counts.items() if count == document.resources[place].property_count}
    edits += [_deletion(document.utf8, found.span) for found in deleted if found.resource not in whole]
    edits += [_deletion(document.utf8, document.resources[place].span) for place in whole]
    return _splice(document.utf8, edits)


def _taken(found: Property, left: Counter[FieldValue]) -> list[Item]:
    """Take those items of a field that are ours, the last ones first, off what is left of our values."""
    items = []
    for item in reversed(found.items if found.form in EDITED_FORMS else ()):
        value = FieldValue(found.name, item.text)
        if left[value]:
            left[value] -= 1
            items.append(item)
    return items


def put_in(document: XmpDocument, values: Iterable[FieldValue], marks: Sequence[str]) -> bytes:
    """Return a document with more values, and with marks.

    Values follow those that a list has. Fields that the document lacks are written into a resource of our own.

    Args:
        document: without anything of ours.
        values: to add; those of a field that has the form of an attribute cannot be.
        marks: entries of the list of marks; none for values of a person.
    """
    by_field: dict[str, list[str]] = {}
    for value in values:
        by_field.setdefault(value.field, []).append(value.text)
    edits, missing = [], dict[str, list[str]]()
    for name, texts in by_field.items():
        found = editable(document, name)
        if found is None:
            missing[name] = texts
        else:
            edits.append(_append(document, found, texts) if found.container else _wrap(document, found, texts))
    added = {**missing, MARKS: list(marks)} if marks else missing
    if added:
        edits.append(_add_resource(document, added))
    return _splice(document.utf8, edits)


def editable(document: XmpDocument, name: str) -> Property | None:
    """Return the first element of a field that values can be added to."""
    found = [each for each in document.properties if each.name == name]
    return next((each for form in EDITED_FORMS for each in found if each.form == form), None)


def _append(document: XmpDocument, found: Property, texts: Sequence[str]) -> Edit:
    container = found.container
    assert container is not None
    data, tag = document.utf8, _beside(container.tag, "li")
    if found.items:
        last = found.items[-1].span
        return Edit(last.end, last.end, _items(texts, tag, _lead(data, last.start)))
    lead = _lead(data, container.start) + b" "
    items = _items(texts, tag, lead)
    if not container.is_empty_tag:
        return Edit(container.inner_start, container.inner_start, items)
    return Edit(container.end - 2, container.end, b">" + items + f"</{container.tag}>".encode())


def _wrap(document: XmpDocument, found: Property, texts: Sequence[str]) -> Edit:
    """Make a list of a text, which stays as it is."""
    data, span = document.utf8, found.span
    rdf = document.rdf.tag.rpartition(":")[0]
    bag, tag = (f"{rdf}:{name}" if rdf else name for name in (FIELDS[found.name].container, "li"))
    text = data[span.inner_start : span.inner_end]
    first = f"<{tag}>".encode() + text + f"</{tag}>".encode() if found.items else text
    made = f"<{bag}>".encode() + first + _items(texts, tag, b"") + f"</{bag}>".encode()
    if span.is_empty_tag:
        return Edit(span.end - 2, span.end, b">" + made + f"</{span.tag}>".encode())
    return Edit(span.inner_start, span.inner_end, made)


def _unwrap(data: bytes, found: Property, rest: Sequence[Item]) -> Edit:
    """Make a text of a list of at most one value."""
    container, span = found.container, found.span
    assert container is not None
    if rest:
        inner = data[rest[0].span.inner_start : rest[0].span.inner_end]
        return Edit(span.inner_start, span.inner_end, inner)
    first = found.items[0].span.start if found.items else container.inner_end
    space = data[container.inner_start : first]
    if space:
        return Edit(span.inner_start, span.inner_end, space)
    return Edit(span.inner_start - 1, span.end, b"/>")


def _add_resource(document: XmpDocument, fields: Mapping[str, Sequence[str]]) -> Edit:
    """Write fields into a resource of their own, after the others."""
    data, rdf = document.utf8, document.rdf
    last = document.resources[-1].span if document.resources else None
    lead = _lead(data, last.start) if last else _lead(data, rdf.start) + b" "
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    lead = lead if lead.endswith((b" ", b"\t")) else newline + b"  "
    line = newline + lead.rpartition(b"\n")[2]  # of blank lines only one
    namespaces = {name.partition(":")[0]: FIELDS[name].namespace for name in fields if name in FIELDS}
    namespaces |= {"imagetagger": MARKS_NAMESPACE} if MARKS in fields else {}
    namespaces |= {} if rdf.tag == "rdf:RDF" else {"rdf": RDF}
    about = quoteattr(document.resources[0].about if document.resources else "")
    parts = [lead, f"<rdf:Description rdf:about={about}".encode()]
    parts += [line + f"  xmlns:{prefix}={quoteattr(uri)}".encode() for prefix, uri in namespaces.items()]
    parts.append(b">")
    for name, texts in fields.items():
        kind = FIELDS[name].container if name in FIELDS else "Seq"
        parts += [line, f" <{name}>".encode(), line, f"  <rdf:{kind}>".encode()]
        parts += [_items(texts, "rdf:li", line + b"   ")]
        parts += [line, f"  </rdf:{kind}>".encode(), line, f" </{name}>".encode()]
    made = b"".join([*parts, line, b"</rdf:Description>"])
    if rdf.is_empty_tag:
        return Edit(rdf.end - 2, rdf.end, b">" + made + f"</{rdf.tag}>".encode())
    place = last.end if last else rdf.inner_start
    return Edit(place, place, made)


def _items(texts: Sequence[str], tag: str, lead: bytes) -> bytes:
    return b"".join(lead + f"<{tag}>{escape(text)}</{tag}>".encode() for text in texts)


def _beside(tag: str, name: str) -> str:
    """Return a name with the prefix of another element's tag."""
    prefix, colon, _ = tag.rpartition(":")
    return f"{prefix}{colon}{name}"


def _lead(data: bytes, start: int) -> bytes:
    """Return the white space before a place."""
    at = start
    while at and data[at - 1] in WHITE_SPACE:
        at -= 1
    return data[at:start]


def _deletion(data: bytes, span: Span) -> Edit:
    """Delete an element, with the white space before it."""
    return Edit(span.start - len(_lead(data, span.start)), span.end, b"")


def _collapse(container: Span, deletions: Sequence[Edit]) -> list[Edit]:
    """Make one tag of a list in which nothing is left, not even white space."""
    size = sum(edit.end - edit.start for edit in deletions)
    if container.is_empty_tag or size != container.inner_end - container.inner_start:
        return []
    return [
        Edit(container.inner_start - 1, container.inner_start, b"/>"),
        Edit(container.inner_end, container.end, b""),
    ]


def _splice(data: bytes, edits: Iterable[Edit]) -> bytes:
    parts, at = [], 0
    for edit in sorted(edits):
        parts += [data[at : edit.start], edit.replacement]
        at = edit.end
    return b"".join([*parts, data[at:]])
