"""Tags that are spelled differently are one; names that no tag can have are refused where they are written."""

import logging
import os
from pathlib import Path

import pytest

from imagetagger.data.folder import load_folder
from imagetagger.data.labelled_files import LabelledFile
from imagetagger.data.tag_names import unify_tag_names
from tests.helpers.cases import copy_case

NFD, NFC = "Cafe\u0301", "Caf\u00e9"


def listed(*tags: str) -> list[LabelledFile]:
    return [LabelledFile(Path(f"{i}.jpg"), [tag], source=f"line {i} of a.csv") for i, tag in enumerate(tags)]


def fill(root: Path, *tags: str) -> Path:
    for number, tag in enumerate(tags):
        (root / tag).mkdir(parents=True)
        for i in range(2):
            (root / tag / f"{i}.jpg").write_bytes(f"{number} {i}".encode())
    return root


@pytest.mark.parametrize(
    ("spellings", "expected"),
    [
        (["cat", "Cat", "cat"], "cat"),
        (["CAT", "CAT", "cat"], "CAT"),
        (["Cat", "cat"], "Cat"),
        ([NFD, NFC], NFC),
        (["polar bear", " polar  bear", "Polar\u00a0Bear"], "polar bear"),
    ],
)
def test_spellings_of_one_tag_become_the_commonest_and_the_log_says_so(caplog, spellings, expected):
    assert set(unify_tag_names(listed(*spellings)).values()) == {expected}
    assert "tags that differ only in case, spaces or Unicode form are one: " in caplog.text
    assert f"become {expected!r}" in caplog.text


def test_other_tags_stay_apart_and_nothing_is_said(caplog):
    tags = ["cat", "cats", "c at", "猫", "é", "e", "ё", "е"]
    with caplog.at_level(logging.INFO):
        assert unify_tag_names(listed(*tags)) == {tag: tag for tag in tags}
    assert caplog.text == ""


def test_folders_and_lists_and_pictures_to_test_on_have_one_name_per_tag(tmp_path, caplog):
    root = fill(tmp_path / "d", NFD, "Dog", "dog ")
    (root / "Dog" / "9.jpg").write_bytes(b"more")
    dataset = load_folder(root, fill(tmp_path / "t", NFC, "DOG"))
    assert [tag.name for tag in dataset.tags] == [NFC, "Dog"]
    assert sorted(dataset.train.labels[:, 0].tolist()) == [0, 0, 1, 1, 1, 1, 1]
    assert len(dataset.test.keys) == 4
    assert "'dog ' (2)" in caplog.text or "'dog' (2)" in caplog.text
    assert "'Cafe\\u0301' (2), 'Café' (2) become 'Café'" in caplog.text


@pytest.mark.parametrize(
    "name", ["bell\x07", "bo\x0bat", "\u200b", "x" * 2000], ids=["control", "tab", "unseen", "long"]
)
def test_a_name_that_no_tag_can_have_is_refused_with_its_place(tmp_path, name):
    with pytest.raises(ValueError, match=r"got .*name.* for the tag of line 1 of a\.csv: rename it"):
        unify_tag_names(listed("cat", name))


def test_a_folder_with_such_a_name_is_named(tmp_path):
    root = fill(tmp_path / "d", "cat", "bell\x07")
    with pytest.raises(ValueError, match=r"for the tag of .*/d/bell"):
        load_folder(root)


def test_two_tags_that_only_bytes_tell_apart_are_two(tmp_path):
    try:
        root = fill(tmp_path / "d", "cat", os.fsdecode(b"r\xf4t"), os.fsdecode(b"r\xf5t"))
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    assert [tag.name for tag in load_folder(root).tags] == ["cat", r"r\udcf4t", r"r\udcf5t"]


def test_a_family_of_emoji_is_a_tag(tmp_path):  # B02-tag-name-not-printable
    dataset = load_folder(copy_case("B02-tag-name-not-printable", tmp_path) / "data")
    assert [tag.name for tag in dataset.tags] == ["moon", "👨\u200d👩\u200d👧 family"]


def test_names_of_files_steer_no_terminal(tmp_path, caplog):
    root = fill(tmp_path / "d", "cat", "dog", "Icon\r", ".\x1b[2J")
    for name in ("\x1b[2Jgone.jpg", "a\u202egpj.exe.jpg"):
        (root / "cat" / name).symlink_to("no\x1bwhere")
    (root / "empty\x1b[0m").mkdir()
    (root / "dog" / "up\x1b").symlink_to("..")
    with caplog.at_level(logging.INFO):
        dataset = load_folder(root)
    assert [skip.key for skip in dataset.skipped] == ["cat/\\x1b[2Jgone.jpg", "cat/a\\u202egpj.exe.jpg"]
    assert dataset.skipped[0].reason == "a link to no\\x1bwhere, where nothing is"
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 6
    assert not set("\x1b\r\u202e") & set("".join(messages))
