"""Lists as spreadsheets, people and programs write them; malformed lines are named by their number."""

import csv
import io
import json
import logging
import os
import re
import unicodedata
from pathlib import Path

import pytest

from imagetagger.data.folder import load_folder
from imagetagger.data.list_reading import read_list
from tests.helpers.cases import copy_case

ROWS = [(f"p/{tag}/{i}.jpg", tag) for tag in ("balloon", "boat") for i in range(3)]


@pytest.fixture
def folder(tmp_path) -> Path:
    for number, (file, _) in enumerate(ROWS):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(bytes([number + 1]))
    return tmp_path


def table(rows=ROWS, header=("path", "tags"), delimiter=",", end="\n") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows([header, *rows])
    return file.getvalue()


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def found(path: Path) -> dict[str, list[str]]:
    """The tags of each picture of a list, by its file."""
    dataset = load_folder(path)
    assert dataset.skipped == ()
    return {
        Path(key).relative_to(path.parent).as_posix(): [dataset.tags[k].name for k in labels if k >= 0]
        for key, labels in zip(dataset.train.keys, dataset.train.labels, strict=True)
    }


EXPECTED = {file: [tag] for file, tag in ROWS}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", table(delimiter=";", end="\r\n")),
        ("a.csv", "sep=;\r\n" + table(delimiter=";", end="\r\n")),
        ("a.csv", "\ufeff" + table(delimiter=";")),
        ("a.csv", table(delimiter="\t")),
        ("a.tsv", table(delimiter="\t")),
        ("a.csv", "SEP=;\n" + table(delimiter=";")),
        ("a.csv", "sep = ;\n" + table(delimiter=";")),
        ("a.csv", table(delimiter="|")),
        ("a.csv", table(delimiter=":")),
        ("a.csv", table(delimiter=" ")),
        ("a.csv", table([(f"'{file}'", f"'{tag}'") for file, tag in ROWS], ("'path'", "'tags'"))),
        ("a.csv", table([(f"'{file}'", f"'{tag}'") for file, tag in ROWS], ("'path'", "'tags'"), ";")),
        ("a.csv", table(end="\r")),
        ("a.csv", table(header=(" Path ", "TAGS"))),
        ("a.csv", table().replace(",", ", ")),
        ("a.csv", table().replace(",", " , ")),
        ("a.csv", '"path", "tags"\n' + "".join(f'"{file}", "{tag}"\n' for file, tag in ROWS)),
        ("a.csv", table().replace("\n", "\n\n") + ",\n , \n"),
        ("a.csv", table(header=("path", "tags", "", "")).replace(",,\n", ",,,,\n")),
        ("a.csv", table([(*row, "", "") for row in ROWS])),
        ("a.csv", table([(*row, "a note; with more") for row in ROWS], ("path", "tags", "note"))),
        ("a.csv", table(delimiter="\t").encode("utf-16")),
        ("unicode text.txt", table(delimiter="\t", end="\r\n").encode("utf-16")),
        ("a.txt", table(delimiter=";").encode("utf-8-sig")),
        ("a.csv", table().replace("/", "\\")),
        ("a.csv", table([(f"./{file}", tag) for file, tag in ROWS])),
        ("a.csv", table([(f"  {file} ", tag) for file, tag in ROWS])),
        ("a.jsonl", "\n\n".join(json.dumps({"path": file, "tags": tag}) for file, tag in ROWS)),
        ("a.ndjson", "\r\n".join(json.dumps({"path": file, "tags": [tag], "note": 1.5}) for file, tag in ROWS)),
        ("a.jsonl", "\n".join(json.dumps({"path": file.replace("/", "\\"), "tags": [tag]}) for file, tag in ROWS)),
    ],
)
def test_a_list_in_any_usual_spelling_is_read(folder, name, content):
    assert found(write(folder / name, content)) == EXPECTED


def test_paths_from_home_as_addresses_and_absolute_are_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    odd = folder / "p" / "odd # 100% é"
    (folder / "p" / "boat").rename(odd)
    for i, written in enumerate((f"~/p/{odd.name}/0.jpg", (odd / "0.jpg").as_uri(), str(odd / "0.jpg"))):
        rows = [*ROWS[:3], (written, "boat")]
        assert found(write(folder / f"{i}.csv", table(rows)))[f"p/{odd.name}/0.jpg"] == ["boat"]


