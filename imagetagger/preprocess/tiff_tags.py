"""Directories of tags, which TIFF files and EXIF blocks consist of.

They are read here as far as they are sound, whatever else they contain: Pillow's own reader warns of odd tags without
naming the file, and turns a picture upright only if it can write all of them again.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

ORIENTATION, SUB_DIRECTORIES = 0x0112, 0x014A
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by type."""
INTEGERS = (1, 3, 4, 6, 8, 9, 13, 16, 17, 18)
SIGNED = (6, 8, 9, 17)
MAX_ENTRIES = 4096
"""Tags read of one directory."""


class TagBlock(NamedTuple):
    """A TIFF file or EXIF block.

    Attributes:
        data: all its bytes; offsets count from their beginning.
        order: of bytes in a number.
        is_big: BigTIFF, of 64-bit offsets.
        first: offset of the first directory.
    """

    data: bytes
    order: Literal["little", "big"]
    is_big: bool
    first: int

    def number(self, start: int, size: int) -> int:
        """The unsigned integer at an offset; 0 beyond the end."""
        return int.from_bytes(self.data[start : start + size], self.order)


class TagEntry(NamedTuple):
    """A tag: its number, its type, how many values it has, and where its entry and its values begin."""

    tag: int
    kind: int
    length: int
    at: int
    start: int

    @property
    def size(self) -> int:
        """Of its values in bytes."""
        return SIZES.get(self.kind, 0) * self.length


def read_tag_block(data: bytes) -> TagBlock | None:
    """Return a TIFF file or EXIF block, with or without EXIF's own prefix; None if it is neither."""
    if data.startswith(b"Exif\0\0"):
        data = data[6:]
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    if data[:2] not in (b"II", b"MM") or len(data) < 8:
        return None
    version = int.from_bytes(data[2:4], order)
    if version == 43:
        return TagBlock(data, order, True, int.from_bytes(data[8:16], order))
    return TagBlock(data, order, False, int.from_bytes(data[4:8], order)) if version == 42 else None


def read_entries(block: TagBlock, offset: int) -> tuple[list[TagEntry], int]:
    """Return the tags of a directory whose values lie within the block, and the offset of the next directory."""
    count_size, entry_size, word = (8, 20, 8) if block.is_big else (2, 12, 4)
    count = block.number(offset, count_size)
    first = offset + count_size
    readable = max(min(count, MAX_ENTRIES, (len(block.data) - first) // entry_size), 0)
    entries = []
    for at in range(first, first + readable * entry_size, entry_size):
        entry = TagEntry(block.number(at, 2), block.number(at + 2, 2), block.number(at + 4, word), at, at + 4 + word)
        if entry.size > word:
            entry = entry._replace(start=block.number(at + 4 + word, word))
        if entry.size and entry.start + entry.size <= len(block.data):
            entries.append(entry)
    return entries, block.number(first + count * entry_size, word)


def integers(block: TagBlock, entry: TagEntry, most: int = 64) -> list[int]:
    """Return the first values of a tag; none if they are not whole numbers."""
    if entry.kind not in INTEGERS:
        return []
    size = SIZES[entry.kind]
    starts = range(entry.start, entry.start + size * min(entry.length, most), size)
    parts = [block.data[start : start + size] for start in starts]
    return [int.from_bytes(part, block.order, signed=entry.kind in SIGNED) for part in parts]


def tag_text(block: TagBlock, entry: TagEntry) -> str:
    """Return the text of a tag up to its first zero byte."""
    return block.data[entry.start : entry.start + min(entry.size, 1024)].split(b"\0")[0].decode("latin-1")


def find_entry(block: TagBlock, offset: int, tag: int) -> TagEntry | None:
    """Return a tag of a directory."""
    return next((entry for entry in read_entries(block, offset)[0] if entry.tag == tag), None)


def read_orientation(block: TagBlock | None) -> int:
    """Return the orientation, 1 to 8; 1 if there is none."""
    entry = find_entry(block, block.first, ORIENTATION) if block else None
    values = integers(block, entry, 1) if block and entry else []
    return values[0] if values and 1 <= values[0] <= 8 else 1


def directories(block: TagBlock, most: int = 16) -> Iterator[tuple[bool, list[TagEntry]]]:
    """Yield at most `most` directories, the first ones first, and whether each is below another, by its tag SubIFDs."""
    waiting, seen = [(False, block.first)], set[int]()
    while waiting and len(seen) < most:
        is_below, offset = waiting.pop(0)
        if offset in seen or not 0 < offset < len(block.data):
            continue
        seen.add(offset)
        entries, following = read_entries(block, offset)
        yield is_below, entries
        below = [integers(block, entry, most) for entry in entries if entry.tag == SUB_DIRECTORIES]
        waiting = [*((True, offset) for offsets in below for offset in offsets), *waiting]
        if not is_below:
            waiting.append((False, following))
