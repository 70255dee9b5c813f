"""Kind 9: pictures of any usual source of Python, and pictures of no pixels."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError, decode_image, preprocess
from tests.helpers.pictures import encode, noisy

IMAGE = noisy((120, 90, 60), 0, (20, 12))
DATA = encode(IMAGE)


class OwnPath:
    """A path of a library."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


class Pipe(io.RawIOBase):
    """A file that cannot seek and gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = self.data.read(min(len(buffer), 7))
        buffer[: len(part)] = part
        return len(part)


def test_b22_small_api_takes_every_usual_source_of_a_picture(tmp_path):
    path = tmp_path / "ä b.png"
    path.write_bytes(DATA)
    pixels = np.asarray(IMAGE)
    wide = np.zeros((12, 40, 3), np.uint8)
    wide[:, ::2] = pixels
    later = io.BytesIO(b"before" + DATA)
    later.seek(6)
    with path.open("rb") as file:
        sources = [
            str(path),
            path,
            OwnPath(path),
            DATA,
            bytearray(DATA),
            memoryview(DATA),
            io.BytesIO(DATA),
            later,
            file,
        ]
        sources += [Pipe(DATA), IMAGE, pixels, wide[:, ::2], pixels[::-1][::-1], np.asfortranarray(pixels)]
        for source in sources:
            np.testing.assert_array_equal(np.asarray(decode_image(source)), pixels, err_msg=repr(source))
    assert preprocess(DATA, np.int64(8)).shape == (8, 8, 3)


@pytest.mark.parametrize(
    "source",
    [
        Image.new("RGB", (0, 0)),
        Image.new("RGB", (0, 5)),
        Image.new("L", (5, 0)),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 0), np.uint8),
        np.zeros((5, 5, 0), np.uint8),
        np.zeros((5, 5, 3)),
        np.zeros(5, np.uint8),
        b"",
        bytearray(),
        io.BytesIO(),
        io.StringIO("text"),
        None,
        7,
        [DATA],
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_has_no_pixels_is_a_bad_image(source):
    for use in (decode_image, lambda source: preprocess(source, 8)):
        with pytest.raises(BadImageError):
            use(source)


@pytest.mark.parametrize(
    "source",
    ["a\0b.png", Path("a\0b.png"), OwnPath(Path("a\0b")), "\ud800.png"],
    ids=["text", "path", "own path", "surrogate"],
)
def test_what_is_no_path_is_a_bad_image(source):
    with pytest.raises(BadImageError, match="is no path"):
        decode_image(source)


def test_a_path_that_cannot_be_read_is_an_error_of_the_system(tmp_path):
    for path in (tmp_path / "none.png", str(tmp_path), os.fspath(tmp_path)):
        with pytest.raises(OSError):  # noqa: PT011
            decode_image(path)
