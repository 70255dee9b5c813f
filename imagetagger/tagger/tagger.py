"""A bundle in use: it tags pictures, and learns its user's own tags on the spot. Never needs JAX or TensorFlow."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from imagetagger.bundle.executor import Executor, check_scores, embed_image, load_executor
from imagetagger.bundle.labels import Label, Term
from imagetagger.bundle.reader import Bundle, read_bundle
from imagetagger.everyday import everyday_bundle
from imagetagger.prediction.predict import Prediction, sets_at
from imagetagger.preprocess import ImageSource, crop_square, decode_image
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.description import (
    Description,
    KnownTag,
    Tag,
    Words,
    describe_picture,
    ids_to_hide,
    ids_to_show,
    list_vocabulary,
)
from imagetagger.tagger.lesson_file import FilePath
from imagetagger.tagger.lessons import LessonError, Lessons, TaughtPicture
from imagetagger.tagger.predict import checked_arguments, missed_share, predict_embedding, tag_counts
from imagetagger.tagger.saving import CommonStates, LessonFiles
from imagetagger.tagger.state import MAX_UNDO, NO_STATE, TERM_COVERAGE, TaggerState, UndoStep, update_state


class Tagger:
    """Tags pictures with a bundle and what its user taught. Safe to use from several threads.

    `tag` works on one state throughout; changes make a new one. Methods take tags by id, or by a name of one tag only.
    """

    def __init__(self, bundle: Bundle, executor: Executor) -> None:
        self._bundle = bundle
        self._executor = executor
        self._lock = threading.RLock()
        self._history: deque[UndoStep] = deque(maxlen=MAX_UNDO)
        self._files = LessonFiles(bundle, executor)
        self._common: CommonStates = {}
        self._state = update_state(NO_STATE, lessons.NO_LESSONS, bundle, executor)

    @classmethod
    def load(cls, bundle: FilePath | None = None, lessons: FilePath | None = None) -> "Tagger":
        """Load a bundle, a folder or .zip, and a user's lessons if there are any.

        Without a bundle it is the everyday one, which comes with the package. Pictures that were taught to another one
        are embedded again. A user's tag that the bundle knows by now is one with it, until `undo` or `separate_tag`.

        Raises:
            FileNotFoundError: the bundle or the lessons do not exist.
            BundleError, LessonError: they are damaged or something else; the message says what.
        """
        checked = read_bundle(everyday_bundle() if bundle is None else Path(bundle))
        tagger = cls(checked, load_executor(checked.files["model.tflite"], checked.manifest))
        check_scores(tagger._executor, checked.rows, checked.labels)
        if lessons is not None:
            loaded, tagger._common = tagger._files.load(Path(lessons), {})
            tagger._set_lessons(loaded.lessons)
            if loaded.apart is not loaded.lessons:
                tagger._history.append(UndoStep(loaded.apart, None))
        return tagger

    def twin(self) -> "Tagger":
        """Make another tagger of the same bundle and lessons, which computes at the same time as this one."""
        twin = Tagger(self._bundle, load_executor(self._bundle.files["model.tflite"], self._bundle.manifest))
        with self._lock:
            taught, twin._common = self.lessons, self._common
        twin._set_lessons(taught)
        return twin

    @property
    def lessons(self) -> Lessons:
        """What the user taught."""
        return self._state.lessons

    @property
    def tags(self) -> list[KnownTag]:
        """All tags, those of the bundle first."""
        state = self._state
        return list_vocabulary(state.vocabulary, state.rows, state.words)

    @property
    def words(self) -> Words:
        """All tags and broader terms, as `describe` uses them."""
        return self._state.words

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
            coverage: how often the set contains the right tag; None for `target_coverage`, adapted to what sets missed.

        Raises:
            BadImageError, OSError: the picture cannot be used or read.
            ValueError: an impossible number of tags, or a coverage that the bundle cannot guarantee.
            PredictionError: the bundle or the lessons give a score that is not finite.
        """
        top_k, coverage = checked_arguments(top_k, coverage)
        embedding = embed_image(self._executor, self.crop(image))
        state = self._state
        prediction = self._predict(embedding, state, coverage)
        wider = prediction.in_set  # of terms, there are few even for large sets
        if state.words.terms and self.target_coverage:
            rule = self._bundle.manifest.decision.prediction_set
            wider = sets_at(prediction.log_probability, rule, max(coverage or state.coverage or 0.0, TERM_COVERAGE))
        return describe_picture(state.words, prediction, wider[0], tag_counts(state.rows) > 0, top_k)

    def probabilities(self, embedding: np.ndarray) -> np.ndarray:
        """Calibrated probability of every tag, float64 (C,), in the order of `tags`; 0 for tags without pictures."""
        return self._predict(embedding, self._state).probability[0]

    def learn(self, image: ImageSource, tags: Iterable[str]) -> None:
        """Teach that a picture has these tags. Taught twice, it counts once.

        Raises:
            LessonError: a tag does not exist (`add_tag` makes one), or none is given.
            BadImageError, OSError: the picture cannot be used or read.
        """
        manifest, upright = self._bundle.manifest, self.decode(image)
        key, crop = lessons.picture_id(upright), crop_square(upright, manifest.image.size)
        with self._lock:
            ids = self._find_tags(tags)
            embedding = embed_image(self._executor, crop)
            missed = missed_share(self._predict(embedding, self._state).in_set[0], self._state.rows, ids)
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
            labels: tuple[Label | Term, ...] = (*self._bundle.labels, *self._bundle.terms)
            self._change_lessons(lessons.forget(self.lessons, labels, key, self._find_tags(tags)))

    def undo(self) -> None:
        """Undo the last change, whatever it was.

        Raises:
            LessonError: there was no change since loading, and loading merged no tags.
        """
        with self._lock:
            if not self._history:
                raise LessonError("there is nothing to undo: nothing was changed since loading")
            before = self._history.pop()
            self._set_lessons(before.lessons)
            if before.common is not None:
                self._common = before.common

    def add_tag(self, name: str) -> str:
        """Add a tag, to be taught with `learn`; return its id.

        Raises:
            LessonError: the name cannot be one, or is taken.
        """
        with self._lock:
            tag_names.check_synonym(self._state.vocabulary, name, self._terms)
            changed, key = tag_names.add_tag(self.lessons, self._bundle.labels, name, self._bundle.terms)
            self._change_lessons(changed)
        return key

    def rename_tag(self, tag: str, name: str) -> None:
        """Rename a tag; what it was taught stays."""
        with self._lock:
            key, labels = self._find_tag(tag), self._bundle.labels
            tag_names.check_synonym(self._state.vocabulary, name, self._terms, key)
            self._change_lessons(tag_names.rename_tag(self.lessons, labels, key, name, self._bundle.terms))

    def merge_tags(self, tag: str, into: str) -> None:
        """Merge a tag into another, which keeps its name and knows what both were taught."""
        with self._lock:
            key, target = self._find_tag(tag, is_own=True), self._find_tag(into)
            self._change_lessons(lessons.merge_tags(self.lessons, key, target))

    def separate_tag(self, tag: str) -> None:
        """Take apart what was merged into a tag, by the user or by a bundle that knows its name."""
        with self._lock:
            self._change_lessons(lessons.separate_tag(self.lessons, self._find_tag(tag)))

    def remove_tag(self, tag: str) -> None:
        """Remove a tag, and the pictures that taught only it."""
        with self._lock:
            self._change_lessons(lessons.remove_tag(self.lessons, self._find_tag(tag, is_own=True)))

    def replace_lessons(self, path: FilePath) -> None:
        """Replace what the user taught by the lessons of a file."""
        self._adopt(path, lambda loaded: loaded)

    def hide_tag(self, tag: str, below: bool = False) -> None:
        """Hide a tag, or a broader term and all that is below it, or only that; it keeps what it was taught.

        A picture of something hidden is described by the most specific broader term that is not.
        """
        with self._lock:
            hidden = ids_to_hide(self._state.words, self._find_tag(tag), below)
            self._change_lessons(lessons.hide_tags(self.lessons, hidden))

    def show_tag(self, tag: str) -> None:
        """Show a hidden tag again, or a term and all that is below it.

        Raises:
            LessonError: it was not hidden, or is below a term that is.
        """
        with self._lock:
            shown = ids_to_show(self._state.words, self._find_tag(tag), self.lessons.edits.hidden)
            self._change_lessons(lessons.show_tags(self.lessons, shown))

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """Id and name of each hidden tag and term."""
        names = self._state.words.names
        return [(key, names.get(key, key)) for key in sorted(self.lessons.edits.hidden)]

    def known_name(self, name: str) -> str:
        """Name of the tag or broader term that a text is the id, the name or a synonym of; raises like `learn`."""
        return self._state.words.names[self._find_tag(name)]

    def has_tag(self, name: str) -> bool:
        """Whether a text is the id, the name or a synonym of a tag or of a broader term."""
        return bool(tag_names.matching_ids(self._state.vocabulary, name, self._terms))

    def merge_lessons(self, path: FilePath) -> None:
        """Add the lessons of another file: every picture once, with the tags of both."""
        self._adopt(path, lambda loaded: lessons.merge_lessons(self.lessons, loaded))

    def save(self, path: FilePath, *, replace: bool = False) -> None:
        """Write the lessons, pictures included, completely or not at all, together with what others saved there since.

        If `replace`, over whatever is there; else a LessonError is raised for a file that is something else.
        """
        with self._lock:
            taught, common = self.lessons, self._common
        saved = self._files.save(taught, Path(path), common, replace=replace)
        with self._lock:
            if self._common is common:  # else another thread read or saved a file meanwhile
                self._common = saved

    def decode(self, image: ImageSource) -> Image.Image:
        """Decode a picture to an upright RGB image, the same picture to all methods; raises like `describe`."""
        return decode_image(image, self._bundle.manifest.image.pixel_limit)

    def crop(self, image: ImageSource) -> np.ndarray:
        """What the network sees of a picture, uint8 (S, S, 3); raises like `describe`."""
        return crop_square(self.decode(image), self._bundle.manifest.image.size)

    def _predict(self, embedding: np.ndarray, state: TaggerState, coverage: float | None = None) -> Prediction:
        manifest = self._bundle.manifest
        return predict_embedding(embedding, state.rows, manifest, self._executor, coverage or state.coverage)

    def _change_lessons(self, taught: Lessons) -> None:
        if taught is not self.lessons:
            lessons.check_limits(taught)
            before = UndoStep(self.lessons, None)
            self._set_lessons(taught)
            self._history.append(before)

    def _adopt(self, path: FilePath, change: Callable[[Lessons], Lessons]) -> None:
        with self._lock:
            loaded, common = self._files.load(Path(path), self._common)
            self._change_lessons(change(loaded.lessons))
            if self._history and self._history[-1].common is None:  # undone, it is as if the file had never been read
                self._history[-1] = self._history[-1]._replace(common=self._common)
            self._common = common

    def _set_lessons(self, taught: Lessons) -> None:
        self._state = update_state(self._state, taught, self._bundle, self._executor)

    @property
    def _terms(self) -> tuple[Term, ...]:
        return tag_names.usable_terms(self._bundle.terms, self.lessons.edits)

    def _find_tags(self, tags: Iterable[str]) -> tuple[str, ...]:
        return tag_names.find_tags(self._state.vocabulary, tags, self._terms)

    def _find_tag(self, tag: str, is_own: bool = False) -> str:
        find = tag_names.find_own_tag if is_own else tag_names.find_tag
        return find(self._state.vocabulary, tag, self._terms)
