"""Splits and groups that users made themselves."""

import csv
import json
import logging
from pathlib import Path

import pytest

from imagetagger.data.dataset import dataset_fingerprint
from imagetagger.data.folder import load_folder
from imagetagger.data.folder_listing import split_role
from tests.helpers.pictures import COLOURS, colour_folder, picture

CASE = Path("/work/shared/cases/B04-splits-learned-as-tags")


def split_folder(root: Path, **counts: int) -> Path:
    """A folder of splits, each with as many pictures of every colour as its count says, none of them alike."""
    for offset, (name, count) in enumerate(counts.items()):
        for place, tag in enumerate(COLOURS):
            (root / name / tag).mkdir(parents=True)
            for i in range(count):
                (root / name / tag / f"{i}.png").write_bytes(picture(tag, 10_000 * offset + 100 * place + i))
    return root


def sizes(dataset) -> tuple[int, int, int]:
    return tuple(len(split.keys) if split else 0 for split in (dataset.train, dataset.validation, dataset.test))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"train": 3, "val": 2}, (9, 6, 0)),
        ({"Training": 3, "Testing": 2}, (9, 0, 6)),
        ({"train_set": 3, "dev-set": 1, "test_set": 2}, (9, 3, 6)),
        ({"seg_train": 3, "seg_test": 1, "valid": 2}, (9, 6, 3)),
        ({"TRAIN": 2, "eval": 1, "validation": 2}, (6, 9, 0)),
    ],
)
def test_folders_of_splits_are_used_as_given(tmp_path, counts, expected):
    dataset = load_folder(split_folder(tmp_path, **counts))
    assert [tag.name for tag in dataset.tags] == ["blue", "green", "red"]
    assert sizes(dataset) == expected
    assert dataset.is_split == bool(expected[1])
    for split in filter(None, (dataset.train, dataset.validation, dataset.test)):
        for i, key in enumerate(split.keys):
            assert split.read(i) == (tmp_path / key).read_bytes()
            assert Path(key).parent.name == dataset.tags[split.labels[i, 0]].name


def test_other_folders_beside_splits_are_left_out_with_a_warning(tmp_path, caplog):
    split_folder(tmp_path, train=2, val=1)
    (tmp_path / "__MACOSX" / "train" / "red").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "train" / "red" / "._0.png").write_bytes(b"resource fork")
    (tmp_path / "pred").mkdir()
    (tmp_path / "pred" / "0.png").write_bytes(picture("red", 77))
    assert sizes(load_folder(tmp_path)) == (6, 3, 0)
    assert "other folders are left out: pred" in caplog.text


def test_a_split_folder_inside_one_of_its_own_name_is_entered(tmp_path):
    split_folder(tmp_path / "seg_train", seg_train=2)
    split_folder(tmp_path / "seg_test", seg_test=1)
    for tag in COLOURS:  # other pictures than those of training
        (tmp_path / "seg_test" / "seg_test" / tag / "0.png").write_bytes(picture(tag, 5555))
    assert sizes(load_folder(tmp_path)) == (6, 0, 3)


def test_pictures_beside_the_tags_of_a_split_are_skipped_for_want_of_a_tag(tmp_path):
    split_folder(tmp_path, train=2, val=1)
    (tmp_path / "train" / "stray.png").write_bytes(picture("red", 99))
    assert load_folder(tmp_path).skipped == (("train/stray.png", "has no tag"),)


@pytest.mark.parametrize(
    ("folders", "suggested"),
    [
        (("Test/red", "Test/blue"), "Test"),
        (("train/red", "val/blue"), "train"),
        (("test/red", "val/red"), "test"),
        (("train/red", "train/blue", "test"), "train"),
        (("train", "test", "cat"), "train"),
        (("train1/red", "train2/red"), "train1"),
    ],
)
def test_splits_that_cannot_be_used_are_an_error_that_suggests_one_of_them(tmp_path, folders, suggested):
    for i, folder in enumerate(folders):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "0.png").write_bytes(picture("red", i))
    with pytest.raises(ValueError, match="are splits, not tags") as error:
        load_folder(tmp_path)
    assert f"path={tmp_path / suggested}, or" in str(error.value)


def test_a_tag_may_be_named_like_a_split_among_others(tmp_path):
    colour_folder(tmp_path, 2)
    (tmp_path / "red").rename(tmp_path / "train")
    dataset = load_folder(tmp_path)
    assert [tag.name for tag in dataset.tags] == ["blue", "green", "train"]
    assert not dataset.is_split


@pytest.mark.parametrize("name", ["cat", "training shoes", "value", "testament", "images", "2017", "train test", ""])
def test_other_names_are_of_no_split(name):
    assert split_role(name) is None


@pytest.mark.skipif(not CASE.is_dir(), reason="needs the shared cases")
@pytest.mark.parametrize("name", ["data", "kaggle"])
def test_the_splits_that_were_learned_as_tags_are_splits(name):
    dataset = load_folder(CASE / name)
    assert [tag.name for tag in dataset.tags] == ["balloon", "boat"]
    assert sizes(dataset) in ((8, 8, 0), (8, 0, 8))


