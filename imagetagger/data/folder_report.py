"""What the log says of a user's folder or list: its tags, what was passed over, and what cannot be used."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagetagger.data.dataset import Skip
from imagetagger.data.folder_walk import list_folder
from imagetagger.data.labelled_files import Listing
from imagetagger.data.listed_paths import differently_spelled
from imagetagger.system.ignored_files import is_system_name, picture_stems
from imagetagger.system.printable import cut, first_names, printable_text

log = logging.getLogger(__name__)

MISSING_FILE, DANGLING_LINK = "no such file", "a link to "
"""Beginnings of the reasons of pictures that are not there."""


def log_listing(path: Path, listing: Listing, tags: Mapping[str, int]) -> None:
    """Log the tags of a folder or list, with the number of pictures of each, and what was passed over."""
    for note in listing.notes:
        log.info("%s", printable_text(note))
    log.info(
        "%s: %d tags: %s",
        printable_text(str(path)),
        len(tags),
        first_names(f"{tag} ({tags[tag]})" for tag in sorted(tags)),
    )
    contents = listing.contents
    if contents.ignored:
        names = Counter("._*" if file.name.startswith("._") else file.name for file in contents.ignored)
        log.info("ignored: hidden files and folders, and those of systems: %s", _counted(names))
    if libraries := [_relative(folder, path) for folder in contents.ignored if _is_library(folder)]:
        log.warning("libraries of photo software are not read: %s; export their pictures", first_names(libraries))
    if mistaken := _ignored_like_tags(listing):
        folders = first_names(_relative(folder, path) for folder in mistaken)
        log.warning("ignored folders that hold pictures, hidden or of systems: %s; rename those that are tags", folders)
    if contents.sidecars:
        suffixes = Counter(file.suffix.lower() or file.name for file in contents.sidecars)
        log.info("beside the pictures: %d files that are none: %s", len(contents.sidecars), _counted(suffixes))
    if contents.repeated:
        links, first = len(contents.repeated), printable_text(_relative(contents.repeated[0], path))
        log.info("links to folders that are read anyway, or hold the link: %d, first %s", links, first)
    if listing.empty:
        names = Counter(_relative(folder, path) for folder in listing.empty)
        log.warning("folders without pictures, which make no tag: %s", first_names(names))
    if listing.left_out:
        names = Counter(_relative(folder, path) for folder in listing.left_out)
        log.warning("%s has splits; other folders are left out: %s", printable_text(str(path)), first_names(names))


def _ignored_like_tags(listing: Listing) -> list[Path]:
    """Return the ignored folders that hold pictures and lie beside those of tags, or above them; no hidden bins."""
    sources = {picture.source for picture in listing.pictures}
    above = {folder for source in sources for folder in Path(source).parents}
    beside = [path for path in listing.contents.ignored if path.parent in above]
    meant = [
        path
        for path in beside
        if not _is_library(path) and not (path.name.startswith(".") and is_system_name(path.name))
    ]
    return [path for path in meant if path.is_dir() and picture_stems([file.name for file in list_folder(path).files])]


def _is_library(path: Path) -> bool:
    return path.suffix.lower().endswith("library") and not path.name.startswith(".")


def skip_summary(path: Path, skipped: Sequence[Skip], listed: int) -> str:
    """Return how many of the listed pictures cannot be used, the commonest kind first, with the first of that kind."""
    kinds = {
        "are not there": [skip for skip in skipped if skip.reason.startswith(MISSING_FILE)],
        "are links to files that are not there": [skip for skip in skipped if skip.reason.startswith(DANGLING_LINK)],
    }
    counted = {id(skip) for skips in kinds.values() for skip in skips}
    kinds["cannot be used"] = [skip for skip in skipped if id(skip) not in counted]
    kind, skips = max(kinds.items(), key=lambda item: len(item[1]))
    first = skips[0]
    where = _relative(Path(first.key), path.parent) if path.is_file() else first.key
    text = f"{len(skips)} of {listed} pictures {kind}; the first: {cut(where)}: {cut(first.reason)}"
    if kind == "are not there":
        if similar := differently_spelled(Path(first.key)):
            text += f"; there is {printable_text(similar)}, which differs in upper and lower case"
        text += f". Paths are relative to the file, to {path.parent.absolute()}"
    others = len(skipped) - len(skips)
    return text + (f"; and {others} for other reasons" if others else "")


def _counted(names: Counter[str]) -> str:
    return first_names(f"{name} ({count})" for name, count in names.most_common())


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
