"""Camera raw files with JPEG previews, as small as LibRaw reads them: DNG, since no camera's files are at hand."""

import struct
from typing import NamedTuple

BYTE, ASCII, SHORT, LONG, SIGNED_FRACTION = 1, 2, 3, 4, 10
WORDS = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, SIGNED_FRACTION: 4}
HEADER_BYTES = 8
SENSOR_SIDE = 32
"""Of the sensor, whose pixels nobody looks at."""

Tag = tuple[int, int, list[int]]


class Preview(NamedTuple):
    """A JPEG and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def make_dng(*previews: Preview, orientation: int = 1) -> bytes:
    """Return a DNG: its directories, the sensor's pixels, and then the previews in order.

    Args:
        previews: of the same picture.
        orientation: EXIF's, of the sensor's pixels and of previews that have none of their own.
    """
    blocks = [bytes(2 * SENSOR_SIDE**2), *(preview.jpeg for preview in previews)]
    offsets, starts = [0] * len(previews), [0] * len(blocks)
    for _ in range(2):  # the first time for the sizes of the directories
        directories = [_main_directory(HEADER_BYTES, starts[0], len(blocks[0]), offsets, orientation)]
        at = HEADER_BYTES + len(directories[0])
        for i, preview in enumerate(previews):
            offsets[i] = at
            directories.append(_preview_directory(at, starts[1 + i], preview))
            at += len(directories[-1])
        for i, block in enumerate(blocks):
            starts[i] = at
            at += len(block)
    return struct.pack("<2sHI", b"II", 42, HEADER_BYTES) + b"".join((*directories, *blocks))


def _main_directory(at: int, start: int, size: int, previews: list[int], orientation: int) -> bytes:
    unit = [number for row in range(3) for column in range(3) for number in (int(row == column), 1)]
    tags: list[Tag] = [
        (254, LONG, [0]),
        *_layout(SENSOR_SIDE, SENSOR_SIDE, start, size, compression=1),
        (258, SHORT, [16]),
        (262, SHORT, [32803]),  # a mosaic of colours
        (271, ASCII, [*b"Maker\0"]),
        (272, ASCII, [*b"Model\0"]),
        (274, SHORT, [orientation]),
        (277, SHORT, [1]),
        *([(330, LONG, previews)] if previews else []),
        (33421, SHORT, [2, 2]),
        (33422, BYTE, [0, 1, 1, 2]),
        (50706, BYTE, [1, 4, 0, 0]),  # version of DNG
        (50708, ASCII, [*b"Maker Model\0"]),
        (50721, SIGNED_FRACTION, unit),  # colours
    ]
    return _directory(tags, at)


def _preview_directory(at: int, start: int, preview: Preview) -> bytes:
    tags: list[Tag] = [
        (254, LONG, [1]),
        *_layout(preview.width, preview.height, start, len(preview.jpeg), compression=7),
        (258, SHORT, [8, 8, 8]),
        (262, SHORT, [6]),
        (277, SHORT, [3]),
    ]
    return _directory(tags, at)


def _layout(width: int, height: int, start: int, size: int, compression: int) -> list[Tag]:
    return [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (259, SHORT, [compression]),
        (273, LONG, [start]),
        (278, LONG, [height]),
        (279, LONG, [size]),
    ]


def _directory(tags: list[Tag], at: int) -> bytes:
    """Return the directory that begins at an offset, with the values that do not fit into its entries after it."""
    entries, values = b"", b""
    after = at + 2 + 12 * len(tags) + 4
    for tag, kind, numbers in tags:
        packed = b"".join(number.to_bytes(WORDS[kind], "little") for number in numbers)
        count = len(numbers) // 2 if kind == SIGNED_FRACTION else len(numbers)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", after + len(values))
        entries += struct.pack("<HHI", tag, kind, count) + place
        values += packed + bytes(len(packed) % 2) if len(packed) > 4 else b""
    return struct.pack("<H", len(tags)) + entries + bytes(4) + values
