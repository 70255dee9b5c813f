"""A bundle in use: it tags pictures, and learns its user's own tags on the spot. Never needs JAX or TensorFlow."""

import threading
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagetagger.bundle.executor import Executor, embed_image, load_executor
from imagetagger.bundle.reader import Bundle, Label, read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.prediction.predict import Prediction
from imagetagger.prediction.prediction_sets import ranked_tags
from imagetagger.preprocess import ImageSource, crop_square, decode_source
from imagetagger.tagger import lessons
from imagetagger.tagger.lesson_file import load_lessons_for, save_lessons
from imagetagger.tagger.lessons import LessonError, Lessons, TaughtPicture
from imagetagger.tagger.predict import adapted_coverage, missed_share, predict_embedding, tag_counts
from imagetagger.tagger.tag_statistics import TagRows, update_rows

MAX_UNDO = 100
"""Changes that can be undone, the last one first."""


class Tag(NamedTuple):
    """A tag of a picture, and how probable it is."""

    id: str
    name: str
    probability: float


class Description(NamedTuple):
    """The tags of a picture, and whether it shows something new.

    Attributes:
        tags: the most probable first.
        novelty_score: log likelihood of the background minus that of the best tag, in nats: higher is more novel. None
            for a bundle without a background, or without any tag that has pictures.
        is_novel: whether no tag fits, so that the picture may show something unknown.
    """

    tags: list[Tag]
    novelty_score: float | None
    is_novel: bool


