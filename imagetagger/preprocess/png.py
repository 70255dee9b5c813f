"""PNG files without their text, profiles and later frames, which the pixels do not depend on."""

import zlib
from collections.abc import Iterator

from PIL import PngImagePlugin

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened, timed
from imagetagger.preprocess.tiff_tags import read_orientation, read_tag_block

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL = (b"IHDR", b"PLTE", b"IDAT")
OPTIONAL = (b"tRNS", b"eXIf")
"""Chunks that a picture does without if they are damaged, as browsers do."""
MAX_CHUNKS = 200_000
"""A gigabyte of pixels in pieces of 8 kB, as libpng writes them."""
GREY, RGB, PALETTE = 0, 2, 3
"""Types of colour whose transparency is one colour."""


def open_png(data: bytes, pixel_limit: int) -> Opened:
    """Open a PNG, or the default picture of an animated one.

    Raises:
        BadImageError: too many pixels or chunks, or damaged.
    """
    header, palette, pixels, optional = b"", b"", [], dict[bytes, bytes]()
    for name, body in chunks(data):
        if name == b"CgBI":
            raise BadImageError("a PNG made for iOS apps, which is not read. Save it again as PNG")
        if name in CRITICAL and not _is_sound(data, body):
            raise BadImageError(f"corrupt image: the checksum of a PNG's {name.decode()} is wrong")
        if name == b"IHDR":
            header = data[body]
        elif name == b"PLTE":
            palette = data[body]
        elif name == b"IDAT":
            pixels.append(data[body])
        elif name in OPTIONAL and name not in optional and _is_sound(data, body):
            optional[name] = data[body]
    if len(header) < 13 or not pixels:
        raise BadImageError("corrupt image: a PNG without pixels")
    if header[9] == PALETTE and not palette:
        raise BadImageError("corrupt image: a PNG whose palette is missing")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    check_pixels(width, height, pixel_limit)
    transparent = optional.get(b"tRNS", b"")
    clean = [SIGNATURE, _chunk(b"IHDR", header), _chunk(b"PLTE", palette) if palette else b""]
    if transparent and not (header[9] == GREY or header[9] == RGB):
        clean.append(_chunk(b"tRNS", transparent))
    clean += [_chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")]
    image = PngImagePlugin.PngImageFile(timed(b"".join(clean), width, height))
    if header[9] in (GREY, RGB) and len(transparent) >= 2 * (1 + header[9]):
        image.info["transparency"] = _transparent_colour(transparent, header[8], header[9])
    return Opened(image, read_orientation(read_tag_block(optional.get(b"eXIf", b""))))


def chunks(data: bytes) -> Iterator[tuple[bytes, slice]]:
    """Yield name and place of the body of a PNG's chunks up to IEND.

    Raises:
        BadImageError: there are too many.
    """
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        name, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if len(name) < 4 or name == b"IEND":
            return
        yield name, slice(at + 8, end)
        at = end + 4
    raise BadImageError("corrupt image: a PNG of too many chunks")


def _is_sound(data: bytes, body: slice) -> bool:
    """Whether a chunk has the checksum that follows it, as far as the file goes: its end may be missing."""
    checksum = zlib.crc32(memoryview(data)[body.start - 4 : body.stop]).to_bytes(4, "big")
    return checksum.startswith(data[body.stop : body.stop + 4])


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
