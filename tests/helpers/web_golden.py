"""Make the golden vectors of the web app, imagetagger/web/app/tests/golden/: `python -m tests.helpers.web_golden`.

The app ports Python to TypeScript; golden vectors are what Python computes. tests/web/app/test_golden.py compares them
with today's Python, imagetagger/web/app/tests/*.test.ts compare the app with them.
"""

import json
import os
import sys
import tempfile
import threading
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from imagetagger.bundle.executor import Executor
from imagetagger.bundle.names import normalise_name, same_name
from imagetagger.bundle.reader import Rows
from imagetagger.options import PREDICTION_SETS, PredictionSet
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.conformal import COVERAGE_LEVELS, adapt_coverage, threshold_at
from imagetagger.prediction.decision import CONFORMAL_SETS, Decision, NoveltyRule, PredictionSetRule
from imagetagger.system.ignored_files import SYSTEM_NAMES, is_system_path
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.lessons import NO_LESSONS
from imagetagger.tagger.predict import adapted_coverage, missed_share, predict_embedding
from imagetagger.tagger.tag_statistics import TagRow, TagRows, update_rows
from tests.helpers.name_table import BAD_NAMES, GOOD_NAMES, NO_NAMES, SPACED_NAMES, UNSEEN_NAMES
from tests.helpers.web_golden_files import bundle_golden, lesson_file_golden
from tests.helpers.web_golden_lessons import KEYS, LABELS, NAMES, attempt, lessons_golden, taught_picture
from tests.helpers.web_golden_words import sidecars_golden, words_golden

GOLDEN = Path(__file__).parents[2] / "imagetagger" / "web" / "app" / "tests" / "golden"
BLOCK = 8


def predict_golden() -> dict[str, Any]:
    """Predictions from scores, and thresholds by coverage."""
    rng = np.random.default_rng(0)
    predictions = [_predicted(rng, rule, i) for rule in PREDICTION_SETS for i in range(8)]
    coverages = [0.001, 0.5, 0.9, 0.901, 0.9049999999999999, 0.995, 0.9951, 1.2]
    adapted = []
    for step_size in (0.0, 0.02, 0.3):
        for coverage in (0.5, 0.9, 0.99):
            missed = rng.choice([0.0, 0.5, 1.0], 12).tolist()
            taught = NO_LESSONS._replace(pictures={str(i): taught_picture((), share) for i, share in enumerate(missed)})
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
    taught = lessons.learn(
        taught, KEYS[0], taught_picture(("blue", dog), None)._replace(embedding=np.zeros(1, np.float32))
    )
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
    given = dict.fromkeys((*NAMES, *GOOD_NAMES, *SPACED_NAMES, *NO_NAMES, *UNSEEN_NAMES, *filter(_is_text, BAD_NAMES)))
    return {
        "unicode": unicodedata.unidata_version,
        "assigned": [[known[a], known[b]] for a, b in zip(starts, ends, strict=True)],
        "folds": [chr(c) + chr(c).casefold() for c in known if chr(c).casefold() != chr(c)],
        "spaces": [c for c in known if normalise_name(f"a{chr(c)}b") == "a b"],
        "stored": [
            [name, normalise_name(name), attempt(lambda n=name: tag_names.check_name(NO_LESSONS, (), n))]
            for name in given
        ],
        "same": [[a, b] for a in given for b in given if a < b and same_name(a, b)],
        "system": [[name, is_system_path(name)] for name in (*sorted(SYSTEM_NAMES), *SYSTEM_PATHS)],
    }


SYSTEM_PATHS = (
    *("._a.png", "mine/@eaDir/a.png", "Icon\r", "ICON\r", ".Trash-1000", ".trash-", ".dropbox.attr", ".~lock.a.json#"),
    *("~$a.json", ".nfs0001", ".nfs", ".smbdeleteA", ".fuse_hidden01", ".syncthing.a.tmp", "~syncthing~a.tmp"),
    *("a.partial", "a.part", "a.PART", "a.crdownload", "a.!sync", "a.lrdata/b", "lessons.json", "pictures/a.png"),
    *("found.000", "parts", "found.0000", "recycle", "golden/0.png", "a._b", "@home", "", "/", "README.txt"),
    *("recycled/a.png", "temporary items/a.png", "vol.part/a.png", "icon?", "Icon?/a.png", "BridgeCache"),
    *("bridgecache/a", "~$tag/a.png", "a/", "a.part/"),
    *(":2eDS_Store", "Photos Library.photoslibrary/a.png", "a.photolibrary", "a.migratedphotolibrary", "a.aplibrary"),
    *("a.library", "a.png~", "a.~", "a~", "a.png~/b", "0.png@SynoResource", "0.png@SynoEAStream/a", "recycle bin"),
)
"""Paths for the rule of files that are ignored."""


def _is_text(name: str) -> bool:
    """Whether a name has no half of a character, which files of golden vectors cannot have."""
    return not any(unicodedata.category(character) == "Cs" for character in name)


def golden() -> dict[str, Any]:
    """All golden vectors, by the name of their file."""
    return {
        "predict": predict_golden(),
        "names": names_golden(),
        "lessons": lessons_golden(),
        "bundle": bundle_golden(),
        "lesson_file": lesson_file_golden(),
        "words": words_golden(),
        "sidecars": sidecars_golden(),
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
