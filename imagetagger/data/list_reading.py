"""A user's list of pictures and tags: a .csv as spreadsheets write it, or a .jsonl."""

import codecs
import csv
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from imagetagger.data.labelled_files import LabelledFile
from imagetagger.data.listed_paths import find_listed_file
from imagetagger.data.split_names import Role, split_role
from imagetagger.system.printable import cut, printable_text

log = logging.getLogger(__name__)

TABLE_SUFFIXES = {".csv", ".tsv", ".tab", ".txt"}
LIST_SUFFIXES = {*TABLE_SUFFIXES, ".jsonl", ".ndjson"}

MAX_LIST_BYTES = 2**30
"""Lists are read into memory."""

MAX_LINE_CHARACTERS = 1_000_000

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", ":": "colons", " ": "spaces"}

NULLS = {"nan", "NaN", "NaT", "None", "null", "NULL", "<NA>", "#N/A"}
"""What programs write for a missing value."""

PRINTED_LIST = re.compile(r"[\[({].*['\"].*[\])}]", re.DOTALL)

EXPECTED_PATH = "expected a folder with one sub-folder per tag, a .csv or a .jsonl file"


class _Row(msgspec.Struct):
    path: str
    tags: str | list[str]
    split: str | None = None
    group: str | int | None = None


class _Style(NamedTuple):
    """How a table separates and quotes its cells, as arguments of csv.reader."""

    delimiter: str
    quotechar: str


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
    if named := re.fullmatch(r'"?sep\s*=\s*(.)"?', header.strip("\ufeff "), re.IGNORECASE):  # so Excel names it
        number, header = next(lines, (2, ""))
    delimiters = [named[1]] if named else list(DELIMITERS)
    style, columns = _read_header(header, delimiters)
    if not {"path", "tags"} <= set(columns):
        if path.suffix.lower() == ".txt":
            raise ValueError(
                f"got path={path}, {EXPECTED_PATH}, or a .txt whose first line has the columns path and tags"
            )
        shown = cut(printable_text(", ".join(columns)), 200)
        raise ValueError(
            f"got {path} with columns {shown}, expected path and tags in its first line, "
            f"separated by {', '.join(DELIMITERS.values())}"
        )
    if twice := [name for name in ("path", "tags", "split", "group") if columns.count(name) > 1]:
        raise ValueError(f"got {path} with two columns {twice[0]}, expected one")
    doubtful: dict[str, None] = {}
    for number, line in lines:
        source = f"line {number} of {path}"
        cells = _cells(line, style, columns, source)
        if not any(cells):
            continue
        row = dict(zip(columns, cells, strict=False))
        if "path" not in row or "tags" not in row:
            raise ValueError(f"got {source} with {len(cells)} cells: {cut(line, 80)!r}, expected path and tags in it")
        if row["tags"] in NULLS:
            raise ValueError(
                f"got {source} with the tag {row['tags']}, as programs write a missing value: write its tags, or leave "
                "the row out. A tag of this name can be given in a .jsonl"
            )
        _refuse_printed_list(row["tags"], source)
        tags = row["tags"].split(";")
        doubtful |= dict.fromkeys(tag for tag in tags if "," in tag or "|" in tag)
        group = row.get("group", "").strip()
        file = find_listed_file(row["path"], path.parent)
        yield LabelledFile(file, tags, _role(row.get("split"), source), group, source, row["path"])
    _warn_of_joined_tags(path, doubtful, "separated by ;")


def _read_header(header: str, delimiters: list[str]) -> tuple[_Style, list[str]]:
    """Return how the first line separates and quotes its cells, and the names of its columns."""
    styles = [_Style(delimiter, quote) for quote in "\"'" for delimiter in delimiters]
    readings = [(style, _column_names(header, style)) for style in styles]
    usable = [reading for reading in readings if {"path", "tags"} <= set(reading[1])]
    rare = (":", " ")  # these are in texts too
    return max(usable[:1] or readings, key=lambda reading: (reading[0].delimiter not in rare, len(reading[1])))


def _column_names(header: str, style: _Style) -> list[str]:
    try:
        cells = next(csv.reader([header], skipinitialspace=True, **style._asdict()), [])
    except csv.Error:
        return []
    return [cell.strip().strip('"').lower() for cell in cells]


def _refuse_printed_list(text: str, source: str) -> None:
    if PRINTED_LIST.fullmatch(text.strip()):
        raise ValueError(
            f"got {source} with the tags {cut(text, 80)!r}, a list as Python prints it: expected tags separated by "
            "semicolons, cat;sofa, or in a .jsonl a list"
        )


def _warn_of_joined_tags(path: Path, tags: Mapping[str, None], how: str) -> None:
    if tags:
        log.warning(
            "%s: %d texts with separators are taken as one tag each, the first %r; several tags of a picture are %s",
            path,
            len(tags),
            next(iter(tags)),
            how,
        )


def _cells(line: str, style: _Style, columns: list[str], source: str) -> list[str]:
    delimiter = style.delimiter
    try:
        cells = next(csv.reader([line], skipinitialspace=True, strict=True, **style._asdict()))
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
    doubtful: dict[str, None] = {}
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
        if isinstance(row.tags, str):
            _refuse_printed_list(row.tags, source)
            doubtful |= dict.fromkeys(tag for tag in tags if re.search("[,|;]", tag))
        group = "" if row.group is None else str(row.group).strip()
        yield LabelledFile(
            find_listed_file(row.path, path.parent), tags, _role(row.split, source), group, source, row.path
        )
    _warn_of_joined_tags(path, doubtful, 'a list: ["cat", "sofa"]')


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
