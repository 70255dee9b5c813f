"""Make the golden vectors of the web app, imagetagger/web/app/tests/golden/: `python -m tests.helpers.web_golden`.

The app ports Python to TypeScript; golden vectors are what Python computes. tests/web/app/test_golden.py compares them
with today's Python, imagetagger/web/app/tests/*.test.ts compare the app with them.
"""

import itertools
import json
import os
import random
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from imagetagger.bundle.executor import Executor
from imagetagger.bundle.labels import Label, Term
from imagetagger.bundle.names import normalise_name, same_name
from imagetagger.bundle.reader import Rows
from imagetagger.options import PREDICTION_SETS, PredictionSet
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.conformal import COVERAGE_LEVELS, adapt_coverage, threshold_at
from imagetagger.prediction.decision import CONFORMAL_SETS, Decision, NoveltyRule, PredictionSetRule
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.lessons import NO_LESSONS, LessonError, Lessons, TaughtPicture
from imagetagger.tagger.predict import adapted_coverage, missed_share, predict_embedding
from imagetagger.tagger.tag_statistics import TagRow, TagRows, update_rows
from tests.helpers.web_golden_files import bundle_golden, lesson_file_golden
from tests.helpers.web_golden_words import entry_of, words_golden

GOLDEN = Path(__file__).parents[2] / "imagetagger" / "web" / "app" / "tests" / "golden"
BLOCK = 8

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


def predict_golden() -> dict[str, Any]:
    """Predictions from scores, and thresholds by coverage."""
    rng = np.random.default_rng(0)
    predictions = [_predicted(rng, rule, i) for rule in PREDICTION_SETS for i in range(8)]
    coverages = [0.001, 0.5, 0.9, 0.901, 0.9049999999999999, 0.995, 0.9951, 1.2]
    adapted = []
    for step_size in (0.0, 0.02, 0.3):
        for coverage in (0.5, 0.9, 0.99):
            missed = rng.choice([0.0, 0.5, 1.0], 12).tolist()
            taught = NO_LESSONS._replace(pictures={str(i): _picture((), share) for i, share in enumerate(missed)})
            rule = PredictionSetRule("lac", coverage, 0.5, tuple(_thresholds("lac")), step_size)
            result = adapted_coverage(taught, rule)
            assert result == adapt_coverage(coverage, missed, step_size)
            adapted.append({"coverage": coverage, "missed": missed, "step_size": step_size, "adapted": result})
    return {
        "thresholds": {rule: _thresholds(rule) for rule in CONFORMAL_SETS},
        "predictions": predictions,
        "levels": [[coverage, threshold_at(np.array(_thresholds("aps")), coverage)] for coverage in coverages],
        "adapted": adapted,
        "offsets": _offsets(),
    }


def _offsets() -> dict[str, Any]:
    """The offsets of merged tags, of one that was taught, and of one that a user added, by update_rows."""
    offsets = np.array([-3.5, -1.25, 0, 2, -700, 1e-3], np.float32)
    rows = Rows(np.ones(len(LABELS), np.float32), *(np.zeros((len(LABELS), 1), np.float32),) * 2)
    model = SimpleNamespace(model=SimpleNamespace(features=1))
    bundle = SimpleNamespace(labels=LABELS, rows=rows, score_offset=offsets, manifest=model)
    taught, dog = tag_names.add_tag(NO_LESSONS, LABELS, "dog")
    for tag, into in (("n01", "red"), ("7", "n01"), ("n02", dog)):
        taught = lessons.merge_tags(taught, tag, into)
    taught = lessons.learn(taught, KEYS[0], _picture(("blue", dog), None)._replace(embedding=np.zeros(1, np.float32)))
    keep = {"merge": lambda **row: {key: row[key] for key in ("count", "mean", "m2")}}
    executor, words = Executor(keep, threading.Lock(), BLOCK), tag_names.vocabulary(LABELS, taught)
    made = update_rows(TagRows({}, ()), bundle, taught, words, executor)  # type: ignore[arg-type]
    return {
        "bundle": offsets.tolist(),
        "merged": dict(taught.edits.merged),
        "added": [[dog, "dog"]],
        "taught": ["blue", dog],
        "tags": {tag: row.score_offset for tag, row in made.by_tag.items()},
    }


def _thresholds(rule: PredictionSet) -> list[float]:
    return (COVERAGE_LEVELS**3 if rule == "lac" else COVERAGE_LEVELS**2).tolist() if rule in CONFORMAL_SETS else []


