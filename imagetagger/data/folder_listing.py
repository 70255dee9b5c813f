"""The pictures of a folder, by its layout: tags, splits of tags, or tags of splits.

Names decide what cannot be seen otherwise. Folders named like splits are splits if they hold sub-folders of equal
names. Other folders that hold sub-folders of equal names are refused, since they may be splits, albums or cameras: if
half of the folders or more hold nothing but sub-folders, at least half of which are in others too, and two at least; of
folders that are a series (cameraA, cameraB; 2023, 2024) one is enough. Names that only sort the pictures of a tag (raw,
indoor, 2023-05, 1) do not count, or only in a series and two of them.
"""

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from imagetagger.bundle.names import name_key
from imagetagger.data.folder_walk import FolderContents, join_contents, list_folder, walk_folder
from imagetagger.data.labelled_files import LabelledFile, Listing
from imagetagger.data.split_names import Role, are_series, is_view_name, likely_role, split_role
from imagetagger.system.printable import first_names

MAX_WRAPPERS = 5
"""Folders that hold nothing but the next one."""

AS_LIST = "list the pictures in a .csv with the columns path, tags and split"


class _TopFolder(NamedTuple):
    """A folder of the top level: all that lies below it, and the folders on the way down to each of its pictures."""

    path: Path
    contents: FolderContents
    ways: list[tuple[str, ...]]


class _Split(NamedTuple):
    """A folder of a split: its tags lie `depth` folders below it."""

    folder: _TopFolder
    role: Role
    depth: int

    @property
    def tags(self) -> set[str]:
        return {name_key(way[self.depth]) for way in self.folder.ways if len(way) > self.depth}


def list_labelled_folder(root: Path, known: Collection[str] = ()) -> Listing:
    """List the pictures of a folder with their tags and splits.

    Args:
        root: holds a folder per tag, splits of such folders, or one folder with either.
        known: keys of tags that are folders rather than wrappers of the tags' folders; none if any name can be a tag.

    Raises:
        ValueError: its folders are splits that cannot be used, or may be splits.
    """
    top, above = _unwrap(root, known)
    level = list_folder(top)
    folders = [_read_top_folder(folder) for folder in level.folders]
    notes = (f"{root} holds one folder, {top.relative_to(root)}, whose sub-folders are read",) if top != root else ()
    filled = [folder for folder in folders if folder.contents.files]
    others = [folder for folder in folders if not folder.contents.files]
    if len(filled) == 1 and not level.files and _holds_splits(filled[0]):
        inner = list_labelled_folder(filled[0].path, known)
        passed = join_contents([*above, level, *(folder.contents for folder in others), inner.contents])
        empty = (*(folder.path for folder in others), *inner.empty)
        return inner._replace(unusable=list(passed.unusable), contents=passed, empty=empty, notes=notes + inner.notes)
    contents = join_contents([*above, level, *(folder.contents for folder in folders)])
    pictures, used = _labelled(root, filled, bool(level.files))
    loose = [LabelledFile(file, [], pictures[0].role if pictures else None) for file in level.files]
    tagged = {picture.source for picture in pictures}
    is_used = {split.folder.path for split in used}
    return Listing(
        loose + pictures,
        list(contents.unusable),
        contents,
        empty=(
            *(folder.path for folder in others),
            *(inner for split in used for inner in _tag_folders(split) if str(inner) not in tagged),
        ),
        left_out=tuple(folder.path for folder in filled if used and folder.path not in is_used),
        notes=notes,
    )


def _holds_splits(folder: _TopFolder) -> bool:
    """Whether all pictures of a folder lie in several splits, by the names of its sub-folders."""
    roles = {split_role(way[0]) if way else None for way in folder.ways}
    return None not in roles and len(roles) > 1


def _unwrap(root: Path, known: Collection[str]) -> tuple[Path, list[FolderContents]]:
    """Enter folders that hold nothing but one folder, down to the first that holds several; else stay."""
    top, passed = root, []
    for _ in range(MAX_WRAPPERS):
        level = list_folder(top)
        if len(level.folders) != 1 or level.files:
            break
        inner = level.folders[0]
        if name_key(inner.name) in known or (not known and split_role(inner.name) in ("validation", "test")):
            break
        top = inner
        passed.append(level)
    is_wrapped = len(level.folders) > 1 and not level.files
    return (top, passed) if is_wrapped else (root, [])


def _read_top_folder(path: Path) -> _TopFolder:
    contents = walk_folder(path)
    return _TopFolder(path, contents, [file.relative_to(path).parts[:-1] for file in contents.files])


def _labelled(root: Path, folders: list[_TopFolder], has_loose: bool) -> tuple[list[LabelledFile], list[_Split]]:
    """Return the pictures with their tags, and the splits that were used."""
    named = [_split(folder, split_role) for folder in folders]
    strict = [split for split in named if split]
    likely = [split for folder in folders if (split := _split(folder, likely_role))]
    for splits in (strict, likely):
        usable = [split for split in splits if any(split.tags & other.tags for other in splits if other is not split)]
        roles = {split.role for split in usable}
        if "train" in roles and len(roles) > 1:
            return [picture for split in usable for picture in _pictures_of_split(split)], usable
    if len(folders) == 1 and strict and strict[0].role == "train" and len(strict[0].tags) > 1 and not has_loose:
        return [picture._replace(role=None) for picture in _pictures_of_split(strict[0])], strict
    is_all_likely = len(likely) == len(folders) and len({split.role for split in likely}) > 1
    _refuse_splits(root, likely if is_all_likely else strict, folders)
    if inner := _splits_within_tags(root, folders):
        return inner, []
    _refuse_equal_names(root, folders)
    return [
        LabelledFile(file, [one.path.name], source=str(one.path)) for one in folders for file in one.contents.files
    ], []