class KnownTag(NamedTuple):
    """A tag of the vocabulary.

    Attributes:
        id: stable.
        name: what people see.
        synonyms: other names.
        pictures: number that taught it, the bundle's and the user's.
        taught: number of the user's.
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
    coverage: float | None  # of prediction sets, adapted to what the lessons' sets missed


class Tagger:
    """Tags pictures with a bundle and what its user taught. Safe to use from several threads.

    `tag` works on one state from beginning to end; changes make a new state. Methods take tags by id, or by a name that
    only one tag has.
    """

    def __init__(self, bundle: Bundle, executor: Executor) -> None:
        self._bundle = bundle
        self._executor = executor
        self._lock = threading.RLock()
        self._history: deque[Lessons] = deque(maxlen=MAX_UNDO)
        self._state = _State(lessons.NO_LESSONS, {}, TagRows({}, ()), self.target_coverage)
        self._set_lessons(lessons.NO_LESSONS)

    @classmethod
    def load(cls, bundle: str | Path | None = None, lessons: str | Path | None = None) -> "Tagger":
        """Load a bundle, a folder or .zip, and a user's lessons if there are any.

        Without a bundle it is the everyday one, which comes with the package. Pictures that were taught to another
        bundle are embedded again.

        Raises:
            FileNotFoundError: the bundle or the lessons do not exist.
            BundleError, LessonError: they are damaged or something else; the message says what.
        """
        checked = read_bundle(everyday_bundle() if bundle is None else Path(bundle))
        tagger = cls(checked, load_executor(checked.files["model.tflite"], checked.manifest))
        if lessons is not None:
            tagger._set_lessons(tagger._load_lessons(lessons))
        return tagger

    def twin(self) -> "Tagger":
        """Make another tagger of the same bundle and lessons, which computes at the same time as this one."""
        twin = Tagger(self._bundle, load_executor(self._bundle.files["model.tflite"], self._bundle.manifest))
        twin._set_lessons(self.lessons)
        return twin

    @property
    def lessons(self) -> Lessons:
        """What the user taught."""
        return self._state.lessons

    @property
    def tags(self) -> list[KnownTag]:
        """All tags, those of the bundle first."""
        state = self._state
        return [
            KnownTag(label.id, label.name, label.synonyms, round(float(row.total.count[0])), len(row.pictures))
            for label, row in zip(state.vocabulary.values(), state.rows.by_tag.values(), strict=True)
        ]

    @property
    def target_coverage(self) -> float | None:
        """How often a tag set has the right tag, on pictures like the bundle's; None for rules without guarantee."""
        return self._bundle.manifest.decision.prediction_set.coverage

    def tag(self, image: ImageSource, top_k: int | None = None, coverage: float | None = None) -> list[Tag]:
        """Predict the tags of a picture: those of `describe`."""
        return self.describe(image, top_k, coverage).tags

    def describe(self, image: ImageSource, top_k: int | None = None, coverage: float | None = None) -> Description:
        """Predict the tags of a picture, and whether it shows something new.

        Args:
            image: see `ImageSource`.
            top_k: number of tags; None for a tag set.
            coverage: how often the set contains the right tag; None for `target_coverage`, adapted to what the sets of
                the user's lessons missed.

        Raises:
            BadImageError: the picture cannot be used.
            OSError: it cannot be read.
            ValueError: an impossible number of tags, or a coverage that the bundle cannot guarantee.
        """
        if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"got top_k={top_k!r}, expected a whole number of at least 1, or None for the tag set")
        if coverage is not None and not 0 < coverage < 1:
            raise ValueError(f"got coverage={coverage!r}, expected a share above 0 and below 1")
        embedding = embed_image(self._executor, self.crop(image))
        state = self._state
        prediction = self._predict(embedding, state, coverage)
        p, has_pictures = prediction.probability[0], tag_counts(state.rows) > 0
        shown = has_pictures if top_k is not None else prediction.in_set[0]
        labels = list(state.vocabulary.values())
        tags = [Tag(labels[i].id, labels[i].name, float(p[i])) for i in ranked_tags(p) if shown[i]]
        novelty = prediction.novelty_score
        score = float(novelty[0]) if novelty is not None and has_pictures.any() else None
        return Description(tags[:top_k], score, bool(prediction.is_novel[0]))

    def probabilities(self, embedding: np.ndarray) -> np.ndarray:
        """Calibrated probability of every tag, float64 (C,), in the order of `tags`; 0 for tags without pictures."""
        return self._predict(embedding, self._state).probability[0]

    def learn(self, image: ImageSource, tags: Iterable[str]) -> None:
        """Teach that a picture has these tags. Taught twice, it counts once.

        Raises:
            LessonError: a tag does not exist (`add_tag` makes one), or none is given.
            BadImageError, OSError: the picture cannot be used or read.
        """
        manifest = self._bundle.manifest
        upright = self.decode(image)
        key, crop = lessons.picture_id(upright), crop_square(upright, manifest.image.size)
        with self._lock:
            ids = self._find_tags(tags)
            embedding = embed_image(self._executor, crop)
            in_set = self._predict(embedding, self._state).in_set[0]
            missed = missed_share(in_set, self._state.rows, ids)
            picture = TaughtPicture(lessons.encode_crop(crop), embedding, manifest.embedding_space, ids, missed)
            self._change_lessons(lessons.learn(self.lessons, key, picture))

    def forget(self, image: ImageSource, tags: Iterable[str]) -> None:
        """Forget that a picture has these tags: as if it had never been taught.

        Raises:
            LessonError: it was never taught as one of them.
            BadImageError, OSError: the picture cannot be used or read.
        """
        key = lessons.picture_id(self.decode(image))
        with self._lock:
            self._change_lessons(lessons.forget(self.lessons, self._bundle.labels, key, self._find_tags(tags)))

    def undo(self) -> None:
        """Undo the last change, whatever it was.

        Raises:
            LessonError: there was no change since loading.
        """
        with self._lock:
            if not self._history:
                raise LessonError("there is nothing to undo: nothing was changed since loading")
            self._set_lessons(self._history.pop())

    def add_tag(self, name: str) -> str:
        """Add a tag, to be taught with `learn`; return its id.

        Raises:
            LessonError: the name cannot be one, or is taken.
        """
        with self._lock:
            changed, key = lessons.add_tag(self.lessons, self._bundle.labels, name)
            self._change_lessons(changed)
        return key

    def rename_tag(self, tag: str, name: str) -> None:
        """Rename a tag; what it was taught stays."""
        with self._lock:
            self._change_lessons(lessons.rename_tag(self.lessons, self._bundle.labels, self._find_tag(tag), name))

    def merge_tags(self, tag: str, into: str) -> None:
        """Merge a tag into another, which keeps its name and knows what both were taught."""
        with self._lock:
            self._change_lessons(lessons.merge_tags(self.lessons, self._find_tag(tag), self._find_tag(into)))

    def remove_tag(self, tag: str) -> None:
        """Remove a tag, and the pictures that taught only it."""
        with self._lock:
            self._change_lessons(lessons.remove_tag(self.lessons, self._find_tag(tag)))

    def replace_lessons(self, path: str | Path) -> None:
        """Replace what the user taught by the lessons of a file."""
        with self._lock:
            self._change_lessons(self._load_lessons(path))

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Hidden tags and terms: id and name."""
        return list(getattr(self, "_hidden", {}).items())

    def hide_tag(self, name: str, below: bool = False) -> None:
        """Hide a tag."""
        key = self._find_tag(name)
        self._hidden = {**getattr(self, "_hidden", {}), key: self._state.vocabulary[key].name}
        self._change_lessons(self.lessons._replace())

    def show_tag(self, name: str) -> None:
        """Show a hidden tag again."""
        self._hidden = {key: text for key, text in self.hidden if key != self._find_tag(name)}
        self._change_lessons(self.lessons._replace())

    def merge_lessons(self, path: str | Path) -> None:
        """Add the lessons of another file: every picture once, with the tags of both."""
        with self._lock:
            self._change_lessons(lessons.merge_lessons(self.lessons, self._load_lessons(path)))

    def save(self, path: str | Path) -> None:
        """Write the lessons, pictures included, completely or not at all."""
        taught = self.lessons
        save_lessons(taught, lessons.taught_names(self._bundle.labels, taught), Path(path))

    def decode(self, image: ImageSource) -> Image.Image:
        """Decode a picture to an upright RGB image, which `learn` and `forget` take for the same picture.

        Raises:
            BadImageError, OSError: see `describe`.
        """
        return decode_source(image, self._bundle.manifest.image.pixel_limit)

    def crop(self, image: ImageSource) -> np.ndarray:
        """What the network sees of a picture, uint8 (S, S, 3).

        Raises:
            BadImageError, OSError: see `describe`.
        """
        return crop_square(self.decode(image), self._bundle.manifest.image.size)

    def _predict(self, embedding: np.ndarray, state: _State, coverage: float | None = None) -> Prediction:
        adapted = state.coverage if coverage is None else coverage
        return predict_embedding(embedding, state.rows, self._bundle.manifest, self._executor, adapted)

    def _load_lessons(self, path: str | Path) -> Lessons:
        return load_lessons_for(Path(path), self._bundle, self._executor)

    def _change_lessons(self, taught: Lessons) -> None:
        if taught is not self.lessons:
            before = self.lessons
            self._set_lessons(taught)
            self._history.append(before)

    def _set_lessons(self, taught: Lessons) -> None:
        vocabulary = lessons.vocabulary(self._bundle.labels, taught)
        rows = update_rows(self._state.rows, self._bundle, taught, vocabulary, self._executor)
        coverage = adapted_coverage(taught, self._bundle.manifest.decision.prediction_set)
        self._state = _State(taught, vocabulary, rows, coverage)

    def _find_tags(self, tags: Iterable[str]) -> tuple[str, ...]:
        if isinstance(tags, str):
            raise LessonError(f"got the text {tags!r}, expected a list of tags: [{tags!r}]")
        listed = list(tags)
        if strange := [tag for tag in listed if not isinstance(tag, str)]:
            raise LessonError(f"got {strange[0]!r} among the tags, expected the id or the name of each as text")
        ids = tuple(dict.fromkeys(map(self._find_tag, listed)))
        if not ids:
            raise LessonError("got no tags, expected at least one")
        return ids

    def _find_tag(self, tag: str) -> str:
        return lessons.find_tag(self._state.vocabulary, tag)
