import contextlib
import functools
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save as save_tensors

from imagetagger.bundle import strict_json
from imagetagger.bundle.archive import read_files, write_folder, write_zip
from imagetagger.tagger import lesson_file
from imagetagger.tagger.lesson_file import load_lessons, save_lessons
from imagetagger.tagger.lessons import (
    MAX_PICTURES,
    NO_LESSONS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    check_limits,
    encode_crop,
    picture_id,
)
from imagetagger.tagger.tag_names import vocabulary
from tests.helpers.bad_files import SOUND_LESSONS, case_id, cases, wrong

RNG = np.random.default_rng(0)
CROPS = RNG.integers(0, 256, (3, 8, 8, 3), np.uint8)
PICTURES = {
    picture_id(Image.fromarray(crop)): TaughtPicture(encode_crop(crop), embedding, "a" * 64, tags, missed)
    for crop, embedding, tags, missed in zip(
        CROPS,
        RNG.normal(size=(3, 5)).astype(np.float32),
        [("red",), ("n01", "red"), ("user:\N{DOG FACE}",)],
        [1 / 3, 1.0, None],
        strict=True,
    )
}
EDITS = VocabularyEdits(
    {"user:\N{DOG FACE}": "\N{DOG FACE}", "red": "rouge"}, {"blue": "red"}, frozenset({"green", "n02"})
)
LESSONS, NAMES = Lessons(PICTURES, EDITS), {"red": "rouge", "n01": "crimson"}


@pytest.fixture
def saved(tmp_path):
    save_lessons(LESSONS, NAMES, tmp_path / "mine.zip")
    return tmp_path / "mine.zip"


def assert_equal(got: tuple[Lessons, dict[str, str]], expected: tuple[Lessons, dict[str, str]]) -> None:
    (lessons, names), (expected_lessons, expected_names) = got, expected
    assert names == expected_names
    assert lessons.edits == expected_lessons.edits
    assert list(lessons.edits.names) == list(expected_lessons.edits.names)
    assert list(lessons.pictures) == list(expected_lessons.pictures)
    for a, b in zip(lessons.pictures.values(), expected_lessons.pictures.values(), strict=True):
        assert (a.crop, a.space, a.tags, a.missed) == (b.crop, b.space, b.tags, b.missed)
        assert a.embedding.dtype == np.float32
        assert a.embedding.tobytes() == b.embedding.tobytes()


def test_what_was_saved_is_loaded_to_the_last_bit_and_in_order(saved):
    assert_equal(load_lessons(saved), (LESSONS, NAMES))


def test_no_lessons_are_lessons_too(tmp_path):
    save_lessons(NO_LESSONS, {}, tmp_path / "none.zip")
    assert_equal(load_lessons(tmp_path / "none.zip"), (NO_LESSONS, {}))


