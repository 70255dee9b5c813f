"""The one door through which every picture is decoded, wherever its bytes come from."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from imagetagger.preprocess.errors import BadImageError, check_pixels
from imagetagger.preprocess.file_kinds import SNIFFED_BYTES, picture_format
from imagetagger.preprocess.formats import open_avif, open_bmp, open_heic, open_jpeg_2000, open_tga, open_webp
from imagetagger.preprocess.gif import open_gif
from imagetagger.preprocess.ico import open_ico
from imagetagger.preprocess.jpeg import open_jpeg
from imagetagger.preprocess.opened import Opened
from imagetagger.preprocess.pixels import to_rgb, turn_upright
from imagetagger.preprocess.png import open_png
from imagetagger.preprocess.ppm import open_ppm
from imagetagger.preprocess.square import crop_box, crop_square, resize_box
from imagetagger.preprocess.tiff import open_tiff
from imagetagger.preprocess.tiff_tags import ORIENTATION, read_orientation, read_tag_block

PIXEL_LIMIT = 100_000_000
MAX_PIXEL_LIMIT = 400_000_000
"""Largest limit that settings may set: a picture of so many pixels takes 2 to 4 GB."""
MAX_PICTURE_BYTES = 2**30
SCALED_SIDES = 1.5
"""Least shorter side of a JPEG decoded at a smaller scale, in sides of the network's input: chosen by measurement, see
experiments/archive/README.md."""

OPENERS: dict[str, Callable[[bytes, int], Opened]] = {
    "JPEG": open_jpeg,
    "PNG": open_png,
    "WebP": open_webp,
    "GIF": open_gif,
    "BMP": open_bmp,
    "TIFF": open_tiff,
    "AVIF": open_avif,
    "HEIC": open_heic,
    "JPEG 2000": open_jpeg_2000,
    "PPM": open_ppm,
    "TGA": open_tga,
    "ICO": open_ico,
}
"""The formats that are decoded."""
PILLOW_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM", "TGA")
"""Pillow's names of these formats. An image of another one that a caller opened must be loaded already."""

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | np.ndarray
"""A picture: a path, encoded bytes or a binary file of them, a Pillow image, or uint8 pixels (H, W), (H, W, 3) or
(H, W, 4)."""


