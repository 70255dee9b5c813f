"""The command `archive`: what all of its actions share, and those that only look: scan and status."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagetagger.cli.lesson_store import lessons_to_read
from imagetagger.cli.terminal import CommandError, print_json, print_line, print_problem, step_bar

if TYPE_CHECKING:
    from imagetagger.archive.catalogue.database import Catalogue
    from imagetagger.archive.catalogue.files import KnownFile
    from imagetagger.archive.people import FileKeywords
    from imagetagger.bundle.reader import Bundle
    from imagetagger.tagger.tagger import Tagger


@dataclass(frozen=True)
class OpenArchive:
    """An archive and the tagger to use on it.

    Attributes:
        catalogue: is open.
        folders: of its pictures.
        bundle: the tagger's files.
        bundle_path, lessons: where they are, and what its user taught; None for the everyday one, and for nothing.
        space: embedding space of the catalogue's embeddings.
    """

    catalogue: "Catalogue"
    folders: tuple[Path, ...]
    bundle: "Bundle"
    bundle_path: Path | None
    lessons: Path | None
    space: str

    @cached_property
    def tagger(self) -> "Tagger":
        """The bundle with what its user taught; loaded when it is needed, as its network takes a while."""
        from imagetagger.tagger.tagger import Tagger

        return Tagger.load(self.bundle_path, self.lessons)


def run_scan(options: argparse.Namespace) -> int:
    """Find the pictures of folders, and embed those that are new."""
    with opened(options) as archive:
        problems, counts = refresh(archive, options)
    if options.json:
        print_json({**counts, "problems": problems})
    else:
        found = ", ".join(f"{counts[name]:,} {name}" for name in ("new", "changed", "moved", "unchanged", "gone"))
        print_line(f"{found}; {counts['embedded']:,} embedded")
    return 1 if problems else 0


def run_status(options: argparse.Namespace) -> int:
    """Print what is known of an archive."""
    from imagetagger.archive.catalogue.database import default_catalogue, open_catalogue
    from imagetagger.archive.catalogue.learned import list_learned
    from imagetagger.archive.catalogue.status import catalogue_status
    from imagetagger.archive.embedding.embed import describe_space
    from imagetagger.archive.tagging.learned_file import decode_learned

    path = options.state or default_catalogue()
    if not path.exists():
        raise CommandError(f"there is no state at {path}: begin with `imagetagger archive scan DIR`")
    with explained(), open_catalogue(path) as catalogue:
        status = catalogue_status(catalogue, options.folders)
        learned = {space: len(decode_learned(data).keywords) for space, data in list_learned(catalogue)}
    if options.json:
        print_json({**status._asdict(), "learned": learned})
        return 0
    print_line(
        f"{status.files:,} files, {status.pictures:,} different pictures, {status.problems:,} that cannot be used"
    )
    print_line(f"{max(status.embedded.values(), default=0):,} pictures embedded, {status.gone:,} gone")
    for space in dict.fromkeys((*status.embedded, *learned)):
        tags = f"; {learned[space]:,} tags learned" if space in learned else ""
        print_line(f"  {status.embedded.get(space, 0):,} by {describe_space(space)}{tags}")
    print_line(
        f"{status.written:,} tags written beside {status.tagged:,} files, {status.withdrawn:,} deleted by people"
    )
    return 0


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[OpenArchive]:
    """Open the catalogue that a command line names, and read the bundle of its tagger."""
    from imagetagger.archive.embedding.embed import archive_space
    from imagetagger.bundle.reader import read_bundle
    from imagetagger.everyday import everyday_bundle

    lessons = lessons_to_read(options)
    if lessons is not None and not lessons.is_file():
        raise CommandError(f"got the lessons {lessons}, which is no file: expected what a user taught, as lessons.zip")
    with explained():
        bundle = read_bundle(options.bundle or everyday_bundle())
        space = archive_space(bundle.manifest, exact=options.exact)
        with opened_catalogue(options) as catalogue:
            yield OpenArchive(catalogue, tuple(options.folders), bundle, options.bundle, lessons, space)


@contextmanager
def opened_catalogue(options: argparse.Namespace) -> "Iterator[Catalogue]":
    """Open the catalogue that a command line names, for its folders."""
    from imagetagger.archive.catalogue.database import open_catalogue

    if strange := [folder for folder in options.folders if not folder.is_dir()]:
        raise CommandError(f"got {strange[0]}, expected a folder of pictures")
    with explained(), open_catalogue(options.state) as catalogue:
        yield catalogue


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of an archive into those of a command."""
    from imagetagger.archive.catalogue.database import CatalogueError
    from imagetagger.archive.keywords import SidecarError
    from imagetagger.archive.tagging.learn import LearnError

    try:
        yield
    except (CatalogueError, SidecarError, LearnError) as error:
        raise CommandError(str(error)) from error


