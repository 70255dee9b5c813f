"""Lessons on disk: one .zip that people can open, since it holds their pictures."""

import json
import logging
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from safetensors.numpy import save as save_tensors

from imagetagger.bundle.archive import ArchiveError, read_files, write_zip
from imagetagger.bundle.executor import Executor, embed_image
from imagetagger.bundle.magnitudes import magnitude_problem
from imagetagger.bundle.names import MAX_TEXT_LENGTH, text_problem
from imagetagger.bundle.reader import Bundle, read_tensors
from imagetagger.bundle.strict_json import MAX_JSON_BYTES, BundleError, check_json, decode_json
from imagetagger.prediction.calibration import Share
from imagetagger.preprocess import BadImageError, preprocess
from imagetagger.system.printable import first_names, visible_text
from imagetagger.tagger.lessons import (
    MAX_LISTED_TAGS,
    MAX_OWN_TAGS,
    MAX_PICTURES,
    MAX_TAGS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    check_limits,
)
from imagetagger.tagger.tag_names import adopt_lessons, separate_twins

log = logging.getLogger(__name__)

LESSONS_SCHEMA = 1

MAX_LESSONS_BYTES = 2**32
"""Bytes of all files together."""

MAX_CROP_BYTES = 2**26
"""Bytes of a square: as many pixels as any bundle may ask for."""

ARCHIVE_README = """This file contains what an image tagger was taught, INCLUDING THE PICTURES it was taught with, as
small squares (pictures/). Share it only with people who may see them.

lessons.json             which picture was taught as what, and changes of the tags
embeddings.safetensors   what the network saw in each picture
pictures/                the squares the network was shown

imagetagger reads it: Tagger.load(bundle, lessons=FILE), or Tagger.merge_lessons(FILE) to add it to your own lessons.
"""

FilePath = str | PathLike[str]
"""Where a file or folder is."""

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_LENGTH)]
"""An id or name. Files of earlier versions may have characters in them that `load_lessons` takes out."""


def _check_ids(**ids: Iterable[str]) -> None:
    for field, texts in ids.items():
        for text in texts:
            if problem := text_problem(visible_text(text)):
                raise ValueError(f"{field}: {problem}")


class ListedPicture(Struct, frozen=True, forbid_unknown_fields=True):
    """A taught picture in lessons.json; its crop and embedding have files of their own. See lessons.TaughtPicture."""

    id: Text
    embedding_space: Text
    tags: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=MAX_TAGS)]
    missed: Share | None = None  # absent in files of older versions

    def __post_init__(self) -> None:
        """Refuse ids that cannot be shown."""
        for field, text in (("id", self.id), ("embedding_space", self.embedding_space)):
            if problem := text_problem(text):
                raise ValueError(f"{field}: {problem}")
        _check_ids(tags=self.tags)


class ListedEdits(Struct, frozen=True, forbid_unknown_fields=True):
    """Edits of the vocabulary in lessons.json; see lessons.VocabularyEdits."""

    names: Annotated[dict[Text, Text], Meta(max_length=MAX_OWN_TAGS)]
    merged: Annotated[dict[Text, Text], Meta(max_length=MAX_OWN_TAGS)]
    removed: Annotated[tuple[Text, ...], Meta(max_length=MAX_LISTED_TAGS)]
    hidden: Annotated[tuple[Text, ...], Meta(max_length=MAX_LISTED_TAGS)] = ()  # absent in files of older versions

    def __post_init__(self) -> None:
        """Refuse ids that cannot be shown."""
        merged = (*self.merged, *self.merged.values())
        _check_ids(names=self.names, merged=merged, removed=self.removed, hidden=self.hidden)


