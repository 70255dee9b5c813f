"""What files say about which pictures belong together: capture times, names and folders."""

import itertools
import re
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from imagetagger.data.dataset import Split
from imagetagger.data.splits import rarest_tag
from imagetagger.preprocess.exif import exif_text, find_exif

MAX_GAP_SECONDS = 5.0
"""Pictures of one camera that are no further apart in time are neighbours."""

MAKE, MODEL, DATE_TIME_ORIGINAL, SUBSECONDS_ORIGINAL = 0x010F, 0x0110, 0x9003, 0x9291

NAME_TIME = re.compile(r"(?<!\d)((?:19|20)\d{6})[ _-]?(\d{6})(\d{3})?(?!\d)")
COPY_MARK = re.compile(r"(?:[ _-]*\((\d+)\)|[ _-]+copy(?:[ _-]?(\d+))?|[ _-]+burst[ _-]?(\d+)|~(\d+)|[ _-]+edited)$")


class Capture(NamedTuple):
    """When a picture was taken, in seconds since 1970 by the camera's own clock, and by which camera."""

    seconds: float
    camera: str


def read_capture(data: bytes, key: str = "") -> Capture | None:
    """Return a picture's capture time from its EXIF, or else from its name; None if neither has one.

    >>> read_capture(b"", "a/IMG_20240501_101530.jpg") is None, read_capture(b"", "a/IMG_0001.jpg") is None
    (False, True)
    """
    block = find_exif(data)
    if block is None:
        return _capture_by_name(key)
    try:
        taken = datetime.strptime(exif_text(block, DATE_TIME_ORIGINAL, is_own=True)[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return _capture_by_name(key)
    digits = re.sub(r"[^0-9]", "", exif_text(block, SUBSECONDS_ORIGINAL, is_own=True))
    return Capture(_seconds(taken) + float(f"0.{digits or 0}"), f"{exif_text(block, MAKE)} {exif_text(block, MODEL)}")


def time_neighbours(split: Split) -> np.ndarray:
    """Return pairs of pictures taken in succession by one camera, int64 (P, 2), at most `MAX_GAP_SECONDS` apart."""
    placed = []
    for i in tqdm(range(len(split.keys)), desc="reading capture times", unit="image", disable=None, delay=2):
        try:
            capture = read_capture(split.read(i), split.keys[i])
        except OSError:  # embedding skips and counts it
            continue
        if capture:
            placed.append((capture.camera, capture.seconds, i))
    return _succession(placed, MAX_GAP_SECONDS)


def name_neighbours(keys: Sequence[str]) -> np.ndarray:
    """Return pairs of pictures in one folder with consecutive names, int64 (P, 2).

    These are numbers that follow each other (IMG_0001, IMG_0002), and copies (a, a (1), a_copy, a_burst_003).
    """
    placed = [(run, float(number), i) for i, key in enumerate(keys) for run, number in _runs_of_name(key)]
    return _succession(placed, 1.0)


def folder_groups(keys: Sequence[str], labels: np.ndarray) -> list[str]:
    """Return each picture's folder below those of the tags; "" for a picture that lies in a tag's folder itself.

    The folders of the tags are as deep as the highest folder that holds all of some tag's pictures.
    """
    parents = [PurePosixPath(key).parent.parts for key in keys]
    common: dict[int, tuple[str, ...]] = {}
    for tag, parent in zip(rarest_tag(labels).tolist(), parents, strict=True):
        shared = common.get(tag, parent)
        equal = [a == b for a, b in zip(shared, parent, strict=False)]
        common[tag] = shared[: equal.index(False) if False in equal else len(equal)]
    depth = min(map(len, common.values()), default=0)
    return ["/".join(parent) if len(parent) > depth else "" for parent in parents]


def _succession(placed: Iterable[tuple[Hashable, float, int]], gap: float) -> np.ndarray:
    """Return pairs of pictures that follow each other in one run at most `gap` apart."""
    ordered = sorted(placed, key=lambda entry: (str(entry[0]), *entry[1:]))
    pairs = [
        (first, second)
        for (run, place, first), (next_run, next_place, second) in itertools.pairwise(ordered)
        if run == next_run and next_place - place <= gap
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _runs_of_name(key: str) -> list[tuple[str, int]]:
    """Return the runs that a name is part of, and its places in them.

    >>> _runs_of_name("cat/IMG_0012.jpg"), _runs_of_name("cat/a (3).jpg")
    ([('cat/img_0012 copies', 0), ('cat/img_ numbers', 12)], [('cat/a copies', 3)])
    """
    path = PurePosixPath(key.lower())
    stem = path.stem
    if mark := COPY_MARK.search(stem):
        number = next((int(digits[-9:]) for digits in mark.groups() if digits), 1)
        return [(f"{path.parent}/{stem[: mark.start()]} copies", number)]
    runs = [(f"{path.parent}/{stem} copies", 0)]
    if digits := re.search(r"[0-9]{1,9}$", stem):
        runs.append((f"{path.parent}/{stem[: digits.start()]} numbers", int(digits[0])))
    return runs


def _capture_by_name(key: str) -> Capture | None:
    if not (match := NAME_TIME.search(PurePosixPath(key).stem)):
        return None
    try:
        taken = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return Capture(_seconds(taken) + int(match[3] or 0) / 1000, "by name")


def _seconds(taken: datetime) -> float:
    return (taken - datetime(1970, 1, 1)).total_seconds()
