"""PNG files without their text, profiles and later frames, which the pixels do not depend on."""

import zlib

from PIL import PngImagePlugin

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened, timed
from imagetagger.preprocess.tiff_tags import read_orientation, read_tag_block

SIGNATURE = b"\x89PNG\r\n\x1a\n"
OPTIONAL = (b"tRNS", b"eXIf")
"""Chunks that a picture does without if they are damaged, as browsers do."""
GREY, RGB = 0, 2
"""Types of colour whose transparency is one colour."""


def open_png(data: bytes, pixel_limit: int) -> Opened:
    """Open a PNG, or the default picture of an animated one.

    Raises:
        BadImageError: too many pixels, or damaged.
    """
    header, palette, pixels, optional = b"", b"", [], dict[bytes, bytes]()
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body, checksum = slice(at + 8, at + 8 + size), data[at + 8 + size : at + 12 + size]
        at += 12 + size
        if name == b"CgBI":
            raise BadImageError("a PNG made for iOS apps, which is not read. Save it again as PNG")
        if name == b"IHDR":
            header = data[body]
        elif name == b"PLTE":
            palette = data[body]
        elif name == b"IDAT":
            pixels.append(data[body])
        elif name in OPTIONAL and zlib.crc32(name + data[body]).to_bytes(4, "big") == checksum:
            optional.setdefault(name, data[body])
        elif name == b"IEND":
            break
    if len(header) < 13 or not pixels:
        raise BadImageError("corrupt image: a PNG without pixels")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    check_pixels(width, height, pixel_limit)
    transparent = optional.get(b"tRNS", b"")
    chunks = [_chunk(b"IHDR", header), _chunk(b"PLTE", palette) if palette else b""]
    if transparent and not (header[9] == GREY or header[9] == RGB):
        chunks.append(_chunk(b"tRNS", transparent))
    chunks.append(_chunk(b"IDAT", b"".join(pixels)))
    image = PngImagePlugin.PngImageFile(timed(b"".join([SIGNATURE, *chunks, _chunk(b"IEND", b"")]), width, height))
    if header[9] in (GREY, RGB) and len(transparent) >= 2 * (1 + header[9]):
        image.info["transparency"] = _transparent_colour(transparent, header[8], header[9])
    return Opened(image, read_orientation(read_tag_block(optional.get(b"eXIf", b""))))


def _transparent_colour(values: bytes, depth: int, colours: int) -> int | tuple[int, ...]:
    """Return the transparent colour as Pillow holds it: 8 bits a channel, or 16 if grey of 16 bits."""
    levels = [int.from_bytes(values[i : i + 2], "big") for i in range(0, 2 * (1 + colours), 2)]
    if depth == 16:
        return levels[0] if colours == GREY else tuple(level >> 8 for level in levels)
    scale = 255 // (2**depth - 1)
    scaled = tuple((level & (2**depth - 1)) * scale for level in levels)
    return scaled[0] if colours == GREY else scaled


def _chunk(name: bytes, body: bytes) -> bytes:
    return b"".join([len(body).to_bytes(4, "big"), name, body, zlib.crc32(name + body).to_bytes(4, "big")])
