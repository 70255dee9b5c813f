"""Finished trainings in the cache: a file of weights each, that says how they came about."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load

from imagetagger.backbones.model import Backbone, space_digest, to_params
from imagetagger.backbones.weights import encode_weights, own_units
from imagetagger.config.schema import TrainingConfig
from imagetagger.system.checked_files import checked_path, delete_checked, find_checked, write_checked
from imagetagger.system.tensor_bytes import read_header
from imagetagger.training.train import Epoch, Trained
from imagetagger.training.views import VIEWS_VERSION

TRAININGS = "trainings"
"""Folder in the cache: weights of finished trainings, and checkpoints of others."""

TRAINING_VERSION = 3
"""Raised when a change to training changes its result."""


class FineTuned(NamedTuple):
    """A fine-tuned backbone.

    Attributes:
        backbone: its weights are those that training ended with.
        weights: contents of their file.
        epochs: metrics of the epochs.
        best_epoch: the epoch that was kept, from 1.
        stopped: why training ended early; None if it did not.
        is_pruned: whether that was for other trainings that do better.
    """

    backbone: Backbone
    weights: bytes
    epochs: tuple[Epoch, ...]
    best_epoch: int
    stopped: str | None
    is_pruned: bool = False


def training_key(
    backbone: Backbone,
    recipe: TrainingConfig,
    resolution: int,
    seed: int,
    pictures: Mapping[str, tuple[list[bytes], np.ndarray]],
    further: Any,
) -> str:
    """Return the digest of all that the result of a training depends on, 32 hexadecimal digits.

    Args:
        backbone: that training starts from.
        recipe: as it takes effect.
        resolution: side of the network's input.
        seed: of everything random.
        pictures: by role, content ids and labels.
        further: as JSON, whatever else there is: tags, classifier, teacher, reference.
    """
    settings = {key: value for key, value in asdict(recipe).items() if key not in ("gate", "prune")}
    start = space_digest(backbone, resolution, "training", recipe.dtype)
    versions = [TRAINING_VERSION, VIEWS_VERSION, version("jax")]
    digest = hashlib.sha256(json.dumps([versions, start, settings, seed, further], sort_keys=True).encode())
    for role, (ids, labels) in sorted(pictures.items()):
        digest.update(role.encode() + b"".join(ids) + np.ascontiguousarray(labels, "<i4").tobytes())
    return digest.hexdigest()[:32]


def write_finished(folder: Path, key: str, backbone: Backbone, trained: Trained, provenance: Any) -> FineTuned:
    """Return the weights of a training, with its curves and where they come from, and write those of a complete one.

    Args:
        folder: of the trainings in the cache.
        key: of the training.
        backbone: fine-tuned.
        trained: its training.
        provenance: as JSON: recipe, parent and data.
    """
    curves = [epoch._asdict() for epoch in trained.epochs]
    history = {**provenance, "epochs": curves, "best_epoch": trained.best_epoch, "stopped": trained.stopped}
    data = encode_weights(backbone, {"training": json.dumps(history)})
    path = folder / f"{key}.pruned" if trained.is_pruned else write_checked(folder, key, ".safetensors", data)
    return _fine_tuned(backbone, path, data, history)._replace(is_pruned=trained.is_pruned)


def delete_finished(folder: Path, key: str) -> None:
    """Delete what an earlier training of this key has left."""
    delete_checked(folder, key, ".safetensors")


def count_seen(weights: Path, ids: Collection[bytes]) -> tuple[int, int]:
    """Return how many pictures a fine-tuned network's file of weights names, and how many of those are among some.

    Other files, which name none, give (0, 0).

    Args:
        weights: file.
        ids: content ids.
    """
    try:
        header = read_header(np.memmap(weights, np.uint8, "r"))[0] if weights.suffix == ".safetensors" else {}
        sample = json.loads(header.get("__metadata__", {}).get("training", "{}")).get("sample", [])
    except (OSError, ValueError):
        return 0, 0
    known = set(ids)
    return len(sample), sum(bytes.fromhex(key) in known for key in sample)


def read_finished(folder: Path, key: str, backbone: Backbone) -> FineTuned | None:
    """Return a finished training of a backbone; None if there is none.

    Args:
        folder: of the trainings in the cache.
        key: of the training.
        backbone: that training started from.
    """
    data = find_checked(folder, key, ".safetensors")
    if data is None:
        return None
    history = json.loads(read_header(data)[0]["__metadata__"]["training"])
    tuned = backbone._replace(params=to_params(own_units(load(data)), backbone.net))
    return _fine_tuned(tuned, checked_path(folder, key, ".safetensors", data), data, history)


def _fine_tuned(backbone: Backbone, path: Path, data: bytes, history: Mapping[str, Any]) -> FineTuned:
    named = backbone._replace(weights=str(path), weights_sha256=hashlib.sha256(data).hexdigest())
    epochs = tuple(Epoch(**epoch) for epoch in history["epochs"])
    return FineTuned(named, data, epochs, history["best_epoch"], history["stopped"])
