"""The views of a picture that training uses in place of it: mirrored, and cropped at random.

The frozen part of a network sees each view once, before training. So a picture has a fixed, small number of them: the
square of the image contract, the same mirrored, and then crops.
"""

import hashlib

import numpy as np
from PIL import Image

from imagetagger.preprocess import crop_square

VIEWS_VERSION = 1
"""Raised when a change to the views changes their pixels."""

MIRRORED = 2
"""The views that are no crops: as it is, and mirrored."""

MIN_CROP_AREA = 0.5
"""Least share of the centre square that a crop shows: smaller ones lose the object in small pictures."""


def picture_views(image: Image.Image, resolution: int, crops: int, picture: bytes) -> np.ndarray:
    """Return the views of a picture, uint8 (2 + crops, S, S, 3).

    A crop is a square at a random place, of a random share of the area of the largest square, mirrored half the time.

    Args:
        image: upright RGB.
        resolution: S.
        crops: how many.
        picture: content id, which seeds the crops.
    """
    square = crop_square(image, resolution)
    views = [square, square[:, ::-1]]
    for index in range(crops):
        digest = hashlib.sha256(picture + index.to_bytes(4, "little")).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        side = max(1, round(min(image.size) * rng.uniform(MIN_CROP_AREA, 1) ** 0.5))
        left, top = (rng.integers(0, length - side + 1) for length in image.size)
        crop = crop_square(image.crop((left, top, left + side, top + side)), resolution)
        views.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return np.stack(views)
