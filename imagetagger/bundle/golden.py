"""Golden vectors: what this bundle answered on the machine that made it, for every other machine to check against.

Pictures are drawn by code, never a user's. A port must reproduce the crops to the last bit, the embeddings to a
tolerance (arithmetic units round differently), and, given the same embedding, the scores, tags and merged rows.
"""

import hashlib
import json
import reprlib
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save as save_tensors

from imagetagger import calibration, tagset
from imagetagger.bundle import execute
from imagetagger.bundle.execute import Executor
from imagetagger.bundle.manifest import BundleError, Manifest, load_json, typed
from imagetagger.bundle.read import Bundle, Rows, check_shapes, few, read_tensors
from imagetagger.preprocess import BadImageError, preprocess

COSINE = {"float32": 0.9999, "float16": 0.9999, "dynamic": 0.99, "int8": 0.98}
"""Least cosine of an embedding to the golden one, by variant: int8 steps fall otherwise on other processors."""

CLOSE = 1e-4
"""Largest error of scores and rows, relative to the largest golden value."""


class Step(NamedTuple):
    """A line of the lesson log: picture learned (weight 1) or forgotten (-1) as the tag of a row."""

    row: int
    picture: int
    weight: int


STEPS = (Step(0, 0, 1), Step(0, 1, 1), Step(1, 2, 1), Step(0, 1, -1), Step(1, 3, 1), Step(0, 2, 1))
"""Learning twice, forgetting one of two, and going on."""


def make(pictures: dict[str, bytes], executor: Executor, manifest: Manifest, rows: Rows) -> dict[str, bytes]:
    """Return the files of golden/.

    Args:
        pictures: encoded, by file name.
        executor: of the bundle's model.
        manifest: of the bundle.
        rows: its statistics.
    """
    crops = [preprocess(data, manifest.image.size) for data in pictures.values()]
    embeddings = np.stack([execute.embed(executor, crop) for crop in crops])
    scores = np.stack([execute.score_all(executor, embedding, rows) for embedding in embeddings])
    content = {
        "pictures": [
            {"file": name, "crop_sha256": hashlib.sha256(crop.tobytes()).hexdigest(), "tags": best(score, manifest)}
            for name, crop, score in zip(pictures, crops, scores, strict=True)
        ],
        "lessons": [step._asdict() for step in STEPS],
    }
    taught = replay(executor, rows, embeddings)
    tensors = {"embeddings": embeddings, "log_joint": scores, **{f"taught_{k}": v for k, v in taught._asdict().items()}}
    text = json.dumps(content, indent=1, allow_nan=False).encode()
    return {"golden/golden.json": text, "golden/golden.safetensors": save_tensors(tensors), **_under(pictures)}


def check(bundle: Bundle, executor: Executor) -> str:
    """Hold a bundle against its golden vectors; return what was found, in a line.

    Raises:
        BundleError: says which picture or row differs, and by how much.
    """
    pictures, manifest, count = entries(bundle), bundle.manifest, len(bundle.labels)
    tensors, _ = read_tensors(bundle.files["golden/golden.safetensors"], "golden.safetensors")
    features, taught = manifest.model.features, min(2, count)
    shapes = {"embeddings": (len(pictures), features), "log_joint": (len(pictures), count), "taught_count": (taught,)}
    shapes |= {"taught_mean": (taught, features), "taught_m2": (taught, features)}
    check_shapes(tensors, shapes, "golden.safetensors")
    lowest = 1.0
    for entry, golden, scores in zip(pictures, tensors["embeddings"], tensors["log_joint"], strict=True):
        pixels = crop(bundle, entry)
        name = f"golden/{entry['file']}"
        if hashlib.sha256(pixels.tobytes()).hexdigest() != entry.get("crop_sha256"):
            raise BundleError(f"{name}: the picture is decoded or resized to other pixels here")
        near = cosine(execute.embed(executor, pixels), golden)
        lowest = min(lowest, near)
        if not near >= COSINE[manifest.model.variant]:
            least = COSINE[manifest.model.variant]
            raise BundleError(f"{name}: the embedding has cosine {near:.5f} to the golden one, expected {least}")
        if not np.isfinite(scores.max()):
            raise BundleError(f"{name}: no tag has a score")
        _check_close(execute.score_all(executor, golden, bundle.rows), scores, f"{name}: score")
        if not _same(entry.get("tags"), best(scores, manifest)):
            got, expected = (str(tags)[:300] for tags in (best(scores, manifest), entry.get("tags")))
            raise BundleError(f"{name}: the tags are {got}, expected {expected}")
    for part, value in replay(executor, bundle.rows, tensors["embeddings"])._asdict().items():
        _check_close(value, tensors[f"taught_{part}"], f"the lesson log: {part}")
    return f"{len(pictures)} golden pictures: crops equal, cosine at least {lowest:.6f}, tags and lessons equal"