def _split(folder: _TopFolder, role_of: Callable[[str], Role | None]) -> _Split | None:
    role = role_of(folder.path.name)
    return _Split(folder, role, _tag_depth(folder, role)) if role else None


def _tag_depth(folder: _TopFolder, role: Role | None = None) -> int:
    """Return how many folders wrap those of the tags: each the only one at its level, and not a tag itself."""
    ways, depth = folder.ways, 0
    while all(len(way) > depth for way in ways) and len(names := {way[depth] for way in ways}) == 1:
        inner = {way[depth + 1] for way in ways if len(way) > depth + 1}
        is_wrapper = len(inner) > 1 and all(len(way) > depth + 1 for way in ways)
        if not is_wrapper and (role is None or split_role(min(names)) != role):
            break
        depth += 1
    return depth


def _pictures_of_split(split: _Split) -> list[LabelledFile]:
    found = []
    for file, way in zip(split.folder.contents.files, split.folder.ways, strict=True):
        place = split.folder.path.joinpath(*way[: split.depth + 1])
        found.append(LabelledFile(file, list(way[split.depth : split.depth + 1]), split.role, "", str(place)))
    return found


def _tag_folders(split: _Split) -> list[Path]:
    """Return all folders of a split where its tags' folders lie."""
    folder = split.folder
    return [one for one in folder.contents.folders if len(one.relative_to(folder.path).parts) == split.depth + 1]


def _refuse_splits(root: Path, splits: list[_Split], folders: list[_TopFolder]) -> None:
    """Refuse folders that are splits by their names, and cannot be used as such."""
    beside = len(folders) > len(splits)
    holds_tags = any(len(split.tags) > 1 and all(map(len, split.folder.ways)) for split in splits)
    if len({split.role for split in splits}) > 1 or (splits and (not beside or holds_tags)):
        names = ", ".join(split.folder.path.name for split in splits)
        raise ValueError(
            f"got path={root}, whose sub-folders {names} are splits, not tags, and cannot be used as such: expected a "
            f"training folder and others with sub-folders of the same tags. Name one of them, as in "
            f"path={min(split.folder.path for split in splits)}, or {AS_LIST}"
        )


def _splits_within_tags(root: Path, folders: list[_TopFolder]) -> list[LabelledFile]:
    """Return the pictures where each tag holds its own splits, as in cat/train and cat/test; none elsewhere."""
    roles = [{split_role(way[0]) if way else None for way in folder.ways} for folder in folders]
    if not any("train" in one and len(one - {None}) > 1 for one in roles):
        return []
    mixed = [folder.path.name for folder, one in zip(folders, roles, strict=True) if None in one]
    deep = [folder.path.name for folder in folders if _holds_equal_names(folder)]
    if mixed or deep:
        raise ValueError(
            f"got path={root}, some of whose sub-folders hold splits of their own, and {first_names(mixed or deep)} "
            f"{'does not' if mixed else 'holds tags below them'}: expected train, val or test for all pictures of all "
            f"tags, or for none. Make it train/TAG and val/TAG, or {AS_LIST}"
        )
    return [
        LabelledFile(file, [folder.path.name], split_role(way[0]), "", str(folder.path))
        for folder in folders
        for file, way in zip(folder.contents.files, folder.ways, strict=True)
    ]


def _holds_equal_names(folder: _TopFolder) -> bool:
    """Whether folders inside one hold two sub-folders of equal names that could be tags."""
    pairs = {(name_key(way[1]), way[0]) for way in folder.ways if len(way) > 1 and not is_view_name(way[1])}
    return sum(count > 1 for count in Counter(inner for inner, _ in pairs).values()) > 1


def _refuse_equal_names(root: Path, folders: list[_TopFolder]) -> None:
    """Refuse folders that hold sub-folders of equal names, and may be splits, albums or cameras rather than tags."""
    below: dict[str, dict[str, str]] = {}
    for folder in folders:
        depth = _tag_depth(folder)
        found = {way[depth] for way in folder.ways if len(way) > depth}
        if found and all(len(way) > depth for way in folder.ways):
            below[folder.path.name] = {name_key(name): name for name in sorted(found)}
    is_series = are_series(list(below))
    counts = Counter(key for names in below.values() for key in names)
    shared: dict[str, set[str]] = {}
    for top, names in below.items():
        equal = {key for key in names if counts[key] > 1}
        words = {key for key in equal if not is_view_name(names[key])}
        if is_series and (words or len(equal) > 1):
            shared[top] = equal
        elif len(words) > 1 and 2 * len(words) >= len(names):
            shared[top] = words
    if len(shared) > 1 and 2 * len(shared) >= len(folders):
        equal_names = sorted({below[top][key] for top, keys in shared.items() for key in keys})
        raise ValueError(
            f"got path={root}, whose sub-folders {first_names(sorted(shared))} hold sub-folders of equal names "
            f"({first_names(equal_names)}), so they may be splits, albums or cameras rather than tags. Name splits "
            f"train, val and test; or move the pictures into one folder per tag; or {AS_LIST}"
        )
