"""Keywords of IPTC-IIM, the standard before XMP: data sets one after another, of one byte order and two character sets.

Source: IPTC-NAA Information Interchange Model 4.2, chapters 1 to 6; Adobe's Photoshop file format for what is around.
"""

from collections.abc import Iterator

MAX_KEYWORDS = 1000
MARKER = 0x1C
CHARACTER_SET, KEYWORD = (1, 90), (2, 25)
UTF_8 = b"\x1b%G"
IPTC_RESOURCE = 0x0404
"""Photoshop's number of the image resource that has IPTC's data."""


def iptc_keywords(data: bytes) -> list[str]:
    """Return the keywords of IPTC's data, as far as they are sound.

    They are in UTF-8 if the data say so, and also if the data say nothing and they can be; else in Latin-1.

    >>> iptc_keywords(bytes([0x1C, 2, 25, 0, 3]) + "né".encode() + bytes([0x1C, 2, 25, 0, 2]) + "né".encode("latin-1"))
    ['né', 'né']
    """
    texts: list[str] = []
    may_be_utf_8 = True
    for number, body in _data_sets(data):
        if number == CHARACTER_SET:
            may_be_utf_8 = body == UTF_8
        elif number == KEYWORD and len(texts) < MAX_KEYWORDS:
            texts.append(_decode(body, may_be_utf_8))
    return texts


def iptc_of_resources(data: bytes) -> bytes:
    """Return IPTC's data of a block of Photoshop's image resources; b"" if it has none."""
    at = 0
    while data[at : at + 4] == b"8BIM" and at + 12 <= len(data):
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name_size = data[at + 6] + 1
        size_at = at + 6 + name_size + name_size % 2
        start, size = size_at + 4, int.from_bytes(data[size_at : size_at + 4], "big")
        if number == IPTC_RESOURCE:
            return data[start : start + size]
        at = start + size + size % 2
    return b""


def _decode(body: bytes, may_be_utf_8: bool) -> str:
    try:
        return body.decode("utf-8" if may_be_utf_8 else "latin-1")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _data_sets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield number and body of the data sets."""
    at = 0
    while at + 5 <= len(data) and data[at] == MARKER:
        number, size, start = (data[at + 1], data[at + 2]), int.from_bytes(data[at + 3 : at + 5], "big"), at + 5
        if size & 0x8000:  # the size of the size
            digits = size & 0x7FFF
            if digits > 8:
                return
            size, start = int.from_bytes(data[start : start + digits], "big"), start + digits
        yield number, data[start : start + size]
        at = start + size
