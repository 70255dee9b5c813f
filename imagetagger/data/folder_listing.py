"""The pictures of a folder, by its layout: tags, splits of tags, or tags of splits.

Names decide what cannot be seen otherwise. Folders named like splits are splits if they hold sub-folders of equal
names. Other folders that hold sub-folders of equal names are refused, since they may be splits, albums or cameras: if
half of the folders or more hold nothing but sub-folders, at least half of which are in others too, and two at least; of
folders that are a series (cameraA, cameraB; 2023, 2024) one is enough. Names that only sort the pictures of a tag (raw,
indoor, 2023-05, 1) do not count, or only in a series and two of them. No rule of names is right for all folders: a list
(.csv) with the columns path, tags and split says what each picture is for, and every refusal names it as the way out.

Folders without pictures are no tags and no splits, whatever they are called.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from imagetagger.bundle.names import name_key
from imagetagger.data.folder_walk import FolderContents, join_contents, list_folder, walk_folder
from imagetagger.data.labelled_files import LabelledFile, Listing
from imagetagger.data.split_names import (
    Role,
    are_series,
    is_annotation_folder,
    is_labelled_folder,
    is_sorting_name,
    likely_role,
    share_a_subject,
    split_role,
)
from imagetagger.system.printable import first_names

MAX_WRAPPERS = 5
"""Folders that hold nothing but the next one."""

AS_LIST = "list the pictures in a .csv with the columns path, tags and split"


class _TopFolder(NamedTuple):
    """A folder of the top level: all that lies below it, and the folders between it and each of its pictures."""

    path: Path
    contents: FolderContents
    parents: list[tuple[str, ...]]


class _Split(NamedTuple):
    """A folder of a split: its tags lie `depth` folders below it."""

    folder: _TopFolder
    role: Role
    depth: int

    @property
    def tags(self) -> set[str]:
        return {name_key(parents[self.depth]) for parents in self.folder.parents if len(parents) > self.depth}


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
    if len(filled) == 1 and not level.files and (_holds_splits(filled[0]) or _is_wrapper(filled[0], others, known)):
        wrapper = filled[0].path
        inner = list_labelled_folder(wrapper, known)
        contents = join_contents([*above, level, *(folder.contents for folder in others), inner.contents])
        note = f"of the folders in {top}, only {wrapper.name} holds pictures: its sub-folders are read"
        return inner._replace(
            unusable=list(contents.unusable),
            contents=contents,
            empty=(*(folder.path for folder in others), *inner.empty),
            notes=(*notes, note, *inner.notes),
        )
    contents = join_contents([*above, level, *(folder.contents for folder in folders)])
    pictures, used = _labelled(root, filled, bool(level.files))
    loose = [LabelledFile(file, [], pictures[0].role if pictures else None) for file in level.files]
    tagged = {picture.source for picture in pictures}
    used_folders = {split.folder.path for split in used}
    return Listing(
        loose + pictures,
        list(contents.unusable),
        contents,
        empty=(
            *(folder.path for folder in others),
            *(folder for split in used for folder in _tag_folders(split) if str(folder) not in tagged),
        ),
        left_out=tuple(folder.path for folder in filled if used and folder.path not in used_folders),
        notes=notes,
    )


def _holds_splits(folder: _TopFolder) -> bool:
    """Whether all pictures of a folder lie in several splits, by the names of its sub-folders."""
    roles = _roles_inside(folder)
    return None not in roles and len(roles) > 1


def _is_wrapper(folder: _TopFolder, others: list[_TopFolder], known: Collection[str]) -> bool:
    """Whether the only folder with pictures is no tag but holds those of tags, beside documents and the like."""
    if any(other.contents.unusable for other in others) or _is_tag_or_split(folder.path.name, known):
        return False
    shared_levels = itertools.takewhile(lambda names: len(set(names)) == 1, zip(*folder.parents, strict=False))
    depth = len(list(shared_levels))
    inside = {parents[depth] if len(parents) > depth else "" for parents in folder.parents}
    return len(inside) > 1 and "" not in inside and not all(map(is_sorting_name, inside))


def _is_tag_or_split(name: str, known: Collection[str]) -> bool:
    """Whether a lone folder is to be a tag, or a split without training pictures, rather than a wrapper."""
    return name_key(name) in known or (not known and split_role(name) in ("validation", "test"))


def _roles_inside(folder: _TopFolder) -> set[Role | None]:
    """Return the roles of the sub-folders of a folder with pictures, by their names; None for loose pictures too."""
    return {split_role(parents[0]) if parents else None for parents in folder.parents}


def _unwrap(root: Path, known: Collection[str]) -> tuple[Path, list[FolderContents]]:
    """Enter folders that hold nothing but one folder, down to the first that holds several; else stay."""
    top, passed = root, list[FolderContents]()
    for _ in range(MAX_WRAPPERS):
        level = list_folder(top)
        if len(level.folders) != 1 or level.files:
            break
        if _is_tag_or_split(level.folders[0].name, known):
            break
        top = level.folders[0]
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
    if not any(split.tags for split in likely):  # "blood test" and "train station" are tags
        is_all_likely &= share_a_subject([folder.path.name for folder in folders])
    _refuse_splits(root, likely if is_all_likely else strict, folders)
    _refuse_other_sets(root, [folder.path.name for folder in folders])
    if pictures := _splits_within_tags(root, folders):
        return pictures, []
    _refuse_equal_names(root, folders)
    pictures = [
        LabelledFile(file, [folder.path.name], source=str(folder.path))
        for folder in folders
        for file in folder.contents.files
    ]
    return pictures, []


def _split(folder: _TopFolder, role_of: Callable[[str], Role | None]) -> _Split | None:
    role = role_of(folder.path.name)
    return _Split(folder, role, _tag_depth(folder, role)) if role else None


def _tag_depth(folder: _TopFolder, role: Role | None = None) -> int:
    """Return how many folders wrap those of the tags: each the only one at its level, and not a tag itself."""
    paths, depth = folder.parents, 0
    while all(len(parents) > depth for parents in paths) and len(names := {parents[depth] for parents in paths}) == 1:
        inside = {parents[depth + 1] for parents in paths if len(parents) > depth + 1}
        is_wrapper = len(inside) > 1 and all(len(parents) > depth + 1 for parents in paths)
        if not is_wrapper and (role is None or split_role(min(names)) != role):
            break
        depth += 1
    return depth


def _pictures_of_split(split: _Split) -> list[LabelledFile]:
    folder, depth = split.folder, split.depth
    return [
        LabelledFile(
            file, list(parents[depth : depth + 1]), split.role, "", str(folder.path.joinpath(*parents[: depth + 1]))
        )
        for file, parents in zip(folder.contents.files, folder.parents, strict=True)
    ]


def _tag_folders(split: _Split) -> list[Path]:
    """Return all folders of a split where its tags' folders lie."""
    top = split.folder
    return [folder for folder in top.contents.folders if len(folder.relative_to(top.path).parts) == split.depth + 1]


