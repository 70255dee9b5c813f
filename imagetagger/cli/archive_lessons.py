"""Teaching the tags that people set in an archive to the lessons of the command line."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagetagger.cli.lesson_store import change_lessons, lessons_to_change
from imagetagger.cli.teaching import PictureChanges, change_pictures
from imagetagger.cli.terminal import print_line, print_problem

if TYPE_CHECKING:
    from imagetagger.archive.keywords.fields import Keyword
    from imagetagger.archive.tagging.labelled import LabelledPictures


class ArchiveLessons(NamedTuple):
    """What was taught.

    Attributes:
        path: file of lessons.
        tags: number of the pictures that teach each tag, learned now or before.
        pictures: what became of each.
    """

    path: str
    tags: dict[str, int]
    pictures: PictureChanges


def teach_archive(
    options: argparse.Namespace, pictures: "LabelledPictures", files: Mapping[str, Path]
) -> ArchiveLessons:
    """Teach the tags of pictures to a file of lessons. A picture that was taught before counts once.

    Lessons know a picture by all of its pixels, so each is decoded in full.

    Args:
        options: of the command; see `lessons_to_change`.
        pictures: with the tags that people set.
        files: one of each picture, by content id.
    """
    from imagetagger.tagger.lessons import LessonError
    from imagetagger.tagger.tagger import Tagger

    path, tagger = lessons_to_change(options), Tagger.load(options.bundle)
    result, counts = PictureChanges([], [], []), Counter[str]()
    names = tag_names(pictures.keywords)

    def change() -> str:
        for i, name in enumerate(names):
            try:
                known = tagger.known_name(name) if tagger.has_tag(name) else None
                names[i] = known or tagger.known_name(tagger.add_tag(name))
            except LessonError as error:
                print_problem(f"the tag {name} is not taught: {error}")
                names[i] = ""
        own = {
            files[content]: [names[i] for i in row.nonzero()[0].tolist() if names[i]]
            for content, row in zip(pictures.contents, pictures.labels, strict=True)
        }
        taught = sorted(file for file, tags in own.items() if tags)
        change_pictures(tagger, taught, lambda file, image: tagger.learn(image, own[file]), result, read_picture)
        for file in (*result.changed, *result.unchanged):
            counts.update(own[Path(file)])
        return f"learned {len(counts)} tags from {len(result.changed)} pictures of an archive" if result.changed else ""

    change_lessons(path, tagger, change)
    return ArchiveLessons(str(path), dict(counts), result)


def print_lessons(lessons: ArchiveLessons) -> None:
    """Print how many pictures teach each tag."""
    for name, count in sorted(lessons.tags.items(), key=lambda item: (-item[1], item[0])):
        print_line(f"{name}: taught by {count:,} picture{'' if count == 1 else 's'}")
    learned, known = len(lessons.pictures.changed), len(lessons.pictures.unchanged)
    print_line(f"lessons in {lessons.path}: learned {learned:,} pictures, knew {known:,} already")


def tag_names(keywords: "Sequence[Keyword]") -> list[str]:
    """Return the name of each keyword's tag: its last word, with those above it as far as others end in the same words.

    >>> tag_names([("animal", "bat"), ("sport", "bat"), ("animal", "cat"), ("dog",)])
    ['bat (animal)', 'bat (sport)', 'cat', 'dog']
    >>> tag_names([("zoo", "night", "bat"), ("club", "night", "bat")])
    ['bat (zoo/night)', 'bat (club/night)']
    """
    from imagetagger.bundle.names import name_key

    keys = [tuple(map(name_key, keyword)) for keyword in keywords]
    ends = Counter(key[-count:] for key in keys for count in range(1, len(key) + 1))
    names = []
    for keyword, key in zip(keywords, keys, strict=True):
        count = next((count for count in range(1, len(key)) if ends[key[-count:]] == 1), len(key))
        names.append(keyword[-1] + (f" ({'/'.join(keyword[-count:-1])})" if count > 1 else ""))
    return names


def read_picture(path: Path) -> Path | bytes:
    """Return what is decoded of a file: of a camera's raw file the preview in it.

    Raises:
        BadImageError: there is no preview, or the package that reads it is not installed.
    """
    from imagetagger.preprocess import BadImageError
    from imagetagger.preprocess.raw_preview import read_raw_preview
    from imagetagger.system.ignored_files import is_raw_name

    if not is_raw_name(path.name):
        return path
    try:
        return read_raw_preview(path.read_bytes())
    except ImportError as error:
        raise BadImageError(str(error)) from error
