"""What a user taught: pictures with their tags, and edits of the vocabulary.

Lessons are a value: every function returns new ones and changes nothing, so undoing restores the previous value.
Statistics are not part of it; they follow from a bundle and its lessons (tag_statistics.py), so a picture counts once
however often it is confirmed, and forgetting leaves no trace.

A tag's id never changes. Merged tags are recorded as merged, and pictures keep the ids they were taught with, so that
lessons of two users merge picture by picture.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagetagger.bundle.labels import Label, Term
from imagetagger.preprocess import BAND_ROWS

MAX_OWN_TAGS = 10_000
"""Tags that a user adds, renames or merges: each costs a row of statistics."""

MAX_LISTED_TAGS = 100_000
"""Tags and terms that a user removes or hides."""

MAX_TAGS = 100
"""Tags that one picture teaches."""

MAX_PICTURES = 80_000
"""Pictures that are taught: with a tag or two each they are the JSON values that a file may have."""


class TaughtPicture(NamedTuple):
    """A picture that was taught.

    Attributes:
        crop: PNG of what the network saw, S x S, lossless: another bundle embeds it again.
        embedding: float32 (D,).
        space: the embedding space it belongs to.
        tags: ids, in the order they were taught.
        missed: share of its tags that the prediction set lacked when it was first taught; None if none of them had
            pictures then.
    """

    crop: bytes
    embedding: np.ndarray
    space: str
    tags: tuple[str, ...]
    missed: float | None = None


class VocabularyEdits(NamedTuple):
    """How the user changed the vocabulary.

    Attributes:
        names: by id: tags that were added or renamed.
        merged: by id: the tag that it was merged into.
        removed: ids taken out of use.
        hidden: ids of tags and terms that are not shown; they keep what they were taught.
    """

    names: Mapping[str, str]
    merged: Mapping[str, str]
    removed: frozenset[str]
    hidden: frozenset[str] = frozenset()


class Lessons(NamedTuple):
    """Everything that a user taught.

    Attributes:
        pictures: by picture id, in the order they were first taught.
        edits: of the vocabulary.
    """

    pictures: Mapping[str, TaughtPicture]
    edits: VocabularyEdits


class LessonError(ValueError):
    """Lessons or edits that are not possible; the message says why, and what is possible."""


NO_LESSONS = Lessons({}, VocabularyEdits({}, {}, frozenset()))


def picture_id(image: Image.Image) -> str:
    """Content id of an upright RGB picture: SHA-256 of "H W", a line feed, and the pixels row by row.

    Of pixels, not of the file: the same picture counts once as a path, as bytes, or saved again without loss. Of all
    pixels, not of the crop: it counts once for bundles of any input size.
    """
    width, height = image.size
    digest = hashlib.sha256(f"{height} {width}\n".encode())
    for top in range(0, height, BAND_ROWS):  # without a copy of all pixels
        digest.update(image.crop((0, top, width, min(top + BAND_ROWS, height))).tobytes())
    return digest.hexdigest()


def encode_crop(crop: np.ndarray) -> bytes:
    """Encode a crop, uint8 (S, S, 3), as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def learn(lessons: Lessons, key: str, picture: TaughtPicture) -> Lessons:
    """Add a picture, or add tags to a picture that was taught before; tags that it has already change nothing."""
    known = lessons.pictures.get(key)
    tags = (*known.tags, *picture.tags) if known else picture.tags
    missed = known.missed if known else picture.missed
    taught = picture._replace(tags=tuple(dict.fromkeys(tags)), missed=missed)
    if known and known.tags == taught.tags:
        return lessons
    return lessons._replace(pictures={**lessons.pictures, key: taught})


def forget(lessons: Lessons, labels: Iterable[Label | Term], key: str, tags: Iterable[str]) -> Lessons:
    """Remove tags, and what was merged into them, from a picture; a picture without tags is removed.

    Raises:
        LessonError: the picture was never taught, or never as one of the tags.
    """
    picture = lessons.pictures.get(key)
    if picture is None:
        raise LessonError("this picture was never taught, so there is nothing to forget")
    final = final_tags(lessons.edits.merged)
    resolved = {stored: final.get(stored, stored) for stored in picture.tags}
    forgotten = tuple(tags)
    if strange := [tag for tag in forgotten if tag not in resolved.values()]:
        names = {label.id: label.name for label in labels} | dict(lessons.edits.names)
        listed = ", ".join(names.get(tag, tag) for tag in dict.fromkeys(resolved.values()))
        raise LessonError(f"this picture was never taught as {names.get(strange[0], strange[0])}, but as {listed}")
    remaining = tuple(stored for stored in picture.tags if resolved[stored] not in forgotten)
    pictures = {**lessons.pictures, key: picture._replace(tags=remaining)}
    return lessons._replace(pictures={other: taught for other, taught in pictures.items() if taught.tags})


def merge_tags(lessons: Lessons, tag: str, into: str) -> Lessons:
    """Merge a tag into another: what taught the first teaches the second.

    Raises:
        LessonError: they are the same tag.
    """
    if tag == into:
        raise LessonError(f"got one tag twice, {tag}, expected two different ones")
    return lessons._replace(edits=lessons.edits._replace(merged={**lessons.edits.merged, tag: into}))


