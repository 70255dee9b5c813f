"""What EXIF says of a picture that is not decoded."""

from imagetagger.preprocess.errors import BadImageError
from imagetagger.preprocess.jpeg import EXIF, EXIF_PREFIX, segments
from imagetagger.preprocess.tiff_tags import TagBlock, find_entry, integers, read_tag_block, tag_text

EXIF_DIRECTORY = 0x8769
"""The tag with the offset of EXIF's own directory."""


def find_exif(data: bytes) -> TagBlock | None:
    """Return the EXIF block of a JPEG, WebP or TIFF file; None if there is none."""
    if data[:2] == b"\xff\xd8":
        try:
            found = (body for code, _, body in segments(data) if code == EXIF and body.startswith(EXIF_PREFIX))
            return read_tag_block(next(found, b""))
        except BadImageError:
            return None
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        at = 12
        while at + 8 <= len(data):
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            if data[at : at + 4] == b"EXIF":
                return read_tag_block(data[at + 8 : at + 8 + size])
            at += 8 + size + size % 2
        return None
    return read_tag_block(data)


def exif_text(block: TagBlock, tag: int, *, is_own: bool = False) -> str:
    """Return the text of a tag, "" without it, of the main directory or, if `is_own`, of EXIF's own."""
    offset = block.first
    if is_own:
        pointer = find_entry(block, offset, EXIF_DIRECTORY)
        offset = next(iter(integers(block, pointer, 1)), 0) if pointer else 0
    entry = find_entry(block, offset, tag) if offset else None
    return tag_text(block, entry) if entry else ""
