"""What a user's folder, .csv or .jsonl lists: files, with their tags, their split and their group."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, get_args

Role = Literal["train", "validation", "test"]
"""What a split serves for."""

ROLES: tuple[Role, ...] = get_args(Role)
IGNORED_NAMES = {
    *("thumbs.db", "desktop.ini", "__macosx"),
    *("@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin"),  # of network storage and Windows
}
SPLIT_WORDS: dict[Role, set[str]] = {
    "train": {"train", "training", "trainset", "trn"},
    "validation": {"val", "valid", "validation", "validate", "valset", "dev", "devset", "eval", "evaluation"},
    "test": {"test", "testing", "testset", "tst"},
}
FILLER_WORDS = {"set", "seg", "split", "data", "dataset", "images", "image", "img", "imgs", "pictures", "photos", "x"}


class LabelledFile(NamedTuple):
    """A listed file.

    Attributes:
        file: where it should be.
        tags: their names, untrimmed and perhaps empty.
        role: of the split that the user put it in; None without splits.
        group: the user's own; "" for none.
    """

    file: Path
    tags: list[str]
    role: Role | None = None
    group: str = ""


def list_pictures(path: Path) -> tuple[list[LabelledFile], list[str]]:
    """List the pictures of a folder, a .csv or a .jsonl, and the folders beside its splits that are left out.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: it is no such list, or its splits cannot be used.
    """
    if not path.exists():
        raise FileNotFoundError(f"got path={path}, where nothing is: expected a folder, .csv or .jsonl")
    if path.is_dir():
        return _list_folder(path)
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    if path.suffix.lower() not in readers:
        raise ValueError(f"got path={path}, expected a folder with one sub-folder per tag, a .csv or a .jsonl file")
    try:
        return list(readers[path.suffix.lower()](path)), []
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"got path={path}, which is not a list in UTF-8: {error}") from error


def split_role(name: str) -> Role | None:
    """Return what a folder or a value of the column `split` serves for, by its name; None if that says nothing.

    >>> [split_role(name) for name in ("Training", "val", "seg_test", "dev-set", "train2017", "cat", "train station")]
    ['train', 'validation', 'test', 'validation', 'train', None, None]
    """
    words = set(re.split(r"[\W\d_]+", name.lower())) - FILLER_WORDS - {""}
    return next((role for role, known in SPLIT_WORDS.items() if words and words <= known), None)


def is_ignored_name(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or left by a desktop or by network storage.

    >>> [is_ignored_name(name) for name in (".thumbnails", "@eaDir", "Thumbs.db", "cat.jpg")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in IGNORED_NAMES


def _list_folder(root: Path) -> tuple[list[LabelledFile], list[str]]:
    folders = _sub_folders(root)
    splits = {folder: role for folder in folders if (role := split_role(folder.name))}
    tags = {split: _tag_folders(split, role) for split, role in splits.items()}
    usable = [split for split in splits if _shares_tags(split, tags)]
    roles = {splits[split] for split in usable}
    if "train" in roles and len(roles) > 1:
        pictures = [
            LabelledFile(file, [tag.name], splits[split])
            for split in usable
            for tag in tags[split]
            for file in _files(tag, root)
        ]
        loose = [LabelledFile(file, [], splits[split]) for split in usable for file in _loose_files(split, root)]
        return pictures + loose, [folder.name for folder in folders if folder not in usable]
    beside = [folder for folder in folders if folder not in splits and any(_files(folder, root))]
    if len(set(splits.values())) > 1 or (splits and not beside):
        names = ", ".join(folder.name for folder in splits)
        raise ValueError(
            f"got path={root}, whose sub-folders {names} are splits, not tags, and cannot be used as such: expected a "
            f"training folder and others with sub-folders of the same tags. Name one of them, as in "
            f"path={min(splits)}, or list the pictures in a .csv with the columns path, tags and split"
        )
    pictures = [LabelledFile(file, [tag.name]) for tag in folders for file in _files(tag, root)]
    return [LabelledFile(file, []) for file in _loose_files(root, root)] + pictures, []


def _tag_folders(split: Path, role: Role) -> list[Path]:
    """Return the sub-folders of a split, one folder deeper where it only holds another of its role."""
    folders = _sub_folders(split)
    if len(folders) == 1 and split_role(folders[0].name) == role:
        return _sub_folders(folders[0])
    return folders


def _shares_tags(split: Path, tags: Mapping[Path, list[Path]]) -> bool:
    names = {tag.name for tag in tags[split]}
    return any(names & {tag.name for tag in tags[other]} for other in tags if other != split)


def _sub_folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not _ignored(entry, root))


def _loose_files(folder: Path, root: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_file() and not _ignored(entry, root))


def _files(folder: Path, root: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file() and not _ignored(file, root))


def _ignored(file: Path, root: Path) -> bool:
    return any(map(is_ignored_name, file.relative_to(root).parts))


def _read_csv(path: Path) -> Iterator[LabelledFile]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if not {"path", "tags"} <= set(columns):
            raise ValueError(f"got {path} with columns {', '.join(columns)}, expected path and tags")
        for row in reader:
            role = _role(row.get("split"), f"line {reader.line_num} of {path}")
            picture = path.parent / (row["path"] or "")
            yield LabelledFile(picture, (row["tags"] or "").split(";"), role, (row.get("group") or "").strip())


def _read_jsonl(path: Path) -> Iterator[LabelledFile]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            tags = [row["tags"]] if isinstance(row["tags"], str) else list(map(str, row["tags"]))
            file, role, group = path.parent / row["path"], row.get("split"), row.get("group")
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(
                f'got line {number} of {path}: {line[:80]!r}, expected {{"path": "a.jpg", "tags": ["cat"]}}'
            ) from error
        group = "" if group is None else str(group).strip()
        yield LabelledFile(file, tags, _role(role, f"line {number} of {path}"), group)


def _role(value: object, place: str) -> Role | None:
    if value is None or not str(value).strip():
        return None
    if role := split_role(str(value)):
        return role
    raise ValueError(f"got split={value!r} in {place}, expected train, validation or test")
