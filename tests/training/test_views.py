import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import crop_square
from imagetagger.training import views
from imagetagger.training.views import MIN_CROP_AREA, picture_views
from tests.helpers.pictures import noisy

IMAGE = noisy((90, 120, 40), 3, (50, 30))
PICTURE = bytes(range(16))


def test_the_first_view_is_the_image_contracts_square_and_the_second_its_mirror():
    got = picture_views(IMAGE, 16, 2, PICTURE)
    assert (got.shape, got.dtype) == ((4, 16, 16, 3), np.uint8)
    square = crop_square(IMAGE, 16)
    np.testing.assert_array_equal(got[0], square)
    np.testing.assert_array_equal(got[1], square[:, ::-1])
    assert not np.array_equal(got[2], got[3])


def test_views_follow_from_the_content_of_a_picture():
    first = picture_views(IMAGE, 16, 3, PICTURE)
    np.testing.assert_array_equal(picture_views(IMAGE, 16, 3, PICTURE), first)
    np.testing.assert_array_equal(picture_views(IMAGE, 16, 1, PICTURE), first[:3])
    other = picture_views(IMAGE, 16, 3, bytes(16))
    np.testing.assert_array_equal(other[:2], first[:2])
    assert not np.array_equal(other[2:], first[2:])


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 3), (7, 300), (64, 64), (90, 61)])
def test_crops_are_squares_within_the_picture(size, monkeypatch):
    """Each pixel of a picture is another colour, so what a crop shows says where it was."""
    cropped = []

    def record(image: Image.Image, resolution: int) -> np.ndarray:
        cropped.append(image)
        return crop_square(image, resolution)

    monkeypatch.setattr(views, "crop_square", record)
    width, height = size
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x % 256, y % 256, 100 + x // 256 + 10 * (y // 256)], -1).astype(np.uint8)
    for seed in range(10):
        picture_views(Image.fromarray(pixels), 8, 2, bytes([seed]) * 16)
    crops = [image for image in cropped if image.size != size]
    assert crops or min(size) <= 2
    for image in crops:
        side = image.size[0]
        assert image.size == (side, side)
        assert min(size) * MIN_CROP_AREA**0.5 - 0.5 <= side <= min(size)
        (left, top), found = np.asarray(image)[0, 0, :2].astype(int), np.asarray(image)
        places = [(a, b) for a in range(left, width, 256) for b in range(top, height, 256)]
        assert any(np.array_equal(pixels[b : b + side, a : a + side], found) for a, b in places)


def test_half_of_the_crops_are_mirrored_and_their_places_differ():
    gradient = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (200, 200, 3))
    crops = np.concatenate([picture_views(Image.fromarray(gradient), 8, 10, bytes([i]) * 16)[2:] for i in range(20)])
    is_mirrored = crops[:, 0, 0, 0] > crops[:, 0, -1, 0]
    assert 60 < is_mirrored.sum() < 140  # 100 of 200, 5.6 standard deviations
    assert len(np.unique(crops[:, 0, 0, 0])) > 20
