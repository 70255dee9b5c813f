"""What is killed while it writes: the caches, bundles, and lessons."""

import io
import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imagetagger.bundle.archive import read_files, write_folder, write_zip
from imagetagger.cli.lesson_store import change_lessons, undo_folder, undo_lessons
from imagetagger.cli.terminal import CommandError
from imagetagger.system import atomic_files
from imagetagger.tagger.lesson_file import load_lessons
from imagetagger.tagger.lessons import NO_LESSONS
from imagetagger.tagger.tagger import Tagger
from tests.helpers.faults import Scenario

OLD = {"manifest.json": b"{}" * 400, "model.tflite": bytes(9000), "golden/0.png": b"old", "onnx/a.onnx": bytes(50)}
NEW = {"manifest.json": b"[]" * 500, "model.tflite": bytes(range(256)) * 20, "golden/1.png": b"new"}
NEXT = {"manifest.json": b"next", "golden/2.png": bytes(77)}
LIMIT = 1_000_000


def bundle_as(kind: str) -> Scenario:
    """A bundle that replaces another, as a folder in one step or in two, or as a .zip."""
    write = write_zip if kind == "zip" else write_folder
    if kind == "folder in two steps":
        exchange = atomic_files._exchange

    def act(folder: Path) -> None:
        if kind == "folder in two steps":
            atomic_files._exchange = lambda *paths: False
        write(NEW, folder / "bundle")

    def check(folder: Path) -> None:
        if kind == "folder in two steps" and not (folder / "bundle").exists():  # between the two
            atomic_files._exchange = exchange
            write({"x": b""}, folder / "other")
        assert read_files(folder / "bundle", LIMIT) in (OLD, NEW)

    def proceed(folder: Path) -> None:
        write(NEXT, folder / "bundle")
        assert read_files(folder / "bundle", LIMIT) == NEXT

    return Scenario(lambda folder: write(OLD, folder / "bundle"), act, check, proceed)


def first_bundle() -> Scenario:
    """A bundle as folder and as .zip where there was none, as a run writes it."""

    def act(folder: Path) -> None:
        write_folder(NEW, folder / "bundle")
        write_zip(NEW, folder / "bundle.zip")

    def check(folder: Path) -> None:
        for path in (folder / "bundle", folder / "bundle.zip"):
            assert not path.exists() or read_files(path, LIMIT) == NEW

    def proceed(folder: Path) -> None:
        act(folder)
        assert read_files(folder / "bundle", LIMIT) == read_files(folder / "bundle.zip", LIMIT) == NEW

    return Scenario(Path.mkdir, act, check, proceed)


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)


@cache
def tagger() -> Tagger:
    """The everyday tagger, loaded once; a child of a fork changes its own copy."""
    return Tagger.load()


def learn(path: Path, number: int) -> None:
    """Teach a picture, as the command does."""
    made = tagger()

    def change() -> str:
        if not made.has_tag("Rex"):
            made.add_tag("Rex")
        made.learn(picture(number), ["Rex"])
        return f"learned {number}"

    made._set_lessons(NO_LESSONS)
    change_lessons(path, made, change)


def taught(path: Path) -> int:
    """Number of pictures in a file of lessons, each whole."""
    if not path.exists():
        return 0
    lessons, _ = load_lessons(path)
    assert all(len(p.embedding) and p.crop[:4] == b"\x89PNG" for p in lessons.pictures.values())
    return len(lessons.pictures)


def undo_all(path: Path, count: int) -> None:
    """Undo until nothing is left, one picture each time."""
    for left in range(count - 1, -1, -1):
        undo_lessons(path)
        assert taught(path) == left, f"{left} expected after undo, got {taught(path)}"
    with pytest.raises(CommandError, match="nothing to undo"):
        undo_lessons(path)


def learning(before: int) -> Scenario:
    """A picture is taught, after others or as the first."""

    def prepare(folder: Path) -> None:
        folder.mkdir()
        for number in range(before):
            learn(folder / "lessons.zip", number)

    def check(folder: Path) -> None:
        assert taught(folder / "lessons.zip") in (before, before + 1)

    def proceed(folder: Path) -> None:
        path = folder / "lessons.zip"
        known = taught(path)
        learn(path, 100)
        assert taught(path) == known + 1
        assert len(list(undo_folder(path).glob("*.zip"))) == known + 1
        undo_all(path, known + 1)

    return Scenario(prepare, lambda folder: learn(folder / "lessons.zip", before), check, proceed)


