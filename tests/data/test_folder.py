import csv
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from imagetagger.data.dataset import content_id, dataset_fingerprint
from imagetagger.data.folder import load_folder
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import Runtime
from imagetagger.preprocess import BadImageError
from tests.helpers.pictures import colour_folder, picture


def pictures(dataset):
    """Every picture's content, and its tags by name."""
    return {
        split.read(i): {dataset.tags[k].name for k in split.labels[i] if k >= 0}
        for split in (dataset.train, dataset.validation)
        for i in range(len(split.keys))
    }


def write_csv(path: Path, rows, columns=("path", "tags"), encoding="utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def write_jsonl(path: Path, rows, encoding="utf-8") -> Path:
    lines = [json.dumps({"path": str(file), "tags": tags}, ensure_ascii=False) for file, tags in rows]
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def rows_of(root: Path):
    return [(file.relative_to(root.parent), file.parent.name) for file in sorted(root.rglob("*.png"))]


@pytest.fixture
def root(tmp_path) -> Path:
    return colour_folder(tmp_path / "pictures", 6)


def test_a_folders_sub_folders_are_the_tags_of_the_pictures_below_them(root):
    (root / "red" / "deep").mkdir()
    (root / "red" / "deep" / "a.png").write_bytes(picture("red", 77))
    dataset = load_folder(root)
    assert [tag.name for tag in dataset.tags] == ["blue", "green", "red"]
    expected = {file.read_bytes(): {file.relative_to(root).parts[0]} for file in root.rglob("*.png")}
    assert len(expected) == 19
    assert pictures(dataset) == expected
    assert dataset.skipped == ()


def test_without_splits_every_picture_is_for_training_and_ids_and_keys_fit(root):
    dataset = load_folder(root)
    assert not dataset.is_split
    assert dataset.test is None
    assert len(dataset.validation.keys) == 0
    assert dataset.validation.labels.shape == (0, 1)
    assert np.bincount(dataset.train.labels[:, 0]).tolist() == [6, 6, 6]
    for i, key in enumerate(dataset.train.keys):
        assert dataset.train.read(i) == (root / key).read_bytes()
        assert dataset.train.ids[i] == content_id(dataset.train.read(i))


def test_one_picture_a_tag_is_enough(tmp_path):
    assert len(load_folder(colour_folder(tmp_path / "p", 1)).train.keys) == 3


def test_a_folder_a_csv_and_a_jsonl_give_the_same_data_set(root, tmp_path):
    rows = rows_of(root)
    files = [
        write_csv(tmp_path / "a.csv", rows),
        write_csv(tmp_path / "excel.CSV", [(tag, file) for file, tag in rows], ("tags", "path"), "utf-8-sig"),
        write_jsonl(tmp_path / "a.jsonl", [(file, [tag]) for file, tag in rows]),
        write_jsonl(tmp_path / "reversed.jsonl", rows[::-1], "utf-8-sig"),
        write_jsonl(tmp_path / "absolute.jsonl", [(tmp_path / file, [tag]) for file, tag in rows]),
    ]
    expected = load_folder(root)
    for file in files:
        got = load_folder(file)
        assert dataset_fingerprint(got) == dataset_fingerprint(expected), file
        assert pictures(got) == pictures(expected)


def test_names_and_times_of_files_do_not_matter(root, tmp_path):
    before = dataset_fingerprint(load_folder(root))
    for i, file in enumerate(sorted(root.rglob("*.png"), reverse=True)):
        os.utime(file, (i, i))
        file.rename(file.with_name(f"{i * 7 % 18:03d}.picture"))
    assert dataset_fingerprint(load_folder(root.rename(tmp_path / "elsewhere"))) == before


def test_bad_files_are_skipped_and_listed_with_reasons(root, tmp_path):
    expected = dataset_fingerprint(load_folder(root))
    (root / "stray.png").write_bytes(picture("red", 99))
    (root / "red" / "empty.png").touch()
    dataset = load_folder(root)
    assert set(dataset.skipped) == {("stray.png", "has no tag"), ("red/empty.png", "empty file")}
    assert dataset_fingerprint(dataset) == expected
    rows = [*rows_of(root / "blue"), *rows_of(root / "red")]
    rows = [(Path("pictures") / file, tag) for file, tag in rows if file.name != "empty.png"]
    extra = [("gone.png", "red"), ("pictures", "red"), ("", "red"), ("pictures/stray.png", " ")]
    reasons = ["no such file", "a folder: expected a picture", "has no path", *["has no tag"] * 2]
    for file in (
        write_csv(tmp_path / "a.csv", [*rows, *extra, ("pictures/stray.png", ";")]),
        write_jsonl(tmp_path / "a.jsonl", [*rows, *extra, ("pictures/stray.png", [""])]),
    ):
        dataset = load_folder(file)
        assert [skip.reason for skip in dataset.skipped] == reasons
        assert dataset.skipped[0].key == str(tmp_path / "gone.png")
        assert re.fullmatch(r"line \d+ of .*", dataset.skipped[2].key)
        assert len(pictures(dataset)) == 12


def test_a_csv_row_that_ends_before_its_path_or_tags_is_an_error_that_names_its_line(root, tmp_path):
    for columns in (("tags", "path"), ("path", "tags", "group")):
        file = write_csv(tmp_path / "a.csv", [("red",)], columns)
        with pytest.raises(ValueError, match=r"got line 2 of .*with 1 cells: 'red', expected path and tags in it"):
            load_folder(file)


def test_cells_of_optional_columns_may_be_missing_at_the_end_of_a_row(root, tmp_path):
    file = write_csv(tmp_path / "a.csv", rows_of(root), ("path", "tags", "group", "note"))
    assert len(load_folder(file).train.keys) == 18


def test_a_text_in_a_picture_file_is_skipped_with_a_reason_when_it_is_embedded(root, tmp_path):
    (root / "red" / "notes.jpg").write_text("not a picture")

    def run(read, indices):
        for i in indices:
            try:
                yield read(i).mean((0, 1)).astype(np.float32)
            except BadImageError as error:
                yield error

    embedded = extract_embeddings(
        load_folder(root).train, Runtime("fake", "f" * 64, run, lambda _: 0.0, None), 8, tmp_path
    )
    assert embedded.skipped == (("red/notes.jpg", "not a picture"),)
    assert len(embedded.embeddings) == 18


def test_hidden_files_and_those_of_desktops_are_ignored(root):
    before = dataset_fingerprint(load_folder(root))
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("hidden")
    (root / "red" / ".cache").mkdir()
    for name in (".DS_Store", "red/.hidden.png", "red/.cache/a.png", "red/Thumbs.db", "desktop.ini"):
        (root / name).write_bytes(b"desktop")
    dataset = load_folder(root)
    assert dataset.skipped == ()
    assert dataset_fingerprint(dataset) == before


def test_the_same_picture_under_two_tags_is_one_picture_with_both(root):
    shared = picture("green", 5000)
    for name in ("green/a.png", "green/copy of a.png", "red/b.png"):
        (root / name).write_bytes(shared)
    dataset = load_folder(root)
    assert pictures(dataset)[shared] == {"green", "red"}
    assert len(dataset.train.keys) + len(dataset.validation.keys) == 19


def test_several_tags_of_a_row_are_several_tags(root, tmp_path):
    files = [file for file, _ in rows_of(root)][:4]
    tags = [["a", "b"], ["b"], ["c", "a"], ["c"]]
    for path in (
        write_csv(tmp_path / "a.csv", [(f, " ;".join(t) + ";") for f, t in zip(files, tags, strict=True)]),
        write_jsonl(tmp_path / "a.jsonl", [(f, [*t, " "]) for f, t in zip(files, tags, strict=True)]),
    ):
        dataset = load_folder(path)
        assert pictures(dataset) == {(tmp_path / f).read_bytes(): set(t) for f, t in zip(files, tags, strict=True)}


def test_names_that_are_not_ascii_are_kept(tmp_path):
    for seed, tag in enumerate(("café", "猫", "naïve \u2028 tag")):
        (tmp_path / "p" / tag).mkdir(parents=True)
        for i in range(2):
            (tmp_path / "p" / tag / f"été {i} 📷.png").write_bytes(picture("red", 10 * seed + i))
    expected = load_folder(tmp_path / "p")
    assert {tag.name for tag in expected.tags} == {"café", "猫", "naïve tag"}
    for path in (
        write_csv(tmp_path / "a.csv", rows_of(tmp_path / "p")),
        write_jsonl(tmp_path / "a.jsonl", rows_of(tmp_path / "p")),
    ):
        assert dataset_fingerprint(load_folder(path)) == dataset_fingerprint(expected)


def test_names_that_are_not_utf8_are_read_and_can_be_printed(root):
    try:
        renamed = (root / "red").rename(root / os.fsdecode(b"r\xf4t"))
        (renamed / "0.png").rename(renamed / os.fsdecode(b"\xe9t\xe9.png"))
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    dataset = load_folder(root)
    assert [tag.name for tag in dataset.tags] == ["blue", "green", "r\\udcf4t"]
    assert "r\\udcf4t/\\udce9t\\udce9.png" in [*dataset.train.keys, *dataset.validation.keys]
    assert len(dataset_fingerprint(dataset)) == 64
    assert len(pictures(dataset)) == 18


@pytest.mark.parametrize("removed", [("red", "green"), ("red", "green", "blue")])
def test_fewer_than_two_tags_with_pictures_are_an_error(root, removed):
    for tag in removed:
        for file in (root / tag).iterdir():
            file.unlink()
    with pytest.raises(ValueError, match=f"got {3 - len(removed)} tags in .*, expected two or more"):
        load_folder(root)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "file,label\na.png,red\n", "with columns file, label, expected path and tags"),
        ("a.csv", "", "expected path and tags"),
        ("a.csv", 'path,tags\n"a' + 140_000 * "a", r"got line 2 of .*a\.csv: .* field larger than field limit"),
        ("a.csv", "path,tags\ncaf\xe9.png,red\n".encode("latin-1"), "a.csv, which is not a list in UTF-8"),
        ("a.jsonl", '{"path": "a.png", "tags": ["red"]}\n\n{"path": "b.png", "tags": \n', "got line 3 of .*a.jsonl"),
        ("a.jsonl", '{"path": "a.png"}\n', "got line 1 of"),
        ("a.jsonl", '{"path": 1, "tags": ["red"]}\n', "got line 1 of"),
        ("a.jsonl", '{"path": "a.png", "tags": null}\n', "got line 1 of"),
        ("a.jsonl", '["a.png", "red"]\n', "got line 1 of"),
        ("a.jsonl", b"\xff\xfe", "a.jsonl, which is not a list in UTF-8"),
        ("a.txt", "a.png red\n", "expected a folder with one sub-folder per tag, a .csv or a .jsonl file"),
    ],
)
def test_a_file_that_is_not_such_a_list_is_an_error_that_names_the_place(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as error:
        load_folder(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_a_path_that_does_not_exist_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "gone")):
        load_folder(tmp_path / "gone")


def test_a_file_too_large_for_a_picture_is_skipped_unread(root):
    film = root / "red" / "film.tif"
    with film.open("wb") as file:
        file.truncate(20 * 2**30)
    assert load_folder(root).skipped == (("red/film.tif", "20,480 MiB, too large for a picture"),)


def test_each_picture_costs_no_look_at_the_folder_above(root, monkeypatch):
    looks = []
    for look in (Path.is_dir, Path.is_file):

        def counted(path, *, look=look):
            looks.append(path)
            return look(path)

        monkeypatch.setattr(Path, look.__name__, counted)
    assert len(load_folder(root).train.keys) == 18
    assert 0 < looks.count(root) < 10
