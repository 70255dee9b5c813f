"""Steps 2 and 3 of the image contract: from an upright RGB picture to the network's input."""

import math
import operator

import numpy as np
from PIL import Image


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
    return resize_box(image, crop_box(*image.size), size)


def resize_box(image: Image.Image, box: tuple[float, float, float, float], size: int) -> np.ndarray:
    """Resize a square (x0, y0, x1, y1) of an RGB image to uint8 (size, size, 3); its edges may divide pixels."""
    size = operator.index(size)  # NumPy's integers too
    x0, y0, x1, y1 = box
    reach = int((y1 - y0) // size) + 2  # rows that the second pass reads beyond the square
    top, bottom = max(math.floor(y0) - reach, 0), min(math.ceil(y1) + reach, image.height)
    columns = image.resize((size, bottom - top), Image.Resampling.BILINEAR, box=(x0, top, x1, bottom))
    return np.asarray(columns.resize((size, size), Image.Resampling.BILINEAR, box=(0, y0 - top, size, y1 - top)))
