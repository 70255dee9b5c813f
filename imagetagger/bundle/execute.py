"""A bundle's model.tflite in LiteRT: embed, score and merge as functions of NumPy arrays."""

import threading
from typing import Any, NamedTuple

import numpy as np

from imagetagger.bundle.manifest import BundleError, Manifest, Signature
from imagetagger.bundle.read import Rows, few
from imagetagger.quiet import quiet


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


def load(model: bytes, manifest: Manifest) -> Executor:
    """Load model.tflite and hold its signatures against the manifest.

    Raises:
        BundleError: LiteRT cannot load or run it, or a signature is missing or of another shape or dtype.
    """
    from ai_edge_litert.interpreter import Interpreter

    wanted = manifest.model.signatures
    try:
        with quiet():
            interpreter = Interpreter(model_content=model, num_threads=1)
            runners = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
        _check_signatures(runners, wanted)
        with quiet():  # a first call makes the delegate, and says so
            for name, signature in wanted.items():
                runners[name](**{key: np.zeros(t.shape, t.dtype) for key, t in signature.inputs.items()})
    except BundleError:
        raise
    except Exception as error:  # LiteRT raises almost anything on a model that is not well formed
        raise BundleError(f"model.tflite cannot be loaded: {str(error)[:300]}") from error
    return Executor(runners, threading.Lock(), manifest.model.block)


def _check_signatures(runners: dict[str, Any], wanted: dict[str, Signature]) -> None:
    if set(runners) != set(wanted):
        got, expected = (few(sorted(names)) for names in (runners, wanted))
        raise BundleError(f"model.tflite has the signatures {got}, expected {expected}")
    for name, signature in wanted.items():
        sides = {"inputs": runners[name].get_input_details(), "outputs": runners[name].get_output_details()}
        for side, details in sides.items():
            found = {key: (tuple(map(int, d["shape"])), np.dtype(d["dtype"]).name) for key, d in details.items()}
            asked = {key: (tensor.shape, tensor.dtype) for key, tensor in getattr(signature, side).items()}
            if found != asked:
                raise BundleError(f"model.tflite: {side} of {name} are {str(found)[:300]}, expected {asked}")


def embed(executor: Executor, image: np.ndarray) -> np.ndarray:
    """Return the embedding, float32 (D,), of a picture, uint8 (S, S, 3)."""
    return _call(executor, "embed", image=image[None])["embedding"][0]


def score(executor: Executor, embedding: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the log joint, float32 (B,), of an embedding (D,) under one block of B rows."""
    return _call(executor, "score", embedding=embedding[None], **rows._asdict())["log_joint"]


def merge(executor: Executor, row: Rows, other: Rows) -> Rows:
    """Return the statistics of two rows together: C = 1 both."""
    others = {f"other_{name}": value for name, value in other._asdict().items()}
    return Rows(**_call(executor, "merge", **row._asdict(), **others))


def lesson(embedding: np.ndarray, weight: float = 1.0) -> Rows:
    """Return the row of one picture, embedding (D,): merge it to learn, with weight -1 to forget."""
    return Rows(np.array([weight], np.float32), embedding[None], np.zeros((1, len(embedding)), np.float32))


def blank(features: int) -> Rows:
    """Return the row of no pictures."""
    return lesson(np.zeros(features, np.float32), 0)


def blocks(rows: Rows, size: int) -> list[Rows]:
    """Return rows in blocks of `size`, the last one filled up with rows of count 0."""
    total = -(-len(rows.count) // size) * size
    padded = [np.concatenate([part, np.zeros((total - len(part), *part.shape[1:]), np.float32)]) for part in rows]
    return [Rows(*(part[i : i + size] for part in padded)) for i in range(0, total, size)]


def score_all(executor: Executor, embedding: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the log joint of an embedding (D,) under any number of rows, float32 (C,)."""
    scores = [score(executor, embedding, block) for block in blocks(rows, executor.block)]
    return np.concatenate(scores)[: len(rows.count)]


def _call(executor: Executor, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    with executor.lock:
        outputs = executor.runners[signature](**inputs)
        return {name: value.copy() for name, value in outputs.items()}