def test_a_name_that_is_there_as_written_is_taken_before_any_other_reading(folder):
    for name in (" a.jpg ", "~", "back\\slash.jpg"):
        (folder / name).write_bytes(name.encode())
    rows = [*ROWS, ('" a.jpg "', "boat"), ("~", "boat"), ("back\\slash.jpg", "boat")]
    text = "path,tags\n" + "".join(f"{file},{tag}\n" for file, tag in rows)
    assert {" a.jpg ", "~", "back\\slash.jpg"} <= found(write(folder / "a.csv", text)).keys()


@pytest.mark.parametrize(("on_disk", "in_list"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_of_another_unicode_form_are_found(folder, on_disk, in_list):
    name = "Äpfel und Öl.jpg"
    (folder / unicodedata.normalize(on_disk, name)).write_bytes(b"apples")
    rows = [*ROWS, (unicodedata.normalize(in_list, name), "boat")]
    assert unicodedata.normalize(on_disk, name) in found(write(folder / "a.csv", table(rows)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_several_tags_of_a_cell_are_separated_by_semicolons_whatever_separates_cells(folder, delimiter):
    rows = [*ROWS[:5], (ROWS[5][0], "boat; sofa;")]
    assert found(write(folder / "a.csv", table(rows, delimiter=delimiter)))[ROWS[5][0]] == ["boat", "sofa"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "p/boat/0.jpg,boat,sofa",
            r"with 3 cells separated by commas: .*expected 2: path, tags; several tags .*cat;sofa",
        ),
        ("p/boat/0.jpg", "with 1 cells: .*expected path and tags in it"),
        ('p/boat/0.jpg,"boat', "which is not a row: unexpected end of data; a cell in quotes ends in its line"),
        ('"p/boat/0.jpg"x,boat', "which is not a row: ',' expected after '\"'"),
        ("p/boat/0.jpg,bo\0at", "with a NUL character"),
        ("p/boat/0.jpg,\"['boat', 'sofa']\"", "a list as Python prints it: expected tags separated by semicolons"),
        ("p/boat/0.jpg,('boat' 'sofa')", "a list as Python prints it: expected tags separated by semicolons"),
        ("p/boat/0.jpg,NaN", "with the tag NaN, as programs write a missing value: write its tags, or leave the row"),
        ("p/boat/0.jpg, None ", "with the tag None, as programs write a missing value"),
        ('p/boat/0.jpg,"' + 140_000 * "a" + '"', "field larger than field limit"),
        ("p/boat/0.jpg," + 1_100_000 * "a", "with 1,100,013 characters, expected at most 1,000,000"),
    ],
)
def test_a_malformed_row_is_an_error_that_names_its_line_and_the_fix(folder, line, message):
    lines = table().splitlines()
    path = write(folder / "a.csv", "\n".join([*lines[:3], "", line, *lines[3:]]))
    with pytest.raises(ValueError, match=f"got line 5 of {re.escape(str(path))}.*{message}") as error:
        load_folder(path)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    ("name", "content", "tag"),
    [
        ("a.csv", table([(file, f"{tag},sofa;brown") for file, tag in ROWS]), "balloon,sofa"),
        ("a.csv", table([(file, f"{tag}|sofa") for file, tag in ROWS]), "balloon|sofa"),
        (
            "a.jsonl",
            "\n".join(json.dumps({"path": file, "tags": f"{tag};sofa"}) for file, tag in ROWS),
            "balloon;sofa",
        ),
    ],
)
def test_tags_that_seem_to_be_several_are_one_and_the_log_says_so_once(folder, caplog, name, content, tag):
    assert tag in found(write(folder / name, content))[ROWS[0][0]]
    assert caplog.text.count(f"2 texts with separators are taken as one tag each, the first '{tag}'; several") == 1


def test_nothing_is_said_of_a_list_of_tags_with_separators_nor_of_ordinary_brackets(folder, caplog):
    tags = ["kit fox, Vulpes", "a [b]", "None", "(c)"]
    lists = "\n".join(json.dumps({"path": file, "tags": tags}) for file, _ in ROWS)
    assert found(write(folder / "a.jsonl", lists))[ROWS[0][0]] == sorted(tags)
    assert found(write(folder / "a.csv", table([(file, "[boat];(c);none") for file, _ in ROWS])))[ROWS[0][0]]
    assert "separators" not in caplog.text


def test_a_row_with_too_many_cells_between_semicolons_says_to_quote(folder):
    path = write(folder / "a.csv", "path;tags\np/boat/0.jpg;boat;sofa\n")
    with pytest.raises(ValueError, match=r'line 2 of .* 3 cells separated by semicolons: .*"cat;sofa"'):
        load_folder(path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"path": "a.jpg", "tags": [["cat"]]}', r"Expected `str`, got `array` - at `\$.tags\[0\]`"),
        ('{"path": "a.jpg", "tags": ["cat", null]}', r"Expected `str`, got `null` - at `\$.tags\[1\]`"),
        ('{"path": "a.jpg", "tags": [1]}', "Expected `str`, got `int`"),
        ('{"path": "a.jpg", "tags": {"cat": 1}}', "got `object`"),
        ('{"path": "a.jpg", "tags": true}', "got `bool`"),
        ('{"path": null, "tags": ["cat"]}', r"Expected `str`, got `null` - at `\$.path`"),
        ('{"path": "a.jpg", "tags": "cat", "split": 1}', r"at `\$.split`"),
        ('{"path": "a.jpg", "tags": "cat", "group": ["a"]}', r"at `\$.group`"),
        ('{"path": "a.jpg", "tags": "cat", "note": NaN}', "NaN is not a JSON number"),
        ('{"path": "a.jpg", "tags": "cat", "tags": "dog"}', "it has a key twice"),
        ('{"path": "a.jpg", "tags": "\\ud83d"}', "surrogates not allowed"),
        ('{"path": "a.jpg", "tags": ' + 100_000 * "[", "it is nested too deeply"),
        ('{"path": "a.jpg", "tags": "cat", "note": ' + 100_000 * "[" + 100_000 * "]" + "}", "it is nested too deeply"),
        ('{"path": "a.jpg", "tags": "cat", "note": ' + 5000 * "9" + "}", "Exceeds the limit"),
        ("[]", "Expected `object`, got `array`"),
        ('"a.jpg"', "Expected `object`, got `str`"),
        ("{'path': 'a.jpg'}", "Expecting property name"),
        ('{"path": "a.jpg", "tags": ["cat"]', "delimiter"),
    ],
)
def test_a_malformed_object_is_an_error_that_names_its_line(folder, line, reason):
    path = write(folder / "a.jsonl", f'{{"path": "p/boat/0.jpg", "tags": ["boat"]}}\n\n{line}\n')
    with pytest.raises(ValueError, match=f"got line 3 of {re.escape(str(path))}.*{reason}") as error:
        load_folder(path)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "with columns , expected path and tags in its first line"),
        ("a.csv", table([]).encode(), "got 0 tags in"),
        ("a.csv", b"path,tags,path\n", "two columns path, expected one"),
        ("a.csv", b"file\tlabel\n", "with columns file, label, expected path and tags"),
        ("a.csv", table().encode("utf-16-le"), "with columns|with a NUL character"),
        ("a.csv", table([("p/é.jpg", "boat")]).encode("cp1252"), "not a list in UTF-8: .* Save it as UTF-8"),
        ("a.jsonl", b"", "got 0 tags in"),
        ("a.json", b"[]", "a .jsonl has one object per line"),
        ("a.xlsx", b"PK", "a spreadsheet can save it as .csv"),
        ("a", b"PK", "expected a folder with one sub-folder per tag, a .csv or a .jsonl file"),
    ],
)
def test_a_file_that_is_no_list_is_an_error_that_says_what_is_expected(folder, name, content, message):
    with pytest.raises(ValueError, match=message):
        load_folder(write(folder / name, content))


