"""Fine-tuning of a backbone on a data set: the decision whether to, and the training itself, both cached."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.classifier.fit import fit_classifier, score_embeddings
from imagetagger.classifier.reference import Reference
from imagetagger.config.schema import ClassifierConfig, TrainingConfig
from imagetagger.data.splits import assign_folds
from imagetagger.training.activations import ActivationRows, select_rows
from imagetagger.training.checkpoints import delete_checkpoints
from imagetagger.training.finished import (
    FineTuned,
    read_finished,
    training_key,
    write_finished,
)
from imagetagger.training.gate import ENOUGH_TUNING_PICTURES, FOLDS, Comparison, compare, compare_by_folds
from imagetagger.training.heads import fit_linear_head, gaussian_head
from imagetagger.training.measure import embed_rows
from imagetagger.training.networks import replace_params, trained_params
from imagetagger.training.objective import GaussianHead
from imagetagger.training.state import Network, Params
from imagetagger.training.train import LabelledRows, Trained, train

log = logging.getLogger(__name__)

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
        teacher: float16 (N, C), a teacher's probabilities; None without one.
    """

    rows: ActivationRows
    ids: list[bytes]
    labels: np.ndarray
    groups: np.ndarray
    is_tuning: np.ndarray
    tags: int
    teacher: np.ndarray | None = None


class Task(NamedTuple):
    """What is trained, and how: the network, the settings, and what is known of the network before training."""

    backbone: Backbone
    network: Network
    recipe: TrainingConfig
    classifier: ClassifierConfig
    resolution: int
    seed: int
    reference: Reference | None = None


class Result(NamedTuple):
    """The end of fine-tuning: the tuned network, or None where the frozen one is kept, and the comparison of both."""

    tuned: FineTuned | None
    comparison: Comparison | None


def fine_tune(
    task: Task,
    data: TrainingData,
    folder: Path,
    *,
    provenance: Any,
    force: bool = False,
    rivals: Sequence[Sequence[float]] = (),
) -> Result:
    """Fine-tune a network, unless frozen features are as good; a finished training is not run again.

    With `gate=auto`, few pictures decide by cross-validation before anything is trained for good, and many by the
    pictures that are held out, after it.

    Args:
        task: network and settings.
        data: pictures.
        folder: of the trainings in the cache.
        provenance: as JSON: where network and pictures come from, for the file of weights.
        force: train again what has been trained.
        rivals: tuning losses of other trainings, by which this one may be pruned.

    Raises:
        TrainingError: the loss is not finite.
    """
    embed = jax.jit(task.network.embed)
    start = trained_params(task.backbone, task.network)

    @cache  # a training that has finished needs them only for a comparison
    def frozen() -> np.ndarray:
        return embed_rows(embed, start, data.rows)

    is_few = int(data.is_tuning.sum()) < ENOUGH_TUNING_PICTURES
    comparison = None
    if task.recipe.gate == "auto" and is_few:
        comparison = cross_validate(task, data, frozen, embed)
        if not comparison.is_used:
            return Result(None, comparison)
    tuned = train_cached(task, data, frozen, embed, folder, provenance=provenance, force=force, rivals=rivals)
    if task.recipe.gate == "auto" and comparison is None:
        after = embed_rows(embed, trained_params(tuned.backbone, task.network), data.rows)
        fitted, evaluated = sample_rows(np.flatnonzero(~data.is_tuning), task.seed), np.flatnonzero(data.is_tuning)
        correct = [classify(task, data, x, fitted, evaluated) for x in (frozen(), after)]
        comparison = compare(*correct, folds=1)
        if not comparison.is_used:
            return Result(None, comparison)
    return Result(tuned, comparison)


def cross_validate(
    task: Task, data: TrainingData, frozen: Callable[[], np.ndarray], embed: Callable[..., Any]
) -> Comparison:
    """Compare tuned with frozen features by cross-validation, on the pictures that are not held out."""
    rows = np.flatnonzero(~data.is_tuning)
    folds = assign_folds([data.ids[i] for i in rows], data.labels[rows], data.groups[rows], FOLDS, task.seed)

    def classify_frozen(fitted: np.ndarray, evaluated: np.ndarray) -> np.ndarray:
        return classify(task, data, frozen(), rows[fitted], rows[evaluated])

    def classify_tuned(fitted: np.ndarray, evaluated: np.ndarray) -> np.ndarray:
        trained = _train(task, data, frozen, embed, rows[fitted], name="cross-validation")
        x = embed_rows(embed, trained.params.network, data.rows)
        return classify(task, data, x, rows[fitted], rows[evaluated])

    return compare_by_folds(folds, classify_frozen, classify_tuned)


