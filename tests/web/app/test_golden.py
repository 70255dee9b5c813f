"""The golden vectors of the web app are what Python computes, and Python reads what the app writes.

After an intended change, `python -m tests.helpers.web_golden` writes them again.
"""

import json
import shutil
import subprocess
import unicodedata

import numpy as np
import pytest
from PIL import Image

from imagetagger.tagger.lesson_file import load_lessons, save_lessons
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    encode_crop,
    picture_id,
)
from tests.helpers.web_golden import GOLDEN, names_golden, predict_golden
from tests.helpers.web_golden_files import bundle_golden, contents, lesson_file_golden, unpacked
from tests.helpers.web_golden_lessons import lessons_golden
from tests.helpers.web_golden_words import sidecars_golden, words_golden

APP = GOLDEN.parents[1]
NODE = shutil.which("node")
AGAIN = """
import { readFileSync, writeFileSync } from "node:fs";
import { runnerImport } from "vite";
const { module } = await runnerImport("./src/lessons/lesson_file.ts", { configFile: false, logLevel: "error" });
const [from, to] = process.argv.slice(-2);
const { lessons, names, crops } = await module.loadLessons(new Blob([readFileSync(from)]));
const file = await module.saveLessons(lessons, names, async (id) => crops.get(id));
writeFileSync(to, new Uint8Array(await file.arrayBuffer()));
"""


def committed(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def assert_same(got, expected, where):
    """Equal but for the last digits of numbers and the compression of bytes."""
    if isinstance(expected, dict):
        assert list(got) == list(expected), where
        for key in expected:
            assert_same(got[key], expected[key], f"{where}/{key}")
    elif isinstance(expected, list):
        assert len(got) == len(expected), where
        for i, pair in enumerate(zip(got, expected, strict=True)):
            assert_same(*pair, f"{where}/{i}")
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, rel=1e-9, abs=1e-12), where
    elif "/files/" in where:
        assert unpacked(got) == unpacked(expected), where
    elif not where.endswith("/zip"):
        assert got == expected, where


@pytest.mark.parametrize(
    "make",
    [predict_golden, names_golden, lessons_golden, bundle_golden, lesson_file_golden, words_golden, sidecars_golden],
)
def test_golden_vectors_are_what_python_computes(make):
    name = make.__name__.removesuffix("_golden")
    if name == "names" and unicodedata.unidata_version != committed(name)["unicode"]:
        pytest.skip(f"this Python knows Unicode {unicodedata.unidata_version}, not {committed(name)['unicode']}")
    made = json.loads(json.dumps(make()))
    assert_same(made, committed(name), name)


def test_golden_vectors_stay_small():
    assert sum(path.stat().st_size for path in GOLDEN.glob("*.json")) < 350_000


def test_golden_lesson_files_are_read_or_refused_as_they_say(tmp_path):
    path = tmp_path / "lessons.zip"
    for case in committed("lesson_file")["valid"]:
        path.write_bytes(unpacked(case["zip"]))
        assert contents(*load_lessons(path)) == case["contents"]
    for case in committed("lesson_file")["wrong"]:
        path.write_bytes(unpacked(case["zip"]))
        with pytest.raises(LessonError):
            load_lessons(path)


def made_lessons(pictures: int) -> Lessons:
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 256, (pictures, 16, 16, 3), np.uint8)
    tags = ["red", "7", "__proto__", "user:\N{DOG FACE}", "user:كلب"]
    taught = {
        picture_id(Image.fromarray(crop)): TaughtPicture(
            encode_crop(crop),
            rng.normal(size=7).astype(np.float32),
            "a" * 64,
            tuple(rng.permutation(tags)[: 1 + i % 3].tolist()),
            (None, 0.0, 1 / 3, 1.0)[i % 4],
        )
        for i, crop in enumerate(crops)
    }
    names = {"user:\N{DOG FACE}": "\N{DOG FACE}", "__proto__": 'say "hi"\\', "red": "rouge\u200d"}
    some = frozenset({"n02", "\N{DOG FACE}", "\uf8ff"})
    return Lessons(taught, VocabularyEdits(names, {"blue": "red", "\uf8ff": "7"}, some, some | {"user:rex"}))


@pytest.mark.skipif(NODE is None, reason="no Node is installed")
@pytest.mark.skipif(not (APP / "node_modules" / "vite").is_dir(), reason="the app's packages are not installed")
@pytest.mark.parametrize("lessons", [NO_LESSONS, made_lessons(20)], ids=["none", "some"])
def test_lessons_that_the_app_read_and_wrote_are_the_same_to_the_last_bit(lessons, tmp_path):
    names = {"red": "rouge", "7": "7", "__proto__": "x"} if lessons.pictures else {}
    save_lessons(lessons, names, tmp_path / "python.zip")
    command = [NODE, "--input-type=module", "-", tmp_path / "python.zip", tmp_path / "app.zip"]
    done = subprocess.run(command, input=AGAIN, cwd=APP, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    got, got_names = load_lessons(tmp_path / "app.zip")
    assert (got_names, got.edits) == (names, lessons.edits)
    assert list(got.pictures) == list(lessons.pictures)
    for picture, original in zip(got.pictures.values(), lessons.pictures.values(), strict=True):
        assert picture._replace(embedding=None) == original._replace(embedding=None)
        assert picture.embedding.tobytes() == original.embedding.tobytes()
