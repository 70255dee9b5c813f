"""JPEGs decoded at a smaller scale: nearly the same square, and the same refusals."""

import struct

import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError, preprocess, preprocess_scaled
from tests.helpers.pictures import encode, noisy
from tests.preprocess.test_decode import BAD, COLOURS, STORED

SIZE = 32


def smooth(width: int, height: int) -> Image.Image:
    """A photograph-like picture: nothing smaller than some pixels of the network's input."""
    return noisy((120, 90, 60), 0, (9, 7)).resize((width, height), Image.Resampling.BICUBIC)


def turned(upright: Image.Image, orientation: int) -> bytes:
    """A JPEG that is stored turned, by STORED's turns of an array."""
    pixels = np.asarray(upright)
    stored = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.swapaxes(0, 1),
        6: pixels.swapaxes(0, 1)[::-1],
        7: pixels.swapaxes(0, 1)[::-1, ::-1],
        8: pixels.swapaxes(0, 1)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(Image.fromarray(np.ascontiguousarray(stored)), "JPEG", exif=exif, quality=95)


def difference(data: bytes, **options: float) -> float:
    return float(np.abs(preprocess(data, SIZE).astype(int) - preprocess_scaled(data, SIZE, **options)).mean())


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("width", "height"), [(600, 400), (601, 413), (407, 599)])
def test_the_square_is_that_of_all_pixels_however_the_picture_is_turned(orientation, width, height):
    data = turned(smooth(width, height), orientation)
    assert 0 < difference(data) < 0.35
    assert 0 < difference(data, sides=2) < 0.35


@pytest.mark.parametrize(("side", "decoded"), [(47, 47), (95, 95), (96, 48), (257, 65), (384, 48), (5000, 625)])
def test_as_few_pixels_are_decoded_as_are_one_and_a_half_times_those_of_the_network(side, decoded, monkeypatch):
    data, sizes, load = encode(Image.new("L", (side + 10, side)), "JPEG"), [], Image.Image.load

    def recorded(image):
        sizes.append(image.size)
        return load(image)

    monkeypatch.setattr(Image.Image, "load", recorded)
    preprocess_scaled(data, SIZE)
    assert sizes[0][1] == decoded


@pytest.mark.parametrize("name", COLOURS)
def test_other_formats_and_small_pictures_get_the_pixels_of_the_image_contract(name):
    data = COLOURS[name][0]
    np.testing.assert_array_equal(preprocess_scaled(data, 8), preprocess(data, 8))


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "BMP"])
def test_large_pictures_of_other_formats_get_the_pixels_of_the_image_contract(form):
    data = encode(smooth(600, 400), form)
    np.testing.assert_array_equal(preprocess_scaled(data, SIZE), preprocess(data, SIZE))


def test_a_turned_png_gets_the_pixels_of_the_image_contract():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(noisy((120, 90, 60), 0, (91, 70)).convert("LA"), exif=exif)
    np.testing.assert_array_equal(preprocess_scaled(data, SIZE), preprocess(data, SIZE))


def test_pixels_that_a_caller_has_are_not_scaled(tmp_path):
    data = encode(smooth(600, 400), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    with Image.open(tmp_path / "a.jpg") as image:
        np.testing.assert_array_equal(preprocess_scaled(image, SIZE), preprocess(data, SIZE))
        assert image.size == (600, 400)
    np.testing.assert_array_equal(preprocess_scaled(np.asarray(image), SIZE), preprocess(data, SIZE))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_jpegs_of_any_colours_and_scans_are_scaled(mode, options):
    data = encode(smooth(600, 400).convert(mode), "JPEG", quality=95, **options)
    assert 0 < difference(data) < 0.35


def test_a_lossless_jpeg_is_decoded_in_full():
    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    side = 512
    frame = segment(0xC3, struct.pack(">BHHB", 8, side, side, 1) + bytes([1, 0x11, 0]))
    table = segment(0xC4, bytes([0, 1, *[0] * 15, 0]))  # one code, for a difference of 0
    scan = segment(0xDA, bytes([1, 1, 0, 1, 0, 0])) + bytes(side * side // 8)
    data = b"\xff\xd8" + frame + table + scan + b"\xff\xd9"
    assert np.unique(preprocess(data, SIZE)).tolist() == [128]
    assert np.unique(preprocess_scaled(data, SIZE)).tolist() == [128]


def refusal(use, data: bytes, *options: int) -> str | None:
    try:
        use(data, SIZE, *options)
    except BadImageError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_refused_in_the_same_words(name):
    assert refusal(preprocess_scaled, BAD[name]) == refusal(preprocess, BAD[name]) is not None


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_cut_anywhere_is_refused_or_read_by_both(options):
    data = encode(noisy((120, 90, 60), 0, (300, 200)), "JPEG", quality=80, **options)
    cuts = [*range(1, 40), 100, 1000, len(data) // 2, len(data) - 300]
    for cut in cuts:
        assert refusal(preprocess_scaled, data[:-cut]) == refusal(preprocess, data[:-cut])
    assert refusal(preprocess_scaled, data[:-2]) is None
    np.testing.assert_array_equal(preprocess_scaled(data[:-2], SIZE), preprocess_scaled(data, SIZE))
    assert refusal(preprocess_scaled, data[:-100]) is not None


def test_a_damaged_jpeg_is_refused_or_read_by_both():
    data = encode(noisy((120, 90, 60), 0, (300, 200)), "JPEG", quality=80)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] = rng.integers(256)
        expected = refusal(preprocess, bytes(damaged), 1_000_000)
        refused += expected is not None
        assert refusal(preprocess_scaled, bytes(damaged), 1_000_000) == expected
    assert 0 < refused < 300


def test_the_limit_of_pixels_counts_those_of_the_file():
    data = encode(smooth(600, 400), "JPEG")
    assert refusal(preprocess_scaled, data, 239_999) == refusal(preprocess, data, 239_999) is not None
    assert refusal(preprocess_scaled, data, 240_000) is None
