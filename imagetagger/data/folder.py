"""A user's own pictures: a folder with one sub-folder per tag, or a .csv / .jsonl file of paths and tags."""

import itertools
import logging
import stat
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from imagetagger.bundle.names import name_key
from imagetagger.data.dataset import Dataset, DatasetTag, Skip, Split, content_id, pad_labels
from imagetagger.data.folder_listing import list_labelled_folder
from imagetagger.data.folder_report import log_listing, skip_summary
from imagetagger.data.labelled_files import Listing
from imagetagger.data.list_reading import read_list
from imagetagger.data.listed_paths import missing_reason
from imagetagger.data.split_names import ROLES, Role
from imagetagger.data.tag_names import escape_undecoded, unify_tag_names
from imagetagger.system.printable import first_names, printable_text

log = logging.getLogger(__name__)

MAX_FILE_BYTES = 2**30
"""Larger files are skipped: each file is read into memory."""


class _Picture(NamedTuple):
    """A picture by content; `tags` and `groups` are those of all its copies."""

    file: Path
    tags: set[str]
    groups: set[str]


class _Source(NamedTuple):
    """A folder or list: its pictures by split and by content, what cannot be used, and files that are no pictures."""

    path: Path
    pictures: dict[Role, dict[bytes, _Picture]]
    skipped: tuple[Skip, ...]
    listed: int
    others: tuple[Path, ...]


def load_folder(path: Path, test: Path | None = None) -> Dataset:
    """Load a user's pictures, in the splits that the user made; without any, all pictures are in `train`.

    The same picture under two tags is one picture with two tags; copies under one tag count once. A picture that the
    user put into two splits stays in both, and is counted in a warning. Tags whose names differ only in case, spaces
    or Unicode form are one.

    Args:
        path: a folder whose sub-folders are tags, or are splits (train and val or test) whose sub-folders are tags;
            a .csv with columns `path` and `tags` (several separated by `;`), and optionally `split` and `group`; or a
            .jsonl of {"path": ..., "tags": [...]}, with the same keys. Paths are relative to the file.
        test: likewise, pictures of the same tags to test on; of a list with splits, those for testing.

    Raises:
        FileNotFoundError: `path` or `test` does not exist.
        ValueError: fewer than two tags, a file that is not such a list, splits that cannot be used, a name that no tag
            can have, or tags to evaluate that are not learned.
    """
    listing = list_pictures(path)
    tested = None
    if test is not None:
        tested = list_pictures(
            test, {name_key(escape_undecoded(tag)) for file in listing.pictures for tag in file.tags}
        )
    spellings = unify_tag_names([*listing.pictures, *(tested.pictures if tested else ())])
    source = _read_source(path, listing, spellings)
    sources = [source]
    pictures = dict(source.pictures)
    if test is not None and tested is not None:
        if pictures["test"]:
            raise ValueError(f"got test={test}, but path={path} has a test split of its own: expected one of them")
        sources.append(_read_source(test, tested, spellings))
        pictures["test"] = _test_pictures(sources[1])
    names = _check_tags(source, pictures)
    index = {name: i for i, name in enumerate(names)}
    wanted = {spellings[tag] for file in listing.pictures for tag in file.tags} - {""}
    readable = {tag for split in source.pictures.values() for picture in split.values() for tag in picture.tags}
    if lost := sorted(wanted - readable):
        log.warning("tags none of whose pictures can be used, and which are left out: %s", first_names(lost))
    for read in sources:
        if read.skipped:
            log.warning("%s", skip_summary(read.path, read.skipped, read.listed))
    _warn_of_copies(pictures)
    roots = {"train": path, "validation": path, "test": test or path}
    train, validation, test_split = (_make_split(pictures[role], index, roots[role]) for role in ROLES)
    return Dataset(
        "folder",
        tuple(DatasetTag(name, name) for name in names),
        train,
        validation,
        tuple(skip for read in sources for skip in read.skipped),
        test=test_split if pictures["test"] else None,
        is_split=bool(pictures["validation"]),
    )


def list_pictures(path: Path, known: Collection[str] = ()) -> Listing:
    """List the pictures of a folder, a .csv or a .jsonl; `known` are the keys of tags that must be found in a folder.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: it is no such list, its splits cannot be used, or only some of its pictures have one.
    """
    if not path.exists():
        raise FileNotFoundError(f"got path={path}, where nothing is: expected a folder, .csv or .jsonl")
    listing = list_labelled_folder(path, known) if path.is_dir() else Listing(list(read_list(path)), [])
    roles = Counter(picture.role for picture in listing.pictures)
    if unassigned := roles[None] if len(roles) > 1 else 0:
        raise ValueError(
            f"got {unassigned} of {len(listing.pictures)} pictures without a split in {path}, expected train, "
            "validation or test for all of them, or for none"
        )
    return listing