def classify(
    task: Task, data: TrainingData, embeddings: np.ndarray, fitted: np.ndarray, evaluated: np.ndarray
) -> np.ndarray:
    """Return whether the Gaussian classifier of some pictures classifies others correctly, bool."""
    nothing = np.zeros(len(fitted), bool)
    x, labels = embeddings[fitted], data.labels[fitted]
    classifier = fit_classifier(x, labels, nothing, data.tags, task.classifier, task.reference)
    top1 = score_embeddings(classifier, embeddings[evaluated]).log_joint.argmax(1)
    return (data.labels[evaluated] == top1[:, None]).any(1)


def train_cached(
    task: Task,
    data: TrainingData,
    frozen: Callable[[], np.ndarray],
    embed: Callable[..., Any],
    folder: Path,
    *,
    provenance: Any,
    force: bool,
    rivals: Sequence[Sequence[float]] = (),
) -> FineTuned:
    """Train on the pictures that are not held out, or read what an earlier run has trained.

    A training that was pruned is not complete: its checkpoints stay, and its weights are not kept.
    """
    further = {
        "tags": data.tags,
        "teacher": None if data.teacher is None else hashlib.sha256(data.teacher.tobytes()).hexdigest(),
        "classifier": asdict(task.classifier) if task.recipe.gaussian_weight else None,
    }
    roles = {
        role: ([data.ids[i] for i in np.flatnonzero(mask)], data.labels[mask])
        for role, mask in (("training", ~data.is_tuning), ("tuning", data.is_tuning))
    }
    key = training_key(task.backbone, task.recipe, task.resolution, task.seed, roles, further)
    if not force and (finished := read_finished(folder, key, task.backbone)) is not None:
        log.info("training: finished before")
        return finished
    if force:
        delete_checkpoints(folder / key)
    trained = _train(
        task,
        data,
        frozen,
        embed,
        np.flatnonzero(~data.is_tuning),
        tuning=data.is_tuning,
        checkpoints=folder / key,
        rivals=rivals,
    )
    backbone = replace_params(task.backbone, trained.params.network)
    tuned = write_finished(folder, key, backbone, trained, provenance)
    if not trained.is_pruned:
        delete_checkpoints(folder / key)
    return tuned


def _train(
    task: Task,
    data: TrainingData,
    frozen: Callable[[], np.ndarray],
    embed: Callable[..., Any],
    rows: np.ndarray,
    *,
    tuning: np.ndarray | None = None,
    checkpoints: Path | None = None,
    rivals: Sequence[Sequence[float]] = (),
    name: str = "training",
) -> Trained:
    labels = data.labels
    start = Params(
        trained_params(task.backbone, task.network), fit_linear_head(frozen()[rows], labels[rows], data.tags)
    )
    fitted = sample_rows(rows, task.seed)
    calibrating = fitted if tuning is None or not tuning.any() else np.flatnonzero(tuning)

    def fit_gaussian(params: dict[str, Any]) -> GaussianHead:
        x = embed_rows(embed, params, select_rows(data.rows, fitted))
        classifier = fit_classifier(
            x, labels[fitted], np.zeros(len(x), bool), data.tags, task.classifier, task.reference
        )
        if calibrating is not fitted:
            x = embed_rows(embed, params, select_rows(data.rows, calibrating))
        return gaussian_head(classifier, x, labels[calibrating])

    return train(
        task.network,
        start,
        LabelledRows(select_rows(data.rows, rows), labels[rows], None if data.teacher is None else data.teacher[rows]),
        task.recipe,
        data.tags,
        seed=task.seed,
        tuning=None if tuning is None else LabelledRows(select_rows(data.rows, tuning), labels[tuning]),
        fit_gaussian=fit_gaussian if task.recipe.gaussian_weight else None,
        checkpoints=checkpoints,
        rivals=rivals,
        name=name,
    )


def sample_rows(rows: np.ndarray, seed: int) -> np.ndarray:
    """Return at most FITTED_PICTURES of some rows, by chance: they are often in the order of tags."""
    return np.random.default_rng(seed).permutation(rows)[:FITTED_PICTURES]
