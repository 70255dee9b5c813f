"""A bundle in use: tags pictures, and learns its user's own tags on the spot.

    python -m imagetagger.tagger BUNDLE IMAGE...

Needs NumPy, Pillow, safetensors and LiteRT, never JAX or TensorFlow.
"""

import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger import lesson_file, lessons
from imagetagger.bundle import execute, read
from imagetagger.bundle.execute import Executor
from imagetagger.bundle.read import Bundle, Label
from imagetagger.judge import Judgement, counts, judge, share_missed, wanted_coverage
from imagetagger.lessons import LessonError, Lessons, Picture
from imagetagger.preprocess import Source, decode_source, square
from imagetagger.tag_rows import TagRows, advance
from imagetagger.tagset import ranked

UNDOABLE = 100
"""Changes that can be taken back, the last first."""


class Tag(NamedTuple):
    """A tag of a picture, and how probable it is."""

    id: str
    name: str
    probability: float


class Description(NamedTuple):
    """What is said of a picture.

    Attributes:
        tags: the most probable first.
        fit: how well the best tag fits, in nats above the background; None for a bundle without one, or without a tag
            that was taught.
        unknown: whether that is too little: something not known yet, perhaps.
    """

    tags: list[Tag]
    fit: float | None
    unknown: bool


class KnownTag(NamedTuple):
    """A tag of the vocabulary.

    Attributes:
        id: stable.
        name: what people see.
        synonyms: other names.
        pictures: how many taught it: those of the bundle and those of the user.
        taught: how many of them are the user's.
    """

    id: str
    name: str
    synonyms: tuple[str, ...]
    pictures: int
    taught: int


class _State(NamedTuple):
    lessons: Lessons
    vocabulary: dict[str, Label]
    rows: TagRows
    coverage: float | None  # to ask for, so that the promised one is kept


