"""Golden vectors: what a bundle computed where it was made, for every other machine to compare with.

Pictures are drawn by code, never a user's. A port must reproduce the crops to the last bit, the embeddings to a
tolerance (arithmetic units round differently), and, given the same embedding, the scores, tags and merged rows.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta, Struct
from safetensors.numpy import save as save_tensors

from imagetagger.bundle.executor import Executor, embed_image, empty_row, lesson_row, merge_rows, score_rows
from imagetagger.bundle.manifest import FileName, Manifest, Sha256
from imagetagger.bundle.reader import Bundle, Rows, check_shapes, read_tensors
from imagetagger.bundle.strict_json import BundleError, decode_json
from imagetagger.prediction.predict import log_class_prior, predict
from imagetagger.prediction.prediction_sets import ranked_tags
from imagetagger.preprocess import BadImageError, preprocess

MIN_COSINE = {"float32": 0.9999, "float16": 0.9999, "dynamic_range": 0.99, "int8": 0.98}
"""Least cosine of an embedding to the golden one, by variant: int8 rounds otherwise on other processors."""

ROW_TOLERANCE = 1e-4
"""Largest error of rows, relative to the largest golden value."""

SCORE_TOLERANCE_NATS = 1e-2
"""Largest error of scores divided by the temperature: 1 % of a probability."""

FLOAT32_ROUNDING = 1e-5
"""Error of scores, relative to the largest, that float32 has anyway."""


class LessonStep(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the lesson log: picture learned (weight 1) or forgotten (-1) as the tag of a row."""

    row: int
    picture: int
    weight: int


_STEPS = ((0, 0, 1), (0, 1, 1), (1, 2, 1), (0, 1, -1), (1, 3, 1), (0, 2, 1))
LESSON_STEPS = tuple(LessonStep(*step) for step in _STEPS)
"""Learning twice, forgetting one of two, and going on."""


class GoldenTag(Struct, frozen=True, forbid_unknown_fields=True):
    """A tag in a golden prediction set: its row, and its probability to 4 digits."""

    row: int
    probability: float


