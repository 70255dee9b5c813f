from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from imagetagger.data.dataset import Split
from imagetagger.data.file_clues import folder_groups, name_neighbours, read_capture, time_neighbours
from tests.helpers.pictures import encode, noisy

CASE = Path("/work/shared/cases/R07-odd-exif/sound_jpeg_refused_for_its_exif.jpg")
needs_avif = pytest.mark.skipif("avif" not in features.get_supported_modules(), reason="this Pillow has no AVIF")
NOON = datetime(2025, 5, 1, 12, 0, 0)


def photograph(seconds: float = 0, model: str = "Phone", form: str = "JPEG") -> bytes:
    """A picture taken so many seconds after noon."""
    taken, exif = NOON + timedelta(seconds=seconds), Image.Exif()
    exif[0x0110] = model
    exif.get_ifd(0x8769).update({0x9003: taken.strftime("%Y:%m:%d %H:%M:%S"), 0x9291: f"{taken.microsecond:06d}"})
    return encode(noisy((9, 9, 9), 0, (8, 8)), form, exif=exif)


def split_of(pictures: list[bytes]) -> Split:
    labels = np.zeros((len(pictures), 1), np.int32)
    return Split([f"{i}.jpg" for i in range(len(pictures))], [b""] * len(pictures), labels, pictures.__getitem__)


def linked(pairs, names):
    return {frozenset((names[a], names[b])) for a, b in pairs}


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", pytest.param("AVIF", marks=needs_avif)])
def test_capture_times_are_read_to_fractions_of_a_second(form):
    first, second = read_capture(photograph(0, form=form)), read_capture(photograph(0.25, form=form))
    assert second.seconds - first.seconds == pytest.approx(0.25)
    assert first.camera == second.camera != read_capture(photograph(0, "Camera", form)).camera


def test_a_name_with_a_time_stands_in_for_exif():
    a, b = (read_capture(b"", f"cat/{name}") for name in ("PXL_20250501_120000500.jpg", "IMG_20250501_120001.jpg"))
    assert b.seconds - a.seconds == pytest.approx(0.5)
    assert read_capture(photograph(), "20010101_000000.jpg") == read_capture(photograph())


@pytest.mark.parametrize("key", ["", "IMG_0001.jpg", "20251301_250000.jpg", "12025050112000000.jpg"])
@pytest.mark.parametrize("data", [b"", b"text", photograph()[:60], encode(noisy((1, 2, 3), 0, (8, 8)))])
def test_files_without_a_time_have_none(data, key):
    assert read_capture(data, key) is None


def test_damaged_exif_is_never_an_error():
    data = photograph()
    start = data.index(b"Exif")
    for place in range(start, start + 150):
        for value in (0, 255):
            read_capture(data[:place] + bytes([value]) + data[place + 1 :])


@pytest.mark.skipif(not CASE.is_file(), reason="needs the shared cases")
def test_odd_exif_is_read():
    read_capture(CASE.read_bytes())


def test_pictures_taken_in_succession_by_one_camera_are_neighbours():
    seconds = [0, 1, 30, 2.5, 31, 100]
    pictures = [photograph(s) for s in seconds] + [photograph(0.5, "Other")]
    assert linked(time_neighbours(split_of(pictures)), [*seconds, "other"]) == {
        frozenset((0, 1)),
        frozenset((1, 2.5)),
        frozenset((30, 31)),
    }


def test_a_file_that_cannot_be_read_has_no_neighbours():
    def read(i):
        raise OSError("gone")

    assert len(time_neighbours(split_of([b"", b""])._replace(read=read))) == 0


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["IMG_0001.jpg", "IMG_0003.jpg", "IMG_0002.JPG"], [(0, 2), (1, 2)]),
        (["a/IMG_1.jpg", "b/IMG_2.jpg", "a/DSC_2.jpg"], []),
        (["a.jpg", "a (1).jpg", "a (2).jpg"], [(0, 1), (1, 2)]),
        (["a.jpg", "a_copy.jpg", "b_copy.jpg"], [(0, 1)]),
        (["IMG_0001.jpg", "IMG_0001 - Copy.jpg", "IMG_0009 (1).jpg"], [(0, 1)]),
        (["x_burst_003.jpg", "x_burst_004.jpg", "x_burst_007.jpg"], [(0, 1)]),
        (["x.jpg", "x~2.jpg", "x-edited.jpg"], [(0, 2), (1, 2)]),
        (["cat.jpg", "dog.jpg", "٣.jpg", "²2.jpg"], []),
        ([], []),
    ],
)
def test_consecutive_names_are_neighbours(names, pairs):
    assert linked(name_neighbours(names), names) == {frozenset((names[a], names[b])) for a, b in pairs}


@pytest.mark.parametrize(
    ("keys", "labels", "groups"),
    [
        (["cat/a.jpg", "cat/x/b.jpg", "cat/x/y/c.jpg", "dog/d.jpg"], [0, 0, 0, 1], ["", "cat/x", "cat/x/y", ""]),
        (["cat/a.jpg", "dog/x/b.jpg", "dog/x/c.jpg"], [0, 1, 1], ["", "dog/x", "dog/x"]),
        (["/p/1/a.jpg", "/p/1/b.jpg", "/p/2/c.jpg"], [0, 1, 0], ["//p/1", "//p/1", "//p/2"]),
        (["train/cat/a.jpg", "train/cat/x/b.jpg", "train/dog/c.jpg"], [0, 0, 1], ["", "train/cat/x", ""]),
        ([], [], []),
    ],
)
def test_folders_below_those_of_the_tags_are_groups(keys, labels, groups):
    assert folder_groups(keys, np.array(labels, np.int32).reshape(-1, 1)) == groups
