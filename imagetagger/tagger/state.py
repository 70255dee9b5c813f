"""What a tagger computes with: a user's lessons, and all that follows from them and the bundle."""

from typing import NamedTuple

from imagetagger.bundle.executor import Executor
from imagetagger.bundle.labels import Label
from imagetagger.bundle.reader import Bundle
from imagetagger.tagger.description import NO_WORDS, Words, find_words
from imagetagger.tagger.lessons import NO_LESSONS, Lessons
from imagetagger.tagger.predict import adapted_coverage
from imagetagger.tagger.saving import CommonStates
from imagetagger.tagger.tag_names import vocabulary
from imagetagger.tagger.tag_statistics import TagRows, update_rows

MAX_UNDO = 100
"""Changes that can be undone, the last one first."""

TERM_COVERAGE = 0.95
"""How often the terms of a description contain what a picture shows, at least."""


class TaggerState(NamedTuple):
    """See the module; `coverage` is that of prediction sets, adapted to what the lessons' sets missed."""

    lessons: Lessons
    vocabulary: dict[str, Label]
    words: Words
    rows: TagRows
    coverage: float | None


class UndoStep(NamedTuple):
    """What undoing a change restores.

    Attributes:
        lessons: before the change.
        common: with files, before one was read for this change or right after it; None if none was.
    """

    lessons: Lessons
    common: CommonStates | None


NO_STATE = TaggerState(NO_LESSONS, {}, NO_WORDS, TagRows({}, ()), None)


def update_state(state: TaggerState, taught: Lessons, bundle: Bundle, executor: Executor) -> TaggerState:
    """Compute the state of a tagger with other lessons; `state` only saves time."""
    tags = vocabulary(bundle.labels, taught, bundle.terms)
    words = find_words(tags, bundle.terms, taught.edits, state.words)
    rows = update_rows(state.rows, bundle, taught, tags, executor)
    return TaggerState(taught, tags, words, rows, adapted_coverage(taught, bundle.manifest.decision.prediction_set))