class Tagger:
    """Tags pictures with a bundle and what its user taught. Safe to use from several threads.

    `tag` works on one state from beginning to end; whatever changes the state makes a new one. Tags may be given by id,
    or by name where only one tag has it.
    """

    def __init__(self, bundle: Bundle, executor: Executor) -> None:
        self._bundle = bundle
        self._executor = executor
        self._changing = threading.RLock()
        self._past: deque[Lessons] = deque(maxlen=UNDOABLE)
        self._state = _State(lessons.EMPTY, {}, TagRows({}, ()), self.promises)
        self._become(lessons.EMPTY)

    @classmethod
    def load(cls, bundle: str | Path, lessons: str | Path | None = None) -> "Tagger":
        """Load a bundle, a folder or .zip, and the lessons of a user where there are some.

        Pictures that were taught to another bundle are embedded anew.

        Raises:
            FileNotFoundError: the bundle or the lessons are not there.
            BundleError, LessonError: they are damaged or of another kind; says what is wrong.
        """
        whole = read.read(Path(bundle))
        tagger = cls(whole, execute.load(whole.files["model.tflite"], whole.manifest))
        if lessons is not None:
            tagger._become(tagger._adopted(Path(lessons)))
        return tagger

    @property
    def lessons(self) -> Lessons:
        """What the user taught."""
        return self._state.lessons

    @property
    def tags(self) -> list[KnownTag]:
        """All tags, those of the bundle first."""
        state = self._state
        taught = {key: len(row.pictures) for key, row in state.rows.by_tag.items()}
        return [
            KnownTag(*label, round(float(state.rows.by_tag[key].total.count[0])), taught[key])
            for key, label in state.vocabulary.items()
        ]

    @property
    def promises(self) -> float | None:
        """How often a tag set holds the right tag, on pictures like the bundle's; None for rules without a promise."""
        return self._bundle.manifest.decision.tag_set.coverage

    def tag(self, image: Source, top_k: int | None = None, coverage: float | None = None) -> list[Tag]:
        """Return the tags that `describe` tells."""
        return self.describe(image, top_k, coverage).tags

    def describe(self, image: Source, top_k: int | None = None, coverage: float | None = None) -> Description:
        """Return the tags of a picture, and whether it shows something unknown.

        Args:
            image: see `Source`.
            top_k: how many; None for a tag set.
            coverage: how often the set is to hold the right tag; None for what the bundle promises, which is kept by
                asking for more or less where the user's lessons show misses or none.

        Raises:
            BadImageError: the picture cannot be used.
            OSError: it cannot be read.
            ValueError: an impossible number of tags, or a coverage that the bundle cannot promise.
        """
        if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"got top_k={top_k!r}, expected a whole number of at least 1, or None for the tag set")
        if coverage is not None and not 0 < coverage < 1:
            raise ValueError(f"got coverage={coverage!r}, expected a share above 0 and below 1")
        embedding = execute.embed(self._executor, self.crop(image))
        state = self._state
        found = self._judge(embedding, state, coverage)
        tags, taught = list(state.vocabulary.values()), counts(state.rows) > 0
        chosen = [i for i in ranked(found.probability) if taught[i] and (top_k is not None or found.member[i])]
        told = [Tag(tags[i].id, tags[i].name, float(found.probability[i])) for i in chosen[:top_k]]
        return Description(told, found.fit, found.unknown)

    def probabilities(self, embedding: np.ndarray) -> np.ndarray:
        """Return the calibrated probability of every tag, float64 (C,), in the order of `tags`; zeros without any."""
        return self._judge(embedding, self._state).probability

    def _judge(self, embedding: np.ndarray, state: _State, coverage: float | None = None) -> Judgement:
        manifest = self._bundle.manifest
        wanted = state.coverage if coverage is None else coverage
        return judge(embedding, state.rows, manifest, self._executor, wanted)

    def learn(self, image: Source, tags: Iterable[str]) -> None:
        """Teach that a picture has these tags. Taught twice, it counts once.

        Raises:
            LessonError: there is no such tag (`add_tag` makes one), or no tag at all.
            BadImageError, OSError: the picture cannot be used or read.
        """
        upright = decode_source(image, self._bundle.manifest.image.pixel_limit)
        key, crop = lessons.picture_id(upright), square(upright, self._bundle.manifest.image.size)
        with self._changing:
            ids = self._ids(tags)
            space = self._bundle.manifest.embedding_space
            embedding = execute.embed(self._executor, crop)
            missed = share_missed(self._judge(embedding, self._state).member, self._state.rows, ids)
            picture = Picture(lessons.encode_crop(crop), embedding, space, ids, missed)
            self._change(lessons.learn(self.lessons, key, picture))

    def forget(self, image: Source, tags: Iterable[str]) -> None:
        """Take back that a picture has these tags: as if it had never been taught so.

        Raises:
            LessonError: it never was.
            BadImageError, OSError: the picture cannot be used or read.
        """
        key = lessons.picture_id(decode_source(image, self._bundle.manifest.image.pixel_limit))
        with self._changing:
            self._change(lessons.forget(self.lessons, self._bundle.labels, key, self._ids(tags)))

    def undo(self) -> None:
        """Take the last change back, whatever it was.

        Raises:
            LessonError: nothing was changed since the lessons were loaded.
        """
        with self._changing:
            if not self._past:
                raise LessonError("there is nothing to undo: nothing was changed since loading")
            self._become(self._past.pop())

    def add_tag(self, name: str) -> str:
        """Add a tag, to be taught with `learn`; return its id.

        Raises:
            LessonError: the name is empty or taken.
        """
        with self._changing:
            changed, key = lessons.add_tag(self.lessons, self._bundle.labels, name)
            self._change(changed)
        return key

    def rename_tag(self, tag: str, name: str) -> None:
        """Give a tag another name; what it was taught stays."""
        with self._changing:
            self._change(lessons.rename_tag(self.lessons, self._bundle.labels, self._id(tag), name))

    def merge_tags(self, tag: str, into: str) -> None:
        """Make two tags one: the second keeps its name and knows what both were taught."""
        with self._changing:
            self._change(lessons.merge_tags(self.lessons, self._id(tag), self._id(into)))

    def remove_tag(self, tag: str) -> None:
        """Take a tag out, with the pictures that taught only it."""
        with self._changing:
            self._change(lessons.remove_tag(self.lessons, self._id(tag)))

    def unite(self, other: str | Path) -> None:
        """Add the lessons of another file: every picture once, with the tags of both."""
        with self._changing:
            self._change(lessons.union(self.lessons, self._adopted(Path(other))))

    def save(self, path: str | Path) -> None:
        """Write what was taught, pictures included, whole or not at all."""
        taught = self.lessons
        lesson_file.save(taught, lessons.taught_names(self._bundle.labels, taught), Path(path))

    def crop(self, image: Source) -> np.ndarray:
        """Return what the network sees of a picture, uint8 (S, S, 3).

        Raises:
            BadImageError, OSError: see `tag`.
        """
        return square(decode_source(image, self._bundle.manifest.image.pixel_limit), self._bundle.manifest.image.size)

    def _adopted(self, path: Path) -> Lessons:
        return lesson_file.load_for(path, self._bundle, self._executor)

    def _change(self, taught: Lessons) -> None:
        if taught is not self.lessons:
            before = self.lessons
            self._become(taught)
            self._past.append(before)

    def _become(self, taught: Lessons) -> None:
        vocabulary = lessons.vocabulary(self._bundle.labels, taught)
        rows = advance(self._state.rows, self._bundle, taught, vocabulary, self._executor)
        coverage = wanted_coverage(taught, self._bundle.manifest.decision.tag_set)
        self._state = _State(taught, vocabulary, rows, coverage)

    def _ids(self, tags: Iterable[str]) -> tuple[str, ...]:
        if isinstance(tags, str):
            raise LessonError(f"got the text {tags!r}, expected a list of tags: [{tags!r}]")
        given = list(tags)
        if strange := [tag for tag in given if not isinstance(tag, str)]:
            raise LessonError(f"got {strange[0]!r} among the tags, expected the id or the name of each as text")
        ids = tuple(dict.fromkeys(map(self._id, given)))
        if not ids:
            raise LessonError("got no tags, expected at least one")
        return ids

    def _id(self, tag: str) -> str:
        return lessons.find_tag(self._state.vocabulary, tag)


if __name__ == "__main__":
    from imagetagger.cli import tag

    tag()
