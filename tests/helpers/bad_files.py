"""Sound files of a bundle and of lessons, and the table of values that make them wrong, for Python and the app."""

import copy
import json
from typing import Any, NamedTuple

from imagetagger.bundle.manifest import (
    MANIFEST_SCHEMA,
    UNSEALED_DIGEST,
    ClassifierInfo,
    ImageContract,
    ListedFile,
    Manifest,
    ModelInfo,
    OnnxInfo,
    model_signatures,
    seal_manifest,
)
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.conformal import COVERAGE_LEVELS
from imagetagger.prediction.decision import Decision, NoveltyRule, PredictionSetRule
from imagetagger.preprocess import CONTRACT
from tests.helpers.sealing import manifest_of, put

SOUND_MANIFEST = Manifest(
    schema=MANIFEST_SCHEMA,
    name="Äpfel und Birnen",
    digest=UNSEALED_DIGEST,
    embedding_space="a" * 64,
    files={"model.tflite": ListedFile("b" * 64, 3)},
    image=ImageContract(CONTRACT, 32, 100_000_000),
    model=ModelInfo("int8", 48, 4, {"weights": "int8"}, model_signatures(32, 48, 4)),
    classifier=ClassifierInfo("whitened", 0.1, 1e-9, "counts", True),
    decision=Decision(
        Calibration(2.5, (0.25, 0.75), (1.5, 0.5)),
        PredictionSetRule("lac", 0.9, 0.8, tuple(COVERAGE_LEVELS.tolist()), 0.02),
        NoveltyRule(3.5, 0.05),
    ),
    onnx=OnnxInfo("c" * 64, Decision(Calibration(3.5), PredictionSetRule("cumulative", None, 0.8))),
    metrics={"int8": {"top1": 0.5}},
    provenance={"versions": {"jax": "1"}, "seed": None},
)

SOUND_LABELS = [{"id": "a", "name": "A", "synonyms": ["Ä"]}, {"id": "b", "name": "B", "synonyms": []}]

SOUND_LESSONS = {
    "schema": 1,
    "contains_pictures": True,
    "names": {"red": "rouge"},
    "pictures": [{"id": "p" * 64, "embedding_space": "a" * 64, "tags": ["red", "user:x"], "missed": 0.5}],
    "edits": {"names": {"user:x": "x"}, "merged": {"blue": "red"}, "removed": ["green"]},
}

REMOVED = object()
"""In place of a value: the key is removed."""


class Case(NamedTuple):
    """A value that makes a file wrong.

    Attributes:
        file: its name.
        path: of the value, as keys and indices between slashes; empty for the file's content.
        value: at that path.
        message: a part of the error.
    """

    file: str
    path: str
    value: Any
    message: str


def _cases(file: str, *rows: tuple[str, list[Any], str]) -> list[Case]:
    return [Case(file, path, value, message) for path, values, message in rows for value in values]


SHA256 = "matching regex '^[0-9a-f]{64}$'"

