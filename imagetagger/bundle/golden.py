"""Golden vectors: what this bundle answered on the machine that made it, for every other machine to check against.

Pictures are drawn by code, never a user's. A port must reproduce the crops to the last bit, the embeddings to a
tolerance (arithmetic units round differently), and, given the same embedding, the scores, tags and merged rows.
"""

import hashlib
import json
import reprlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save as save_tensors

from imagetagger import tagset
from imagetagger.bundle import execute
from imagetagger.bundle.execute import Executor
from imagetagger.bundle.manifest import BundleError, Manifest, load_json, typed
from imagetagger.bundle.read import Bundle, Rows, check_shapes, few, read_tensors
from imagetagger.decide import decide
from imagetagger.preprocess import BadImageError, preprocess

COSINE = {"float32": 0.9999, "float16": 0.9999, "dynamic": 0.99, "int8": 0.98}
"""Least cosine of an embedding to the golden one, by variant: int8 steps fall otherwise on other processors."""

CLOSE = 1e-4
"""Largest error of rows, relative to the largest golden value."""

NATS = 1e-2
"""Largest error of scores divided by the temperature: 1 % of a probability."""

ROUNDING = 1e-5
"""Error of scores, relative to the largest, that float32 has anyway."""


class Step(NamedTuple):
    """A line of the lesson log: picture learned (weight 1) or forgotten (-1) as the tag of a row."""

    row: int
    picture: int
    weight: int


STEPS = (Step(0, 0, 1), Step(0, 1, 1), Step(1, 2, 1), Step(0, 1, -1), Step(1, 3, 1), Step(0, 2, 1))
"""Learning twice, forgetting one of two, and going on."""


class Compute(NamedTuple):
    """One execution of a bundle's model, whatever runs it.

    Attributes:
        embed: uint8 (S, S, 3) -> float32 (D,).
        score: an embedding (D,) and C rows -> log joint (C,).
        merge: two rows, C = 1 -> one.
    """

    embed: Callable[[np.ndarray], np.ndarray]
    score: Callable[[np.ndarray, Rows], np.ndarray]
    merge: Callable[[Rows, Rows], Rows]


def litert(executor: Executor) -> Compute:
    """Return the execution by LiteRT."""
    return Compute(
        partial(execute.embed, executor), partial(execute.score_all, executor), partial(execute.merge, executor)
    )


def make(pictures: dict[str, bytes], compute: Compute, manifest: Manifest, rows: Rows) -> dict[str, bytes]:
    """Return the files of golden/.

    Args:
        pictures: encoded, by file name.
        compute: executes the bundle's model.
        manifest: of the bundle.
        rows: its statistics.
    """
    crops = [preprocess(data, manifest.image.size) for data in pictures.values()]
    tensors = vectors(compute, crops, rows)
    content = {
        "pictures": [
            {
                "file": name,
                "crop_sha256": hashlib.sha256(crop.tobytes()).hexdigest(),
                "tags": best(score[:-1], rows, manifest),
            }
            for name, crop, score in zip(pictures, crops, tensors["log_joint"], strict=True)
        ],
        "lessons": [step._asdict() for step in STEPS],
    }
    text = json.dumps(content, indent=1, allow_nan=False).encode()
    files = {"golden/golden.json": text, "golden/golden.safetensors": save_tensors(tensors)}
    return files | {f"golden/{name}": data for name, data in pictures.items()}


def vectors(compute: Compute, crops: Sequence[np.ndarray], rows: Rows) -> dict[str, np.ndarray]:
    """Return what an execution makes of crops: embeddings, scores under all rows, and rows after the lesson log.

    The last score of each is that of a row without pictures: the background, where the bundle has one.
    """
    embeddings = np.stack([compute.embed(crop) for crop in crops])
    scores = np.stack([compute.score(embedding, and_blank(rows)) for embedding in embeddings])
    taught = {f"taught_{name}": value for name, value in replay(compute, rows, embeddings)._asdict().items()}
    return {"embeddings": embeddings, "log_joint": scores, **taught}


def check(bundle: Bundle, executor: Executor) -> str:
    """Hold a bundle against its golden vectors; return what was found, in a line.

    Raises:
        BundleError: says which picture or row differs, and by how much.
    """
    pictures, manifest = entries(bundle), bundle.manifest
    crops = [crop(bundle, entry) for entry in pictures]
    for entry, pixels in zip(pictures, crops, strict=True):
        if hashlib.sha256(pixels.tobytes()).hexdigest() != entry.get("crop_sha256"):
            raise BundleError(f"golden/{entry['file']}: the picture is decoded or resized to other pixels here")
    names = [f"golden/{entry['file']}" for entry in pictures]
    least, temperature = COSINE[manifest.model.variant], manifest.decision.calibration.temperature
    data = bundle.files["golden/golden.safetensors"]
    golden = read_vectors(data, "golden.safetensors", len(pictures), bundle)
    lowest = hold(litert(executor), golden, crops, names, bundle.rows, temperature, least)
    for name, entry, scores in zip(names, pictures, golden["log_joint"], strict=True):
        if not _same(entry.get("tags"), found := best(scores[:-1], bundle.rows, manifest)):
            got, expected = (str(tags)[:300] for tags in (found, entry.get("tags")))
            raise BundleError(f"{name}: the tags are {got}, expected {expected}")
    return f"{len(pictures)} golden pictures: crops equal, cosine at least {lowest:.6f}, tags and lessons equal"


