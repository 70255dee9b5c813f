"""A user's own pictures: a folder with one sub-folder per tag, or a .csv / .jsonl file of paths and tags."""

import itertools
import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from imagetagger.data.dataset import Dataset, DatasetTag, Skip, Split, content_id, pad_labels
from imagetagger.data.folder_listing import ROLES, LabelledFile, Role, list_pictures

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 2**30
"""Larger files are skipped: each file is read into memory."""


class _Picture(NamedTuple):
    """A picture by content; `tags` and `groups` are those of all its copies."""

    file: Path
    tags: set[str]
    groups: set[str]


def load_folder(path: Path, test: Path | None = None) -> Dataset:
    """Load a user's pictures, in the splits that the user made; without any, all pictures are in `train`.

    The same picture under two tags is one picture with two tags; copies under one tag count once. A picture that the
    user put into two splits stays in both, and is counted in a warning.

    Args:
        path: a folder whose sub-folders are tags, or are splits (train and val or test) whose sub-folders are tags;
            a .csv with columns `path` and `tags` (several separated by `;`), and optionally `split` and `group`; or a
            .jsonl of {"path": ..., "tags": [...]}, with the same keys. Paths are relative to the file.
        test: likewise, pictures of the same tags to test on; of a list with splits, those for testing.

    Raises:
        FileNotFoundError: `path` or `test` does not exist.
        ValueError: fewer than two tags, a file that is not such a list, splits that cannot be used, or tags to
            evaluate that are not learned.
    """
    skipped: list[Skip] = []
    pictures = _pictures_by_role(path, skipped)
    if test is not None:
        if pictures["test"]:
            raise ValueError(f"got test={test}, but path={path} has a test split of its own: expected one of them")
        pictures["test"] = _test_pictures(test, skipped)
    names = sorted({tag for picture in pictures["train"].values() for tag in picture.tags})
    if len(names) < 2:
        raise ValueError(f"got {len(names)} tags in {path}, expected two or more: one sub-folder with pictures per tag")
    index = {name: i for i, name in enumerate(names)}
    for role in ("validation", "test"):
        if unknown := sorted({t for picture in pictures[role].values() for t in picture.tags} - set(names)):
            raise ValueError(
                f"got {role} pictures of tags that no training picture has: {', '.join(unknown[:10])}; expected some "
                f"of {', '.join(names[:10])}. Rename these tags, or add training pictures of them"
            )
    _warn_of_copies(pictures)
    roots = {"train": path, "validation": path, "test": test or path}
    train, validation, tested = (_make_split(pictures[role], index, roots[role]) for role in ROLES)
    return Dataset(
        "folder",
        tuple(DatasetTag(name, name) for name in names),
        train,
        validation,
        tuple(skipped),
        test=tested if pictures["test"] else None,
        is_split=bool(pictures["validation"]),
    )


def _pictures_by_role(path: Path, skipped: list[Skip]) -> dict[Role, dict[bytes, _Picture]]:
    """Read what `path` lists by the split it is in, by content id; appends to `skipped`."""
    listed, left_out = list_pictures(path)
    if left_out:
        log.warning("%s has splits; other folders are left out: %s", path, ", ".join(map(_printable, left_out)))
    roles: Counter[Role | None] = Counter(picture.role for picture in listed)
    if unassigned := roles[None] if len(roles) > 1 else 0:
        raise ValueError(
            f"got {unassigned} of {len(listed)} pictures without a split in {path}, expected train, validation or "
            "test for all of them, or for none"
        )
    pictures: dict[Role, dict[bytes, _Picture]] = {role: {} for role in ROLES}
    copies = 0
    for role, content, picture in _read_pictures(listed, path, skipped):
        kept = pictures[role or "train"].setdefault(content, picture)
        kept.tags.update(picture.tags)
        kept.groups.update(picture.groups)
        copies += kept is not picture
    if copies:
        log.info("copies of other pictures: %d, counted once, with the tags of all copies", copies)
    return pictures


def _test_pictures(path: Path, skipped: list[Skip]) -> dict[bytes, _Picture]:
    """Read the pictures to test on: those of the test split, or all where nothing is split."""
    pictures = _pictures_by_role(path, skipped)
    if pictures["test"]:
        return pictures["test"]
    if pictures["validation"] or not pictures["train"]:
        raise ValueError(
            f"got test={path}, which has no pictures to test on: expected a folder with a sub-folder a tag"
        )
    return pictures["train"]


def _read_pictures(
    listed: list[LabelledFile], root: Path, skipped: list[Skip]
) -> Iterable[tuple[Role | None, bytes, _Picture]]:
    for file, names, role, group in tqdm(listed, desc="reading pictures", unit="image", disable=None, delay=2):
        tags = {_printable(tag).strip() for tag in names} - {""}
        if problem := "has no tag" if not tags else _problem(file):
            skipped.append(Skip(_key(file, root), problem))
            continue
        yield role, content_id(file.read_bytes()), _Picture(file, tags, {_printable(group)} - {""})


def _make_split(pictures: dict[bytes, _Picture], index: dict[str, int], root: Path) -> Split:
    ids = sorted(pictures)
    ordered = [pictures[content] for content in ids]
    return Split(
        keys=[_key(picture.file, root) for picture in ordered],
        ids=ids,
        labels=pad_labels(sorted(index[tag] for tag in picture.tags) for picture in ordered),
        read=lambda i: ordered[i].file.read_bytes(),
        groups=[min(picture.groups, default="") for picture in ordered] if any(p.groups for p in ordered) else None,
    )


def _warn_of_copies(pictures: dict[Role, dict[bytes, _Picture]]) -> None:
    for first, second in itertools.combinations(ROLES, 2):
        if copies := len(pictures[first].keys() & pictures[second].keys()):
            log.warning("pictures in both %s and %s: %d; what is reported is too good by them", first, second, copies)


def _key(file: Path, root: Path) -> str:
    return _printable(file.relative_to(root).as_posix() if root.is_dir() else str(file))


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
