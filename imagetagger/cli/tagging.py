"""The command `tag`."""

import argparse
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imagetagger.cli.lesson_store import lessons_to_read
from imagetagger.cli.pictures import find_images, map_in_order
from imagetagger.cli.terminal import file_problem, print_json, print_line, print_problem, progress_bar
from imagetagger.system.cpus import cpu_count

if TYPE_CHECKING:
    from imagetagger.tagger.tagger import Description, Tagger

PICTURES_PER_MODEL = 16
"""A thread gets a model of its own where it has at least so many pictures: loading takes as long as about five."""


def is_bundle(path: Path) -> bool:
    """Whether a path on the command line names a bundle rather than pictures: a bundle, a run's folder, or a .zip."""
    if path.is_dir():
        return any((path / name).is_file() for name in ("manifest.json", "bundle/manifest.json"))
    if path.suffix.lower() == ".zip":
        return True
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] == "manifest.json" for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError):  # a picture may end like a .zip
        return False


def run_tag(options: argparse.Namespace) -> int | str:
    """Print the tags of pictures."""
    from imagetagger.tagger.lessons import LessonError
    from imagetagger.tagger.tagger import Tagger

    paths = options.paths
    if options.bundle is None and is_bundle(paths[0]):
        options.bundle, *paths = paths
    if not paths:
        return f"got the bundle {options.bundle} and no pictures: name pictures or folders after it"
    found = find_images(paths)
    try:
        tagger = Tagger.load(options.bundle, lessons_to_read(options))
    except LessonError as error:
        return str(error)
    if options.coverage is not None and tagger.target_coverage is None:
        return f"{options.bundle}: its tag sets guarantee no coverage: leave --coverage out"
    for problem in found.problems:
        print_problem(problem)
    unread = _print_tags(tagger, found.files, options)
    return 1 if unread or found.problems else 0


def _print_tags(tagger: "Tagger", images: list[Path], options: argparse.Namespace) -> int:
    """Print the tags of pictures in their order; return how many could not be read."""
    unread = 0
    workers = max(1, min(cpu_count(), len(images)))
    described = map_in_order(_describer(tagger, len(images) // workers, options), images, workers)
    with progress_bar(len(images)) as advance:
        for image, description in zip(images, described, strict=True):
            with advance():
                unread += _print_description(image, description, options)
    return unread


def _describer(
    tagger: "Tagger", per_worker: int, options: argparse.Namespace
) -> "Callable[[Path], Description | Exception]":
    """Make a function for threads that describes a picture, or returns why it cannot."""
    from imagetagger.preprocess import BadImageError

    own = threading.local()
    unused = [tagger]  # by no thread yet

    def describe(image: Path) -> "Description | Exception":
        if per_worker < PICTURES_PER_MODEL:
            own.tagger = tagger
        elif not hasattr(own, "tagger"):
            try:
                own.tagger = unused.pop()
            except IndexError:
                own.tagger = tagger.twin()
        try:
            described: Description = own.tagger.describe(image, options.top_k, options.coverage)
        except (BadImageError, OSError) as error:
            return error
        return described

    return describe


def _print_description(image: Path, description: "Description | Exception", options: argparse.Namespace) -> bool:
    """Print what a picture shows; return whether it could not be read."""
    if isinstance(description, Exception):
        print_problem(file_problem(image, description))
        return True
    if options.json:
        print_json({"image": str(image), **description._asdict()})
        return False
    wants_tags = options.top_k is not None or options.coverage is not None
    words = description.tags if wants_tags else description.terms
    said = ", ".join(f"{word.name} {_percent(word.probability)}" for word in words)
    line = f"{image}: {said or '(all its tags are hidden)'}"
    print_line(line + "  (unknown: nothing fits well)" * description.is_novel)
    return False


def _percent(probability: float) -> str:
    return "under 1 %" if 0 < probability < 0.005 else f"{100 * probability:.0f} %"
