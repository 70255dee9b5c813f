"""The JPEG previews that cameras leave in their raw files, read by LibRaw, which the extra `raw` brings.

LibRaw completes the preview of a file that was cut off, with zeros or whatever was in memory there, be it another
preview. So the compressed pixels that it returns must be found in the file itself. What it says of such a file differs
from time to time; the error here does not.
"""

import io
from types import ModuleType

from PIL import Image

from imagetagger.preprocess.errors import BadImageError
from imagetagger.preprocess.jpeg import END_MARKER, EXIF, EXIF_PREFIX, SCAN, segments
from imagetagger.preprocess.tiff_tags import ORIENTATION, find_entry, integers, read_tag_block
from imagetagger.system.extras import import_extra
from imagetagger.system.stderr import silence_stderr

FLIPS = (1, 2, 4, 3, 5, 8, 6, 7)
"""EXIF's orientation, by LibRaw's number of a turn."""
NO_PREVIEW = "a camera raw file whose JPEG preview is missing, cut off or damaged. Save it as JPEG"


def load_rawpy() -> ModuleType:
    """Return the package that reads raw files.

    Raises:
        ImportError: it is not installed; the message says how to get it.
    """
    return import_extra("rawpy", "raw", "reads the previews in camera raw files")


def read_raw_preview(data: bytes) -> bytes:
    """Return the largest preview in a camera raw file, as a JPEG whose EXIF orientation turns it upright.

    Args:
        data: the complete file.

    Raises:
        BadImageError: not a raw file that LibRaw reads, one without a JPEG preview, or whose preview is damaged.
        ImportError: see `load_rawpy`.
    """
    preview, flip = _extract(data)
    try:
        own, scan = _read_header(preview)
    except BadImageError as error:
        raise BadImageError(NO_PREVIEW) from error
    if END_MARKER not in preview[scan:] or preview[scan:] not in data:
        raise BadImageError(NO_PREVIEW)
    return _with_orientation(preview, own or (FLIPS[flip] if 0 <= flip < len(FLIPS) else 1))


def _extract(data: bytes) -> tuple[bytes, int]:
    """Return what LibRaw takes for the largest preview, and its number of the turn."""
    rawpy = load_rawpy()
    with silence_stderr():  # lines of its own that name no file
        try:
            raw = rawpy.imread(io.BytesIO(data))
        except rawpy.LibRawError as error:
            reason = error.args[0].decode("ascii", "replace") if error.args else type(error).__name__
            raise BadImageError(f"a camera raw file that LibRaw cannot read ({reason}): save it as JPEG") from error
        with raw:
            try:
                found = raw.extract_thumb()
            except rawpy.LibRawError as error:
                raise BadImageError(NO_PREVIEW) from error
            if found.format != rawpy.ThumbFormat.JPEG:
                raise BadImageError(NO_PREVIEW)
            return found.data, raw.sizes.flip


def _read_header(preview: bytes) -> tuple[int | None, int]:
    """Return the last orientation that a JPEG states, if it does, and where its compressed pixels begin."""
    own, scan = None, len(preview)
    for code, at, body in segments(preview):
        if code == EXIF and body.startswith(EXIF_PREFIX):  # LibRaw's comes before the preview's own, and has the turn
            own = _stated_orientation(body) or own
        elif code == SCAN:
            scan = at
    return own, scan


def _stated_orientation(body: bytes) -> int | None:
    """Return the orientation in a segment of EXIF; None if it has none."""
    block = read_tag_block(body)
    entry = find_entry(block, block.first, ORIENTATION) if block else None
    value = next(iter(integers(block, entry, 1)), 0) if block and entry else 0
    return value if 1 <= value <= 8 else None


def _with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG with a segment of EXIF before all others: the first one counts."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    body = exif.tobytes()
    return b"".join([b"\xff\xd8\xff", bytes([EXIF]), (2 + len(body)).to_bytes(2, "big"), body, jpeg[2:]])