def separate_tag(lessons: Lessons, tag: str) -> Lessons:
    """Take apart what was merged into a tag, by its user or by a bundle that knows its name.

    Each is then merged into itself, so that later bundles leave it apart.

    Raises:
        LessonError: nothing was merged into it.
    """
    merged = lessons.edits.merged
    apart = {key: key for key, into in merged.items() if into == tag != key}
    if not apart:
        raise LessonError(f"nothing was merged into the tag {tag}, so there is nothing to separate")
    return lessons._replace(edits=lessons.edits._replace(merged={**merged, **apart}))


def remove_tag(lessons: Lessons, tag: str) -> Lessons:
    """Remove a tag, what was merged into it, and the pictures that teach nothing else."""
    edits, pictures = lessons.edits, {}
    final = final_tags(edits.merged)
    for key, picture in lessons.pictures.items():
        if remaining := tuple(stored for stored in picture.tags if final.get(stored, stored) != tag):
            pictures[key] = picture._replace(tags=remaining)
    return Lessons(pictures, edits._replace(removed=edits.removed | {tag}))


def hide_tags(lessons: Lessons, tags: Iterable[str]) -> Lessons:
    """Show tags and terms no longer; what they were taught stays."""
    return lessons._replace(edits=lessons.edits._replace(hidden=lessons.edits.hidden.union(tags)))


def show_tags(lessons: Lessons, tags: Iterable[str]) -> Lessons:
    """Show hidden tags and terms again."""
    return lessons._replace(edits=lessons.edits._replace(hidden=lessons.edits.hidden.difference(tags)))


def merge_lessons(a: Lessons, b: Lessons) -> Lessons:
    """Merge the lessons of two users: every picture once, with the tags of both.

    Nothing that anybody taught is lost: a tag that one removed and the other taught stays. If both renamed or merged a
    tag, the edit of `a` wins.
    """
    both = merge_changes(NO_LESSONS, a, b)
    nothing_new = both.edits == a.edits and all(both.pictures[key] is a.pictures.get(key) for key in both.pictures)
    return a if nothing_new else both


def merge_changes(base: Lessons, mine: Lessons, theirs: Lessons) -> Lessons:
    """Merge what two users made of the same lessons, as a version control system does.

    Pictures and tags that either added or took away since are added or taken away. A tag that one removed and the other
    taught stays; where both renamed or merged it, `mine` wins.

    Args:
        base: the lessons that both began with.
        mine: made of them by one.
        theirs: made of them by the other.
    """
    pictures: dict[str, TaughtPicture] = {}
    for key in dict.fromkeys((*mine.pictures, *theirs.pictures)):
        picture = mine.pictures.get(key) or theirs.pictures[key]
        before, ours, others = (_tags(lessons.pictures.get(key)) for lessons in (base, mine, theirs))
        kept = (tag for tag in (*ours, *others) if tag not in before or (tag in ours and tag in others))
        if tags := tuple(dict.fromkeys(kept)):
            pictures[key] = picture if picture.tags == tags else picture._replace(tags=tags)
    edits = VocabularyEdits(
        _merge_mappings(base.edits.names, mine.edits.names, theirs.edits.names),
        _merge_mappings(base.edits.merged, mine.edits.merged, theirs.edits.merged),
        _merge_sets(base.edits.removed, mine.edits.removed, theirs.edits.removed),
        _merge_sets(base.edits.hidden, mine.edits.hidden, theirs.edits.hidden),
    )
    final = final_tags(edits.merged)
    taught = {final.get(tag, tag) for picture in pictures.values() for tag in picture.tags}
    return Lessons(pictures, edits._replace(removed=edits.removed - taught))


def _tags(picture: TaughtPicture | None) -> tuple[str, ...]:
    return picture.tags if picture else ()


def _merge_mappings(base: Mapping[str, str], mine: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    merged = dict(theirs)
    for key in dict.fromkeys((*base, *mine)):
        if base.get(key) == mine.get(key):
            continue
        if key in mine:
            merged[key] = mine[key]
        else:
            merged.pop(key, None)
    return merged


def _merge_sets(base: frozenset[str], mine: frozenset[str], theirs: frozenset[str]) -> frozenset[str]:
    return (theirs - (base - mine)) | (mine - base)


def final_tags(merged: Mapping[str, str]) -> dict[str, str]:
    """By id: the tag that each merged one became in the end; found in one pass, however long the chains are.

    A ring, which the edits of two users can form together, becomes its least id.
    """
    final: dict[str, str] = {}
    for start in merged:
        path: dict[str, int] = {}
        tag = start
        while tag not in path and tag not in final and tag in merged:
            path[tag] = len(path)
            tag = merged[tag]
        end = min(list(path)[path[tag] :]) if tag in path else final.get(tag, tag)
        final |= dict.fromkeys(path, end)
    return final


def check_limits(lessons: Lessons) -> None:
    """Check how much was taught and edited, so that what is saved can be loaded again, and costs no more than it may.

    Raises:
        LessonError: names what there is too much of.
    """
    edits = lessons.edits
    for what, count, most in (
        ("tags that were added or renamed", len(edits.names), MAX_OWN_TAGS),
        ("merged tags", len(edits.merged), MAX_OWN_TAGS),
        ("removed tags", len(edits.removed), MAX_LISTED_TAGS),
        ("hidden tags", len(edits.hidden), MAX_LISTED_TAGS),
        ("taught pictures", len(lessons.pictures), MAX_PICTURES),
        ("tags of one picture", max((len(picture.tags) for picture in lessons.pictures.values()), default=0), MAX_TAGS),
    ):
        if count > most:
            raise LessonError(f"got {count:,} {what}, expected at most {most:,}")
