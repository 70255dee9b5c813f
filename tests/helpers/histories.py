"""Lessons as a user's steps leave them, drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

from imagetagger.bundle.labels import Label
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    forget,
    learn,
    merge_tags,
    remove_tag,
)
from imagetagger.tagger.tag_names import add_tag, rename_tag, vocabulary

LABELS = (Label("red", "red", ()), Label("n01", "crimson", ("dark red", "carmine")), Label("blue", "blue", ()))
KEYS = [f"{i}" * 64 for i in range(4)]
NAMES = ["cat", "Cat", "dog", "red", "crimson", "rouge", "n01", "user:cat", "\N{DOG FACE}", "C++"]
EMBEDDINGS = {key: np.full(2, i, np.float32) for i, key in enumerate(KEYS)}
OPERATIONS = ["learn", "learn", "learn", "forget", "add", "rename", "merge", "remove"]
STEP = st.tuples(st.sampled_from(OPERATIONS), *[st.integers(0, 9)] * 3)


def picture(key: str, *tags: str) -> TaughtPicture:
    return TaughtPicture(
        b"png of " + key[:1].encode(), EMBEDDINGS[key], "space", tags, (None, 0.0, 0.5, 1.0)[int(key[0])]
    )


def step(lessons: Lessons, operation: str, i: int, j: int, k: int) -> Lessons:
    """Change lessons as a user might; what is refused changes nothing."""
    key, name, tags = KEYS[k % len(KEYS)], NAMES[j], list(vocabulary(LABELS, lessons))
    if not tags:
        return add_tag(lessons, LABELS, name)[0]
    tag, other = tags[i % len(tags)], tags[j % len(tags)]
    try:
        match operation:
            case "learn":
                return learn(lessons, key, picture(key, tag, other))
            case "forget":
                return forget(lessons, LABELS, key, [tag])
            case "add":
                return add_tag(lessons, LABELS, name)[0]
            case "rename":
                return rename_tag(lessons, LABELS, tag, name)
            case "merge":
                return merge_tags(lessons, tag, other)
            case _:
                return remove_tag(lessons, tag)
    except LessonError:
        return lessons


@st.composite
def histories(draw, most=12):
    """Lessons as a user's steps leave them."""
    lessons = NO_LESSONS
    for taken in draw(st.lists(STEP, max_size=most)):
        lessons = step(lessons, *taken)
    return lessons


def plain(lessons: Lessons) -> object:
    """The whole value, order included, in things that compare."""
    pictures = [(key, p.crop, p.embedding.tobytes(), p.space, p.tags, p.missed) for key, p in lessons.pictures.items()]
    return pictures, list(lessons.edits.names.items()), dict(lessons.edits.merged), lessons.edits.removed


def meaning(lessons: Lessons) -> object:
    """What a user sees: the tags and which pictures teach them; in any order."""
    tags = {key: (label.name, frozenset(label.synonyms)) for key, label in vocabulary(LABELS, lessons).items()}
    return tags, {key: {resolve_merged(tag, lessons.edits) for tag in p.tags} for key, p in lessons.pictures.items()}


def resolve_merged(tag: str, edits: VocabularyEdits) -> str:
    """Follow merged tags step by step to the last one, or to the least id of a ring: what `final_tags` gives."""
    path = [tag]
    while (tag := edits.merged.get(tag, tag)) not in path:
        path.append(tag)
    return min(path[path.index(tag) :])
