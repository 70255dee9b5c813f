"""An XMP document as it stands in its bytes: its fields of keywords, and where each value begins and ends.

Source: ISO 16684-1 (XMP): RDF with resources of one subject, whose properties are elements or attributes of
`rdf:Description`, in any number of them. Nothing is made of the rest, so that an edit leaves every other byte.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, NoReturn
from xml.parsers import expat

from imagetagger.archive.keywords.errors import XmpError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MAX_XMP_BYTES = 64 * 2**20
"""Of a packet or sidecar: those with many masks have a few megabytes."""
MAX_DEPTH = 200
MAX_ELEMENTS = 20_000
"""Elements of the fields of keywords."""
EDITED_FORMS = ("list", "text")
"""Forms of a field that an edit can change."""

_SEPARATOR = "\x1f"  # between namespace and name; no XML has it
_START_TAG = re.compile(rb"<([^\s/>]+)(?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*(/?)>")
_CONTAINERS = tuple(f"{RDF}{_SEPARATOR}{kind}" for kind in ("Bag", "Seq", "Alt"))
_ITEM, _VALUE, _ABOUT = (f"{RDF}{_SEPARATOR}{name}" for name in ("li", "value", "about"))


class Span(NamedTuple):
    """An element's bytes: those of all of it, and those between its tags; an empty-element tag has none between."""

    start: int
    inner_start: int
    inner_end: int
    end: int
    tag: str

    @property
    def is_empty_tag(self) -> bool:
        """Whether it is one tag, `<a/>`."""
        return self.inner_start == self.end


class Item(NamedTuple):
    """A value of a field, and the element that it is in."""

    text: str
    span: Span


class Property(NamedTuple):
    """A field of keywords.

    Attributes:
        name: of the field.
        form: a list, a text without one, an attribute, or anything else, which is not edited.
        span: of its element; of its whole resource, where it is an attribute.
        container: of a list.
        items: the values; of a text or an attribute none or one.
        resource: index of the resource that it belongs to.
    """

    name: str
    form: Literal["list", "text", "attribute", "other"]
    span: Span
    container: Span | None
    items: tuple[Item, ...]
    resource: int


class Resource(NamedTuple):
    """An `rdf:Description`: its bytes, the subject that it names, and the number of its properties of any kind."""

    span: Span
    about: str
    property_count: int


class XmpDocument(NamedTuple):
    """What an edit needs to know of an XMP document.

    Attributes:
        utf8: its text.
        rdf: the element with the resources.
        resources: in their order.
        properties: those that were asked for.
        comments: how many there are.
    """

    utf8: bytes
    rdf: Span
    resources: tuple[Resource, ...]
    properties: tuple[Property, ...]
    comments: int


