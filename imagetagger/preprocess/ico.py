"""The best picture of a Windows icon."""

from PIL import IcoImagePlugin

from imagetagger.preprocess.errors import BadImageError
from imagetagger.preprocess.opened import Opened, timed
from imagetagger.preprocess.png import SIGNATURE, open_png

MAX_ICON_SIDE = 256
"""Of a picture within an icon, in pixels, unless it is PNG."""


def open_ico(data: bytes, pixel_limit: int) -> Opened:
    """Open the largest picture of an icon, of several of one size that with most colours.

    Raises:
        BadImageError: too many pixels, or damaged.
    """
    count = int.from_bytes(data[4:6], "little")
    entries = [data[at : at + 16] for at in range(6, min(6 + 16 * count, len(data) - 15), 16)]
    if not entries:
        raise BadImageError("corrupt image: an icon without pictures")
    entry = max(entries, key=lambda e: ((e[0] or 256) * (e[1] or 256), int.from_bytes(e[6:8], "little")))
    size, start = (int.from_bytes(entry[i : i + 4], "little") for i in (8, 12))
    picture = data[start : start + size]
    if picture.startswith(SIGNATURE):
        return open_png(picture, pixel_limit)
    width, height = int.from_bytes(picture[4:8], "little"), int.from_bytes(picture[8:12], "little") // 2
    if not (0 < width <= MAX_ICON_SIDE and 0 < height <= MAX_ICON_SIDE):
        raise BadImageError("corrupt image: an icon's picture has no such size")
    entry = bytes([width % 256, height % 256]) + entry[2:12] + (22).to_bytes(4, "little")
    alone = b"\0\0\1\0\1\0" + entry + picture
    return Opened(IcoImagePlugin.IcoImageFile(timed(alone, width, height)), alpha="unless zero")
