"""What is trained, on what, and where it is kept; and the Gaussian classifier of the features of its network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.classifier.fit import FittedClassifier, fit_classifier
from imagetagger.classifier.reference import Reference
from imagetagger.config.schema import ClassifierConfig, TrainingConfig
from imagetagger.embedding.probe import MIN_PROBE_COSINE, probe_cosine
from imagetagger.training.activations import ActivationRows, select_rows
from imagetagger.training.measure import embed_rows
from imagetagger.training.state import Network
from imagetagger.training.teacher import Teacher

FITTED_PICTURES = 20_000
"""Pictures that a Gaussian classifier is fitted on while a network is trained."""


class TrainingData(NamedTuple):
    """N pictures that a network may learn from.

    Attributes:
        rows: of activations or pixels.
        ids: content ids.
        labels: int32 (N, L), padded with -1.
        groups: int64 (N,); the pictures of one group share a fold.
        is_tuning: bool (N,), those that are held out to choose the epoch, to decide and to calibrate.
        tags: C.
        teacher: None without one.
    """

    rows: ActivationRows
    ids: list[bytes]
    labels: np.ndarray
    groups: np.ndarray
    is_tuning: np.ndarray
    tags: int
    teacher: Teacher | None = None


class Task(NamedTuple):
    """What is trained, and how.

    Attributes:
        backbone: to start from.
        network: its trained part.
        recipe: settings.
        classifier: settings of the Gaussian one.
        resolution: side of the network's input.
        seed: of everything random.
        reference: statistics of the backbone; None without any.
        probe: rows of the drawings that show whether a tuned network still embeds like the reference.
    """

    backbone: Backbone
    network: Network
    recipe: TrainingConfig
    classifier: ClassifierConfig
    resolution: int
    seed: int
    reference: Reference | None = None
    probe: ActivationRows | None = None


class Storage(NamedTuple):
    """Where trainings are kept.

    Attributes:
        folder: of the trainings in the cache.
        provenance: as JSON: where network and pictures come from, for the files of weights.
        force: whether what has been trained is trained again.
    """

    folder: Path
    provenance: dict[str, Any]
    force: bool = False


def fit_on_features(
    task: Task, data: TrainingData, embed: Callable[..., Any], params: dict[str, Any], rows: np.ndarray
) -> FittedClassifier:
    """Fit the classifier of a network on some pictures."""
    x = embed_rows(embed, params, select_rows(data.rows, rows))
    reference = known_reference(task, embed, params)
    return fit_classifier(x, data.labels[rows], np.zeros(len(rows), bool), data.tags, task.classifier, reference)


def known_reference(task: Task, embed: Callable[..., Any], params: dict[str, Any]) -> Reference | None:
    """Return the reference statistics if a network still embeds like the one they belong to, as a run with it would."""
    if task.reference is None or task.probe is None:
        return task.reference
    cosine = probe_cosine(embed_rows(embed, params, task.probe), task.reference.probe)
    return task.reference if cosine >= MIN_PROBE_COSINE else None


def sample_rows(rows: np.ndarray, seed: int) -> np.ndarray:
    """Return at most FITTED_PICTURES of some rows, by chance: they are often in the order of tags."""
    return np.random.default_rng(seed).permutation(rows)[:FITTED_PICTURES]