def _refuse_splits(root: Path, splits: list[_Split], folders: list[_TopFolder]) -> None:
    """Refuse folders that are splits by their names, and cannot be used as such."""
    are_all = len(folders) == len(splits)
    holds_tags = any(len(split.tags) > 1 and all(split.folder.parents) for split in splits)
    if len({split.role for split in splits}) > 1 or (splits and (are_all or holds_tags)):
        likeliest = min(splits, key=lambda split: (len(split.tags) < 2, split.role != "train", split.folder.path))
        names = ", ".join(split.folder.path.name for split in splits)
        others = [folder.path.name for folder in folders if all(folder is not split.folder for split in splits)]
        is_unnamed = others and all(split.role != "train" for split in splits)
        fix = f"Name one of them, as in path={likeliest.folder.path}"
        fix = f"Rename the one for training to train, of {first_names(others)}" if is_unnamed else fix
        raise ValueError(
            f"got path={root}, whose sub-folders {names} are splits, not tags, and cannot be used as such: expected a "
            f"training folder and others with sub-folders of the same tags. {fix}, or {AS_LIST}"
        )


def _refuse_other_sets(root: Path, names: list[str]) -> None:
    """Refuse sets whose folders are no tags: those for detection, and those of which only a part has tags."""
    if len(names) > 1 and all(map(is_annotation_folder, names)):
        raise ValueError(
            f"got path={root}, whose sub-folders {first_names(names)} are those of a data set for detection or "
            f"segmentation, not tags: move the pictures into one folder per tag, or {AS_LIST}"
        )
    kinds = {is_labelled_folder(name): name for name in names}
    if kinds.keys() == {True, False}:
        raise ValueError(
            f"got path={root}, whose sub-folders {first_names(names)} are not tags: use path={root / kinds[True]}, "
            f"or {AS_LIST}"
        )


def _splits_within_tags(root: Path, folders: list[_TopFolder]) -> list[LabelledFile]:
    """Return the pictures where each tag holds its own splits, as in cat/train and cat/test; none elsewhere."""
    if not any("train" in (roles := _roles_inside(folder)) and len(roles - {None}) > 1 for folder in folders):
        return []
    mixed = [folder.path.name for folder in folders if None in _roles_inside(folder)]
    deep = [folder.path.name for folder in folders if _holds_equal_names(folder)]
    if mixed or deep:
        raise ValueError(
            f"got path={root}, some of whose sub-folders hold splits of their own, and {first_names(mixed or deep)} "
            f"{'does not' if mixed else 'holds tags below them'}: expected train, val or test for all pictures of all "
            f"tags, or for none. Make it train/TAG and val/TAG, or {AS_LIST}"
        )
    return [
        LabelledFile(file, [folder.path.name], split_role(parents[0]), "", str(folder.path))
        for folder in folders
        for file, parents in zip(folder.contents.files, folder.parents, strict=True)
    ]


def _holds_equal_names(folder: _TopFolder) -> bool:
    """Whether folders inside one hold two sub-folders of equal names that could be tags."""
    deep = [parents for parents in folder.parents if len(parents) > 1 and not is_sorting_name(parents[1])]
    counts = Counter(key for key, _ in {(name_key(parents[1]), parents[0]) for parents in deep})
    return sum(count > 1 for count in counts.values()) > 1


def _refuse_equal_names(root: Path, folders: list[_TopFolder]) -> None:
    """Refuse folders that hold sub-folders of equal names, and may be splits, albums or cameras rather than tags."""
    below: dict[str, dict[str, str]] = {}
    for folder in folders:
        depth = _tag_depth(folder)
        inside = {parents[depth] for parents in folder.parents if len(parents) > depth}
        if inside and all(len(parents) > depth for parents in folder.parents):
            below[folder.path.name] = {name_key(name): name for name in sorted(inside)}
    is_series = are_series(list(below))
    counts = Counter(key for names in below.values() for key in names)
    shared: dict[str, set[str]] = {}
    for top, names in below.items():
        equal = {key for key in names if counts[key] > 1}
        words = {key for key in equal if not is_sorting_name(names[key])}
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