def _read_source(path: Path, listing: Listing, spellings: Mapping[str, str]) -> _Source:
    """Read the pictures of a listing, and log what was found."""
    folder = path if path.is_dir() else None
    skipped = [Skip(_key(file, folder), printable_text(reason)) for file, reason in listing.unusable]
    pictures: dict[Role, dict[bytes, _Picture]] = {role: {} for role in ROLES}
    copies = 0
    for role, content, picture in _read_pictures(listing, folder, spellings, skipped):
        kept = pictures[role or "train"].setdefault(content, picture)
        kept.tags.update(picture.tags)
        kept.groups.update(picture.groups)
        copies += kept is not picture
    source = _Source(
        path, pictures, tuple(skipped), len(listing.pictures) + len(listing.unusable), listing.contents.sidecars
    )
    tags = Counter(tag for split in pictures.values() for picture in split.values() for tag in picture.tags)
    log_listing(path, listing, tags)
    if copies:
        log.info("copies of other pictures: %d, counted once, with the tags of all copies", copies)
    return source


def _read_pictures(
    listing: Listing, folder: Path | None, spellings: Mapping[str, str], skipped: list[Skip]
) -> Iterator[tuple[Role | None, bytes, _Picture]]:
    bar = tqdm(listing.pictures, desc="reading pictures", unit="image", disable=None, delay=2)
    for file, names, role, group, source, listed_path in bar:
        tags = {spellings[tag] for tag in names} - {""}
        if not folder and not listed_path.strip():
            skipped.append(Skip(source, "has no path"))
            continue
        if problem := "has no tag" if not tags else _problem(file, listed_path):
            skipped.append(Skip(_key(file, folder), problem))
            continue
        try:
            content = content_id(file.read_bytes())
        except OSError as error:
            skipped.append(Skip(_key(file, folder), f"cannot be read: {error.strerror}"))
            continue
        yield role, content, _Picture(file, tags, {escape_undecoded(group)} - {""})


def _test_pictures(source: _Source) -> dict[bytes, _Picture]:
    """Return the pictures to test on: those of the test split, or all where nothing is split."""
    pictures = source.pictures
    if pictures["test"]:
        return pictures["test"]
    if pictures["validation"] or not pictures["train"]:
        raise ValueError(
            f"got test={source.path}, which has no pictures to test on: expected a folder with a sub-folder a tag"
        )
    return pictures["train"]


def _check_tags(source: _Source, pictures: Mapping[Role, Mapping[bytes, _Picture]]) -> list[str]:
    """Return the names of the tags to learn, sorted."""
    names = sorted({tag for picture in pictures["train"].values() for tag in picture.tags})
    if len(names) < 2:
        why = f". {skip_summary(source.path, source.skipped, source.listed)}" if source.skipped else ""
        if source.others and not names:
            why += f". {len(source.others)} files are no pictures; the first: {_key(source.others[0], source.path)}"
        name, is_folder = names[0] if names else "", source.path.is_dir()
        deeper = is_folder and name and any(file.is_dir() for file in (source.path / name).glob("*"))
        hint = f"; if the folders in {name} are the tags, use path={source.path / name}" if deeper else ""
        raise ValueError(
            f"got {len(names)} tags in {source.path}{f' ({name})' if name else ''}, expected two or more"
            f"{': one sub-folder with pictures per tag' if is_folder else ''}{hint}{why}"
        )
    for role in ("validation", "test"):
        if unknown := sorted({tag for picture in pictures[role].values() for tag in picture.tags} - set(names)):
            raise ValueError(
                f"got {role} pictures of tags that no training picture has: {first_names(unknown)}; expected some "
                f"of {first_names(names)}. Rename these tags, or add training pictures of them"
            )
    return names


def _make_split(pictures: dict[bytes, _Picture], index: dict[str, int], path: Path) -> Split:
    folder = path if path.is_dir() else None
    ids = sorted(pictures)
    ordered = [pictures[content] for content in ids]
    return Split(
        keys=[_key(picture.file, folder) for picture in ordered],
        ids=ids,
        labels=pad_labels(sorted(index[tag] for tag in picture.tags) for picture in ordered),
        read=lambda i: ordered[i].file.read_bytes(),
        groups=[min(picture.groups, default="") for picture in ordered] if any(p.groups for p in ordered) else None,
    )


def _warn_of_copies(pictures: dict[Role, dict[bytes, _Picture]]) -> None:
    for first, second in itertools.combinations(ROLES, 2):
        if copies := len(pictures[first].keys() & pictures[second].keys()):
            log.warning("pictures in both %s and %s: %d; what is reported is too good by them", first, second, copies)


def _key(file: Path, folder: Path | None) -> str:
    """Return the path of a picture in its folder, or that of a list's file."""
    return printable_text(file.relative_to(folder).as_posix() if folder else str(file))


def _problem(file: Path, listed_path: str) -> str | None:
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            return "a folder: expected a picture"
        if not stat.S_ISREG(status.st_mode):
            return "a pipe, socket or device: expected a file"
        if status.st_size == 0:
            return "empty file"
        if status.st_size > MAX_FILE_BYTES:
            return f"{status.st_size / 2**20:,.0f} MiB, too large for a picture"
    except (FileNotFoundError, NotADirectoryError):
        is_link = file.is_symlink()
        return (
            printable_text(f"a link to {file.readlink()}, where nothing is") if is_link else missing_reason(listed_path)
        )
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError:  # a NUL, or half a surrogate pair
        return "no such file: no path has such characters"
    return None
