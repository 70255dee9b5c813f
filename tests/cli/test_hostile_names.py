"""Names that files bring reach a terminal escaped, through every command."""

import json
import logging.config
import shutil
import zipfile

import pytest
import yaml
from PIL import Image

from imagetagger.bundle.archive import write_zip
from tests.helpers.bundles import SIZE
from tests.helpers.sealing import put, reseal
from tests.helpers.taught import files, pixels

HOSTILE = "x\x1b[2J\x1b]0;owned\x07\u202egpj\nforged line\x9b31m"


def assert_harmless(*texts: str) -> None:
    for text in texts:
        assert not [c for c in text if c != "\n" and not c.isprintable()]
        assert not [line for line in text.splitlines() if line.startswith("forged")]


@pytest.fixture
def hostile_picture(tmp_path):
    path = tmp_path / f"{HOSTILE}.png"
    Image.fromarray(pixels("red", 1, SIZE)).save(path)
    return path


@pytest.fixture
def hostile_files(tmp_path):
    """Files that are no pictures, bundles or lessons, with a hostile name and hostile contents."""
    path = tmp_path / f"{HOSTILE}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lessons.json", json.dumps({"schema": HOSTILE}))
        archive.writestr("manifest.json", json.dumps({"schema": HOSTILE, HOSTILE: 1}))
    return path


def test_tag_prints_a_picture_of_a_hostile_name(call, hostile_picture, everyday_bundle):
    for options in ((), ("--json",), ("--top-k", "2")):
        code, out, err = call("tag", *options, hostile_picture)
        assert code == 0
        assert len(out.splitlines()) == 1
        assert_harmless(out, err)
    hostile_picture.write_bytes(b"no picture" + HOSTILE.encode())
    code, out, err = call("tag", hostile_picture, hostile_picture.with_name(f"{HOSTILE} gone.png"))
    assert code == 1
    assert len(err.splitlines()) == 2
    assert_harmless(out, err)


def test_learn_forget_and_tags_print_hostile_names(call, hostile_picture, lessons, tmp_path):
    tag = "nice\x1b[2J"
    for command in (
        ("learn", "--tag", tag, hostile_picture),
        ("learn", "--tag", "Rex", hostile_picture),
        ("forget", "--tag", tag, hostile_picture),
        ("forget", "--tag", "Rex", hostile_picture, tmp_path / "gone\x1b[2J.png"),
        *(("tags", *words) for words in (("add", tag), ("rename", "red", tag), ("merge", tag, "red"), ("remove", tag))),
        *(("tags", *words) for words in (("hide", tag), ("unhide", tag), ("list",), ("list", "--json"))),
        ("undo",),
        ("undo",),
        ("undo",),
    ):
        assert_harmless(*call(*command)[1:])


@pytest.mark.parametrize(
    "command",
    [
        ("tag", "BUNDLE", "x.jpg"),
        ("verify", "BUNDLE"),
        ("serve", "BUNDLE", "--no-browser"),
        ("webapp", "BUNDLE", "site"),
        ("tag", "--lessons", "BUNDLE", "x.jpg"),
        ("tags", "--lessons", "BUNDLE"),
        ("undo", "--lessons", "BUNDLE"),
        ("learn", "--lessons", "BUNDLE", "--tag", "Rex", "x.jpg"),
        ("report", "BUNDLE"),
    ],
)
def test_what_a_hostile_file_says_is_escaped(call, hostile_files, everyday_bundle, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*(hostile_files if word == "BUNDLE" else word for word in command))
    assert code in (1, 2)
    assert_harmless(out, err)


def test_a_bundle_or_lessons_with_a_hostile_name_are_refused(call, everyday_bundle, tmp_path):
    for i, (path, name) in enumerate((("name", HOSTILE), ("name", "a\u202eb"), ("embedding_space", HOSTILE))):
        write_zip(reseal(files(), edit=lambda m, path=path, name=name: put(m, path, name)), tmp_path / f"{i}.zip")
        code, out, err = call("verify", tmp_path / f"{i}.zip")
        assert code == 1
        assert "NOT a sound bundle" in err
        assert_harmless(out, err)
    labels = json.loads(files()["labels.json"])
    labels[0]["name"] = HOSTILE
    write_zip(reseal(files(), {"labels.json": json.dumps(labels).encode()}), tmp_path / "labels.zip")
    code, out, err = call("tags", "--bundle", tmp_path / "labels.zip")
    assert code == 1
    assert "with the character U+" in err
    assert_harmless(out, err)
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def test_the_log_of_a_run_is_escaped():
    """By the formatter that configs/config.yaml names, whatever a module logs."""
    from imagetagger.run import CONFIGS

    settings = yaml.safe_load((CONFIGS / "config.yaml").read_text())["hydra"]["job_logging"]
    formatter = logging.config.DictConfigurator(settings).configure_formatter(settings["formatters"]["simple"])
    for message, arguments in (
        ("%s: %d pictures", (HOSTILE, 3)),
        ("%s", (ValueError(HOSTILE),)),
        (HOSTILE.replace("\n", ""), ()),
    ):
        line = formatter.format(logging.LogRecord("x", logging.INFO, "x.py", 1, message, arguments, None))
        assert len(line.splitlines()) == 1
        assert_harmless(line)
