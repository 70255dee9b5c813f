"""Lessons for the web app's golden vectors: a user's steps, those of two users merged, and those of another bundle."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from imagetagger.bundle.labels import Label, Term
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.lessons import NO_LESSONS, LessonError, Lessons, TaughtPicture
from tests.helpers.adopted import adoptions
from tests.helpers.web_golden_words import entry_of

LABELS = (
    *(Label("red", "red", ()), Label("n01", "crimson", ("dark red", "carmine")), Label("blue", "Blue", ())),
    *(Label("7", "Straße", ("road",)), Label("n02", "crane", ()), Label("n03", "crane", ("bird",))),
)
TERMS = (Term("n10", "dog", ("hound",), ("n00",), True), Term("n11", "cat", (), ("n00",)), Term("n00", "entity", ()))
OTHER_LABELS = (Label("red", "Rot", ()), Label("k9", "dog", ()))
KEYS = [f"picture {i}" for i in range(5)]
NAMES = (
    *("cat", "Cat", "dog", "red", "Crimson", "crane", "n01", "user:cat", "STRASSE", "Σίσυφος", "σίσυφοσ", "Ꭰꭰ", "ISIK"),
    *("ısık", "\N{DOG FACE}", "\uf8ff", "cafe\u0301", "CAFÉ", " polar\u3000\tbear ", "polar bear", "", "x" * 101),
    *("a\x07b", "__proto__", "constructor", "قطة", "🧑‍🌾", "ﬁsh", "FISH"),
)
DOG, LOGO = "\N{DOG FACE}", "\uf8ff"
"""UTF-16 and code points order them differently."""

SCRIPTS: list[list[list[Any]]] = [
    [["remove", "n01"], ["rename", "red", "n01"], ["add", "crimson"], ["hide", "blue"]],  # n01 names another tag
    [["add", DOG], ["add", LOGO], ["merge", f"user:{DOG}", f"user:{LOGO}"], ["learn", KEYS[0], [f"user:{LOGO}"], None]],
    [["add", DOG], ["add", LOGO], ["merge", f"user:{LOGO}", f"user:{DOG}"], ["learn", KEYS[1], [f"user:{DOG}"], 0.5]],
    [["hide", "red"], ["hide", "n02"], ["hide", "n10"], ["show", "red"], ["merge", "n02", "red"], ["remove", "red"]],
]
"""Histories that chance does not find; the second and the third merge to a cycle."""


def lessons_golden() -> dict[str, Any]:
    """Random lessons, step by step; those of two users merged; those of another bundle."""
    rng = random.Random(0)
    histories = [_history(rng) for _ in range(11)] + [_scripted(steps) for steps in SCRIPTS]
    values = [value for value, _ in histories]
    pairs = itertools.pairwise(values)
    names = [tag_names.taught_names((*LABELS, *TERMS), value) for value in values]
    return {
        "labels": [entry_of(label) for label in LABELS],
        "terms": [entry_of(term) for term in TERMS],
        "other_labels": [entry_of(label) for label in OTHER_LABELS],
        "histories": [{"steps": steps, "state": state_of(value, LABELS)} for value, steps in histories],
        "merged": [state_of(lessons.merge_lessons(a, b), LABELS) for a, b in pairs],
        "adopted": [
            state_of(tag_names.adopt_lessons(value, OTHER_LABELS, taught, TERMS), OTHER_LABELS)
            for value, taught in zip(values, names, strict=True)
        ],
        "adoptions": _adopted(),
    }


def _history(rng: random.Random) -> tuple[Lessons, list[Any]]:
    """Lessons after a user's steps, and each step with its result, null for an error."""
    taught, steps = NO_LESSONS, []
    for _ in range(20):
        taught, step = _taken(taught, _step(rng, taught))
        steps.append(step)
    return taught, steps


def _scripted(script: list[list[Any]]) -> tuple[Lessons, list[Any]]:
    taught, steps = NO_LESSONS, []
    for step in script:
        taught, taken = _taken(taught, step)
        steps.append(taken)
    return taught, steps


