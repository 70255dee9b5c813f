"""The commands `learn`, `forget` and `undo`."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagetagger.bundle.names import normalise_name, same_name
from imagetagger.cli.lesson_store import change_lessons, drop_versions, lessons_to_change, undo_lessons
from imagetagger.cli.pictures import find_images, map_in_order
from imagetagger.cli.terminal import CommandError, file_problem, print_json, print_line, print_problem, progress_bar
from imagetagger.system.cpus import cpu_count

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagetagger.preprocess import ImageSource
    from imagetagger.tagger.tagger import KnownTag, Tagger

ALIKE = 0.8
"""Similarity of spellings, up to 1, from which another tag is mentioned."""


class PictureChanges(NamedTuple):
    """What became of the pictures of a command: their paths; `failed` counts those that could not be used."""

    changed: list[str]
    unchanged: list[str]
    failed: list[str]


def run_learn(options: argparse.Namespace) -> int:
    """Teach that pictures have tags; a tag that does not exist is made."""
    path, images, tagger, result = _start(options)
    new: dict[str, str] = {}  # hints by name
    known: dict[str, str] = {}  # names of the tags that the given ones are names of

    def change() -> str:
        for name in options.tag:
            if tagger.has_tag(name):
                known[name] = tagger.known_name(name)
            else:
                new[name] = _alike(tagger.tags, name)
                tagger.add_tag(name)
        change_pictures(tagger, images, lambda _, image: tagger.learn(image, options.tag), result)
        return f"learned {join_names(options.tag)} from {_count(result.changed)}" if result.changed else ""

    change_lessons(path, tagger, change)
    if options.json:
        made = list(new) if result.changed else []
        tags = [known.get(name, name) for name in options.tag]
        print_json({"tags": tags, "new_tags": made, **_counted(result, "learned", "known")})
        return bool(result.failed)
    for name, hint in new.items() if result.changed else ():
        print_line(f"new tag {name}{hint}")
    for name, other in known.items():
        if not same_name(name, other):
            print_line(f"{name} is taken as {other}; choose another name for a tag of its own")
    known_before = f", knew {len(result.unchanged)} already" if result.unchanged else ""
    print_line(f"{join_names(options.tag)}: learned {_count(result.changed)}{known_before}")
    return bool(result.failed)


def run_forget(options: argparse.Namespace) -> int:
    """Forget that pictures have tags."""
    path, images, tagger, result = _start(options)

    def change() -> str:
        if strange := [name for name in options.tag if not tagger.has_tag(name)]:
            raise CommandError(f"there is no tag {strange[0]!r}: `imagetagger tags` lists them")
        change_pictures(tagger, images, lambda _, image: tagger.forget(image, options.tag), result)
        return f"forgot {join_names(options.tag)} in {_count(result.changed)}" if result.changed else ""

    change_lessons(path, tagger, change)
    if options.no_undo:
        drop_versions(path)
    if options.json:
        print_json({"tags": options.tag, **_counted(result, "forgotten")})
    else:
        print_line(f"{join_names(options.tag)}: forgot {_count(result.changed)}")
    return bool(result.failed)


def run_undo(options: argparse.Namespace) -> int:
    """Take the last change of the lessons back."""
    undone = undo_lessons(lessons_to_change(options))
    if options.json:
        print_json({"undone": undone})
    else:
        print_line(f"undone: {undone}")
    return 0


def _start(options: argparse.Namespace) -> "tuple[Path, list[Path], Tagger, PictureChanges]":
    """Find the lessons and the pictures of a command, load its tagger, and report what cannot be used."""
    from imagetagger.tagger.tagger import Tagger

    path = lessons_to_change(options)
    images, problems = find_images(options.paths)
    tagger = Tagger.load(options.bundle)
    options.tag = distinct_names(options.tag)
    for problem in problems:
        print_problem(problem)
    return path, images, tagger, PictureChanges([], [], list(problems))


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names with single spaces, each once.

    >>> distinct_names(["Rex ", "rex", "dog"])
    ['Rex', 'dog']
    """
    return list({name.casefold(): name for name in reversed([normalise_name(name) for name in names])}.values())[::-1]


def _counted(result: PictureChanges, changed: str, unchanged: str | None = None) -> dict[str, list[str]]:
    return {changed: result.changed, **({unchanged: result.unchanged} if unchanged else {}), "failed": result.failed}


def join_names(names: Sequence[str]) -> str:
    """Names for a sentence.

    >>> join_names(["Rex", "dog", "pet"])
    'Rex, dog and pet'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _count(pictures: Sequence[str]) -> str:
    return f"{len(pictures)} picture{'s' * (len(pictures) != 1)}"


def _alike(tags: Sequence["KnownTag"], name: str) -> str:
    """A hint to the tag whose spelling is closest, or nothing."""
    from imagetagger.tagger.tag_names import close_names

    close = close_names(name, (other for tag in tags for other in (*tag.synonyms, tag.name)), 1, ALIKE)
    return f" (there is also {close[0]}: `imagetagger undo` if you meant that)" if close else ""


def change_pictures(
    tagger: "Tagger",
    images: Sequence[Path],
    change: "Callable[[Path, Image], None]",
    result: PictureChanges,
    read: "Callable[[Path], ImageSource]" = lambda path: path,
) -> None:
    """Change what a tagger knows of pictures, in their order; threads decode them.

    Args:
        tagger: is changed.
        images: files of the pictures.
        change: is called with each file and its decoded picture.
        result: gets what became of each.
        read: what is decoded of a file.
    """
    from imagetagger.preprocess import BadImageError
    from imagetagger.tagger.lessons import LessonError

    def decode(image: Path) -> "Image | Exception":
        try:
            return tagger.decode(read(image))
        except (BadImageError, OSError) as error:
            return error

    decoded = map_in_order(decode, images, min(cpu_count(), max(len(images), 1)), ahead=1)
    with progress_bar(len(images)) as advance:
        for image, picture in zip(map(str, images), decoded, strict=True):
            before = tagger.lessons
            try:
                if isinstance(picture, Exception):
                    raise picture
                change(Path(image), picture)
            except (BadImageError, OSError, LessonError) as error:
                result.failed.append(image)
                with advance():
                    print_problem(file_problem(image, error))
                continue
            (result.unchanged if tagger.lessons is before else result.changed).append(image)
            with advance():
                pass
