"""The first picture of GIF files."""

from PIL import GifImagePlugin

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened, timed

IMAGE, EXTENSION, END, TRANSPARENCY = 0x2C, 0x21, 0x3B, 0xF9


def open_gif(data: bytes, pixel_limit: int) -> Opened:
    """Open the first picture of a GIF.

    Raises:
        BadImageError: too many pixels, or damaged.
    """
    at = 13 + _palette_bytes(data, 10)
    head, control = data[:at], b""
    while data[at : at + 1] != bytes([IMAGE]):
        if data[at : at + 1] != bytes([EXTENSION]):
            raise BadImageError("corrupt image: a GIF without pixels")
        end = _skip_blocks(data, at + 2)
        if data[at + 1 : at + 2] == bytes([TRANSPARENCY]):
            control = data[at:end]
        at = end
    box = [int.from_bytes(data[i : i + 2], "little") for i in range(at + 1, at + 9, 2)]
    width, height = (max(int.from_bytes(head[i : i + 2], "little"), box[j] + box[j + 2]) for i, j in ((6, 0), (8, 1)))
    check_pixels(width, height, pixel_limit)
    sides = width.to_bytes(4, "little")[:2] + height.to_bytes(4, "little")[:2]
    if max(width, height) > 0xFFFF:
        raise BadImageError("corrupt image: a picture beyond the edge of its GIF")
    end = _skip_blocks(data, at + 11 + _palette_bytes(data, at + 9))
    clean = b"".join([head[:6], sides, head[10:], control, data[at:end], bytes([END])])
    return Opened(GifImagePlugin.GifImageFile(timed(clean, width, height)))


def _palette_bytes(data: bytes, at: int) -> int:
    flags = data[at] if at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """Return where a sequence of blocks ends, at most the end of the file."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return min(at + 1, len(data))
