"""Previews of camera raw files: the largest, upright, and none that LibRaw made up."""

import sys

import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError, decode_image
from imagetagger.preprocess.raw_preview import read_raw_preview
from tests.helpers.pictures import encode, noisy
from tests.helpers.raws import Preview, make_dng
from tests.preprocess.test_decode import STORED

SMALL = Preview(encode(noisy((20, 30, 40), 1, (32, 24)), "JPEG"), 32, 24)
LARGE = Preview(encode(noisy((120, 90, 60), 0, (160, 120)), "JPEG", quality=90), 160, 120)


def with_exif(orientation: int | None) -> Preview:
    """The large preview with EXIF of its own, first of all segments as cameras have it."""
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    if orientation:
        exif[0x0112] = orientation
    body = exif.tobytes()
    segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    return LARGE._replace(jpeg=b"\xff\xd8" + segment + LARGE.jpeg[2:])


@pytest.mark.parametrize("previews", [(SMALL, LARGE), (LARGE, SMALL), (LARGE,)])
def test_the_largest_preview_is_read_to_the_last_bit(previews):
    preview = read_raw_preview(make_dng(*previews))
    np.testing.assert_array_equal(decode_image(preview), decode_image(LARGE.jpeg))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("preview", [LARGE, with_exif(None)], ids=["without EXIF", "with EXIF"])
def test_a_preview_is_turned_as_the_raw_file_says(orientation, preview):
    turned = read_raw_preview(make_dng(SMALL, preview, orientation=orientation))
    expected = decode_image(with_exif(orientation).jpeg)
    np.testing.assert_array_equal(decode_image(turned), expected)


def test_what_a_preview_itself_says_of_its_turn_counts():
    turned = read_raw_preview(make_dng(with_exif(3), orientation=6))
    np.testing.assert_array_equal(decode_image(turned), decode_image(with_exif(3).jpeg))


@pytest.mark.parametrize("cut", [1, 2, 3, 100, len(LARGE.jpeg) // 2])
def test_a_preview_that_is_cut_off_is_refused_and_not_completed(cut):
    data = make_dng(SMALL, LARGE)[:-cut]
    for _ in range(3):  # what LibRaw takes from memory differs from time to time
        with pytest.raises(BadImageError, match="missing, cut off or damaged"):
            read_raw_preview(data)


def test_a_preview_whose_end_the_disk_lost_is_refused():
    data, lost = make_dng(SMALL, LARGE), len(LARGE.jpeg) // 3
    with pytest.raises(BadImageError, match="missing, cut off or damaged"):
        read_raw_preview(data[:-lost] + bytes(lost))


@pytest.mark.parametrize("padding", [b"\0" * 500, b"\xff" * 3, b"\0\0more of the camera's own"])
def test_a_preview_may_be_padded(padding):
    padded = LARGE._replace(jpeg=LARGE.jpeg + padding)
    np.testing.assert_array_equal(decode_image(read_raw_preview(make_dng(padded))), decode_image(LARGE.jpeg))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (make_dng(), "missing, cut off or damaged"),
        (make_dng(LARGE)[: -len(LARGE.jpeg)], "missing, cut off or damaged"),
        (b"", "LibRaw cannot read"),
        (b"Not a picture at all.\n" * 100, "LibRaw cannot read .Unsupported file format"),
        (LARGE.jpeg, "LibRaw cannot read"),
    ],
    ids=["no preview", "cut before it", "empty", "text", "a JPEG"],
)
def test_other_files_are_refused(data, problem):
    with pytest.raises(BadImageError, match=problem):
        read_raw_preview(data)


def test_a_damaged_file_is_refused_or_read():
    data = make_dng(SMALL, LARGE)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        damaged = bytearray(data)
        for at in (*rng.integers(0, 700, 2), *rng.integers(0, len(data), 2)):
            damaged[at] = rng.integers(256)
        try:
            decode_image(read_raw_preview(bytes(damaged)))
        except BadImageError:
            refused += 1
    assert 0 < refused < 200


def test_without_rawpy_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(ImportError, match=r"pip install 'imagetagger\[raw\]'"):
        read_raw_preview(make_dng(LARGE))
