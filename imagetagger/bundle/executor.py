"""A bundle's model.tflite in LiteRT: embed, score and merge as functions of NumPy arrays."""

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from imagetagger.bundle.labels import Label
from imagetagger.bundle.magnitudes import magnitude_problem
from imagetagger.bundle.manifest import Manifest, SignatureSpec
from imagetagger.bundle.reader import Rows
from imagetagger.bundle.strict_json import BundleError
from imagetagger.system.printable import first_names
from imagetagger.system.stderr import silence_stderr


class Executor(NamedTuple):
    """The signatures of one model, ready to run.

    Attributes:
        runners: LiteRT's signature runners, by name.
        lock: held during every call: an interpreter has one set of tensors.
        block: rows that one call of `score` takes.
    """

    runners: dict[str, Any]
    lock: threading.Lock
    block: int


def load_executor(model: bytes, manifest: Manifest) -> Executor:
    """Load model.tflite and compare its signatures with the manifest.

    Raises:
        BundleError: LiteRT cannot load or run it, a signature is missing or of another shape or dtype, or it does not
            give a bounded embedding of a black picture.
    """
    from ai_edge_litert.interpreter import Interpreter

    signatures = manifest.model.signatures
    try:
        with silence_stderr():
            interpreter = Interpreter(model_content=model, num_threads=1)
            runners = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
        _check_signatures(runners, signatures)
        with silence_stderr():  # the first call makes the delegate and logs that
            outputs = {
                name: runners[name](**{key: np.zeros(t.shape, t.dtype) for key, t in signature.inputs.items()})
                for name, signature in signatures.items()
            }
        _check_embedding(outputs["embed"]["embedding"])
    except BundleError:
        raise
    except Exception as error:  # LiteRT raises almost anything on a malformed model
        raise BundleError(f"model.tflite cannot be loaded: {str(error)[:300]}") from error
    return Executor(runners, threading.Lock(), manifest.model.block)


def _check_signatures(runners: dict[str, Any], signatures: dict[str, SignatureSpec]) -> None:
    if set(runners) != set(signatures):
        got, expected = (first_names(sorted(names)) for names in (runners, signatures))
        raise BundleError(f"model.tflite has the signatures {got}, expected {expected}")
    for name, signature in signatures.items():
        sides = {"inputs": runners[name].get_input_details(), "outputs": runners[name].get_output_details()}
        for side, details in sides.items():
            tensors = {key: (tuple(map(int, d["shape"])), np.dtype(d["dtype"]).name) for key, d in details.items()}
            specified = {key: (tensor.shape, tensor.dtype) for key, tensor in getattr(signature, side).items()}
            if tensors != specified:
                raise BundleError(f"model.tflite: {side} of {name} are {str(tensors)[:300]}, expected {specified}")


def embed_image(executor: Executor, image: np.ndarray) -> np.ndarray:
    """Embedding, float32 (D,), of a picture, uint8 (S, S, 3).

    Raises:
        BundleError: the model does not give a bounded one.
    """
    embedding: np.ndarray = _call(executor, "embed", image=image[None])["embedding"][0]
    _check_embedding(embedding)
    return embedding


def _check_embedding(embedding: np.ndarray) -> None:
    if problem := magnitude_problem(embedding):
        raise BundleError(f"model.tflite gives an embedding that cannot be used: {problem}")


def check_scores(executor: Executor, rows: Rows, labels: Sequence[Label]) -> None:
    """Check that a model gives every tag with pictures a score: variances of 0 or constants of the model may not.

    Raises:
        BundleError: names the tag.
    """
    scores = score_rows(executor, np.zeros(rows.mean.shape[1], np.float32), rows)
    if wrong := np.flatnonzero((rows.count > 0) & ~np.isfinite(scores)).tolist():
        name, score = labels[wrong[0]].name, scores[wrong[0]]
        raise BundleError(f"model.tflite gives the tag {name!r} the score {score:g}, expected a finite one")


def score_block(executor: Executor, embedding: np.ndarray, rows: Rows) -> np.ndarray:
    """Log joint, float32 (B,), of an embedding (D,) under one block of B rows."""
    return _call(executor, "score", embedding=embedding[None], **rows._asdict())["log_joint"]


def merge_rows(executor: Executor, row: Rows, other: Rows) -> Rows:
    """Statistics of two rows together, C = 1 each."""
    others = {f"other_{name}": value for name, value in other._asdict().items()}
    return Rows(**_call(executor, "merge", **row._asdict(), **others))


def lesson_row(embedding: np.ndarray, weight: float = 1.0) -> Rows:
    """Row of one picture, embedding (D,): merge it to learn, with weight -1 to forget."""
    return Rows(np.array([weight], np.float32), embedding[None], np.zeros((1, len(embedding)), np.float32))


def empty_row(features: int) -> Rows:
    """Row without pictures."""
    return lesson_row(np.zeros(features, np.float32), 0)


def split_blocks(rows: Rows, size: int) -> list[Rows]:
    """Rows in blocks of `size`, the last one padded with rows of count 0."""
    total = -(-len(rows.count) // size) * size
    padded = [np.concatenate([part, np.zeros((total - len(part), *part.shape[1:]), np.float32)]) for part in rows]
    return [Rows(*(part[i : i + size] for part in padded)) for i in range(0, total, size)]


def score_rows(executor: Executor, embedding: np.ndarray, rows: Rows) -> np.ndarray:
    """Log joint, float32 (C,), of an embedding (D,) under any number of rows."""
    scores = [score_block(executor, embedding, block) for block in split_blocks(rows, executor.block)]
    return np.concatenate(scores)[: len(rows.count)]


def _call(executor: Executor, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    with executor.lock:
        outputs = executor.runners[signature](**inputs)
        return {name: value.copy() for name, value in outputs.items()}
