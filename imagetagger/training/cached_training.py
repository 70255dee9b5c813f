"""One training, kept in the cache: it is run once, goes on where it was interrupted, and is read afterwards."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from imagetagger.training.activations import select_rows
from imagetagger.training.checkpoints import delete_checkpoints
from imagetagger.training.finished import FineTuned, delete_finished, read_finished, training_key, write_finished
from imagetagger.training.heads import fit_linear_head, gaussian_head
from imagetagger.training.measure import embed_rows
from imagetagger.training.networks import replace_params, trained_params
from imagetagger.training.objective import GaussianHead
from imagetagger.training.recipe import effective_recipe
from imagetagger.training.state import Params
from imagetagger.training.task import Storage, Task, TrainingData, fit_on_features, sample_rows
from imagetagger.training.teacher import teach_probabilities
from imagetagger.training.train import LabelledRows, Trained, train

log = logging.getLogger(__name__)

SAMPLE = 64
"""Ids of training pictures that the file of weights names, by which they are known again."""


def train_cached(
    task: Task,
    data: TrainingData,
    rows: np.ndarray,
    storage: Storage,
    embed: Callable[..., Any],
    *,
    tuning: np.ndarray | None = None,
    rivals: Sequence[Sequence[float]] = (),
    name: str = "training",
) -> FineTuned:
    """Train on some pictures, or read what an earlier run has trained on them.

    Another process that trains the same is waited for. A training that was pruned is not complete: its checkpoints
    stay, and its weights are not kept.

    Args:
        task: network and settings.
        data: pictures.
        rows: those to learn from.
        storage: of trainings.
        embed: that of the network, compiled.
        tuning: those that choose the epoch; None for none.
        rivals: tuning losses of other trainings.
        name: of the progress bar and in the log.
    """
    tuning = np.zeros(0, np.int64) if tuning is None else tuning
    folder, recipe = storage.folder, effective_recipe(task.recipe, len(rows), len(tuning))
    uses_classifier = recipe.teacher or recipe.gaussian_weight
    further = {
        "tags": data.tags,
        "teacher": data.teacher.space if data.teacher else None,
        "classifier": asdict(task.classifier) if uses_classifier else None,
        "reference": task.reference.sha256 if task.reference and recipe.gaussian_weight else None,
    }
    roles = {
        role: ([data.ids[i] for i in chosen], data.labels[chosen])
        for role, chosen in (("training", rows), ("tuning", tuning))
    }
    key = training_key(task.backbone, recipe, task.resolution, task.seed, roles, further)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock"):
        if not storage.force and (finished := read_finished(folder, key, task.backbone)) is not None:
            log.info("%s: finished before", name)
            return finished
        if storage.force:
            delete_checkpoints(folder / key)
        trained = _train(task, data, rows, embed, tuning, folder / key, rivals, name)
        delete_finished(folder, key)
        sample = [content_id.hex() for content_id in sorted(data.ids[i] for i in rows)[:SAMPLE]]
        provenance = {**storage.provenance, "recipe": asdict(recipe), "pictures": len(rows), "sample": sample}
        backbone = replace_params(task.backbone, trained.params.network)
        tuned = write_finished(folder, key, backbone, trained, provenance)
        if not trained.is_pruned:
            delete_checkpoints(folder / key)
    return tuned


def _train(
    task: Task,
    data: TrainingData,
    rows: np.ndarray,
    embed: Callable[..., Any],
    tuning: np.ndarray,
    checkpoints: Path,
    rivals: Sequence[Sequence[float]],
    name: str,
) -> Trained:
    labels, params = data.labels, trained_params(task.backbone, task.network)
    x = embed_rows(embed, params, select_rows(data.rows, rows))
    start = Params(params, fit_linear_head(x, labels[rows], data.tags))
    fitted = sample_rows(rows, task.seed)
    calibrating = tuning if len(tuning) else fitted

    def fit_gaussian(params: dict[str, Any]) -> GaussianHead:
        classifier = fit_on_features(task, data, embed, params, fitted)
        x = embed_rows(embed, params, select_rows(data.rows, calibrating))
        return gaussian_head(classifier, x, labels[calibrating])

    teacher = None
    if data.teacher is not None:  # it sees no picture that the network may not see
        taught = data.teacher.embeddings[rows]
        teacher = teach_probabilities(taught, labels[rows], data.groups[rows], data.tags, task.classifier)
    return train(
        task.network,
        start,
        LabelledRows(select_rows(data.rows, rows), labels[rows], teacher),
        task.recipe,
        data.tags,
        seed=task.seed,
        tuning=LabelledRows(select_rows(data.rows, tuning), labels[tuning]) if len(tuning) else None,
        fit_gaussian=fit_gaussian if task.recipe.gaussian_weight else None,
        checkpoints=checkpoints,
        rivals=rivals,
        name=name,
    )
