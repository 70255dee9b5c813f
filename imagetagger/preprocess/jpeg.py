"""JPEG files, without the metadata that their pixels do not depend on: however odd, it refuses no picture."""

import io
import random
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import JpegImagePlugin

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened, timed
from imagetagger.preprocess.tiff_tags import read_orientation, read_tag_block

SCAN, ADOBE, JFIF, EXIF = 0xDA, 0xEE, 0xE0, 0xE1
FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
BASELINE = (0xC0, 0xC1)
LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
NO_BODY = (0x00, 0x01, *range(0xD0, 0xD9))
EXIF_PREFIX = b"Exif\0\0"
END_MARKER = b"\xff\xd9"
MAX_SCANS = 100
"""As many as libjpeg writes. Each scan visits all blocks, however few bytes it has."""
MAX_TABLES = 1_000_000
"""Bytes of what pixels depend on before the first scan, which Pillow reads in Python: 100 times what there can be."""
FILL = re.compile(rb"\xff*")
MAX_SEGMENTS = 20_000
"""A gigabyte of profiles and the like, in pieces as large as they can be."""


class Jpeg(JpegImagePlugin.JpegImageFile):
    """Pillow's, which also reads a file that lacks only its end marker."""

    def load(self) -> Any:
        """Decode the pixels."""
        file = self.fp
        try:
            return super().load()
        except OSError:
            data = file.getvalue().rstrip(b"\xff") if isinstance(file, io.BytesIO) else b""
            if not self.tile or not data or data.endswith(END_MARKER):
                raise
            _check_lacks_only_end(data)
            self.fp = io.BytesIO(data + END_MARKER)
        return super().load()


def _check_lacks_only_end(data: bytes) -> None:
    """Refuse a JPEG without an end marker that lacks more than that.

    Decoders invent what is missing from what follows. So if other bytes at the end change the picture, it is truncated.
    """
    noise = bytes(random.Random(0).choices(range(255), k=4096))  # without 0xFF, which begins a marker
    image, other = (JpegImagePlugin.JpegImageFile(io.BytesIO(data + more + END_MARKER)) for more in (b"", noise))
    rows = max(1_000_000 // image.width, 1)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        if not np.array_equal(np.asarray(image.crop(box)), np.asarray(other.crop(box))):
            raise BadImageError("corrupt image: the file is truncated")


def open_jpeg(data: bytes, pixel_limit: int) -> Opened:
    """Open the first picture of a JPEG or MPO file.

    Raises:
        BadImageError: too many pixels or scans, or damaged.
    """
    parts, orientation, size, scanned, can_scale = [b"\xff\xd8"], None, (0, 0), 0, True
    for code, at, body in segments(data):
        if code == SCAN:
            has_more = body[:1] != bytes([scanned])
            if has_more and data.count(b"\xff\xda", at) > MAX_SCANS:
                raise BadImageError(f"a JPEG of more than {MAX_SCANS} scans, which takes too long. Save it again")
            if sum(map(len, parts)) > MAX_TABLES:
                raise BadImageError("corrupt image: a JPEG of too many tables")
            parts.append(data[at:])
        elif code in FRAMES and len(body) > 5:
            size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
            scanned = body[5] if code in BASELINE else 0  # colours, if one scan has all that there is of them
            can_scale &= code not in LOSSLESS
            if body[0] != 8:
                raise BadImageError(f"a JPEG of {body[0]} bits, which is not read. Save it with 8 bits")
            check_pixels(*size, pixel_limit)
        elif code == EXIF and orientation is None and body.startswith(EXIF_PREFIX):
            orientation = read_orientation(read_tag_block(body))
        if _is_needed(code, body):
            parts.append(data[at : at + 4 + len(body)])
    clean = b"".join(parts)
    image = Jpeg(io.BytesIO(clean))
    image.fp = timed(clean, *size)  # only now: Pillow reads headers byte by byte
    return Opened(image, orientation or 1, can_scale=can_scale)


def segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield code, offset and body of a JPEG's segments up to its first scan.

    Raises:
        BadImageError: there is no scan.
    """
    at = 2
    for _ in range(MAX_SEGMENTS):
        at = data.find(b"\xff", at)  # after a segment there may be other bytes
        if at >= 0 and (filled := FILL.match(data, at)):
            at = filled.end() - 1
        if at < 0 or at + 4 > len(data):
            raise BadImageError("corrupt image: a JPEG without pixels")
        code = data[at + 1]
        if code in NO_BODY:
            at += 2
            continue
        body = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        yield code, at, body
        if code == SCAN:
            return
        at += 4 + len(body)
    raise BadImageError("corrupt image: a JPEG of too many segments")


def _is_needed(code: int, body: bytes) -> bool:
    """Whether pixels depend on a segment; of the applications', JFIF's and Adobe's name the colour space."""
    if code == JFIF:
        return body.startswith(b"JFIF\0") and len(body) >= 14
    if code == ADOBE:
        return body.startswith(b"Adobe") and len(body) >= 12
    return code != SCAN and not 0xE0 <= code <= 0xFE
