"""What is fuzzed: each target takes one input and fails where anything but the documented error comes of it."""

import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from imagetagger.bundle.strict_json import BundleError
from imagetagger.bundle.verify import verify_bundle
from imagetagger.data.folder import load_folder
from imagetagger.preprocess import BadImageError, decode_image
from imagetagger.tagger.lessons import LessonError
from imagetagger.tagger.tagger import Tagger
from tests.fuzz.mutations import mutated, mutated_members
from tests.helpers.cases import CASES
from tests.helpers.pictures import COLOURS, picture
from tests.helpers.sealing import reseal
from tests.helpers.taught import bundle, executor, files, tagger

SEEDS = Path(__file__).parent / "seeds"
SECONDS = 10.0
"""What one input may take: ample on a busy machine, and far below what the slow pictures took."""

LISTS = (".csv", ".jsonl")
TARGETS = ("pictures", "lists", "bundles", "lessons")


class Target(NamedTuple):
    """A kind of input.

    Attributes:
        inputs: a strategy of inputs.
        check: raises where something is wrong with what comes of an input.
    """

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


@contextmanager
def _refused_or_sound(*refusals: type[Exception]) -> Iterator[None]:
    """Check that a block takes little time, and that an error of it is one that people can read."""
    start = time.process_time()
    try:
        yield
    except refusals as error:
        message = str(error)
        assert 5 < len(message) < 2000, message[:3000]
        assert "\x1b" not in message
        assert "Traceback" not in message
    assert time.process_time() - start < SECONDS


def check_picture(data: bytes) -> None:
    """Any bytes are a picture, or a BadImageError."""
    with _refused_or_sound(BadImageError):
        image = decode_image(data)
        assert image.mode == "RGB"
        assert min(image.size) > 0
        image.tobytes()


def check_list(named: tuple[str, bytes]) -> None:
    """Any bytes are a list of pictures, or a ValueError; no row gets lost."""
    suffix, data = named
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(_listed_pictures(), folder, dirs_exist_ok=True)
        path = Path(folder, "list").with_suffix(suffix)
        path.write_bytes(data)
        with _refused_or_sound(ValueError):
            dataset = load_folder(path)
            assert len(dataset.tags) > 1
            assert len(dataset.train.ids) > 0
            assert all(tag.name.strip() == tag.name != "" for tag in dataset.tags)


def check_bundle_files(content: dict[str, bytes]) -> None:
    """Any files, sealed as someone who knows the format would, are a sound bundle or a BundleError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bundle.zip")
        _write_zip(path, content)
        with _refused_or_sound(BundleError, FileNotFoundError):
            verify_bundle(path)
            _check_tags(Tagger.load(path))


def check_lessons(content: bytes | dict[str, bytes]) -> None:
    """Any file is lessons that can be tagged with, saved and read again, or a LessonError."""
    with tempfile.TemporaryDirectory() as folder:
        path, again = Path(folder, "lessons.zip"), Path(folder, "again.zip")
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            _write_zip(path, content)
        loaded = Tagger(bundle(), executor())
        with _refused_or_sound(LessonError):
            loaded.replace_lessons(path)
            _check_tags(loaded)
            loaded.save(again)
            before = loaded.lessons
            loaded.replace_lessons(again)
            assert loaded.lessons.pictures.keys() == before.pictures.keys()


def _check_tags(loaded: Tagger) -> None:
    tags = loaded.tag(_blue(), top_k=3)
    assert all(np.isfinite(tag.probability) for tag in tags), tags
    json.dumps([tag._asdict() for tag in tags], allow_nan=False)


def _write_zip(path: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@cache
def _blue() -> bytes:
    return picture("blue", 5)


@cache
def _listed_pictures() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="imagetagger-fuzz-"))
    for tag in ("balloon", "boat"):
        (folder / "p" / tag).mkdir(parents=True)
        for i in range(3):
            colour = sorted(COLOURS)[i]
            (folder / "p" / tag / f"{i}.jpg").write_bytes(picture(colour, 10 * len(tag) + i))
    return folder


@cache
def _lessons() -> dict[str, bytes]:
    """The files of lessons with three pictures, a tag of the user's own, and every kind of edit."""
    taught = tagger()
    own = taught.add_tag("Rex")
    for i, tags in enumerate(([own], ["red"], [own, "blue"])):
        taught.learn(picture("green", 40 + i), tags)
    other = taught.add_tag("other")
    taught.learn(picture("green", 50), [other])
    taught.merge_tags(other, own)
    taught.rename_tag("red", "rouge")
    taught.hide_tag("green")
    with tempfile.TemporaryDirectory() as folder:
        taught.save(Path(folder, "lessons.zip"))
        with zipfile.ZipFile(Path(folder, "lessons.zip")) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def _zipped(content: dict[str, bytes]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _write_zip(Path(folder, "made.zip"), content)
        return Path(folder, "made.zip").read_bytes()


def _picture_seeds() -> tuple[bytes, ...]:
    small = [
        path
        for path in sorted(CASES.rglob("*"))
        if path.is_file()
        and path.suffix.lower() in {".jpg", ".png", ".tif", ".heic", ".eps", ".mpg", ".h5"}
        and path.stat().st_size < 20_000
    ]
    return tuple(path.read_bytes() for path in [*sorted((SEEDS / "pictures").iterdir()), *small])


def _list_seeds(suffix: str) -> tuple[bytes, ...]:
    paths = [*sorted((SEEDS / "lists").iterdir()), *sorted(CASES.rglob("B*/*"))]
    return tuple(path.read_bytes() for path in paths if path.suffix == suffix)


def make_target(name: str) -> Target:
    """Make a target of `TARGETS`; the small bundle that some need takes seconds.

    Raises:
        ValueError: there is no such target.
    """
    match name:
        case "pictures":
            return Target(mutated(_picture_seeds()), check_picture)
        case "lists":
            return Target(st.one_of([_named(mutated(_list_seeds(suffix)), suffix) for suffix in LISTS]), check_list)
        case "bundles":
            sound = dict(files())
            changed = mutated_members({file: data for file, data in sound.items() if file != "model.tflite"})
            return Target(changed.map(lambda files: _seal(sound, files)), check_bundle_files)
        case "lessons":
            return Target(st.one_of(mutated_members(_lessons()), mutated((_zipped(_lessons()),))), check_lessons)
    raise ValueError(f"got the target {name!r}, expected one of {', '.join(TARGETS)}")


def _named(contents: st.SearchStrategy[bytes], suffix: str) -> st.SearchStrategy[tuple[str, bytes]]:
    return contents.map(lambda data: (suffix, data))


def _seal(sound: dict[str, bytes], changed: dict[str, bytes]) -> dict[str, bytes]:
    """Seal the changed files, where the manifest still can be."""
    together = {"model.tflite": sound["model.tflite"], **changed}
    try:
        return reseal(together)
    except (ValueError, KeyError, TypeError, AttributeError):
        return together
