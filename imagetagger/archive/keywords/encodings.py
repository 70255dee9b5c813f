"""The encodings of XML, so that text can be edited as UTF-8 and written back as it was."""

import re
from typing import NamedTuple

from imagetagger.archive.keywords.errors import XmpError

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
STARTS = ((b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
"""How a text without a byte order mark begins."""
DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
BYTE_ENCODINGS = {"iso-8859-1": "iso-8859-1", "latin1": "iso-8859-1", "windows-1252": "cp1252", "us-ascii": "ascii"}
"""Encodings of a byte a character that are read, and Python's names of them."""


class EncodedText(NamedTuple):
    """A text as UTF-8, with the byte order mark and the encoding that it had."""

    utf8: bytes
    mark: bytes
    encoding: str


def decode_xml(data: bytes) -> EncodedText:
    """Return the text of an XML file.

    Raises:
        XmpError: of an encoding that is not read, or not of the one that it says.
    """
    mark, encoding = next(((mark, name) for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), (b"", ""))
    if not mark:
        encoding = next((name for start, name in STARTS if data.startswith(start)), "") or _declared(data)
    body = data[len(mark) :]
    if encoding == "utf-8":
        return EncodedText(body, mark, encoding)
    try:
        text = EncodedText(body.decode(encoding).encode("utf-8"), mark, encoding)
    except UnicodeError as error:
        raise XmpError(f"is not encoded in {encoding}, as it says: {error}") from error
    if encode_xml(text) != data:
        raise XmpError(f"has bytes that {encoding} does not write")
    return text


def encode_xml(text: EncodedText) -> bytes:
    """Return the bytes of a text; a character that its encoding lacks becomes a reference."""
    if text.encoding == "utf-8":
        return text.mark + text.utf8
    return text.mark + text.utf8.decode("utf-8").encode(text.encoding, "xmlcharrefreplace")


def _declared(data: bytes) -> str:
    found = DECLARED.match(data[:200])
    name = found[1].decode("ascii").lower() if found else "utf-8"
    if name.startswith("utf"):  # it has no zero bytes, so that a declared UTF-16 is wrong
        return "utf-8"
    if name not in BYTE_ENCODINGS:
        raise XmpError(f"is encoded in {name}, expected UTF-8, UTF-16, UTF-32, ISO-8859-1 or Windows-1252")
    return BYTE_ENCODINGS[name]
