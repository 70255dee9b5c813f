"""What EXIF says of a picture that is not decoded."""

from collections.abc import Callable

from imagetagger.preprocess.file_kinds import picture_format
from imagetagger.preprocess.formats import read_avif_exif, read_heic_exif
from imagetagger.preprocess.jpeg import EXIF, EXIF_PREFIX, segments
from imagetagger.preprocess.png import chunks
from imagetagger.preprocess.tiff_tags import TagBlock, find_entry, integers, read_tag_block, tag_text
from imagetagger.preprocess.webp import webp_chunks

EXIF_DIRECTORY = 0x8769
"""The tag with the offset of EXIF's own directory."""


def find_exif(data: bytes) -> TagBlock | None:
    """Return the EXIF block of a JPEG, PNG, WebP, AVIF, HEIC or TIFF file, decoding no pixels; None without one."""
    try:
        return read_tag_block(EXIF_READERS[picture_format(data, len(data))](data))
    except Exception:  # other or damaged files, at which the readers of AVIF and HEIC raise almost anything
        return None


def _jpeg_exif(data: bytes) -> bytes:
    found = (body for code, _, body in segments(data) if code == EXIF and body.startswith(EXIF_PREFIX))
    return next(found, b"")


def _png_exif(data: bytes) -> bytes:
    return next((data[body] for name, body in chunks(data) if name == b"eXIf"), b"")


def _webp_exif(data: bytes) -> bytes:
    return next((data[body] for name, body in webp_chunks(data) if name == b"EXIF"), b"")


EXIF_READERS: dict[str, Callable[[bytes], bytes]] = {
    "JPEG": _jpeg_exif,
    "PNG": _png_exif,
    "WebP": _webp_exif,
    "AVIF": read_avif_exif,
    "HEIC": read_heic_exif,
    "TIFF": bytes,
}


def exif_text(block: TagBlock, tag: int, *, is_own: bool = False) -> str:
    """Return the text of a tag, "" without it, of the main directory or, if `is_own`, of EXIF's own."""
    offset = block.first
    if is_own:
        pointer = find_entry(block, offset, EXIF_DIRECTORY)
        offset = next(iter(integers(block, pointer, 1)), 0) if pointer else 0
    entry = find_entry(block, offset, tag) if offset else None
    return tag_text(block, entry) if entry else ""