def entries(bundle: Bundle) -> tuple[dict[str, Any], ...]:
    """Return what golden.json says of each picture, at least one, in the order of the golden vectors."""
    content = typed(dict[str, Any], load_json(bundle.files["golden/golden.json"], "golden.json"), "golden.json")
    if set(content) != {"pictures", "lessons"}:
        raise BundleError(f"golden.json: got the keys {few(content)}, expected pictures, lessons")
    if not _same(content["lessons"], [step._asdict() for step in STEPS]):
        raise BundleError("golden.json: lessons are not the lesson log of schema 1")
    pictures: tuple[dict[str, Any], ...] = typed(
        tuple[dict[str, Any], ...], content["pictures"], "golden.json: pictures"
    )
    if not pictures:
        raise BundleError("golden.json: pictures is empty, expected at least one")
    return pictures


def crop(bundle: Bundle, entry: dict[str, Any]) -> np.ndarray:
    """Return the pixels, uint8 (S, S, 3), of the picture of an entry of golden.json."""
    name = typed(str, entry.get("file"), "golden.json: pictures: file")
    if f"golden/{name}" not in bundle.files:
        raise BundleError(f"golden.json: pictures: file is {reprlib.repr(name)}, which is not in the bundle")
    try:
        return preprocess(bundle.files[f"golden/{name}"], bundle.manifest.image.size)
    except BadImageError as error:
        raise BundleError(f"golden/{name} cannot be used: {str(error)[:300]}") from error


def best(log_joint: np.ndarray, manifest: Manifest) -> list[dict[str, Any]]:
    """Return the tag set of a score (C,) as it stands in golden.json: rows and probabilities to 4 digits."""
    p = calibration.probabilities(log_joint[None], manifest.calibration.temperature)[0]
    members = tagset.cumulative(p[None], manifest.tag_set.threshold)[0]
    return [{"row": int(i), "probability": round(float(p[i]), 4)} for i in tagset.ranked(p) if members[i]]


def replay(executor: Executor, rows: Rows, embeddings: np.ndarray) -> Rows:
    """Return the first rows of the bundle after the lesson log; with one tag only, all steps teach it."""
    taught = [Rows(*(part[i : i + 1] for part in rows)) for i in range(min(2, len(rows.count)))]
    for step in STEPS:
        row = step.row % len(taught)
        picture = execute.lesson(embeddings[step.picture % len(embeddings)], step.weight)
        taught[row] = execute.merge(executor, taught[row], picture)
    return Rows(*(np.concatenate(column) for column in zip(*taught, strict=True)))


def _under(pictures: dict[str, bytes]) -> dict[str, bytes]:
    return {f"golden/{name}": data for name, data in pictures.items()}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two embeddings (D,); 0 where one is 0, NaN where one is infinite."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def _same(got: Any, expected: Any) -> bool:
    """Whether two values are the same JSON: true is not 1."""
    a, b = (json.dumps(value, sort_keys=True) for value in (got, expected))
    return a == b


def _check_close(got: np.ndarray, golden: np.ndarray, what: str) -> None:
    if got.shape != golden.shape or not np.array_equal(np.isfinite(got), np.isfinite(golden)):
        raise BundleError(f"{what}: got {got.shape}, expected {golden.shape}, finite in the same places")
    finite = np.isfinite(golden)
    if finite.any():
        a, b = got[finite].astype(np.float64), golden[finite].astype(np.float64)  # float32 may overflow
        error = np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)
        if error > CLOSE:
            raise BundleError(f"{what}: differs from the golden one by {error:.1e} of its largest value")
