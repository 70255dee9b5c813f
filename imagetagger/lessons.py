"""What a user taught: pictures with their tags, and edits of the vocabulary.

Lessons are a value: every function returns new ones and changes nothing, so an undo is the value before. Statistics
are not among them; they follow from a bundle and its lessons (imagetagger/tag_rows.py), so a picture counts once
however often it is confirmed, and forgetting leaves no trace.

A tag's id never changes. Merging one into another is remembered as such, and pictures keep the ids they were taught
with, so that lessons of two users unite picture by picture.
"""

import hashlib
import io
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagetagger.bundle.read import Label
from imagetagger.preprocess import BAND


class Picture(NamedTuple):
    """A picture that was taught.

    Attributes:
        crop: PNG of what the network saw, S x S, lossless: another bundle embeds it anew.
        embedding: float32 (D,).
        space: the embedding space it belongs to.
        tags: ids, in the order they were taught.
        missed: share of its tags that the tag set did not hold when it was first taught; None where it could not.
    """

    crop: bytes
    embedding: np.ndarray
    space: str
    tags: tuple[str, ...]
    missed: float | None = None


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


def picture_id(image: Image.Image) -> str:
    """Return the content id of an upright RGB picture: the SHA-256 of its height, width and pixels.

    Of pixels, not of the file: the same picture counts once as a path, as bytes, or saved again without loss. Of all of
    them, not of the crop: it counts once for bundles of any input size. Hashed are "H W", a line feed, and the pixels
    row by row.
    """
    width, height = image.size
    digest = hashlib.sha256(f"{height} {width}\n".encode())
    for top in range(0, height, BAND):  # not a copy of all of them
        digest.update(image.crop((0, top, width, min(top + BAND, height))).tobytes())
    return digest.hexdigest()


def encode_crop(crop: np.ndarray) -> bytes:
    """Return a crop, uint8 (S, S, 3), as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def learn(lessons: Lessons, key: str, picture: Picture) -> Lessons:
    """Add a picture, or more tags to a picture that is there already; a tag that it has changes nothing."""
    known = lessons.pictures.get(key)
    tags = (*known.tags, *picture.tags) if known else picture.tags
    missed = known.missed if known else picture.missed
    taught = picture._replace(tags=tuple(dict.fromkeys(tags)), missed=missed)
    if known and known.tags == taught.tags:
        return lessons
    return lessons._replace(pictures={**lessons.pictures, key: taught})


def forget(lessons: Lessons, labels: Iterable[Label], key: str, tags: Iterable[str]) -> Lessons:
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
            names = {own: label.name for own, label in vocabulary(labels, lessons).items()}
            taught = dict.fromkeys(resolve(own, lessons.edits) for own in picture.tags)
            listed = ", ".join(names.get(own, own) for own in taught)
            raise LessonError(f"this picture was never taught as {names.get(tag, tag)}, but as {listed}")
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
    edits = lessons.edits
    own = {label.id: label.name for label in labels}
    used = {label.name for label in vocabulary(labels, lessons).values()}  # no name is another tag's id
    hidden = {key for key in edits.removed if resolve(key, edits) == key and key not in used}
    spelled = (*edits.names.items(), *own.items())  # a renamed tag comes back by either name
    back = next((key for key, other in spelled if key in hidden and same(other, name)), None)
    key = back or _free_id(name, {*own, *used, *edits.names, *edits.merged, *edits.merged.values()})
    names = {other: given for other, given in edits.names.items() if other != key}
    if key not in own or not same(own[key], name):
        names[key] = name
    return lessons._replace(edits=edits._replace(names=names, removed=edits.removed - {key})), key


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
        raise LessonError(f"got one tag twice, {tag}, expected two different ones")
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
        known = pictures.get(key, picture)
        tags = tuple(dict.fromkeys((*known.tags, *picture.tags)))
        pictures[key] = known if known.tags == tags else known._replace(tags=tags)
    merged = dict(b.edits.merged) | dict(a.edits.merged)
    edits = Edits({**b.edits.names, **a.edits.names}, merged, frozenset())
    taught = {resolve(tag, edits) for picture in pictures.values() for tag in picture.tags}
    edits = edits._replace(removed=(a.edits.removed | b.edits.removed) - taught)
    nothing_new = edits == a.edits and all(pictures[key] is a.pictures.get(key) for key in pictures)
    return a if nothing_new else Lessons(pictures, edits)


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

    The names of merged tags become synonyms. A tag that was taught or merged into, and that neither the bundle nor an
    edit names, as after a change of bundles, bears its id.
    """
    edits = lessons.edits
    taught = (tag for picture in lessons.pictures.values() for tag in picture.tags)
    known = {label.id: label for label in labels}
    for key in dict.fromkeys((*edits.names, *edits.merged.values(), *taught)):
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
    """Return the names of tags that pictures teach or others were merged into: what another bundle would not know."""
    names = {label.id: label.name for label in labels} | dict(lessons.edits.names)
    taught = (tag for picture in lessons.pictures.values() for tag in picture.tags)
    return {tag: names[tag] for tag in (*taught, *lessons.edits.merged.values()) if tag in names}


def adopt(lessons: Lessons, labels: Iterable[Label], names: Mapping[str, str]) -> Lessons:
    """Return the lessons for a bundle with these labels: tags that it lacks become added ones, by their names."""
    present = {label.id for label in labels} | set(lessons.edits.names)
    lacking = {key: name for key, name in names.items() if key not in present}
    return lessons._replace(edits=lessons.edits._replace(names={**lessons.edits.names, **lacking}))


def check_name(lessons: Lessons, labels: Iterable[Label], name: str, tag: str | None = None) -> str:
    """Return a name as it is stored; raise LessonError where it is empty, too long, no text or another tag's."""
    name = tidy(name)
    if not 0 < len(name) <= 100:
        raise LessonError(f"got a name of {len(name)} characters, expected 1 to 100")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise LessonError(f"got the name {name!r}, expected no control characters and no half ones")
    for label in vocabulary(labels, lessons).values():
        if label.id != tag and same(label.name, name):
            raise LessonError(f"there is a tag {label.name!r} already ({label.id}): choose another name, or teach it")
        if label.id != tag and label.id == name:  # else the name could not be told from the id
            raise LessonError(f"{name!r} is the id of the tag {label.name!r}: choose another name")
    return name


def tidy(name: str) -> str:
    """Return a name with single spaces and composed accents: as a keyboard, a file system or a browser may give it.

    >>> tidy(" polar   bear ")
    'polar bear'
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


def same(a: str, b: str) -> bool:
    """Return whether two names differ in case and spacing only."""
    return tidy(a).casefold() == tidy(b).casefold()


def _free_id(name: str, taken: set[str]) -> str:
    """Return an id made of the whole name: two users who add the same tag mean the same, and no others do."""
    base = f"user:{name.casefold()}"
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
    spelled = {name.casefold(): name for label in vocabulary.values() for name in (*label.synonyms, label.name)}
    close = [spelled[match] for match in get_close_matches(tidy(tag).casefold(), spelled, 3)]
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    raise LessonError(f"there is no tag {tag!r}: {hint}add_tag({tag!r}) makes a new one")
