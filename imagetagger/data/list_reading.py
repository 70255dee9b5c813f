"""A user's list of pictures and tags: a .csv as spreadsheets write it, or a .jsonl."""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from imagetagger.data.labelled_files import LabelledFile
from imagetagger.data.listed_paths import find_listed_file
from imagetagger.data.split_names import Role, split_role
from imagetagger.system.printable import cut

TABLE_SUFFIXES = {".csv", ".tsv", ".tab", ".txt"}
LIST_SUFFIXES = {*TABLE_SUFFIXES, ".jsonl", ".ndjson"}

MAX_LIST_BYTES = 2**30
"""Lists are read into memory."""

MAX_LINE_CHARACTERS = 1_000_000

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

EXPECTED_PATH = "expected a folder with one sub-folder per tag, a .csv or a .jsonl file"


class _Row(msgspec.Struct):
    path: str
    tags: str | list[str]
    split: str | None = None
    group: str | int | None = None


def read_list(path: Path) -> Iterator[LabelledFile]:
    """Yield the pictures of a list.

    Raises:
        ValueError: it is no such list; malformed lines are named by their number.
    """
    suffix = path.suffix.lower()
    if suffix not in LIST_SUFFIXES or not path.is_file():
        fix = "; a spreadsheet can save it as .csv" if suffix in (".xlsx", ".xls", ".ods", ".numbers") else ""
        fix = "; a .jsonl has one object per line" if suffix == ".json" else fix
        raise ValueError(f"got path={path}, {EXPECTED_PATH}{fix}")
    if (size := path.stat().st_size) > MAX_LIST_BYTES:
        raise ValueError(f"got path={path} of {size:,} bytes, expected a list of at most {MAX_LIST_BYTES:,}")
    text = _decode(path)
    return _read_table(path, text) if suffix in TABLE_SUFFIXES else _read_jsonl(path, text)


def _decode(path: Path) -> str:
    data = path.read_bytes()
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and len(data) > 2
    try:
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"got path={path}, which is not a list in UTF-8: {error}. Save it as UTF-8, which spreadsheets offer as "
            "'CSV UTF-8'"
        ) from error


def _numbered_lines(path: Path, text: str, ends: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(re.split(ends, text), 1):
        if len(line) > MAX_LINE_CHARACTERS:
            raise ValueError(
                f"got line {number} of {path} with {len(line):,} characters, expected at most {MAX_LINE_CHARACTERS:,}"
            )
        if "\0" in line:
            raise ValueError(f"got line {number} of {path} with a NUL character, expected text in UTF-8")
        if line.strip():
            yield number, line


def _read_table(path: Path, text: str) -> Iterator[LabelledFile]:
    """Read line by line: no cell holds a line break, so a quote that is not closed cannot swallow the next rows."""
    lines = _numbered_lines(path, text, r"\r\n|\n|\r")
    number, header = next(lines, (1, ""))
    if named := re.fullmatch(r'"?sep=(.)"?', header.strip("\ufeff ")):  # with which Excel names the delimiter
        number, header = next(lines, (2, ""))
    delimiters = [named[1]] if named else list(DELIMITERS)
    readings = [(delimiter, _column_names(header, delimiter)) for delimiter in delimiters]
    usable = [reading for reading in readings if {"path", "tags"} <= set(reading[1])]
    delimiter, columns = usable[0] if usable else max(readings, key=lambda reading: len(reading[1]))
    if not {"path", "tags"} <= set(columns):
        if path.suffix.lower() == ".txt":
            raise ValueError(
                f"got path={path}, {EXPECTED_PATH}, or a .txt whose first line has the columns path and tags"
            )
        raise ValueError(
            f"got {path} with columns {', '.join(columns)[:200]}, expected path and tags in its first line, "
            "separated by commas, semicolons or tabs"
        )
    if twice := [name for name in ("path", "tags", "split", "group") if columns.count(name) > 1]:
        raise ValueError(f"got {path} with two columns {twice[0]}, expected one")
    for number, line in lines:
        source = f"line {number} of {path}"
        cells = _cells(line, delimiter, columns, source)
        if not any(cells):
            continue
        row = dict(zip(columns, cells, strict=False))
        if "path" not in row or "tags" not in row:
            raise ValueError(f"got {source} with {len(cells)} cells: {cut(line, 80)!r}, expected path and tags in it")
        group = row.get("group", "").strip()
        file = find_listed_file(row["path"], path.parent)
        yield LabelledFile(file, row["tags"].split(";"), _role(row.get("split"), source), group, source, row["path"])


def _column_names(header: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []
    return [cell.strip().strip('"').lower() for cell in cells]


def _cells(line: str, delimiter: str, columns: list[str], source: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        fix = 'a cell in quotes ends in its line, and a quote inside is doubled: "a ""b"" c"'
        raise ValueError(f"got {source}: {cut(line, 80)!r}, which is not a row: {error}; {fix}") from error
    if any(cell.strip() for cell in cells[len(columns) :]):
        separated = DELIMITERS.get(delimiter, repr(delimiter))
        tags = "; several tags of a picture are one cell, separated by semicolons: "
        tags += '"cat;sofa"' if delimiter == ";" else "cat;sofa"
        raise ValueError(
            f"got {source} with {len(cells)} cells separated by {separated}: {cut(line, 80)!r}, expected "
            f"{len(columns)}: {', '.join(columns)[:200]}{tags}. A cell that holds {separated} is in quotes"
        )
    return [cell if columns[i] == "path" else cell.strip() for i, cell in enumerate(cells[: len(columns)])]


def _read_jsonl(path: Path, text: str) -> Iterator[LabelledFile]:
    for number, line in _numbered_lines(path, text, r"\n"):
        source = f"line {number} of {path}"
        try:
            row = msgspec.convert(json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse), _Row)
            tags = [row.tags] if isinstance(row.tags, str) else row.tags
            "".join(tags).encode()  # refuses half a surrogate pair
        except (ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
            raise ValueError(
                f'got {source}: {cut(line, 80)!r}, expected {{"path": "a.jpg", "tags": ["cat"]}}: {reason}'
            ) from error
        group = "" if row.group is None else str(row.group).strip()
        yield LabelledFile(
            find_listed_file(row.path, path.parent), tags, _role(row.split, source), group, source, row.path
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(row := dict(pairs)) < len(pairs):
        raise ValueError("it has a key twice")
    return row


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _role(value: str | None, source: str) -> Role | None:
    if value is None or not value.strip():
        return None
    if role := split_role(value):
        return role
    raise ValueError(f"got split={value[:100]!r} in {source}, expected train, validation or test")
