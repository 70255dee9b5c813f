"""TIFF files, without the tags that their pixels do not depend on, and camera raw files, which are TIFF files too."""

import contextlib
import ctypes
import functools
import re

from PIL import ImageFile, TiffImagePlugin, _imaging

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.opened import Opened, timed
from imagetagger.preprocess.tiff_tags import (
    TagBlock,
    TagEntry,
    directories,
    find_entry,
    integers,
    read_entries,
    read_orientation,
    read_tag_block,
    tag_text,
)

SUBFILE, IMAGE_WIDTH, IMAGE_HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, CAMERA_MAKE = 254, 256, 257, 258, 259, 262, 271
TILE_WIDTH, TILE_HEIGHT, SAMPLE_FORMAT = 322, 323, 339
SCALARS = (
    *(IMAGE_WIDTH, IMAGE_HEIGHT, COMPRESSION, PHOTOMETRIC, 266, 277, 278, 284, 292, 293, 317, 332),
    *(TILE_WIDTH, TILE_HEIGHT),
)
LISTS = (BITS, 273, 279, 320, 324, 325, 338, SAMPLE_FORMAT, 347, *range(512, 522), 529, 530, 531, 532, 50674)
"""Tags that the pixels depend on: one number, or several."""
UNSIGNED, SIGNED = 1, 2
SAMPLE_FORMATS = {
    UNSIGNED: "unsigned numbers of ",
    SIGNED: "signed numbers of ",
    3: "floats of ",
    5: "complex numbers of ",
    6: "complex numbers of ",
}
WHITE_IS_ZERO = 0
RAW_TAGS = (33421, 33422, 50706)
"""Tags of a mosaic of colours, and of DNG."""
RAW_PHOTOMETRIC = (32803, 34892)
RAW_COMPRESSION = (32767, 32769, 32770, 34713, 65000, 65535)
MAX_TILE_PIXELS = 4_000_000
"""Pixels of a tile, unless its picture has a quarter as many: a small picture may lie in one large tile."""
MAX_VALUES = 1_000_000
"""Values of a tag, such as the offsets of strips."""
CANON_RAW = b"CR"
RAW_PREVIEW = "a camera raw file{}, of which only the camera's preview could be read. Save it as JPEG"


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's, without its own limit of pixels; it turns no picture upright."""

    load_prepare = ImageFile.ImageFile.load_prepare

    def load_end(self) -> None:
        """Leave the picture as it is; Pillow's would turn it upright and write all of its EXIF again."""


@functools.cache
def _silence_libtiff() -> None:
    """Turn off the lines, which name no file, that the libtiff of Pillow writes to stderr; errors are raised anyhow.

    Where libtiff's functions are hidden, as within Pillow for Windows, the lines remain.
    """
    with contextlib.suppress(OSError, AttributeError):
        pillow = ctypes.CDLL(_imaging.__file__)  # loaded already; finds the functions of libraries that it needs too
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            function = pillow[name]
            function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
            function(None)


