"""What a user taught: pictures with their tags, and edits of the vocabulary.

Lessons are a value: every function returns new ones and changes nothing, so an undo is the value before. Statistics
are not among them; they follow from a bundle and its lessons (imagetagger/tagger.py), so a picture counts once however
often it is confirmed, and forgetting leaves no trace.

A tag's id never changes. Merging one into another is remembered as such, and pictures keep the ids they were taught
with, so that lessons of two users unite picture by picture.
"""

import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagetagger.bundle.read import Label


class Picture(NamedTuple):
    """A picture that was taught.

    Attributes:
        crop: PNG of what the network saw, S x S, lossless: another bundle embeds it anew.
        embedding: float32 (D,).
        space: the embedding space it belongs to.
        tags: ids, in the order they were taught.
    """

    crop: bytes
    embedding: np.ndarray
    space: str
    tags: tuple[str, ...]


class Edits(NamedTuple):
    """How the user changed the vocabulary.

    Attributes:
        names: by id: tags that were added or renamed.
        merged: by id: the tag it was merged into.
        removed: ids taken out, unless a picture still teaches them.
    """

    names: Mapping[str, str]
    merged: Mapping[str, str]
    removed: frozenset[str]


class Lessons(NamedTuple):
    """All that a user taught.

    Attributes:
        pictures: by content id, in the order they were first taught.
        edits: of the vocabulary.
    """

    pictures: Mapping[str, Picture]
    edits: Edits


class LessonError(ValueError):
    """Something that cannot be taught, forgotten or edited; the message says why and what can."""


EMPTY = Lessons({}, Edits({}, {}, frozenset()))


def picture_id(crop: np.ndarray) -> str:
    """Return the content id of a picture: the SHA-256 of the pixels that the network saw, uint8 (S, S, 3).

    Of pixels, not of the file: the same picture counts once as a path, as bytes, or saved again without loss.
    """
    return hashlib.sha256(np.ascontiguousarray(crop).tobytes()).hexdigest()