def write_list(path: Path, rows: list[dict]) -> Path:
    with path.open("w", newline="") as file:
        if path.suffix == ".jsonl":
            file.write("\n".join(json.dumps(row) for row in rows))
        else:
            writer = csv.DictWriter(file, ["path", "tags", "split", "group"])
            writer.writeheader()
            writer.writerows(rows)
    return path


def rows_of(root: Path, **columns):
    files = sorted(root.rglob("*.png"))
    made = [{name: column(i) for name, column in columns.items()} for i in range(len(files))]
    return [{"path": str(file), "tags": file.parent.name} | row for file, row in zip(files, made, strict=True)]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_column_of_splits_and_one_of_groups_are_read(tmp_path, name):
    colour_folder(tmp_path / "p", 4)
    splits = ["train", "Training", "dev", "test"]
    rows = rows_of(tmp_path / "p", split=lambda i: splits[i % 4], group=lambda i: ["", " a ", "b", ""][i % 4])
    dataset = load_folder(write_list(tmp_path / name, rows))
    assert sizes(dataset) == (6, 3, 3)
    assert dataset.is_split
    assert sorted(dataset.train.groups) == ["", "", "", "a", "a", "a"]
    assert list(dataset.validation.groups) == ["b"] * 3
    assert dataset.test.groups is None


def test_groups_change_the_fingerprint_and_a_copy_has_the_group_of_any(tmp_path):
    colour_folder(tmp_path / "p", 2)
    plain = load_folder(write_list(tmp_path / "a.csv", rows_of(tmp_path / "p")))
    assert plain.train.groups is None
    rows = rows_of(tmp_path / "p", group=lambda i: "one" if i < 2 else "")
    grouped = load_folder(write_list(tmp_path / "b.csv", [*rows_of(tmp_path / "p"), *rows]))
    assert sorted(grouped.train.groups) == [""] * 4 + ["one"] * 2
    assert dataset_fingerprint(grouped) != dataset_fingerprint(plain)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (lambda i: "fold 3", r"got split='fold 3' in line 2 of .*a\.csv, expected train, validation or test"),
        (lambda i: "train" if i else "", "got 1 of 6 pictures without a split in"),
    ],
)
def test_a_split_that_is_unknown_or_missing_is_an_error(tmp_path, split, message):
    colour_folder(tmp_path / "p", 2)
    with pytest.raises(ValueError, match=message):
        load_folder(write_list(tmp_path / "a.csv", rows_of(tmp_path / "p", split=split)))


def test_pictures_to_test_on_come_from_another_folder_or_list(tmp_path):
    colour_folder(tmp_path / "p", 3)
    other = split_folder(tmp_path / "q", train=1, test=2)
    assert sizes(load_folder(tmp_path / "p", other / "test")) == (9, 0, 6)
    dataset = load_folder(tmp_path / "p", other)
    assert sizes(dataset) == (9, 0, 6)
    assert not dataset.is_split
    assert all(dataset.test.read(i) == (other / key).read_bytes() for i, key in enumerate(dataset.test.keys))
    rows = [row | {"path": row["path"]} for row in rows_of(other / "test")]
    assert sizes(load_folder(tmp_path / "p", write_list(tmp_path / "a.csv", rows))) == (9, 0, 6)


def test_tags_that_are_tested_but_not_learned_are_an_error_that_names_them(tmp_path):
    colour_folder(tmp_path / "p", 2)
    other = split_folder(tmp_path / "q", test=1) / "test"
    (other / "red").rename(other / "crimson")
    with pytest.raises(ValueError, match="got test pictures of tags that no training picture has: crimson;"):
        load_folder(tmp_path / "p", other)
    split_folder(tmp_path / "r", train=1, val=1)
    (tmp_path / "r" / "train" / "red" / "0.png").unlink()
    with pytest.raises(ValueError, match="got validation pictures of tags that no training picture has: red;"):
        load_folder(tmp_path / "r")


def test_two_sets_to_test_on_are_an_error(tmp_path):
    split_folder(tmp_path, train=1, test=1)
    with pytest.raises(ValueError, match="has a test split of its own: expected one of them"):
        load_folder(tmp_path, tmp_path / "test")


def test_a_list_without_pictures_to_test_on_is_an_error(tmp_path):
    colour_folder(tmp_path / "p", 2)
    with pytest.raises(ValueError, match="which has no pictures to test on"):
        load_folder(tmp_path / "p", split_folder(tmp_path / "q", train=1, val=1))


def test_a_picture_in_two_splits_stays_in_both_and_is_counted(tmp_path, caplog):
    split_folder(tmp_path, train=2, val=1)
    (tmp_path / "val" / "red" / "copy.png").write_bytes((tmp_path / "train" / "red" / "1.png").read_bytes())
    with caplog.at_level(logging.WARNING):
        assert sizes(load_folder(tmp_path)) == (6, 4, 0)
    assert "pictures in both train and validation: 1" in caplog.text
