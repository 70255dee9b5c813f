import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagetagger.preprocess import crop_box, crop_square, preprocess
from tests.helpers.pictures import encode


def test_the_centre_square_is_what_remains():
    stripes = np.zeros((10, 30, 3), np.uint8)
    stripes[:, 10:20] = 255
    assert (preprocess(encode(Image.fromarray(stripes)), 10) == 255).all()
    assert (preprocess(encode(Image.fromarray(stripes.swapaxes(0, 1).copy())), 10) == 255).all()


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_the_crop_is_the_largest_square_and_central(width, height):
    x0, y0, x1, y1 = crop_box(width, height)
    assert x1 - x0 == y1 - y0 == min(width, height)
    assert 0 <= (width - x1) - x0 <= 1
    assert 0 <= (height - y1) - y0 <= 1


def resized_rows(pixels: np.ndarray, start: int, stop: int, size: int) -> np.ndarray:
    """Pillow's BILINEAR along the first axis, from its C source: a triangle filter in fixed point of 22 bits."""
    scale = (stop - start) / size
    support = max(scale, 1.0)
    rows = []
    for i in range(size):
        centre = start + (i + 0.5) * scale
        low, high = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), len(pixels))
        weights = [max(1 - abs((x - centre + 0.5) / support), 0.0) for x in range(low, high)]
        fixed = np.array([int(0.5 + w / sum(weights) * (1 << 22)) for w in weights])
        rows.append(((1 << 21) + np.tensordot(fixed, pixels[low:high].astype(np.int64), 1)) >> 22)
    return np.clip(rows, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [1, 7, 32, 64, 96])
@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 5), (64, 64), (65, 64), (37, 101), (101, 37), (333, 200), (5, 400), (400, 5), (241, 243)]
)
def test_the_resize_is_two_triangle_passes_horizontal_first_bit_for_bit(shape, size):
    pixels = np.random.default_rng(size).integers(0, 256, (*shape, 3)).astype(np.uint8)
    x0, y0, x1, y1 = crop_box(shape[1], shape[0])
    columns = resized_rows(pixels.swapaxes(0, 1), x0, x1, size).swapaxes(0, 1)
    np.testing.assert_array_equal(crop_square(Image.fromarray(pixels), size), resized_rows(columns, y0, y1, size))


def test_a_picture_one_pixel_wide_takes_little_memory():
    script = (
        "from PIL import Image; from imagetagger.preprocess import crop_square;"
        "from imagetagger.experiment.environment import peak_memory;"
        "before = peak_memory(); crop_square(Image.new('RGB', (1, 1_000_000)), 224); print(peak_memory() - before)"
    )
    grown = int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout)
    assert grown < 200_000_000


def test_numpys_integers_are_sizes():
    assert crop_square(Image.new("RGB", (9, 9)), np.int64(4)).shape == (4, 4, 3)
