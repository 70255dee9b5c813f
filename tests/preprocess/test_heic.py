"""HEIC, which iPhones make, and camera raw files."""

import importlib.util
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError, decode_image
from imagetagger.preprocess.exif import find_exif
from imagetagger.preprocess.tiff_tags import read_orientation
from tests.helpers.cases import copy_case
from tests.helpers.pictures import encode, noisy

HEIC = Path(__file__).parent / "pictures" / "upright.heic"
"""64 x 48, blue above red and green; stored on its side, with the turn in HEIC's own way and in EXIF."""
needs_reader = pytest.mark.skipif(importlib.util.find_spec("pi_heif") is None, reason="pi-heif is not installed")


@needs_reader
def test_a_heic_is_decoded_and_turned_once():
    image = decode_image(HEIC)
    assert image.size == (64, 48)
    pixels = np.asarray(image).astype(int)
    for at, colour in (((2, 5), (30, 60, 200)), ((40, 5), (200, 40, 40)), ((40, 60), (40, 160, 60))):
        np.testing.assert_allclose(pixels[at], colour, atol=4)


@needs_reader
def test_the_exif_of_a_heic_is_read_though_its_pixels_are_damaged(monkeypatch):
    data = HEIC.read_bytes()
    assert read_orientation(find_exif(data)) == 6
    assert find_exif(data[:100]) is None
    start, end = data.index(b"mdat") + 4, data.rindex(b"Exif") - 10
    damaged = data[:start] + bytes(end - start) + data[end:]
    with pytest.raises(BadImageError):
        decode_image(damaged)
    assert read_orientation(find_exif(damaged)) == 6
    for name in ("pi_heif", "pillow_heif"):
        monkeypatch.setitem(sys.modules, name, None)
    assert find_exif(data) is None


@needs_reader
def test_a_heic_above_the_limit_or_damaged_is_refused():
    with pytest.raises(BadImageError, match="64 x 48 pixels, more than the limit of 3,071"):
        decode_image(HEIC, 64 * 48 - 1)
    with pytest.raises(BadImageError, match=r"^a HEIC picture that cannot be decoded \(.*\): save it as JPEG"):
        decode_image(HEIC.read_bytes()[:-100])


def test_b19_what_it_is_a_heic_is_named_where_nothing_reads_it(monkeypatch, tmp_path):
    for name in ("pi_heif", "pillow_heif"):
        monkeypatch.setitem(sys.modules, name, None)
    for path in (HEIC, copy_case("B19-what-it-is", tmp_path) / "iphone.heic"):
        with pytest.raises(BadImageError, match=r"^a HEIC picture: save it as JPEG, or install pi-heif"):
            decode_image(path)


def directory(tags: dict[int, int], following: int = 0) -> bytes:
    """A little-endian directory of whole numbers."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def raw(sensor: dict[int, int], *, below: bool, first: dict[int, int] | None = None) -> bytes:
    """A TIFF with a small preview, and a large picture in a directory below it or after it."""
    preview = {256: 4, 257: 4, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: 16} | (first or {})
    second = 24 + 2 + 12 * (len(preview) + below) + 4
    if below:
        preview[330] = second
    large = {256: 4000, 257: 3000, 258: 12, 273: 8, 279: 16} | sensor
    directories = directory(preview, 0 if below else second) + directory(large)
    return b"II*\0" + struct.pack("<I", 24) + bytes(range(16)) + directories


@pytest.mark.parametrize(
    "data",
    [
        raw({259: 34713, 262: 32803}, below=True, first={254: 1}),  # Nikon
        raw({259: 32767, 262: 32803}, below=True, first={254: 1}),  # Sony
        raw({262: 34892}, below=True, first={50706: 0x401}),  # DNG of a phone
        raw({259: 65535, 262: 32803}, below=False),  # Pentax
        raw({33421: 0x20002}, below=False),
        raw({}, below=False)[:8] + b"CR\2\0" + raw({}, below=False)[12:],  # Canon
    ],
    ids=["nef", "arw", "dng", "pef", "cfa", "cr2"],
)
def test_the_preview_of_a_camera_raw_file_is_never_passed_off_as_the_picture(data, tmp_path):
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(BadImageError, match="a camera raw file"):
        decode_image(tmp_path / "a.jpg")


def test_a_preview_of_a_larger_picture_is_refused_and_the_first_of_several_pages_is_read():
    for below, first in ((True, None), (True, {254: 1}), (False, {254: 1})):
        with pytest.raises(BadImageError, match="only a preview of a larger one"):
            decode_image(raw({}, below=below, first=first))
    np.testing.assert_array_equal(np.asarray(decode_image(raw({}, below=False)))[..., 0].ravel(), range(16))
    pages = [noisy((120, 90, 60), i, (9 + i, 9)) for i in range(3)]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(np.asarray(decode_image(data)), np.asarray(pages[0]))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma", "jpeg"])
@pytest.mark.parametrize("big", [False, True])
def test_ordinary_tiffs_are_read(compression, big):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "NIKON CORPORATION", "D850"
    image = Image.new("RGB", (40, 30), (120, 90, 60))
    data = encode(image, "TIFF", compression=compression, big_tiff=big, exif=exif)
    assert np.abs(np.asarray(decode_image(data)).astype(int) - np.asarray(image)).max() <= 2
