"""XMP and IPTC that are embedded in picture files, found without decoding a pixel.

Source: XMP Specification, part 3 (Storage in files); TIFF 6.0 for tags; PNG's "XML:com.adobe.xmp"; WebP's "XMP ".
"""

import zlib
from collections.abc import Callable
from typing import NamedTuple

from imagetagger.archive.keywords.document import MAX_XMP_BYTES
from imagetagger.archive.keywords.iptc import iptc_of_resources
from imagetagger.preprocess.file_kinds import picture_format
from imagetagger.preprocess.formats import read_avif_xmp, read_heic_xmp
from imagetagger.preprocess.jpeg import EXIF as APP1
from imagetagger.preprocess.jpeg import segments
from imagetagger.preprocess.png import chunks
from imagetagger.preprocess.tiff_tags import find_entry, read_tag_block
from imagetagger.preprocess.webp import webp_chunks

APP13 = 0xED
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION_PREFIX = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_PREFIX = b"Photoshop 3.0\0"
ID_SIZE = 32
"""Of an extended packet: the MD5 of it in hexadecimal, which the main packet names."""
PNG_KEYWORD = b"XML:com.adobe.xmp"
TIFF_XMP, TIFF_IPTC, TIFF_PHOTOSHOP = 700, 33723, 34377


class Packets(NamedTuple):
    """Embedded metadata: packets of XMP, and blocks of IPTC's data."""

    xmp: tuple[bytes, ...] = ()
    iptc: tuple[bytes, ...] = ()


def find_packets(data: bytes) -> Packets:
    """Return the metadata embedded in a picture; none in files of other formats.

    Args:
        data: the file; of a JPEG, what comes before its pixels is enough.

    Raises:
        Exception: of almost any kind, if the file is damaged.
    """
    find = FINDERS.get(picture_format(data, len(data)))
    return find(data) if find else Packets()


def _in_jpeg(data: bytes) -> Packets:
    main, photoshop = b"", list[bytes]()
    extended: dict[bytes, list[tuple[int, bytes]]] = {}
    for code, _, body in segments(data):
        if code == APP1 and body.startswith(XMP_PREFIX):
            main = main or body[len(XMP_PREFIX) :]
        elif code == APP1 and body.startswith(EXTENSION_PREFIX):
            at = len(EXTENSION_PREFIX) + ID_SIZE
            piece = int.from_bytes(body[at + 4 : at + 8], "big"), body[at + 8 :]
            extended.setdefault(body[at - ID_SIZE : at], []).append(piece)
        elif code == APP13 and body.startswith(PHOTOSHOP_PREFIX):
            photoshop.append(body[len(PHOTOSHOP_PREFIX) :])
    more = [b"".join(piece for _, piece in sorted(pieces)) for name, pieces in extended.items() if name in main]
    return Packets((main, *more) if main else (), (iptc_of_resources(b"".join(photoshop)),))


def _in_png(data: bytes) -> Packets:
    found = []
    for name, place in chunks(data):
        if name == b"iTXt" and data[place.start : place.start + len(PNG_KEYWORD) + 1] == PNG_KEYWORD + b"\0":
            body = data[place.start + len(PNG_KEYWORD) + 1 : place.stop]
            is_compressed, text = body[:1] == b"\1", body[2:].split(b"\0", 2)[-1]  # after language and translation
            found.append(zlib.decompressobj().decompress(text, MAX_XMP_BYTES) if is_compressed else text)
    return Packets(tuple(found))


def _in_tiff(data: bytes) -> Packets:
    block = read_tag_block(data)
    if block is None:
        return Packets()
    entries = [find_entry(block, block.first, tag) for tag in (TIFF_XMP, TIFF_IPTC, TIFF_PHOTOSHOP)]
    xmp, iptc, photoshop = (data[found.start : found.start + found.size] if found else b"" for found in entries)
    return Packets((xmp,), (iptc, iptc_of_resources(photoshop)))


def _in_webp(data: bytes) -> Packets:
    return Packets(tuple(data[body] for name, body in webp_chunks(data) if name == b"XMP ")[:1])


FINDERS: dict[str, Callable[[bytes], Packets]] = {
    "JPEG": _in_jpeg,
    "PNG": _in_png,
    "TIFF": _in_tiff,
    "WebP": _in_webp,
    "AVIF": lambda data: Packets((read_avif_xmp(data),)),
    "HEIC": lambda data: Packets((read_heic_xmp(data),)),
}