def undoing(before: int) -> Scenario:
    """The last of several changes is undone, or the only one."""

    def check(folder: Path) -> None:
        assert taught(folder / "lessons.zip") in (before, before - 1)

    return learning(before)._replace(
        act=lambda folder: undo_lessons(folder / "lessons.zip"),
        check=check,
    )


def saving(unites: bool) -> Scenario:
    """A tagger saves over what it saved before, or over what another taught in between."""

    def prepare(folder: Path) -> None:
        folder.mkdir()
        learn(folder / "lessons.zip", 0)
        if unites:
            learn(folder / "lessons.zip", 1)

    def save(folder: Path, number: int) -> None:
        made = tagger()
        made._set_lessons(NO_LESSONS)
        made._common = {}
        if not unites:
            made.replace_lessons(folder / "lessons.zip")
        if not made.has_tag("Rex"):
            made.add_tag("Rex")
        made.learn(picture(number), ["Rex"])
        made.save(folder / "lessons.zip")

    def check(folder: Path) -> None:
        assert taught(folder / "lessons.zip") in (1 + unites, 2 + unites)

    def proceed(folder: Path) -> None:
        known = taught(folder / "lessons.zip")
        save(folder, 50)
        assert taught(folder / "lessons.zip") == known + 1

    return Scenario(prepare, lambda folder: save(folder, 7), check, proceed)


def embedding_cache() -> Scenario:
    """A run that embeds pictures, some of which an earlier run embedded."""
    from imagetagger.data.dataset import Split, content_id
    from imagetagger.embedding.extract import extract_embeddings

    def embed(crop: np.ndarray) -> np.ndarray:
        return crop.reshape(-1)[:48].astype(np.float32)

    def png(number: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(picture(number)).save(buffer, "PNG")
        return buffer.getvalue()

    def extract(folder: Path, count: int) -> Any:
        data = [png(number) for number in range(count)]
        keys, ids = list(map(str, range(count))), [content_id(x) for x in data]
        split = Split(keys, ids, np.zeros((count, 1)), data.__getitem__)
        runtime: Any = SimpleNamespace(space="5" * 64, run=lambda load, wanted: (embed(load(i)) for i in wanted))
        return extract_embeddings(split, runtime, 64, folder / "cache", shard_size=2)

    def proceed(folder: Path) -> None:
        found = extract(folder, 10)
        assert np.array_equal(found.embeddings, np.stack([embed(picture(number)) for number in range(10)]))
        assert found.computed <= 6, f"{found.computed} computed again"
        assert extract(folder, 10).computed == 0

    return Scenario(lambda f: extract(f, 4), lambda f: extract(f, 10), lambda folder: None, proceed)


def model_cache() -> Scenario:
    """A converted model is written to the cache."""
    from imagetagger.convert import quantize

    models = {"float32": bytes(range(256)) * 40, "float16": b"another model" * 300}
    quantize.space_digest = lambda *arguments: json.dumps(arguments[-1]).encode().hex() + "0" * 32
    quantize.convert_backbone = lambda backbone, resolution, variant: models[variant]

    def convert(folder: Path, variant: str) -> None:
        backbone: Any = None
        assert quantize.convert_cached(backbone, 64, folder / "cache", variant) == models[variant]

    def proceed(folder: Path) -> None:
        for variant in models:
            convert(folder, variant)

    return Scenario(lambda f: convert(f, "float32"), lambda f: convert(f, "float16"), lambda folder: None, proceed)


SCENARIOS = {
    "cache of embeddings": embedding_cache,
    "cache of models": model_cache,
    "the first bundle": first_bundle,
    "bundle as folder": lambda: bundle_as("folder"),
    "bundle as folder in two steps": lambda: bundle_as("folder in two steps"),
    "bundle as zip": lambda: bundle_as("zip"),
    "the first lesson": lambda: learning(0),
    "a further lesson": lambda: learning(2),
    "undo": lambda: undoing(2),
    "undo of the only lesson": lambda: undoing(1),
    "save": lambda: saving(False),
    "save over what another taught": lambda: saving(True),
}