def _taken(taught: Lessons, step: list[Any]) -> tuple[Lessons, list[Any]]:
    after, result = attempt(lambda: take(taught, step)) or (taught, None)
    return after, [*step, result]


def _step(rng: random.Random, taught: Lessons) -> list[Any]:
    tags = list(tag_names.vocabulary(LABELS, taught, TERMS)) or ["red"]
    tag, other, key, name = rng.choice(tags), rng.choice(tags), rng.choice(KEYS), rng.choice(NAMES)
    kind = rng.choice(("learn", "learn", "learn", "forget", "add", "add", "rename", "merge", "remove"))
    arguments = {
        "learn": [key, [tag, other], rng.choice((None, 0.0, 0.5, 1.0))],
        "forget": [key, [tag]],
        "add": [name],
        "rename": [tag, name],
        "merge": [tag, other],
        "remove": [tag],
    }
    return [kind, *arguments[kind]]


def take(taught: Lessons, step: list[Any]) -> tuple[Lessons, Any]:
    """The lessons after a step, and its result: the id of an added tag, else True."""
    match step:
        case ["learn", key, tags, missed]:
            return lessons.learn(taught, key, taught_picture(tuple(tags), missed)), True
        case ["forget", key, tags]:
            return lessons.forget(taught, LABELS, key, tags), True
        case ["add", name]:
            return tag_names.add_tag(taught, LABELS, name, TERMS)
        case ["rename", tag, name]:
            return tag_names.rename_tag(taught, LABELS, tag, name, TERMS), True
        case ["merge", tag, other]:
            return lessons.merge_tags(taught, tag, other), True
        case ["remove", tag]:
            return lessons.remove_tag(taught, tag), True
        case ["hide", tag]:
            return lessons.hide_tags(taught, {tag}), True
        case ["show", tag]:
            return lessons.show_tags(taught, {tag}), True
    raise AssertionError(step)


def state_of(taught: Lessons, labels: tuple[Label, ...]) -> dict[str, Any]:
    """Lessons as JSON, order included."""
    return {
        "pictures": [[key, list(picture.tags), picture.missed] for key, picture in taught.pictures.items()],
        "names": [*map(list, taught.edits.names.items())],
        "merged": [*map(list, taught.edits.merged.items())],
        "removed": sorted(taught.edits.removed),
        "hidden": sorted(taught.edits.hidden),
        "vocabulary": [entry_of(label) for label in _tags(labels, taught)],
        "taught": [*map(list, tag_names.taught_names((*labels, *TERMS), taught).items())],
    }


def _tags(labels: tuple[Label, ...], taught: Lessons) -> list[Label]:
    vocabulary = tag_names.vocabulary(labels, taught, TERMS)
    assert [*vocabulary] == [label.id for label in vocabulary.values()]
    return list(vocabulary.values())


def taught_picture(tags: tuple[str, ...], missed: float | None) -> TaughtPicture:
    return TaughtPicture(b"", np.zeros(2, np.float32), "space", tags, missed)


def attempt(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except LessonError:
        return None


def _adopted() -> list[dict[str, Any]]:
    """By bundle: names and merges before and after it adopts lessons."""
    by_bundle: dict[tuple[tuple[Label, ...], tuple[Term, ...]], list[dict[str, Any]]] = {}
    for case in adoptions():
        made = tag_names.adopt_lessons(case.lessons, case.labels, case.names, case.terms)
        before, after = case.lessons.edits, made.edits
        assert after == before._replace(names=after.names, merged=after.merged)
        by_bundle.setdefault((case.labels, case.terms), []).append(
            {
                "names": dict(case.names),
                "removed": sorted(before.removed),
                "before": [[*map(list, edits.items())] for edits in (before.names, before.merged)],
                "after": [[*map(list, edits.items())] for edits in (after.names, after.merged)],
            }
        )
    return [
        {"labels": [entry_of(label) for label in labels], "terms": [entry_of(term) for term in terms], "cases": cases}
        for (labels, terms), cases in by_bundle.items()
    ]
