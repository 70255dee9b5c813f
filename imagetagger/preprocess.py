"""The image contract: the network gets the same pixels in training, in Python serving and in the browser.

1. Decode; apply EXIF orientation; ignore ICC profiles; composite alpha on white; grey and palette become RGB.
2. Resize the centre square to S x S by Pillow's BILINEAR in two explicit passes, horizontal first. Left to itself,
   Pillow chooses the order of the passes, and one size in three differs by a grey level from any port.
3. uint8 in, uint8 out: normalisation belongs to the backbone's weights and happens inside the model.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

CONTRACT = "square-bilinear-hv/1"
"""Name and version of this contract: part of every embedding space's identity."""

PIXEL_LIMIT = 100_000_000
BAND_ROWS = 256
"""Rows composited at a time."""

ImageSource = str | Path | bytes | Image.Image | np.ndarray
"""A picture: a path, encoded bytes, a Pillow image, or uint8 pixels (H, W), (H, W, 3) or (H, W, 4)."""


class BadImageError(ValueError):
    """A picture that cannot be used; the message gives the reason."""


def decode_image(data: bytes | Path | Image.Image, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """Decode a picture to an upright RGB image.

    Args:
        data: encoded bytes, a path, or an image already opened by Pillow.
        pixel_limit: largest width x height that is decoded; guards against decompression bombs.

    Raises:
        BadImageError: empty, not an image, truncated, corrupt, or larger than `pixel_limit`.
        OSError: the path cannot be read.
    """
    if isinstance(data, Path):
        data = data.read_bytes()
    if isinstance(data, bytes) and not data:
        raise BadImageError("empty file")
    try:
        image = Image.open(io.BytesIO(data)) if isinstance(data, bytes) else data
        width, height = image.size
        if width * height > pixel_limit:
            raise BadImageError(f"{width} x {height} pixels, more than the limit of {pixel_limit:,} (pixel_limit)")
        if isinstance(data, Image.Image):
            return _to_rgb(ImageOps.exif_transpose(image))
        ImageOps.exif_transpose(image, in_place=True)  # in place: a large picture is not copied
        return _to_rgb(image)
    except BadImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImageError(f"more pixels than Pillow decodes ({error})") from error
    except Image.UnidentifiedImageError as error:
        raise BadImageError("not an image in a format that Pillow reads") from error
    except Exception as error:  # Pillow's decoders raise almost anything on corrupt data
        raise BadImageError(f"corrupt image: {str(error) or type(error).__name__}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGB", image.size, "white")
        for top in range(0, image.height, BAND_ROWS):  # the complete picture would take five times its memory
            band = image.crop((0, top, image.width, min(top + BAND_ROWS, image.height))).convert("RGBA")
            white.paste(band.convert("RGB"), (0, top), band.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


def crop_box(width: int, height: int) -> tuple[int, int, int, int]:
    """Return the centre square (x0, y0, x1, y1) in whole source pixels.

    >>> crop_box(640, 480), crop_box(3, 4)
    ((80, 0, 560, 480), (0, 0, 3, 3))
    """
    side = min(width, height)
    x0, y0 = (width - side) // 2, (height - side) // 2
    return x0, y0, x0 + side, y0 + side


def crop_square(image: Image.Image, size: int) -> np.ndarray:
    """Resize an RGB image's centre square to uint8 (size, size, 3)."""
    x0, y0, x1, y1 = crop_box(*image.size)
    reach = (y1 - y0) // size + 2  # rows that the second pass reads beyond the square
    top, bottom = max(y0 - reach, 0), min(y1 + reach, image.height)
    columns = image.resize((size, bottom - top), Image.Resampling.BILINEAR, box=(x0, top, x1, bottom))
    return np.asarray(columns.resize((size, size), Image.Resampling.BILINEAR, box=(0, y0 - top, size, y1 - top)))


def preprocess(data: bytes | Path | Image.Image, size: int, pixel_limit: int = PIXEL_LIMIT) -> np.ndarray:
    """Decode a picture and fit it to the network's input: uint8 RGB (size, size, 3).

    Raises:
        BadImageError, OSError: see `decode_image`.
    """
    return crop_square(decode_image(data, pixel_limit), size)


def decode_source(source: ImageSource, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """Decode a picture of any source type to an upright RGB image.

    Raises:
        BadImageError, OSError: see `decode_image`.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.shape[2:] not in ((), (3,), (4,)) or source.ndim < 2 or not source.size:
            raise BadImageError(f"got {source.dtype} {source.shape}, expected uint8 (H, W), (H, W, 3) or (H, W, 4)")
        source = Image.fromarray(source)
    if isinstance(source, str):
        source = Path(source)
    kinds: tuple[type, ...] = (Path, bytes, Image.Image)
    if not isinstance(source, kinds):
        source_type = type(source).__name__
        raise BadImageError(f"got {source_type}, expected a path, bytes, a Pillow image or a uint8 NumPy array")
    return decode_image(source, pixel_limit)