def decode_image(source: ImageSource, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """Decode a picture to an upright RGB image.

    Args:
        source: stays as it is; a binary file is read from where it stands.
        pixel_limit: largest width x height that is decoded; guards against decompression bombs.

    Raises:
        BadImageError: empty, not a picture of a format that is decoded, truncated, corrupt, too slow, or larger than
            `pixel_limit`.
        OSError: the path or file cannot be read.
    """
    data = _encoded_or_pixels(source)
    with _bad_image_errors():
        opened = _open(data, pixel_limit)
        opened.image.load()
        return to_rgb(turn_upright(opened.image, opened.orientation), opened)


def preprocess(source: ImageSource, size: int, pixel_limit: int = PIXEL_LIMIT) -> np.ndarray:
    """Decode a picture and fit it to the network's input: uint8 RGB (size, size, 3).

    Raises:
        BadImageError, OSError: see `decode_image`.
    """
    return crop_square(decode_image(source, pixel_limit), size)


def preprocess_scaled(
    source: ImageSource, size: int, pixel_limit: int = PIXEL_LIMIT, sides: float = SCALED_SIDES
) -> np.ndarray:
    """Fit a picture to the network's input like `preprocess`, but decode a large JPEG at a smaller scale.

    The decoder computes a half, a quarter or an eighth of the rows and columns. Any other picture gets the pixels of
    `preprocess`. Both refuse the same pictures.

    Args:
        source: see `decode_image`.
        size: side of the network's input.
        pixel_limit: see `decode_image`.
        sides: the least that the shorter side may become, in sides of the network's input.

    Raises:
        BadImageError, OSError: see `decode_image`.
    """
    data, least = _encoded_or_pixels(source), math.ceil(sides * size)
    with _bad_image_errors():
        opened = _open(data, pixel_limit)
        box = crop_box(*opened.image.size)
        divisor = _draft(opened, least)
        opened.image.load()
        image = to_rgb(opened.image, opened)
    if divisor == 1:
        return crop_square(turn_upright(image, opened.orientation), size)
    x0, y0, x1, y1 = (edge / divisor for edge in box)  # in the file's own orientation, where pixel 0 is complete
    square = resize_box(image, (x0, y0, x1, y1), size)
    return np.asarray(turn_upright(Image.fromarray(square), opened.orientation))


def _draft(opened: Opened, side: int) -> float:
    """Let a decoder compute fewer pixels, of a shorter side of at least `side`; return the divisor of both sides."""
    width = opened.image.width
    drafted = opened.image.draft(None, (side, side)) if opened.can_scale else None
    return width / drafted[1][2] if drafted else 1


@contextlib.contextmanager
def _bad_image_errors() -> Iterator[None]:
    """Turn whatever decoders raise into BadImageError."""
    try:
        yield
    except BadImageError:
        raise
    except MemoryError as error:
        raise BadImageError("too large for the memory that is free") from error
    except Exception as error:  # Pillow's decoders raise almost anything on corrupt data
        if isinstance(error.__cause__, BadImageError):  # from the file, while a decoder read it
            raise error.__cause__ from error
        raise BadImageError(f"corrupt image: {str(error) or type(error).__name__}") from error


def _open(data: bytes | Image.Image | np.ndarray, pixel_limit: int) -> Opened:
    if isinstance(data, bytes):
        opened = OPENERS[picture_format(data, len(data))](data, pixel_limit)
    elif isinstance(data, Image.Image):
        opened = _open_image(data, pixel_limit)
    else:
        opened = _open_array(data)
    check_pixels(*opened.image.size, pixel_limit)
    return opened


def _open_array(data: np.ndarray) -> Opened:
    if data.dtype != np.uint8 or data.shape[2:] not in ((), (3,), (4,)) or data.ndim < 2 or not data.size:
        raise BadImageError(f"got {data.dtype} {data.shape}, expected uint8 (H, W), (H, W, 3) or (H, W, 4)")
    return Opened(Image.fromarray(data))


def _open_image(image: Image.Image, pixel_limit: int) -> Opened:
    """Load an image that a caller opened."""
    check_pixels(*image.size, pixel_limit)
    is_waiting = isinstance(image, ImageFile.ImageFile) and image._im is None
    if is_waiting and image.format not in PILLOW_FORMATS:
        raise BadImageError(f"an image of the format {image.format}, which is not decoded. Save it as PNG")
    image.load()  # which turns a TIFF upright
    exif = image.info.get("exif")
    if isinstance(exif, bytes):
        return Opened(image, read_orientation(read_tag_block(exif)))
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # whatever is wrong with it, the pixels are there
        orientation = None
    return Opened(image, orientation if isinstance(orientation, int) else 1)


def _encoded_or_pixels(source: object) -> bytes | Image.Image | np.ndarray:
    return source if isinstance(source, Image.Image | np.ndarray) else read_encoded(source)


def read_encoded(source: object) -> bytes:
    """Return the encoded bytes of a picture, from a path, bytes or a binary file; of another file only a part is read.

    Raises:
        BadImageError: not a picture of a format that is decoded, or a file that is too large.
        OSError: the path or file cannot be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        try:
            with Path(source).open("rb") as file:
                return _read_file(file)
        except BadImageError:
            raise
        except ValueError as error:  # a zero byte, or half a surrogate pair
            raise BadImageError(f"{os.fspath(source)!r} is no path: {error}") from error
    if callable(getattr(source, "read", None)):
        return _read_file(source)
    kinds = "a path, bytes, a binary file, a Pillow image or a uint8 NumPy array"
    raise BadImageError(f"got {type(source).__name__}, expected {kinds}")


def _read_file(file: Any) -> bytes:
    start = _read_part(file, SNIFFED_BYTES)
    picture_format(start, MAX_PICTURE_BYTES)  # a film is not read completely
    data = start + _read_part(file, MAX_PICTURE_BYTES)
    if len(data) > MAX_PICTURE_BYTES:
        raise BadImageError(f"a file of more than {MAX_PICTURE_BYTES:,} bytes")
    return data


def _read_part(file: Any, size: int) -> bytes:
    """Read so many bytes, or those that there are; a pipe may give fewer at a time."""
    parts: list[bytes] = []
    while (missing := size - sum(map(len, parts))) > 0 and (part := file.read(missing)):
        if not isinstance(part, bytes):
            raise BadImageError("got a file of text, expected one opened as binary")
        parts.append(part)
    return b"".join(parts)