def refresh(archive: OpenArchive, options: argparse.Namespace) -> tuple[list[str], dict[str, int]]:
    """Scan the folders, and embed what has no embedding; return and print what cannot be used, and return counts."""
    from imagetagger.archive.catalogue.scan import ScanReport, scan
    from imagetagger.archive.embedding.files import embed_files
    from imagetagger.archive.embedding.ray_files import embed_files_on_ray
    from imagetagger.archive.refresh import EmbedReport, embed_missing

    if options.raw:
        _require_rawpy()
    scanned, embedded = ScanReport(), EmbedReport(0, 0, ())
    with step_bar("scanning") as show:
        for scanned in scan(archive.catalogue, archive.folders, raw=options.raw):
            total = scanned.new + scanned.changed + scanned.moved + scanned.unchanged + scanned.unread
            show(total - scanned.unread, total)
    embedder = embed_files_on_ray if options.engine == "ray" else embed_files
    embed = partial(embedder, bundle=options.bundle, exact=options.exact, workers=options.workers)
    with redirect_stdout(sys.stderr), step_bar("embedding") as show:  # Ray reports dead workers on stdout
        for embedded in embed_missing(archive.catalogue, archive.space, archive.folders, embed):
            show(embedded.done, embedded.total)
    problems = [f"{path}: {problem}" for path, problem in (*scanned.problems, *embedded.problems)]
    for problem in problems:
        print_problem(problem)
    names = ("new", "changed", "moved", "unchanged", "gone", "raw_left_out")
    counts = {name: int(getattr(scanned, name)) for name in names}
    previews = _count_previews(archive) if scanned.raw else 0
    for count, what in (
        (scanned.raw_left_out, "left out: --raw uses the previews in them"),
        (previews, "used by the previews in them"),
    ):
        if count:
            print_problem(f"{count:,} camera raw file{'s' * (count != 1)} {what}")
    return problems, {**counts, "embedded": embedded.done - len(embedded.problems), "raw_previews": previews}


def _require_rawpy() -> None:
    from imagetagger.preprocess.raw_preview import load_rawpy

    try:
        load_rawpy()
    except ImportError as error:
        raise CommandError(str(error)) from error


def _count_previews(archive: OpenArchive) -> int:
    """Return the number of camera raw files that can be used."""
    from imagetagger.archive.catalogue.files import list_files
    from imagetagger.system.ignored_files import is_raw_name

    files = list_files(archive.catalogue, archive.folders)
    return sum(is_raw_name(file.path.name) and not file.problem for file in files)


def read_people(archive: OpenArchive, files: "Sequence[KnownFile]") -> "list[FileKeywords]":
    """Read the keywords of files, remember which of ours people deleted, and print what cannot be read."""
    from imagetagger.archive.people import read_files_keywords, remember_withdrawn

    read: list[FileKeywords] = []
    with step_bar("reading tags") as show:
        for one in read_files_keywords(files):
            read.append(one)
            show(len(read), len(files))
    for file, _, problem in read:
        if problem:
            print_problem(f"{file.path}: {problem}")
    remember_withdrawn(archive.catalogue, read, now())
    return read


def now() -> str:
    """Return the time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