def test_equal_lessons_are_equal_files_and_an_unpacked_one_is_read_as_well(saved, tmp_path):
    save_lessons(*load_lessons(saved), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == saved.read_bytes()
    write_folder(read_files(saved, 2**20), tmp_path / "folder")
    assert_equal(load_lessons(tmp_path / "folder"), (LESSONS, NAMES))


def test_the_file_says_that_it_contains_pictures(saved, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        assert "INCLUDING THE PICTURES" in archive.read("README.txt").decode()
        assert json.loads(archive.read("lessons.json"))["contains_pictures"] is True
    save_lessons(NO_LESSONS, {}, tmp_path / "none.zip")
    with zipfile.ZipFile(tmp_path / "none.zip") as archive:
        assert json.loads(archive.read("lessons.json"))["contains_pictures"] is False


@functools.cache
def whole_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        save_lessons(LESSONS, NAMES, Path(folder) / "mine.zip")
        return (Path(folder) / "mine.zip").read_bytes()


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_flipped_bit_is_found_where_it_changes_anything(tmp_path_factory, where, bit):
    damaged = bytearray(whole_file())
    damaged[int(where * len(damaged))] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped.zip"
    path.write_bytes(damaged)
    got: object = None
    with contextlib.suppress(LessonError):
        got = load_lessons(path)
    if got:
        assert_equal(got, (LESSONS, NAMES))


@given(st.floats(0, 1, exclude_max=True))
def test_a_file_that_was_cut_is_refused(tmp_path_factory, share):
    path = tmp_path_factory.getbasetemp() / "cut.zip"
    path.write_bytes(whole_file()[: int(share * len(whole_file()))])
    with pytest.raises(LessonError, match=r"cannot be used as lessons: .*(not a .zip file|cannot be read)"):
        load_lessons(path)


def test_a_bit_flipped_in_a_pixel_is_refused(saved):
    crop = next(iter(PICTURES.values())).crop
    data = saved.read_bytes()
    at = data.index(crop) + len(crop) // 2
    saved.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(LessonError, match=r"mine\.zip cannot be used as lessons: .*CRC"):
        load_lessons(saved)


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.zip, where nothing is"):
        load_lessons(tmp_path / "gone.zip")


def test_a_file_of_an_older_version_without_misses_is_read(saved):
    files = read_files(saved, 2**20)
    content = json.loads(files["lessons.json"])
    for item in content["pictures"]:
        del item["missed"]
    write_zip({**files, "lessons.json": json.dumps(content).encode()}, saved)
    without = {key: picture._replace(missed=None) for key, picture in PICTURES.items()}
    assert_equal(load_lessons(saved), (Lessons(without, EDITS), NAMES))


@pytest.mark.parametrize("case", cases("lessons.json"), ids=case_id)
def test_wrong_lessons_are_refused(case, tmp_path):
    key = SOUND_LESSONS["pictures"][0]["id"]
    files = {
        "lessons.json": json.dumps(wrong(case)).encode(),
        "embeddings.safetensors": save_tensors({key: np.zeros(5, np.float32)}),
        f"pictures/{key}.png": encode_crop(CROPS[0]),
    }
    write_zip(files, tmp_path / "mine.zip")
    with pytest.raises(LessonError) as caught:
        load_lessons(tmp_path / "mine.zip")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'mine.zip'} cannot be used as lessons: lessons.json")
    assert case.message in message
    write_zip({**files, "lessons.json": json.dumps(SOUND_LESSONS).encode()}, tmp_path / "mine.zip")
    assert list(load_lessons(tmp_path / "mine.zip")[0].pictures) == [key]


def embeddings(value) -> bytes:
    return save_tensors(dict.fromkeys(PICTURES, value))


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("lessons.json", None, "lessons.json is missing: expected a file that Tagger.save wrote"),
        ("lessons.json", b"{", "lessons.json is not valid JSON"),
        ("lessons.json", b"[" * 100_000, "lessons.json is not valid JSON"),
        ("embeddings.safetensors", None, "embeddings.safetensors is not a .safetensors file, or damaged"),
        ("embeddings.safetensors", b"x" * 99, "embeddings.safetensors has a header of"),
        ("embeddings.safetensors", b"x" * 7 + b"\0" * 92, "embeddings.safetensors has a header of"),
        (
            "embeddings.safetensors",
            b"x\0\0\0\0\0\0\0" * 9,
            "embeddings.safetensors is not a .safetensors file, or damaged",
        ),
        ("embeddings.safetensors", embeddings(np.zeros((1, 5), np.float32)), r"float32 \(1, 5\)"),
        ("embeddings.safetensors", embeddings(np.zeros(5)), r"float64 \(5,\)"),
        (
            "embeddings.safetensors",
            embeddings(np.full(5, np.nan, np.float32)),
            "taught as rouge: got the value nan, expected",
        ),
        ("embeddings.safetensors", embeddings(np.full(5, -1e19, np.float32)), "got the value -1e\\+19, expected"),
        (f"pictures/{next(iter(PICTURES))}.png", None, "no pixels"),
    ],
)
def test_a_part_that_is_missing_or_damaged_is_named(saved, name, data, why):
    files = {**read_files(saved, 2**20), name: data}
    write_zip({key: value for key, value in files.items() if value is not None}, saved)
    with pytest.raises(LessonError, match=f"mine.zip cannot be used as lessons: .*{why}"):
        load_lessons(saved)


def test_another_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("holiday.txt", "sun")
    with pytest.raises(LessonError, match=r"other\.zip cannot be used as lessons: lessons\.json is missing"):
        load_lessons(tmp_path / "other.zip")