def read_vectors(data: bytes, name: str, pictures: int, bundle: Bundle) -> dict[str, np.ndarray]:
    """Return golden vectors from a .safetensors file, their shapes checked."""
    tensors, _ = read_tensors(data, name)
    features, count, taught = bundle.manifest.model.features, len(bundle.labels), min(2, len(bundle.labels))
    shapes = {"embeddings": (pictures, features), "log_joint": (pictures, count + 1), "taught_count": (taught,)}
    shapes |= {"taught_mean": (taught, features), "taught_m2": (taught, features)}
    check_shapes(tensors, shapes, name)
    return tensors


def hold(
    compute: Compute,
    golden: dict[str, np.ndarray],
    crops: Sequence[np.ndarray],
    names: Sequence[str],
    rows: Rows,
    temperature: float,
    least: float,
) -> float:
    """Hold an execution against golden vectors; return the lowest cosine of an embedding.

    Embeddings may differ by a cosine of `least`. Scores, given the golden embedding, by `tolerance`; rows by
    CLOSE.

    Raises:
        BundleError: says which picture or row differs, and by how much.
    """
    lowest = 1.0
    for name, pixels, wanted, scores in zip(names, crops, golden["embeddings"], golden["log_joint"], strict=True):
        near = cosine(compute.embed(pixels), wanted)
        lowest = min(lowest, near)
        if not near >= least:
            raise BundleError(f"{name}: the embedding has cosine {near:.5f} to the golden one, expected {least}")
        if not np.isfinite(scores[:-1].max(initial=-np.inf)):
            raise BundleError(f"{name}: no tag has a score")
        apart = difference(compute.score(wanted, and_blank(rows)), scores, f"{name}: score")
        if not apart <= tolerance(scores, temperature):
            raise BundleError(f"{name}: score differs from the golden one by {apart:.1e}")
    for part, value in replay(compute, rows, golden["embeddings"])._asdict().items():
        wanted, what = golden[f"taught_{part}"], f"the lesson log: {part}"
        share = difference(value, wanted, what) / max(float(np.abs(wanted).max()), 1e-30)
        if not share <= CLOSE:
            raise BundleError(f"{what} differs from the golden one by {share:.1e} of its largest value")
    return lowest


def entries(bundle: Bundle) -> tuple[dict[str, Any], ...]:
    """Return what golden.json says of each picture, at least one, in the order of the golden vectors."""
    content = typed(dict[str, Any], load_json(bundle.files["golden/golden.json"], "golden.json"), "golden.json")
    if set(content) != {"pictures", "lessons"}:
        raise BundleError(f"golden.json: got the keys {few(content)}, expected pictures, lessons")
    if not _same(content["lessons"], [step._asdict() for step in STEPS]):
        raise BundleError("golden.json: lessons are not those of this schema")
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


def best(log_joint: np.ndarray, rows: Rows, manifest: Manifest) -> list[dict[str, Any]]:
    """Return the tag set of a score (C,) as it stands in golden.json: rows and probabilities to 4 digits.

    A row without pictures is in none, whatever it scores.
    """
    seen = rows.count > 0
    if not seen.any():
        return []
    (log_p,), (members,) = decide(np.where(seen, log_joint, -np.inf)[None], manifest.decision)
    p = np.exp(log_p)
    return [{"row": int(i), "probability": round(float(p[i]), 4)} for i in tagset.ranked(p) if members[i] and seen[i]]


def replay(compute: Compute, rows: Rows, embeddings: np.ndarray) -> Rows:
    """Return the first rows of the bundle after the lesson log; with one tag only, all steps teach it."""
    taught = [Rows(*(part[i : i + 1] for part in rows)) for i in range(min(2, len(rows.count)))]
    for step in STEPS:
        row = step.row % len(taught)
        picture = execute.lesson(embeddings[step.picture % len(embeddings)], step.weight)
        taught[row] = compute.merge(taught[row], picture)
    return Rows(*(np.concatenate(column) for column in zip(*taught, strict=True)))


def and_blank(rows: Rows) -> Rows:
    """Return rows, and behind them one without pictures."""
    none = execute.blank(rows.mean.shape[1])
    return Rows(*(np.concatenate(parts) for parts in zip(rows, none, strict=True)))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two embeddings (D,); 0 where one is 0, NaN where one is infinite."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))


def _same(got: Any, expected: Any) -> bool:
    """Whether two values are the same JSON: true is not 1."""
    a, b = (json.dumps(value, sort_keys=True) for value in (got, expected))
    return a == b


def tolerance(scores: np.ndarray, temperature: float) -> float:
    """Return how far scores may lie from these, (C,), and mean the same."""
    return max(NATS * temperature, ROUNDING * float(np.abs(scores[np.isfinite(scores)]).max(initial=0)))


def difference(got: np.ndarray, golden: np.ndarray, what: str) -> float:
    """Return the largest difference of two arrays, which must be finite in the same places."""
    if got.shape != golden.shape or not np.array_equal(np.isfinite(got), np.isfinite(golden)):
        raise BundleError(f"{what}: got {got.shape}, expected {golden.shape}, finite in the same places")
    finite = np.isfinite(golden)
    a, b = got[finite].astype(np.float64), golden[finite].astype(np.float64)  # float32 may overflow
    return float(np.abs(a - b).max(initial=0))