class LessonsContent(Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of lessons.json; `names` are those of the tags that it teaches, by id."""

    schema: int
    contains_pictures: bool
    names: Annotated[dict[Text, Text], Meta(max_length=MAX_LISTED_TAGS)]
    pictures: Annotated[tuple[ListedPicture, ...], Meta(max_length=MAX_PICTURES)]
    edits: ListedEdits

    def __post_init__(self) -> None:
        """Refuse ids that cannot be shown."""
        _check_ids(names=self.names)


def save_lessons(lessons: Lessons, names: Mapping[str, str], path: Path) -> None:
    """Write lessons, completely or not at all: a crash leaves the old file.

    Args:
        lessons: to write.
        names: of the tags that they teach, by id, for bundles that lack them.
        path: of the file.

    Raises:
        LessonError: they are more than a file may hold to be loaded again; nothing was written.
    """
    pictures, edits = lessons.pictures, lessons.edits
    content = LessonsContent(
        schema=LESSONS_SCHEMA,
        contains_pictures=bool(pictures),
        names=dict(names),
        pictures=tuple(ListedPicture(key, p.space, p.tags, p.missed) for key, p in pictures.items()),
        edits=ListedEdits(
            dict(edits.names), dict(edits.merged), tuple(sorted(edits.removed)), tuple(sorted(edits.hidden))
        ),
    )
    text = json.dumps(msgspec.to_builtins(content), indent=1, ensure_ascii=False)
    embeddings = {key: np.ascontiguousarray(picture.embedding) for key, picture in pictures.items()}
    files = {
        "README.txt": ARCHIVE_README.encode(),
        "lessons.json": text.encode("utf-8", "replace"),
        "embeddings.safetensors": save_tensors(embeddings),
    }
    files |= {f"pictures/{key}.png": picture.crop for key, picture in pictures.items()}
    try:
        check_json(files["lessons.json"], "lessons.json")
        if (size := sum(map(len, files.values()))) > MAX_LESSONS_BYTES:
            raise LessonError(f"its files have {size:,} bytes, expected at most {MAX_LESSONS_BYTES:,}")
    except (BundleError, LessonError) as error:
        raise LessonError(f"{path} was not saved, as it could not be loaded again: {error}") from error
    write_zip(files, path, private=True)


def _largest(name: str) -> int:
    """Bytes that a file of lessons may have: pictures are small squares."""
    if name.endswith(".json"):
        return MAX_JSON_BYTES
    return MAX_LESSONS_BYTES if name.endswith(".safetensors") else MAX_CROP_BYTES


def load_lessons(path: Path) -> tuple[Lessons, dict[str, str]]:
    """Read lessons, and the names of the tags that they teach.

    Earlier versions took names with control characters, or the marks that messengers put around names, and made ids of
    them. They are taken out of both; a name of nothing else becomes its id.

    Raises:
        FileNotFoundError: there is no such path.
        LessonError: damaged, of a newer schema, or something else; names the part.
    """
    try:
        files = read_files(path, MAX_LESSONS_BYTES, _largest)
        if "lessons.json" not in files:
            raise LessonError("lessons.json is missing: expected a file that Tagger.save wrote")
        return _decode_lessons(files, path)
    except (ArchiveError, BundleError, LessonError) as error:
        raise LessonError(f"{path} cannot be used as lessons: {error}") from error


class AdoptedLessons(NamedTuple):
    """Lessons of a file for a bundle.

    Attributes:
        lessons: in which a user's tag and the bundle's of the same name are one.
        apart: the same in which they are apart; `lessons` themselves where there is no such tag.
    """

    lessons: Lessons
    apart: Lessons


def load_lessons_for(path: Path, bundle: Bundle, executor: Executor) -> AdoptedLessons:
    """Read lessons for a bundle: unknown tags are added, pictures of another embedding space embedded again.

    Raises:
        FileNotFoundError, LessonError: like `load_lessons`, or a picture does not suit the bundle.
    """
    lessons, names = load_lessons(path)
    space, features = bundle.manifest.embedding_space, bundle.manifest.model.features
    pictures, embedded = dict(lessons.pictures), 0
    for key, picture in pictures.items():
        if picture.space != space:
            try:
                crop = preprocess(picture.crop, bundle.manifest.image.size)
            except BadImageError as error:
                raise LessonError(f"{path}: the crop of picture {key} cannot be used: {error}") from error
            pictures[key] = picture._replace(embedding=embed_image(executor, crop), space=space)
            embedded += 1
        elif len(picture.embedding) != features:
            raise LessonError(f"{path}: picture {key} has {len(picture.embedding)} features, expected {features}")
    if embedded:
        log.info("%s: embedded %d pictures again for this bundle", path, embedded)
    adopted = adopt_lessons(lessons, bundle.labels, names, bundle.terms)._replace(pictures=pictures)
    try:
        check_limits(adopted)  # tags that the bundle lacks were added
    except LessonError as error:
        raise LessonError(f"{path} cannot be used with this bundle: {error}") from error
    return AdoptedLessons(adopted, separate_twins(lessons, adopted))


def _without_marks(content: LessonsContent) -> LessonsContent:
    edits = content.edits
    return replace(
        content,
        names=_visible_names(content.names),
        pictures=tuple(replace(listed, tags=_visible_ids(listed.tags)) for listed in content.pictures),
        edits=ListedEdits(
            names=_visible_names(edits.names),
            merged={visible_text(tag): visible_text(into) for tag, into in edits.merged.items()},
            removed=_visible_ids(edits.removed),
            hidden=_visible_ids(edits.hidden),
        ),
    )


def _visible_names(names: Mapping[str, str]) -> dict[str, str]:
    visible = {visible_text(key): visible_text(name) for key, name in names.items()}
    return {key: name if name.strip() else key for key, name in visible.items()}


def _visible_ids(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(visible_text, ids)))


def _decode_lessons(files: dict[str, bytes], path: Path) -> tuple[Lessons, dict[str, str]]:
    data = files["lessons.json"]
    listed_content: LessonsContent = decode_json(
        data, LessonsContent, "lessons.json", LESSONS_SCHEMA, "save them again"
    )
    if (content := _without_marks(listed_content)) != listed_content:
        log.warning("%s: took control characters and marks that reverse the text out of names", path)
    embeddings, _ = read_tensors(
        files.get("embeddings.safetensors", b""), "embeddings.safetensors", len(content.pictures)
    )
    pictures: dict[str, TaughtPicture] = {}
    for listed in content.pictures:
        key, crop, embedding = listed.id, files.get(f"pictures/{listed.id}.png"), embeddings.get(listed.id)
        if crop is None or embedding is None or key in pictures:
            raise LessonError(f"lessons.json: picture {key[:64]!r} has no pixels or no embedding, or comes twice")
        if embedding.ndim != 1 or embedding.dtype != np.float32:
            got = f"{embedding.dtype} {embedding.shape}"
            raise LessonError(f"embeddings.safetensors: {key[:64]!r} is {got}, expected float32 (D,)")
        if problem := magnitude_problem(embedding):
            tags = first_names(content.names.get(tag, tag) for tag in listed.tags)
            raise LessonError(f"embeddings.safetensors: {key[:64]!r}, taught as {tags}: {problem}")
        pictures[key] = TaughtPicture(crop, embedding, listed.embedding_space, listed.tags, listed.missed)
    edits = VocabularyEdits(
        content.edits.names, content.edits.merged, frozenset(content.edits.removed), frozenset(content.edits.hidden)
    )
    return Lessons(pictures, edits), content.names
