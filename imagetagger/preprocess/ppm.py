"""PBM, PGM and PPM pictures, without Pillow: it decodes all but two depths in Python."""

import re

import numpy as np
from PIL import Image

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened

HEADER = re.compile(rb"P([456f])((?:\s|#[^\r\n]*[\r\n])+\d{1,9})((?:\s|#[^\r\n]*[\r\n])+\d{1,9})(?=\s|#)")
DEPTH = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])+(-?[\d.]{1,20})(?=\s)")
MAX_HEADER = 65_536
"""Bytes with all comments."""
MAX_LEVEL = 65535


def open_ppm(data: bytes, pixel_limit: int) -> Opened:
    """Decode a binary PBM, PGM or PPM of any depth, or a grey PFM.

    Raises:
        BadImageError: too many pixels, plain text, or damaged.
    """
    if data[1:2] in b"123":
        raise BadImageError("a PPM picture in plain text, which is not read. Save it as PNG")
    if not (header := HEADER.match(data, 0, MAX_HEADER)):
        raise BadImageError("corrupt image: the header of a PPM is damaged")
    kind, width, height = header[1], *(int(number.split()[-1]) for number in header.groups()[1:])
    check_pixels(width, height, pixel_limit)
    end, level = header.end(), 1.0
    if kind != b"4":
        depth = DEPTH.match(data, end, MAX_HEADER)
        end, level = (depth.end(), float(depth[1])) if depth else (end, 0.0)
    dtype = {b"4": "u1", b"f": "<f4" if level < 0 else ">f4"}.get(kind, "u1" if level < 256 else ">u2")
    columns = {b"4": (width + 7) // 8, b"6": 3 * width}.get(kind, width)
    if level == 0 or (kind in b"56" and not 1 <= level <= MAX_LEVEL):
        raise BadImageError(f"corrupt image: a PPM of {level:g} levels, expected 1 to {MAX_LEVEL}")
    if len(data) - end - 1 < columns * height * np.dtype(dtype).itemsize:
        raise BadImageError("corrupt image: the file is truncated")
    levels = np.frombuffer(data, dtype, columns * height, end + 1).reshape(height, columns)
    if kind == b"4":
        return Opened(Image.frombytes("1", (width, height), levels.tobytes(), "raw", "1;I"))
    if kind == b"f":
        return Opened(Image.fromarray(levels[::-1].astype(np.float32)))
    pixels = levels if level == 255 else _scale(int(level))[levels]
    return Opened(Image.fromarray(pixels.reshape((height, width, 3) if kind == b"6" else (height, width))))


def _scale(level: int) -> np.ndarray:
    """Return the 8 bits of each level as Pillow computes them; grey of more bits has 16 at first."""
    most = MAX_LEVEL if level > 255 else 255
    scaled = np.rint(np.minimum(np.arange(MAX_LEVEL + 1) / level, 1) * most).astype(np.int64)
    return (scaled >> 8 if level > 255 else scaled).astype(np.uint8)