def encode_crop(crop: np.ndarray) -> bytes:
    """Return a crop, uint8 (S, S, 3), as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def learn(lessons: Lessons, key: str, picture: Picture) -> Lessons:
    """Add a picture, or more tags to a picture that is there already; a tag that it has changes nothing."""
    known = lessons.pictures.get(key)
    tags = (*known.tags, *picture.tags) if known else picture.tags
    taught = picture._replace(tags=tuple(dict.fromkeys(tags)))
    if known and known.tags == taught.tags:
        return lessons
    return lessons._replace(pictures={**lessons.pictures, key: taught})


def forget(lessons: Lessons, key: str, tags: Iterable[str]) -> Lessons:
    """Take tags, or whatever was merged into them, off a picture; without any left the picture itself goes.

    Raises:
        LessonError: the picture or a tag of it was never taught.
    """
    picture = lessons.pictures.get(key)
    if picture is None:
        raise LessonError("this picture was never taught, so there is nothing to forget")
    gone = set()
    for tag in tags:
        if not (stored := {own for own in picture.tags if resolve(own, lessons.edits) == tag}):
            raise LessonError(f"this picture was never taught as {tag}, but as {', '.join(picture.tags)}")
        gone |= stored
    left = tuple(tag for tag in picture.tags if tag not in gone)
    pictures = {**lessons.pictures, key: picture._replace(tags=left)}
    return lessons._replace(pictures={other: kept for other, kept in pictures.items() if kept.tags})


def add_tag(lessons: Lessons, labels: Iterable[Label], name: str) -> tuple[Lessons, str]:
    """Add a tag and return its id; a tag of that name that was removed comes back.

    Raises:
        LessonError: the name is empty or taken.
    """
    name = check_name(lessons, labels, name)
    edits, hidden = lessons.edits, lessons.edits.removed
    back = next((label.id for label in labels if label.id in hidden and same(label.name, name)), None)
    key = back or _free_id(name, {label.id for label in labels} | (set(edits.names) - hidden) | set(edits.merged))
    names = {other: given for other, given in edits.names.items() if other != key} | ({} if back else {key: name})
    return lessons._replace(edits=edits._replace(names=names, removed=hidden - {key})), key


def rename_tag(lessons: Lessons, labels: Iterable[Label], tag: str, name: str) -> Lessons:
    """Give a tag another name; its id stays.

    Raises:
        LessonError: the name is empty or taken by another tag.
    """
    name = check_name(lessons, labels, name, tag)
    return lessons._replace(edits=lessons.edits._replace(names={**lessons.edits.names, tag: name}))


def merge_tags(lessons: Lessons, tag: str, into: str) -> Lessons:
    """Make two tags one: what taught the first teaches the second.

    Raises:
        LessonError: they are one tag already.
    """
    if tag == into:
        raise LessonError(f"{tag} cannot be merged into itself")
    return lessons._replace(edits=lessons.edits._replace(merged={**lessons.edits.merged, tag: into}))


def remove_tag(lessons: Lessons, tag: str) -> Lessons:
    """Take a tag, and all that was merged into it, out; pictures that taught nothing else go too."""
    edits, kept = lessons.edits, {}
    for key, picture in lessons.pictures.items():
        if left := tuple(own for own in picture.tags if resolve(own, edits) != tag):
            kept[key] = picture._replace(tags=left)
    return Lessons(kept, edits._replace(removed=edits.removed | {tag}))


def union(a: Lessons, b: Lessons) -> Lessons:
    """Return the lessons of two users together: every picture once, with the tags of both.

    Nothing that anybody taught is lost: a tag that one removed and the other taught stays. Where both renamed or
    merged a tag, the edit of `a` holds.
    """
    pictures = dict(a.pictures)
    for key, picture in b.pictures.items():
        known = pictures.get(key)
        tags = (*known.tags, *picture.tags) if known else picture.tags
        pictures[key] = (known or picture)._replace(tags=tuple(dict.fromkeys(tags)))
    merged = dict(b.edits.merged) | dict(a.edits.merged)
    edits = Edits({**b.edits.names, **a.edits.names}, merged, frozenset())
    taught = {resolve(tag, edits) for picture in pictures.values() for tag in picture.tags}
    return Lessons(pictures, edits._replace(removed=(a.edits.removed | b.edits.removed) - taught))


def resolve(tag: str, edits: Edits) -> str:
    """Return the tag that a tag was merged into, in the end; itself where it was not merged.

    A ring, which two users' edits can form together, ends at its least id.
    """
    path = [tag]
    while (tag := edits.merged.get(tag, tag)) not in path:
        path.append(tag)
    return min(path[path.index(tag) :])


def vocabulary(labels: Iterable[Label], lessons: Lessons) -> dict[str, Label]:
    """Return the tags in use by id, those of the bundle first: edits applied.

    The names of merged tags become synonyms. A taught tag that neither the bundle nor an edit names, as after a change
    of bundles, bears its id.
    """
    edits = lessons.edits
    taught = (tag for picture in lessons.pictures.values() for tag in picture.tags)
    known = {label.id: label for label in labels}
    for key in dict.fromkeys((*edits.names, *taught)):
        label = known.get(key, Label(key, key, ()))
        known[key] = label._replace(name=edits.names.get(key, label.name))
    result = {key: label for key, label in known.items() if resolve(key, edits) == key and key not in edits.removed}
    for key, label in known.items():
        target = resolve(key, edits)
        if target != key and target in result:
            extra = dict.fromkeys((*result[target].synonyms, label.name, *label.synonyms))
            result[target] = result[target]._replace(synonyms=tuple(extra))
    return result


def taught_names(labels: Iterable[Label], lessons: Lessons) -> dict[str, str]:
    """Return the name of every tag that a picture teaches, by id: what a bundle without that tag would not know."""
    names = {label.id: label.name for label in labels} | dict(lessons.edits.names)
    return {tag: names[tag] for picture in lessons.pictures.values() for tag in picture.tags if tag in names}


def adopt(lessons: Lessons, labels: Iterable[Label], names: Mapping[str, str]) -> Lessons:
    """Return the lessons for a bundle with these labels: tags that it lacks become added ones, by their names."""
    present = {label.id for label in labels}
    lacking = {key: name for key, name in names.items() if key not in present}
    return lessons._replace(edits=lessons.edits._replace(names={**lacking, **lessons.edits.names}))


def check_name(lessons: Lessons, labels: Iterable[Label], name: str, tag: str | None = None) -> str:
    """Return a name as it is stored, or raise LessonError where it is empty, too long or another tag's."""
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not 0 < len(name) <= 100:
        raise LessonError(f"got a name of {len(name)} characters, expected 1 to 100")
    for label in vocabulary(labels, lessons).values():
        if label.id != tag and same(label.name, name):
            raise LessonError(f"there is a tag {label.name!r} already ({label.id}): choose another name, or teach it")
    return name


def same(a: str, b: str) -> bool:
    """Return whether two names differ in case only."""
    return a.casefold() == b.casefold()


def _free_id(name: str, taken: set[str]) -> str:
    """Return an id made of the name, so that two users who add the same tag mean the same."""
    base = "user:" + re.sub(r"\W+", "-", name.casefold()).strip("-")
    return next(key for key in (base, *(f"{base}-{i}" for i in range(2, len(taken) + 3))) if key not in taken)


def find_tag(vocabulary: Mapping[str, Label], tag: str) -> str:
    """Return the id of a tag given by id, by name, or by a synonym; names in any case.

    Raises:
        LessonError: there is none, or several; names them or the closest ones.
    """
    if tag in vocabulary:
        return tag
    for names in (lambda label: (label.name,), lambda label: label.synonyms):
        found = [key for key, label in vocabulary.items() if any(same(name, tag) for name in names(label))]
        if len(found) == 1:
            return found[0]
        if found:
            raise LessonError(f"{tag!r} is the name of several tags: choose one by id: {', '.join(found)}")
    close = get_close_matches(tag, [label.name for label in vocabulary.values()], 3)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise LessonError(f"there is no tag {tag!r}: {hint}add_tag({tag!r}) makes a new one")