def _predicted(rng: np.random.Generator, rule: PredictionSet, i: int) -> dict[str, Any]:
    """One prediction by Python: scores are coarse, so that some are equal; every third tag has no pictures."""
    tags = (1, 2, 9, 15)[i % 4]
    scores = (rng.integers(-40, 40, -(-(tags + 1) // BLOCK) * BLOCK) / 4).astype(np.float32)
    count = (rng.integers(0, 30, tags) * (rng.integers(0, 3, tags) > 0)).astype(np.float32) * (i != 5)
    calibration_bins = ((), ()) if i % 2 else ((0.3, 0.6, 0.9), (0.7, 1.5, 1.1))
    coverage = {"lac": 0.9, "aps": 0.8, "cumulative": None, "top_k": None}[rule]
    threshold = {"lac": 0.729, "aps": 0.64, "cumulative": 0.9, "top_k": 3.0}[rule]
    setting = [None, None, {"lac": 0.983, "aps": 0.4, "cumulative": 0.6, "top_k": 5.0}[rule]][i % 3]
    set_rule = PredictionSetRule(rule, coverage, threshold, tuple(_thresholds(rule)), 0.02)
    novelty = NoveltyRule(-1.5, 0.05) if i % 4 < 3 else None
    decision = Decision(Calibration(2.5, *calibration_bins), set_rule, novelty)
    if setting and not coverage:  # where the app takes the setting as the threshold
        set_rule = msgspec.structs.replace(set_rule, threshold=setting)
    in_use = msgspec.structs.replace(decision, prediction_set=set_rule)
    prior = ("uniform", "counts")[i // 2 % 2]
    blocks = iter(scores.reshape(-1, BLOCK))
    executor = Executor({"score": lambda **_: {"log_joint": next(blocks)}}, threading.Lock(), BLOCK)
    offsets = (rng.integers(-30, 30, tags) / 8 * (rng.integers(0, 3, tags) > 0)).astype(np.float32) * (i % 3 > 0)
    rows = _rows_with(count, offsets, len(scores) // BLOCK)
    manifest = SimpleNamespace(decision=in_use, classifier=SimpleNamespace(class_prior=prior))
    got = predict_embedding(np.zeros(1, np.float32), rows, manifest, executor, setting if coverage else None)  # type: ignore[arg-type]
    score = None if got.novelty_score is None else got.novelty_score[0]
    made = msgspec.to_builtins(decision)
    shown = sorted(rng.choice(tags, min(tags, 3), replace=False).tolist())
    return {
        "scores": scores.tolist(),
        "counts": count.tolist(),
        "offsets": offsets.tolist(),
        "decision": made | {"prediction_set": made["prediction_set"] | {"thresholds": None}},
        "class_prior": prior,
        "coverage": setting,
        "probabilities": got.probability[0].tolist(),
        "in_set": got.in_set[0].tolist(),
        "novelty_score": score if score is not None and np.isfinite(score) else None,
        "is_novel": bool(got.is_novel[0]),
        "shown": shown,
        "missed": missed_share(got.in_set[0], rows, tuple(map(str, shown))),
    }


def _rows_with(count: np.ndarray, offsets: np.ndarray, blocks: int) -> TagRows:
    zero = np.zeros((1, 1), np.float32)
    rows = [Rows(count[i : i + 1], zero, zero) for i in range(len(count))]
    padded = np.concatenate([count, np.zeros(blocks * BLOCK - len(count), np.float32)]).reshape(-1, BLOCK)
    wide = np.zeros((BLOCK, 1), np.float32)
    by_tag = {str(i): TagRow((i,), (), row, row, float(offsets[i])) for i, row in enumerate(rows)}
    return TagRows(by_tag, tuple(Rows(part, wide, wide) for part in padded))


def names_golden() -> dict[str, Any]:
    """Case folding and white space of every character; names as they are stored and compared."""
    known = [c for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    ends = [i for i in range(len(known)) if i + 1 == len(known) or known[i + 1] != known[i] + 1]
    starts = [0, *(i + 1 for i in ends[:-1])]
    return {
        "unicode": unicodedata.unidata_version,
        "assigned": [[known[a], known[b]] for a, b in zip(starts, ends, strict=True)],
        "folds": [chr(c) + chr(c).casefold() for c in known if chr(c).casefold() != chr(c)],
        "spaces": [c for c in known if chr(c).isspace()],
        "stored": [
            [name, normalise_name(name), _attempt(lambda n=name: tag_names.check_name(NO_LESSONS, (), n))]
            for name in NAMES
        ],
        "same": [[a, b] for a in NAMES for b in NAMES if a < b and same_name(a, b)],
    }


def _stored(name: str) -> str | None:
    return _attempt(lambda: tag_names.check_name(NO_LESSONS, (), name))


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
            state_of(tag_names.adopt_lessons(value, OTHER_LABELS, taught), OTHER_LABELS)
            for value, taught in zip(values, names, strict=True)
        ],
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
    after, result = _attempt(lambda: take(taught, step)) or (taught, None)
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
            return lessons.learn(taught, key, _picture(tuple(tags), missed)), True
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


def _picture(tags: tuple[str, ...], missed: float | None) -> TaughtPicture:
    return TaughtPicture(b"", np.zeros(2, np.float32), "space", tags, missed)


def _attempt(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except LessonError:
        return None


def golden() -> dict[str, Any]:
    """All golden vectors, by the name of their file."""
    return {
        "predict": predict_golden(),
        "names": names_golden(),
        "lessons": lessons_golden(),
        "bundle": bundle_golden(),
        "lesson_file": lesson_file_golden(),
        "words": words_golden(),
    }


def write(files: Mapping[str, Any]) -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        (GOLDEN / f"{name}.json").write_text(text.replace('},{"', '},\n{"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    os.environ["JAX_PLATFORMS"] = "cpu"
    with tempfile.TemporaryDirectory() as cache:
        os.environ["IMAGETAGGER_CACHE"] = cache
        write(golden())
    print(*(f"{path} {path.stat().st_size:,} bytes" for path in sorted(GOLDEN.glob("*.json"))), sep="\n")