def test_a_pipe_instead_of_a_list_is_refused_and_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="expected a folder"):
        load_folder(tmp_path / "a.csv")


def test_files_that_cannot_be_pictures_are_skipped_each_with_its_reason(folder):
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.jpg").symlink_to("nowhere")
    odd = {
        "pipe.jpg": "a pipe, socket or device: expected a file",
        "gone.jpg": "a link to nowhere, where nothing is",
        "p": "a folder: expected a picture",
        "https://example.org/a.jpg": "an address on the web: expected a file",
        "C:\\Users\\me\\a.jpg": "no such file: an absolute path of Windows",
        "\\\\nas\\photos\\a.jpg": "no such file: an absolute path of Windows",
        "p/boat/0.jpg/a": "no such file",
        "n" * 300 + ".jpg": "cannot be read: File name too long",
        "a\0b.jpg": "no such file: no path has such characters",
        "\ud800.jpg": "no such file: no path has such characters",
    }
    rows = [{"path": file, "tags": tag} for file, tag in [*ROWS, *((file, "boat") for file in odd)]]
    dataset = load_folder(write(folder / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [skip.reason for skip in dataset.skipped] == list(odd.values())


def test_some_files_that_are_missing_are_counted_with_the_first_and_where_paths_lead(folder, caplog):
    rows = [*ROWS, ("p/boat/8.jpg", "boat"), ("p/boat/9.jpg", "boat"), ("p", "boat")]
    with caplog.at_level(logging.WARNING):
        load_folder(write(folder / "a.csv", table(rows)))
    text = "2 of 9 pictures are not there; the first: p/boat/8.jpg: no such file. Paths are relative to the file, to"
    assert f"{text} {folder}; and 1 for other reasons" in caplog.text


def test_every_picture_has_its_line(folder):
    (folder / "a.csv").write_text("sep=,\n\npath,tags\n\np/boat/0.jpg,boat\r\n\r\np/boat/1.jpg,boat")
    assert [picture.source.split(" of ")[0] for picture in read_list(folder / "a.csv")] == ["line 5", "line 7"]


@pytest.mark.parametrize("name", ["spaces.csv", "windows.csv"], ids="B08-list-none-found-{}".format)
def test_lists_with_spaces_and_backslashes_work(tmp_path, name):
    assert found(copy_case("B08-list-none-found", tmp_path) / name) == EXPECTED


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("case.csv", "p/balloon/0.JPG: no such file; there is 0.jpg, which differs in upper and lower case"),
        ("home.csv", "{home}/p/balloon/0.jpg: no such file"),
        ("wrong_folder.csv", "images/p/balloon/0.jpg: no such file"),
    ],
    ids=["B08-list-none-found-case", "B08-list-none-found-home", "B08-list-none-found-folder"],
)
def test_where_no_picture_is_found_the_error_counts_them_with_the_first(tmp_path, monkeypatch, name, first):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = copy_case("B08-list-none-found", tmp_path) / name
    with pytest.raises(ValueError, match="6 of 6 pictures are not there; the first") as error:
        load_folder(path)
    text = f"the first: {first}. Paths are relative to the file, to {path.parent}".format(home=tmp_path / "home")
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tags_by_comma.csv", "got line 2 of .*with 3 cells"),
        ("unclosed_quote.csv", "got line 8 of .*which is not a row"),
        ("null_and_nested.jsonl", "got line 1 of .*Expected `str`, got `array`"),
    ],
    ids="B09-list-read-wrong-{}".format,
)
def test_lists_that_were_read_wrongly_are_errors_that_name_the_line(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        load_folder(copy_case("B09-list-read-wrong", tmp_path) / name)


@pytest.mark.parametrize(
    "name", ["excel_semicolons.csv", "tabs.csv", "header_with_space.csv"], ids="B23-list-delimiters-{}".format
)
def test_delimiters_of_spreadsheets_are_recognised(tmp_path, name):
    assert found(copy_case("B23-list-delimiters", tmp_path) / name) == EXPECTED


def test_a_missing_path_in_the_message_steers_no_terminal(folder):
    path = write(folder / "a.jsonl", json.dumps({"path": "\x1b[2Ja.jpg", "tags": "cat"}))
    with pytest.raises(ValueError, match=r"1 of 1 pictures are not there; the first: \\x1b\[2Ja.jpg: no such file"):
        load_folder(path)


def test_a_header_of_control_characters_is_shown_escaped(tmp_path):
    """Found by fuzzing."""
    (tmp_path / "list.csv").write_bytes(b"\x1b\xc2\x80path,tags\np/0.jpg,boat\n")
    with pytest.raises(ValueError, match=r"with columns \\x1b\\x80path, tags, expected path and tags") as error:
        load_folder(tmp_path / "list.csv")
    assert "\x1b" not in str(error.value)
