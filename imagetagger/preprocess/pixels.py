"""From the pixels of any mode of Pillow to RGB."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from imagetagger.preprocess.errors import BadImageError
from imagetagger.preprocess.opened import Opened

BAND_ROWS = 256
"""Rows converted at a time, of a picture that is not too wide."""
BAND_PIXELS = 4_000_000
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture of each EXIF orientation is turned upright."""


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture as its EXIF orientation says; the same image if it is upright."""
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def to_rgb(image: Image.Image, stored: Opened) -> Image.Image:
    """Composite alpha on white; grey and palette become RGB, and levels of more than 8 bits are scaled to 8.

    Grey of 16 bits keeps its upper 8, as in browsers. Whole numbers of 32 bits and floats have no white, so they are
    scaled by the range of the picture.

    Args:
        image: of any mode; stays as it is.
        stored: what the file says of its levels and its alpha.

    Raises:
        BadImageError: levels without a range, or that are not finite; colours that Pillow does not convert.
    """
    if image.mode.startswith("I;16"):
        return _keep_upper_bits(image, stored)
    if image.mode in ("I", "F"):
        return _scale_range(image, stored)
    if image.mode == "LAB":
        raise BadImageError("a picture in Lab colours, which is not read. Save it in sRGB")
    is_ignored = stored.alpha == "none" or (stored.alpha == "unless zero" and _is_clear(image))
    if image.has_transparency_data and not is_ignored:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_clear(image: Image.Image) -> bool:
    """Whether all alpha is 0, which programs leave there that know of no alpha."""
    return "A" in image.getbands() and image.getchannel("A").getextrema() == (0, 0)


def _on_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    for top, band in _bands(image):  # the complete picture would take five times its memory
        pixels = (band.convert("LA") if band.mode == "La" else band).convert("RGBA")
        white.paste(pixels.convert("RGB"), (0, top), pixels.getchannel("A"))
    return white


def _keep_upper_bits(image: Image.Image, stored: Opened) -> Image.Image:
    transparent = image.info.get("transparency")
    grey = Image.new("L", image.size)
    for top, band in _bands(image):
        levels = np.asarray(band)
        pixels = np.minimum(levels >> stored.depth - 8, 255).astype(np.uint8)
        if stored.is_negative:
            pixels = 255 - pixels
        if isinstance(transparent, int):
            pixels[levels == transparent] = 255
        grey.paste(Image.fromarray(pixels), (0, top))
    return grey.convert("RGB")


def _scale_range(image: Image.Image, stored: Opened) -> Image.Image:
    def levels(band: Image.Image) -> np.ndarray:
        found = np.asarray(band)
        return (found.view(np.uint32) if stored.is_unsigned and found.dtype == np.int32 else found).astype(np.float64)

    ranges = np.array([(found.min(), found.max()) for found in (levels(band) for _, band in _bands(image))])
    low, high = ranges[:, 0].min(), ranges[:, 1].max()
    if not np.isfinite(ranges).all():
        raise BadImageError("pixels that are not finite numbers. Save the picture with 8 bits")
    if low == high:
        raise BadImageError(f"pixels that all equal {low:g}, and no range to scale by. Save the picture with 8 bits")
    grey = Image.new("L", image.size)
    for top, band in _bands(image):
        scaled = np.rint((levels(band) - low) * (255 / (high - low)))
        if stored.is_negative:
            scaled = 255 - scaled
        grey.paste(Image.fromarray(scaled.astype(np.uint8)), (0, top))
    return grey.convert("RGB")


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield a picture's rows in bands, each with its first row."""
    rows = max(min(BAND_ROWS, BAND_PIXELS // image.width), 1)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))