def parse_xmp(utf8: bytes, wanted: Mapping[str, str]) -> XmpDocument:
    """Return the structure of an XMP document.

    Args:
        utf8: its text.
        wanted: names of fields, by namespace without the last slash and local name, with a slash between.

    Raises:
        XmpError: not well-formed, without RDF, too large or deep, or with a document type, which could define entities.
    """
    if len(utf8) > MAX_XMP_BYTES:
        raise XmpError(f"has {len(utf8):,} bytes, expected at most {MAX_XMP_BYTES:,}")
    if not utf8.strip():
        raise XmpError("is empty")
    parser = expat.ParserCreate("utf-8", _SEPARATOR)
    reader = _Reader(utf8, parser, wanted)
    try:
        parser.Parse(utf8, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise XmpError(f"is not well-formed XML (line {error.lineno}, column {error.offset + 1}: {reason})") from error
    if reader.rdf is None:
        raise XmpError("has no rdf:RDF, expected XMP")
    return XmpDocument(utf8, reader.rdf, tuple(reader.resources), tuple(reader.properties), reader.comments)


class _Element:
    """An element whose end is not read yet."""

    def __init__(self, name: str, start: int, inner_start: int, tag: str, is_empty: bool) -> None:
        self.name, self.start, self.inner_start, self.tag, self.is_empty = name, start, inner_start, tag, is_empty
        self.attributes: dict[str, str] = {}
        self.texts: list[str] = []
        self.children: list[tuple[str, Span, _Element]] = []

    def text(self) -> str:
        """Return its own text, or that of the value that it qualifies."""
        values = [child.text() for name, _, child in self.children if name == _VALUE]
        return (values[0] if values else self.attributes.get(_VALUE, "".join(self.texts))).strip()


class _Reader:
    """Follows a parser through RDF: resources at one level, their properties below, fields of keywords in full."""

    def __init__(self, utf8: bytes, parser: expat.XMLParserType, wanted: Mapping[str, str]) -> None:
        self.utf8, self.parser, self.wanted = utf8, parser, wanted
        self.rdf: Span | None = None
        self.resources: list[Resource] = []
        self.properties: list[Property] = []
        self.comments = 0
        self._depth, self._rdf_depth, self._elements, self._count = 0, 0, 0, 0
        self._open: list[_Element] = []
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XmpError(f"has elements more than {MAX_DEPTH} deep (line {self.parser.CurrentLineNumber})")
        level = self._depth - self._rdf_depth if self._rdf_depth else 0
        if name == f"{RDF}{_SEPARATOR}RDF" and self.rdf is None and not self._rdf_depth and self._depth <= 2:
            self._rdf_depth = self._depth
            self._push(name, {})
        elif level == 1:
            self._push(name, attributes)
            self._count = sum(_is_property(key) for key in attributes)
        elif level == 2:
            self._count += 1
            if self._field(name):
                self._push(name, attributes)
        elif len(self._open) > 2:
            self._push(name, attributes)

    def _push(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise XmpError(f"has more than {MAX_ELEMENTS:,} keywords")
        start = self.parser.CurrentByteIndex
        tag = _START_TAG.match(self.utf8, start)
        if tag is None:
            raise XmpError(f"has a tag that is not read (line {self.parser.CurrentLineNumber})")
        self._open.append(_Element(name, start, tag.end(), tag[1].decode(), bool(tag[2])))
        self._open[-1].attributes = attributes

    def _end(self, name: str) -> None:
        depth, self._depth = self._depth, self._depth - 1
        if not self._rdf_depth or depth - self._rdf_depth != len(self._open) - 1:
            return
        element = self._open.pop()
        inner_end = element.inner_start if element.is_empty else self.parser.CurrentByteIndex
        end = inner_end if element.is_empty else self.utf8.index(b">", inner_end) + 1
        span = Span(element.start, element.inner_start, inner_end, end, element.tag)
        if len(self._open) > 2:
            self._open[-1].children.append((name, span, element))
        elif len(self._open) == 2:
            self.properties.append(_property(self.wanted[_path(name)], span, element, len(self.resources)))
        elif len(self._open) == 1:
            for key, value in element.attributes.items():
                if self._field(key):
                    items = (Item(value.strip(), span),) if value.strip() else ()
                    place = len(self.resources)
                    self.properties.append(Property(self.wanted[_path(key)], "attribute", span, None, items, place))
            about = element.attributes.get(_ABOUT, element.attributes.get("about", ""))
            self.resources.append(Resource(span, about, self._count))
        else:
            self.rdf, self._rdf_depth = span, 0

    def _field(self, name: str) -> str | None:
        return self.wanted.get(_path(name))

    def _text(self, text: str) -> None:
        if len(self._open) > 2:
            self._open[-1].texts.append(text)

    def _comment(self, _: str) -> None:
        self.comments += 1

    def _doctype(self, *_: object) -> NoReturn:
        raise XmpError("has a document type (<!DOCTYPE>), which XMP does not have and which could define entities")


def _path(name: str) -> str:
    """Return a name as fields are asked for; some writers leave out the last slash of a namespace."""
    namespace, _, local = name.rpartition(_SEPARATOR)
    return f"{namespace.removesuffix('/')}/{local}"


def _is_property(attribute: str) -> bool:
    """Whether an attribute of a resource is a property, not a part of RDF's or XML's grammar."""
    namespace, _, local = attribute.rpartition(_SEPARATOR)
    return namespace not in (RDF, "http://www.w3.org/XML/1998/namespace") and (namespace != "" or local != "about")


def _property(name: str, span: Span, element: _Element, resource: int) -> Property:
    lists = [(inner, child) for kind, inner, child in element.children if kind in _CONTAINERS]
    if lists:
        container, holder = lists[0]
        items = tuple(Item(child.text(), inner) for kind, inner, child in holder.children if kind == _ITEM)
        return Property(name, "list", span, container, items, resource)
    items = (Item(element.text(), span),) if element.text() else ()
    return Property(name, "other" if element.children or element.attributes else "text", span, None, items, resource)
