"""The golden vectors of the web app are what Python computes, and what the app writes is what Python reads.

Where a change is meant, `python tests/web_golden.py` writes the vectors anew.
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
from tests.helpers.web_golden import GOLDEN, decide_golden, lessons_golden, names_golden
from tests.helpers.web_golden_files import bundle_golden, held, lesson_file_golden, unpacked

WEBAPP = GOLDEN.parents[1]
NODE = shutil.which("node")
AGAIN = """
import { readFileSync, writeFileSync } from "node:fs";
import { runnerImport } from "vite";
const { module } = await runnerImport("./src/lessons/lesson_file.ts", { configFile: false, logLevel: "error" });
const [from, to] = process.argv.slice(-2);
const { lessons, names, crops } = await module.unpack(new Blob([readFileSync(from)]));
const file = await module.pack(lessons, names, async (id) => crops.get(id));
writeFileSync(to, new Uint8Array(await file.arrayBuffer()));
"""


def kept(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def assert_same(got, wanted, where):
    """Equal but for the last digits of numbers, and for how bytes were compressed."""
    if isinstance(wanted, dict):
        assert list(got) == list(wanted), where
        for key in wanted:
            assert_same(got[key], wanted[key], f"{where}/{key}")
    elif isinstance(wanted, list):
        assert len(got) == len(wanted), where
        for i, (one, other) in enumerate(zip(got, wanted, strict=True)):
            assert_same(one, other, f"{where}/{i}")
    elif isinstance(wanted, float):
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12), where
    elif "/files/" in where:
        assert unpacked(got) == unpacked(wanted), where
    elif not where.endswith("/zip"):
        assert got == wanted, where


@pytest.mark.parametrize("make", [decide_golden, names_golden, lessons_golden, bundle_golden, lesson_file_golden])
def test_golden_vectors_are_what_python_computes(make):
    name = make.__name__.removesuffix("_golden")
    if name == "names" and unicodedata.unidata_version != kept(name)["unicode"]:
        pytest.skip(f"this Python knows Unicode {unicodedata.unidata_version}, not {kept(name)['unicode']}")
    made = json.loads(json.dumps(make()))
    assert_same(made, kept(name), name)


def test_golden_vectors_stay_small():
    assert sum(path.stat().st_size for path in GOLDEN.glob("*.json")) < 200_000


def test_golden_lesson_files_are_read_or_refused_as_they_say(tmp_path):
    path = tmp_path / "lessons.zip"
    for one in kept("lesson_file")["sound"]:
        path.write_bytes(unpacked(one["zip"]))
        assert held(*load_lessons(path)) == one["holds"]
    for one in kept("lesson_file")["wrong"]:
        path.write_bytes(unpacked(one["zip"]))
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
    names = {"user:\N{DOG FACE}": "\N{DOG FACE}", "__proto__": 'say "hi"\\', "red": "rouge\u2028"}
    return Lessons(
        taught, VocabularyEdits(names, {"blue": "red", "\uf8ff": "7"}, frozenset({"n02", "\N{DOG FACE}", "\uf8ff"}))
    )


@pytest.mark.skipif(NODE is None, reason="no Node is installed")
@pytest.mark.skipif(not (WEBAPP / "node_modules" / "vite").is_dir(), reason="the app's packages are not installed")
@pytest.mark.parametrize("lessons", [NO_LESSONS, made_lessons(20)], ids=["none", "some"])
def test_lessons_that_the_app_read_and_wrote_are_the_same_to_the_last_bit(lessons, tmp_path):
    names = {"red": "rouge", "7": "7", "__proto__": "x"} if lessons.pictures else {}
    save_lessons(lessons, names, tmp_path / "python.zip")
    command = [NODE, "--input-type=module", "-", tmp_path / "python.zip", tmp_path / "app.zip"]
    done = subprocess.run(command, input=AGAIN, cwd=WEBAPP, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    got, got_names = load_lessons(tmp_path / "app.zip")
    assert (got_names, got.edits) == (names, lessons.edits)
    assert list(got.pictures) == list(lessons.pictures)
    for one, other in zip(got.pictures.values(), lessons.pictures.values(), strict=True):
        assert one._replace(embedding=None) == other._replace(embedding=None)
        assert one.embedding.tobytes() == other.embedding.tobytes()
