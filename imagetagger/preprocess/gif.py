"""The first picture of GIF files."""

from PIL import GifImagePlugin

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened, timed

IMAGE, EXTENSION, TRANSPARENCY = 0x2C, 0x21, 0xF9
MAX_EXTENSIONS = 20_000
MAX_BLOCKS = 500_000
"""Of all extensions before the first picture: 125 MB of comments and the like."""


def open_gif(data: bytes, pixel_limit: int) -> Opened:
    """Open the first picture of a GIF.

    Raises:
        BadImageError: too many pixels or extensions, or damaged.
    """
    at = 13 + _palette_bytes(data, 10)
    head, control, extensions, blocks = data[:at], b"", 0, 0
    while data[at : at + 1] != bytes([IMAGE]):
        if data[at : at + 1] != bytes([EXTENSION]):
            raise BadImageError("corrupt image: a GIF without pixels")
        start, extensions, at = at, extensions + 1, at + 2
        while at < len(data) and data[at] and blocks < MAX_BLOCKS:
            at, blocks = at + 1 + data[at], blocks + 1
        if extensions > MAX_EXTENSIONS or blocks == MAX_BLOCKS:
            raise BadImageError("corrupt image: a GIF of too many extensions")
        at += 1
        if data[start + 1 : start + 2] == bytes([TRANSPARENCY]):
            control = data[start:at]
    box = [int.from_bytes(data[i : i + 2], "little") for i in range(at + 1, at + 9, 2)]
    width, height = (max(int.from_bytes(head[i : i + 2], "little"), box[j] + box[j + 2]) for i, j in ((6, 0), (8, 1)))
    check_pixels(width, height, pixel_limit)
    sides = width.to_bytes(4, "little")[:2] + height.to_bytes(4, "little")[:2]
    if max(width, height) > 0xFFFF:
        raise BadImageError("corrupt image: a picture beyond the edge of its GIF")
    clean = b"".join([head[:6], sides, head[10:], control, data[at:]])
    return Opened(GifImagePlugin.GifImageFile(timed(clean, width, height)))


def _palette_bytes(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