def open_tiff(data: bytes, pixel_limit: int) -> Opened:
    """Open the first picture of a TIFF.

    Raises:
        BadImageError: a camera raw file or a preview, too many pixels, or damaged.
    """
    _silence_libtiff()
    block = read_tag_block(data)
    if block is None:
        raise BadImageError("corrupt image: the header of a TIFF is damaged")
    _refuse_raw(block)
    entries = [entry for entry in read_entries(block, block.first)[0] if entry.tag in (*SCALARS, *LISTS)]
    if sum(entry.size for entry in entries) > len(data) or any(entry.length > MAX_VALUES for entry in entries):
        raise BadImageError("corrupt image: the tags of a TIFF have too many values")
    values = {entry.tag: integers(block, entry) for entry in entries}
    numbers = {tag: found[0] for tag, found in values.items() if found}
    width, height = numbers.get(IMAGE_WIDTH, 0), numbers.get(IMAGE_HEIGHT, 0)
    check_pixels(width, height, pixel_limit)
    across, down = numbers.get(TILE_WIDTH, 0), numbers.get(TILE_HEIGHT, 0)
    tiles = -(-width // across) * -(-height // down) if across and down else 0
    if tiles * across * down > max(MAX_TILE_PIXELS, 4 * width * height):
        raise BadImageError("corrupt image: the tiles of a TIFF are larger than the picture")
    bits, sample_format = values.get(BITS, []), numbers.get(SAMPLE_FORMAT, UNSIGNED)
    unread = f"a TIFF of {SAMPLE_FORMATS.get(sample_format, '')}{max(bits, default=1)} bits, which is not read"
    if sample_format == SIGNED and 8 in bits:  # Pillow takes them for unsigned
        raise BadImageError(f"{unread}. Save it as PNG")
    try:
        image = _Tiff(timed(_rewrite(block, entries), width, height))
    except SyntaxError as error:
        if "unknown pixel mode" not in str(error):
            raise
        raise BadImageError(f"{unread}. Save it as PNG") from error
    return Opened(
        image,
        read_orientation(block),
        depth=12 if bits == [12] else 16,
        is_unsigned=sample_format == UNSIGNED and bits == [32],
        is_negative=numbers.get(PHOTOMETRIC) == WHITE_IS_ZERO,
    )


def _rewrite(block: TagBlock, entries: list[TagEntry]) -> bytes:
    """Return a file of the same data, with a directory of the tags that pixels depend on."""
    order, word = block.order, 8 if block.is_big else 4
    kept = []
    for entry in sorted(entries):
        if entry.tag in SCALARS and entry.length > 1 and (found := integers(block, entry, 1)):
            parts = ((entry.tag, 2), (4, 2), (1, word), (found[0], 4), (0, word - 4))
            kept.append(b"".join(number.to_bytes(size, order) for number, size in parts))
        elif entry.tag in LISTS or (entry.tag in SCALARS and entry.length == 1):
            kept.append(block.data[entry.at : entry.at + 4 + 2 * word])
    start = len(block.data) + len(block.data) % 2
    header = block.data[: 16 if block.is_big else 8][:-word] + start.to_bytes(word, order)
    count = len(kept).to_bytes(8 if block.is_big else 2, order)
    return b"".join([header, block.data[len(header) :], bytes(len(block.data) % 2), count, *kept, bytes(word)])


def _refuse_raw(block: TagBlock) -> None:
    """Refuse a file whose first picture is only a preview: of what a camera's sensor saw, or of a larger one."""
    if block.data[8:10] == CANON_RAW:
        raise BadImageError(RAW_PREVIEW.format(""))
    shown = is_preview = None
    for is_below, entries in directories(block):
        tags = {entry.tag: entry for entry in entries}
        width, height, photometric, compression, subfile = (
            next(iter(integers(block, tags[tag], 1)), 0) if tag in tags else 0
            for tag in (IMAGE_WIDTH, IMAGE_HEIGHT, PHOTOMETRIC, COMPRESSION, SUBFILE)
        )
        if not tags.keys().isdisjoint(RAW_TAGS) or photometric in RAW_PHOTOMETRIC or compression in RAW_COMPRESSION:
            raise BadImageError(RAW_PREVIEW.format(_camera(block)))
        if shown is None:
            shown, is_preview = width * height, bool(subfile & 1)
        elif (is_below or is_preview) and width * height > shown:
            raise BadImageError("a TIFF whose first picture is only a preview of a larger one. Save it as JPEG")


def _camera(block: TagBlock) -> str:
    """Return the name of the camera's maker in brackets, without characters that a terminal would obey."""
    make = find_entry(block, block.first, CAMERA_MAKE)
    name = re.sub(r"[^ -~]", "", tag_text(block, make)).strip()[:40] if make else ""
    return f" ({name})" if name else ""
