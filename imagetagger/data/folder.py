"""A user's own pictures: a folder with one sub-folder per tag, or a .csv / .jsonl file of paths and tags."""

import csv
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from imagetagger.data.dataset import Dataset, DatasetTag, Skip, Split, content_id, pad_labels
from imagetagger.data.splits import train_validation_split

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 2**30
"""Larger files are skipped: each file is read into memory."""
IGNORED_NAMES = {"thumbs.db", "desktop.ini"}
SPLIT_NAMES = {"train", "val", "valid", "validation", "test"}


def load_folder(path: Path, validation_fraction: float, seed: int) -> Dataset:
    """Load a user's pictures, a share of each tag's held out for validation by content and seed.

    The same picture under two tags is one picture with two tags; copies under one tag count once.

    Args:
        path: a folder whose sub-folders are tags; a .csv with columns `path` and `tags` (several separated by
            `;`); or a .jsonl of {"path": ..., "tags": [...]}. Paths are relative to the file.
        validation_fraction: share of each tag's pictures to evaluate on.
        seed: of the split.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: fewer than two tags, or a file that is not such a list.
    """
    if not path.exists():
        raise FileNotFoundError(f"got path={path}, where nothing is: expected a folder, .csv or .jsonl")
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    if path.is_file() and path.suffix.lower() not in readers:
        raise ValueError(f"got path={path}, expected a folder with one sub-folder per tag, a .csv or a .jsonl file")
    try:
        pairs = list(_read_folder(path) if path.is_dir() else readers[path.suffix.lower()](path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"got path={path}, which is not a list in UTF-8: {error}") from error

    def key(file: Path) -> str:
        return _printable(file.relative_to(path).as_posix() if path.is_dir() else str(file))

    files: dict[bytes, Path] = {}
    tags_of: dict[bytes, set[str]] = {}
    skipped = []
    for file, names in tqdm(pairs, desc="reading pictures", unit="image", disable=None, delay=2):
        tags = {_printable(tag).strip() for tag in names} - {""}
        if problem := "has no tag" if not tags else _problem(file):
            skipped.append(Skip(key(file), problem))
            continue
        content = content_id(file.read_bytes())
        files.setdefault(content, file)
        tags_of.setdefault(content, set()).update(tags)
    if duplicates := len(pairs) - len(skipped) - len(files):
        log.info("copies of other pictures: %d, counted once, with the tags of all copies", duplicates)
    tag_names = sorted(set().union(*tags_of.values()))
    if len(tag_names) < 2:
        raise ValueError(
            f"got {len(tag_names)} tags in {path}, expected two or more: one sub-folder with pictures per tag"
        )
    index = {name: i for i, name in enumerate(tag_names)}
    ids = sorted(files)
    paths = [files[content] for content in ids]
    split = Split(
        keys=[key(file) for file in paths],
        ids=ids,
        labels=pad_labels(sorted(index[name] for name in tags_of[content]) for content in ids),
        read=lambda i: paths[i].read_bytes(),
    )
    train, validation = train_validation_split(split, validation_fraction, seed)
    return Dataset("folder", tuple(DatasetTag(name, name) for name in tag_names), train, validation, tuple(skipped))


def _printable(name: str) -> str:
    """Return a name with `?` for bytes that are not UTF-8."""
    return name.encode(errors="replace").decode()


def _problem(file: Path) -> str | None:
    try:
        if not file.is_file():
            return "no such file"
        size = file.stat().st_size
        if size == 0:
            return "empty file"
        if size > MAX_FILE_BYTES:
            return f"{size / 2**20:,.0f} MiB, too large for a picture"
        file.open("rb").close()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _read_folder(root: Path) -> Iterator[tuple[Path, list[str]]]:
    folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if folders and {folder.name.lower() for folder in folders} <= SPLIT_NAMES:
        raise ValueError(
            f"got path={root}, whose sub-folders {', '.join(f.name for f in folders)} are splits, not tags: "
            f"name one of them, as in path={folders[0]}"
        )
    for entry in sorted(root.iterdir()):
        if entry.is_file() and not _is_ignored(entry, root):
            yield entry, []
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not _is_ignored(file, root):
                yield file, [folder.name]


def _is_ignored(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return hidden or file.name.lower() in IGNORED_NAMES


def _read_csv(path: Path) -> Iterator[tuple[Path, list[str]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if not {"path", "tags"} <= set(columns):
            raise ValueError(f"got {path} with columns {', '.join(columns)}, expected path and tags")
        for row in reader:
            yield path.parent / (row["path"] or ""), (row["tags"] or "").split(";")


def _read_jsonl(path: Path) -> Iterator[tuple[Path, list[str]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            tags = [row["tags"]] if isinstance(row["tags"], str) else list(map(str, row["tags"]))
            yield path.parent / row["path"], tags
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f'got line {number} of {path}: {line[:80]!r}, expected {{"path": "a.jpg", "tags": ["cat"]}}'
            ) from error