CASES = [
    *_cases(
        "manifest.json",
        ("schema", [4], "has schema 4, this imagetagger reads 3: update imagetagger"),
        ("schema", [2], "has schema 2, this imagetagger reads 3: export the bundle again"),
        ("schema", ["3"], "schema: got '3', expected `int`"),
        ("schema", [REMOVED], "Object missing required field `schema`"),
        ("strange", [1], "Object contains unknown field `strange`"),
        ("a - at `$.b", [1], "Object contains unknown field `a - at `$.b`"),
        ("a - at `$.image.size[1]", [1], "Object contains unknown field `a - at `$.image.size[1]`"),
        ("image/strange", [1], "image: Object contains unknown field `strange`"),
        ("image/size", [REMOVED], "image: Object missing required field `size`"),
        ("image/size", [31, -1], "expected `int` >= 32"),
        ("image/size", [4097, 10**30], "expected `int` <= 4096"),
        ("image/size", [32.0, True, None, "32", [32]], "image.size: got "),
        ("image/pixel_limit", [0], "image.pixel_limit: got 0, expected `int` >= 1"),
        ("image/pixel_limit", [400_000_001], "image.pixel_limit: got 400000001, expected `int` <= 400000000"),
        ("image/contract", ["square-bilinear-hv/2"], "image: contract: got 'square-bilinear-hv/2', expected"),
        ("model/variant", ["float64", "INT8", "dynamic"], "model.variant: Invalid enum value"),
        ("model/features", [0], "model.features: got 0, expected `int` >= 1"),
        ("model/features", [65_537], "expected `int` <= 65536"),
        ("model/features", [47], "model.signatures: expected those of this schema"),
        ("model/block", [0], "model.block: got 0, expected `int` >= 1"),
        ("model/block", [4097], "expected `int` <= 4096"),
        ("model/block", [5], "model.signatures: expected those of this schema"),
        ("model/quantization", ["int8"], "model.quantization: got 'int8', expected `object | null`"),
        ("classifier/variance_prior_strength", [-1e-9], "classifier.variance_prior_strength: got -1e-09, expected"),
        ("classifier/var_smoothing", [-1, 1e301], "classifier.var_smoothing: got "),
        ("classifier/var_smoothing", [10**400], "classifier.var_smoothing: Number out of range"),
        ("classifier/transform", ["whitening"], "classifier.transform: Invalid enum value 'whitening'"),
        ("classifier/class_prior", ["Uniform"], "classifier.class_prior: Invalid enum value 'Uniform'"),
        ("classifier/mean_prior", [False], "classifier.mean_prior: got false, expected true"),
        ("decision/calibration/temperature", [0, -1, 1e-7], "decision.calibration.temperature: got "),
        ("decision/calibration/temperature", [1e16, 1e299], "expected `float` <= 1000000000000000.0"),
        ("decision/calibration/confidence", [[0.75, 0.25], [0.5, 0.5]], "confidence: expected ascending"),
        ("decision/calibration/confidence", [[-0.1, 0.5], [0.5, 1.1]], "decision.calibration.confidence["),
        ("decision/calibration/confidence", [[0.5]], "sharpness: got 2, expected one per confidence"),
        ("decision/calibration/sharpness", [[1.0]], "sharpness: got 1, expected one per confidence"),
        ("decision/calibration/sharpness", [[1.0, 0.0], [1.0, 1e4]], "decision.calibration.sharpness[1]: got "),
        ("decision/calibration/sharpness", [[1.0, "1"]], "decision.calibration.sharpness[1]: got '1', expected"),
        ("decision/prediction_set/rule", ["top-k"], "decision.prediction_set.rule: Invalid enum value 'top-k'"),
        ("decision/prediction_set/rule", ["cumulative"], "decision.prediction_set: "),
        ("decision/prediction_set/threshold", [-0.5], "decision.prediction_set.threshold: got -0.5, expected"),
        ("decision/prediction_set/threshold", [1e10], "decision.prediction_set.threshold: got 10000000000.0, expected"),
        ("decision/prediction_set/thresholds", [[], [0.5] * 198], "ascending ones for lac"),
        ("decision/prediction_set/thresholds", [[*[0.5] * 198, 0.4]], "ascending ones for lac"),
        ("decision/prediction_set/thresholds", [[-1, *[0.5] * 198]], "decision.prediction_set.thresholds[0]: got -1"),
        ("decision/prediction_set/coverage", [-0.1, 1.1], "decision.prediction_set.coverage: got "),
        ("decision/prediction_set/coverage", [None], "decision.prediction_set: coverage: got None, expected 0 .. 1"),
        ("decision/prediction_set/aci_step_size", [-0.1, 1.1], "decision.prediction_set.aci_step_size: got "),
        ("decision/novelty/fpr", [-0.1, 1.1], "decision.novelty.fpr: got "),
        ("decision/novelty/threshold", [1e31], "decision.novelty.threshold: got 1e+31, expected"),
        ("decision/unknown", [None], "decision: Object contains unknown field `unknown`"),
        ("onnx/decision/calibration/temperature", [0], "onnx.decision.calibration.temperature: got 0, expected"),
        ("onnx/decision/prediction_set/threshold", [1.000001], "onnx.decision.prediction_set: threshold: got "),
        ("onnx/decision/prediction_set/coverage", [0.9], "onnx.decision.prediction_set: coverage: got 0.9, expected"),
        ("onnx/decision/prediction_set/thresholds", [[0.5] * 199], "onnx.decision.prediction_set: thresholds: got 199"),
        ("embedding_space", ["a" * 63, "A" * 64, "g" * 64], f"expected `str` {SHA256}"),
        ("embedding_space", ["a" * 64 + "\n"], "expected `str` of length <= 64"),
        ("name", [""], "name: got '', expected `str` of length >= 1"),
        ("name", ["x" * 201], "expected `str` of length <= 200"),
        ("name", ["two\nlines", "\u202etxt", "\x1b[31m", "\x7f", "\u2028"], "expected no control characters"),
        ("files", [{"../evil": {"sha256": "a" * 64, "bytes": 1}}], "files: Expected `str` matching regex"),
        ("files", [{"a\\b": {"sha256": "a" * 64, "bytes": 1}}], "files: Expected `str` matching regex"),
        ("files", [{"x" * 201: {"sha256": "a" * 64, "bytes": 1}}], "files: Expected `str` of length <= 200"),
        ("files", [{"a": {"sha256": "a", "bytes": 1}}], f"files[...].sha256: Expected `str` {SHA256}"),
        ("files", [{"a": {"sha256": "a" * 64, "bytes": -1}}], "files[...].bytes: Expected `int` >= 0"),
        ("metrics", [{"int8": 1}], "metrics[...]: Expected `object`"),
        ("provenance", [[]], "provenance: got [], expected `object`"),
    ),
    *_cases(
        "labels.json",
        ("", [{}, "tags", None, 1, {"0": SOUND_LABELS[0]}], "expected `array`"),
        ("", [[]], "got [], expected `array` of length >= 1"),
        ("", [[1], [None], [[]]], "[0]: got "),
        ("1/id", ["a"], "two tags have the same id"),
        ("1/id", ["", "x" * 501], "[1].id: got "),
        ("1/id", [1, None, ["b"]], "[1].id: got "),
        ("1/name", ["", "x" * 501, 1, None, {}], "[1].name: got "),
        ("1/name", ["a\nb", "a\u202eb", "\x1b[2J"], "[1].name: got "),
        ("1/synonyms", [None, "a", {}], "[1].synonyms: got "),
        ("0/synonyms", [[1], [None], [["a"]], [""], ["x" * 501]], "[0].synonyms[0]: got "),
        ("0/synonyms", [["a\x7f"]], "[0]: got the name 'a\\x7f' with the character U+007F"),
        ("0/synonyms", [REMOVED], "[0]: Object missing required field `synonyms`"),
        ("0/colour", ["red"], "[0]: Object contains unknown field `colour`"),
        ("0/" + "\x1b" * 5000, [1], "[0]: Object contains unknown field `\\x1b\\x1b"),
        ("0/name", ["\ud800"], "is not valid JSON: a text has half a character"),
    ),
    *_cases(
        "lessons.json",
        ("", [[], None, "lessons"], "expected `object`"),
        ("schema", [2], "has schema 2, this imagetagger reads 1: update imagetagger"),
        ("schema", [0], "has schema 0, this imagetagger reads 1: "),
        ("schema", ["1", True, 1.0, None], "schema: got "),
        ("more", [1], "Object contains unknown field `more`"),
        ("names", [REMOVED], "Object missing required field `names`"),
        ("names", [[]], "names: got [], expected `object`"),
        ("names/red", [1, None], "names[...]: Expected `str`"),
        ("pictures", [{}], "pictures: got {}, expected `array`"),
        ("pictures", [[1]], "pictures[0]: got 1, expected `object`"),
        ("pictures/0/id", ["b" * 64], "has no pixels or no embedding, or comes twice"),
        ("pictures/0/id", [1, None], "pictures[0].id: got "),
        ("pictures/0/tags", [[]], "pictures[0].tags: got [], expected `array` of length >= 1"),
        ("pictures/0/tags", [["red", ""]], "pictures[0].tags[1]: got '', expected `str` of length >= 1"),
        ("pictures/0/tags", ["red", None, {}], "pictures[0].tags: got "),
        ("pictures/0/missed", [-0.1, 1.5, "much", True], "pictures[0].missed: got "),
        ("pictures/0/embedding_space", [None, REMOVED], "embedding_space"),
        ("pictures", [[*SOUND_LESSONS["pictures"], *SOUND_LESSONS["pictures"]]], "comes twice"),  # type: ignore[misc]
        ("edits/removed", [REMOVED], "edits: Object missing required field `removed`"),
        ("edits/removed", [[1]], "edits.removed[0]: got 1, expected `str`"),
        ("edits/names", [{"a": 1}], "edits.names[...]: Expected `str`"),
        ("edits/merged", [{"a": None}], "edits.merged[...]: Expected `str`"),
        ("names/x", ["\udc00"], "is not valid JSON: a text has half a character"),
    ),
]


def sound(file: str) -> Any:
    """Return the content of a sound file, the manifest with its digest not filled in."""
    contents = {
        "manifest.json": manifest_of({"manifest.json": seal_manifest(SOUND_MANIFEST)}),
        "labels.json": SOUND_LABELS,
        "lessons.json": SOUND_LESSONS,
    }
    return copy.deepcopy(contents[file])


def wrong(case: Case) -> Any:
    """Return the content that a case describes."""
    content = sound(case.file)
    if not case.path:
        return case.value
    if case.value is REMOVED:
        *parents, last = case.path.split("/")
        inner = content
        for key in parents:
            inner = inner[int(key) if isinstance(inner, list) else key]
        del inner[last]
        return content
    put(content, case.path, case.value)
    return content


def cases(file: str) -> list[Case]:
    """Return the cases of a file."""
    return [case for case in CASES if case.file == file]


def case_id(case: Case) -> str:
    value = "removed" if case.value is REMOVED else json.dumps(case.value)
    return f"{case.path[:50]!a}={value[:40]}"