class GoldenPicture(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of golden/, the digest of its crop, and its prediction set, the most probable tag first."""

    file: FileName
    crop_sha256: Sha256
    tags: tuple[GoldenTag, ...]


class GoldenAnswers(Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of golden.json, pictures in the order of the golden vectors."""

    pictures: Annotated[tuple[GoldenPicture, ...], Meta(min_length=1)]
    lessons: tuple[LessonStep, ...]

    def __post_init__(self) -> None:
        """Refuse another lesson log, and a picture that comes twice."""
        if self.lessons != LESSON_STEPS:
            raise ValueError("lessons: expected the lesson log of this schema")
        if len({picture.file for picture in self.pictures}) < len(self.pictures):
            raise ValueError("pictures: a file comes twice")


class ModelFunctions(NamedTuple):
    """The functions of a bundle's model, in any runtime.

    Attributes:
        embed: uint8 (S, S, 3) -> float32 (D,).
        score: an embedding (D,) and C rows -> log joint (C,).
        merge: two rows, C = 1 -> one.
    """

    embed: Callable[[np.ndarray], np.ndarray]
    score: Callable[[np.ndarray, Rows], np.ndarray]
    merge: Callable[[Rows, Rows], Rows]


def litert_functions(executor: Executor) -> ModelFunctions:
    """The functions of a model in LiteRT."""
    return ModelFunctions(partial(embed_image, executor), partial(score_rows, executor), partial(merge_rows, executor))


def make_golden_files(
    pictures: dict[str, bytes], compute: ModelFunctions, manifest: Manifest, rows: Rows, score_offset: np.ndarray
) -> dict[str, bytes]:
    """Compute the files of golden/.

    Args:
        pictures: encoded, by file name.
        compute: the functions of the bundle's model.
        manifest: of the bundle.
        rows: its statistics.
        score_offset: float32 (C,), added to the score of each tag.
    """
    crops = [preprocess(data, manifest.image.size) for data in pictures.values()]
    vectors = compute_golden_vectors(compute, crops, rows)
    entries = tuple(
        GoldenPicture(
            name, hashlib.sha256(crop.tobytes()).hexdigest(), golden_tags(scores[:-1], rows, score_offset, manifest)
        )
        for name, crop, scores in zip(pictures, crops, vectors["log_joint"], strict=True)
    )
    answers = msgspec.to_builtins(GoldenAnswers(entries, LESSON_STEPS))
    text = json.dumps(answers, indent=1, allow_nan=False).encode()
    files = {"golden/golden.json": text, "golden/golden.safetensors": save_tensors(vectors)}
    return files | {f"golden/{name}": data for name, data in pictures.items()}


def compute_golden_vectors(compute: ModelFunctions, crops: Sequence[np.ndarray], rows: Rows) -> dict[str, np.ndarray]:
    """Compute embeddings of crops, their scores under all rows, and the first rows after the lesson log.

    The last score of each is that of a row without pictures: the background, if the bundle has one.
    """
    embeddings = np.stack([compute.embed(crop) for crop in crops])
    scores = np.stack([compute.score(embedding, append_empty_row(rows)) for embedding in embeddings])
    taught = {f"taught_{name}": value for name, value in replay_lessons(compute, rows, embeddings)._asdict().items()}
    return {"embeddings": embeddings, "log_joint": scores, **taught}


def check_golden(bundle: Bundle, executor: Executor) -> str:
    """Compare what a bundle computes here with its golden vectors; return a summary in one line.

    Raises:
        BundleError: names the picture or row that differs, and by how much.
    """
    pictures, manifest = read_golden_pictures(bundle), bundle.manifest
    crops = golden_crops(bundle, pictures)
    min_cosine, temperature = MIN_COSINE[manifest.model.variant], manifest.decision.calibration.temperature
    golden = read_golden_vectors("golden/golden.safetensors", len(crops), bundle)
    lowest = compare_golden(litert_functions(executor), golden, crops, bundle.rows, temperature, min_cosine)
    for picture, name, scores in zip(pictures, crops, golden["log_joint"], strict=True):
        if (tags := golden_tags(scores[:-1], bundle.rows, bundle.score_offset, manifest)) != picture.tags:
            got, expected = (str(msgspec.to_builtins(answer))[:300] for answer in (tags, picture.tags))
            raise BundleError(f"{name}: the tags are {got}, expected {expected}")
    return f"{len(crops)} golden pictures: crops equal, cosine at least {lowest:.6f}, tags and lessons equal"


def read_golden_vectors(name: str, pictures: int, bundle: Bundle) -> dict[str, np.ndarray]:
    """Decode the golden vectors in a file of the bundle and check their shapes."""
    tensors, _ = read_tensors(bundle.files[name], name)
    features, count, taught = bundle.manifest.model.features, len(bundle.labels), min(2, len(bundle.labels))
    shapes = {"embeddings": (pictures, features), "log_joint": (pictures, count + 1), "taught_count": (taught,)}
    shapes |= {"taught_mean": (taught, features), "taught_m2": (taught, features)}
    check_shapes(tensors, shapes, name)
    return tensors


def compare_golden(
    compute: ModelFunctions,
    golden: dict[str, np.ndarray],
    crops: Mapping[str, np.ndarray],
    rows: Rows,
    temperature: float,
    min_cosine: float,
) -> float:
    """Compare model functions with golden vectors of crops by name; return the lowest cosine of an embedding.

    Embeddings may differ by `min_cosine`; scores, given the golden embedding, by `score_tolerance`; rows by
    ROW_TOLERANCE.

    Raises:
        BundleError: names the picture or row that differs, and by how much.
    """
    lowest = 1.0
    vectors = zip(golden["embeddings"], golden["log_joint"], strict=True)
    for (name, crop), (embedding, scores) in zip(crops.items(), vectors, strict=True):
        cosine = cosine_similarity(compute.embed(crop), embedding)
        lowest = min(lowest, cosine)
        if not cosine >= min_cosine:
            raise BundleError(f"{name}: the embedding has cosine {cosine:.5f} to the golden one, expected {min_cosine}")
        if not np.isfinite(scores[:-1].max(initial=-np.inf)):
            raise BundleError(f"{name}: no tag has a score")
        difference = max_difference(compute.score(embedding, append_empty_row(rows)), scores, f"{name}: score")
        if not difference <= score_tolerance(scores, temperature):
            raise BundleError(f"{name}: score differs from the golden one by {difference:.1e}")
    for part, value in replay_lessons(compute, rows, golden["embeddings"])._asdict().items():
        expected, where = golden[f"taught_{part}"], f"the lesson log: {part}"
        share = max_difference(value, expected, where) / max(float(np.abs(expected).max()), 1e-30)
        if not share <= ROW_TOLERANCE:
            raise BundleError(f"{where} differs from the golden one by {share:.1e} of its largest value")
    return lowest


def read_golden_pictures(bundle: Bundle) -> tuple[GoldenPicture, ...]:
    """Decode the pictures of golden.json, at least one."""
    answers: GoldenAnswers = decode_json(bundle.files["golden/golden.json"], GoldenAnswers, "golden.json")
    return answers.pictures


def golden_crops(bundle: Bundle, pictures: Sequence[GoldenPicture]) -> dict[str, np.ndarray]:
    """Crops, uint8 (S, S, 3), of golden pictures by file name.

    Raises:
        BundleError: a picture is missing, cannot be decoded, or has other pixels here.
    """
    crops = {}
    for picture in pictures:
        name = f"golden/{picture.file}"
        if name not in bundle.files:
            raise BundleError(f"golden.json: pictures: file: got {picture.file!r}, which is not in the bundle")
        try:
            crops[name] = preprocess(bundle.files[name], bundle.manifest.image.size)
        except BadImageError as error:
            raise BundleError(f"{name} cannot be used: {str(error)[:300]}") from error
        if hashlib.sha256(crops[name].tobytes()).hexdigest() != picture.crop_sha256:
            raise BundleError(f"{name}: the picture is decoded or resized to other pixels here")
    return crops


def golden_tags(
    log_joint: np.ndarray, rows: Rows, score_offset: np.ndarray, manifest: Manifest
) -> tuple[GoldenTag, ...]:
    """Prediction set of a score (C,), the most probable tag first; a row without pictures is never in it."""
    log_prior = log_class_prior(rows.count, manifest.classifier.class_prior)
    prediction = predict((log_joint + score_offset)[None], None, log_prior, manifest.decision)
    p, in_set = prediction.probability[0], prediction.in_set[0]
    return tuple(GoldenTag(int(i), round(float(p[i]), 4)) for i in ranked_tags(p) if in_set[i])


def replay_lessons(compute: ModelFunctions, rows: Rows, embeddings: np.ndarray) -> Rows:
    """First rows of the bundle after the lesson log; with one tag only, all steps teach it."""
    taught = [Rows(*(part[i : i + 1] for part in rows)) for i in range(min(2, len(rows.count)))]
    for step in LESSON_STEPS:
        row = step.row % len(taught)
        picture = lesson_row(embeddings[step.picture % len(embeddings)], step.weight)
        taught[row] = compute.merge(taught[row], picture)
    return Rows(*(np.concatenate(column) for column in zip(*taught, strict=True)))


def append_empty_row(rows: Rows) -> Rows:
    """Rows, followed by one without pictures."""
    empty = empty_row(rows.mean.shape[1])
    return Rows(*(np.concatenate(parts) for parts in zip(rows, empty, strict=True)))


def cosine_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two embeddings (D,); 0 if either is 0, NaN if either is infinite."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def score_tolerance(scores: np.ndarray, temperature: float) -> float:
    """Largest difference to these scores, (C,), that does not change their meaning."""
    largest = float(np.abs(scores[np.isfinite(scores)]).max(initial=0))
    return max(SCORE_TOLERANCE_NATS * temperature, FLOAT32_ROUNDING * largest)


def max_difference(values: np.ndarray, golden: np.ndarray, what: str) -> float:
    """Largest difference of two arrays; raise BundleError unless they are finite in the same places."""
    if values.shape != golden.shape or not np.array_equal(np.isfinite(values), np.isfinite(golden)):
        raise BundleError(f"{what}: got {values.shape}, expected {golden.shape}, finite in the same places")
    finite = np.isfinite(golden)
    a, b = values[finite].astype(np.float64), golden[finite].astype(np.float64)  # float32 may overflow
    return float(np.abs(a - b).max(initial=0))