def test_a_save_that_fails_leaves_the_file_that_was_there(saved):
    before = saved.read_bytes()
    strange = LESSONS._replace(pictures={"../outside": next(iter(PICTURES.values()))})
    with pytest.raises(ValueError, match="outside"):
        save_lessons(strange, {}, saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["mine.zip"]


def test_lessons_that_could_not_be_loaded_again_are_not_saved(saved, monkeypatch):
    before = saved.read_bytes()
    for module, limit, why in (
        (strict_json, "MAX_JSON_VALUES", "lessons.json has about"),
        (strict_json, "MAX_JSON_BYTES", "lessons.json has"),
        (lesson_file, "MAX_LESSONS_BYTES", "its files have"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, 20)
            with pytest.raises(LessonError, match=rf"mine\.zip was not saved, as .*{why} .*, expected at most 20"):
                save_lessons(LESSONS, NAMES, saved)
    assert saved.read_bytes() == before


@pytest.mark.slow
def test_as_many_pictures_as_may_be_taught_are_loaded_again(tmp_path):
    picture = next(iter(PICTURES.values()))._replace(tags=("red",))
    many = Lessons({f"{i:064x}": picture for i in range(MAX_PICTURES)}, EDITS)
    check_limits(many)
    save_lessons(many, NAMES, tmp_path / "mine.zip")
    assert load_lessons(tmp_path / "mine.zip")[0].pictures.keys() == many.pictures.keys()
    more = many._replace(pictures={**many.pictures, "x": picture})
    with pytest.raises(LessonError, match="got 80,001 taught pictures, expected at most 80,000"):
        check_limits(more)


def test_marks_and_control_characters_that_earlier_versions_took_are_taken_out_of_names(saved, caplog):
    files = read_files(saved, 2**20)
    content = json.loads(files["lessons.json"])
    content["pictures"][0]["tags"] = ["user:\u2068anna\u2069", "user:anna"]
    content["names"] = {"user:\u2068anna\u2069": "\u2068Anna\u2069", "user:\u202e": "\u202e"}
    content["edits"]["names"] = {"user:\u2068anna\u2069": "\u2068Anna\u2069"}
    content["edits"]["merged"] = {"user:\u2067anna": "user:\u2068anna\u2069"}
    content["edits"]["removed"] = content["edits"]["hidden"] = ["a\x07b", "ab"]
    load_lessons(saved)
    assert not caplog.records
    write_zip({**files, "lessons.json": json.dumps(content).encode()}, saved)
    lessons, names = load_lessons(saved)
    assert f"{saved}: took control characters" in caplog.text
    assert next(iter(lessons.pictures.values())).tags == ("user:anna",)
    assert names == {"user:anna": "Anna", "user:": "user:"}
    assert lessons.edits == VocabularyEdits(
        {"user:anna": "Anna"}, {"user:anna": "user:anna"}, frozenset({"ab"}), frozenset({"ab"})
    )
    assert vocabulary((), lessons)["user:anna"].name == "Anna"
    save_lessons(lessons, names, saved)
    assert_equal(load_lessons(saved), (lessons, names))


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from imagetagger.system.partial_files import LEFTOVER
from imagetagger.tagger.lesson_file import load_lessons, save_lessons
from imagetagger.tagger.lessons import Lessons, TaughtPicture, VocabularyEdits

path = Path(sys.argv[1])
draw = random.Random(int(sys.argv[2]))
crop = np.random.default_rng(0).bytes(40_000)

def made(number):
    embedding = np.full(8, number, np.float32)
    pictures = {f"p{i}": TaughtPicture(crop[i:], embedding, "s", ("t",)) for i in range(1 + number % 9)}
    return Lessons(pictures, VocabularyEdits({"t": str(number)}, {}, frozenset()))

def saver(number, pipe):
    while True:
        number += 1
        save_lessons(made(number), {}, path)
        os.write(pipe, number.to_bytes(4, "little"))

number, interrupted = 0, 0
save_lessons(made(number), {}, path)
for _ in range(100):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        saver(number, writer)
    os.close(writer)
    time.sleep(draw.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    left = [other.name for other in path.parent.iterdir() if other != path]
    assert len(left) <= 1 and all(LEFTOVER.fullmatch(name) for name in left), left  # the next save swept the one before
    interrupted += len(left)
    with os.fdopen(reader, "rb") as pipe:
        reported = pipe.read()[-4:]
    reported = int.from_bytes(reported, "little") if reported else number
    lessons, _ = load_lessons(path)
    number = int(lessons.edits.names["t"])
    assert number in (reported, reported + 1), (number, reported)
    saved = made(number)
    assert list(lessons.pictures) == list(saved.pictures)
    for got, expected in zip(lessons.pictures.values(), saved.pictures.values()):
        assert (got.crop, got.space, got.tags) == (expected.crop, expected.space, expected.tags)
        assert (got.embedding == expected.embedding).all()
save_lessons(made(number), {}, path)
print(number, interrupted)
"""


@pytest.mark.slow
def test_kill_9_at_a_hundred_moments_of_saving_loses_nothing_that_was_reported_saved(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "mine.zip"), "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    saved, interrupted = map(int, done.stdout.split())
    assert saved > 10
    assert interrupted > 10  # so many were killed in the middle of writing
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zip"]
