"""Fine-tuning of a backbone on a data set: the decision whether to, and the training itself."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger.classifier.cross_fit import cross_fit
from imagetagger.data.splits import assign_folds
from imagetagger.training.activations import select_rows
from imagetagger.training.cached_training import train_cached
from imagetagger.training.finished import FineTuned
from imagetagger.training.gate import ENOUGH_TUNING_PICTURES, FOLDS, Comparison, compare, compare_by_folds
from imagetagger.training.measure import embed_rows
from imagetagger.training.networks import trained_params
from imagetagger.training.task import Storage, Task, TrainingData, known_reference, sample_rows


class Result(NamedTuple):
    """The end of fine-tuning.

    Attributes:
        tuned: the tuned network; None where none was trained for good.
        comparison: of tuned with frozen features; None where none was asked for.
        is_used: whether the tuned network is better.
    """

    tuned: FineTuned | None
    comparison: Comparison | None
    is_used: bool


def fine_tune(task: Task, data: TrainingData, storage: Storage, rivals: Sequence[Sequence[float]] = ()) -> Result:
    """Fine-tune a network, unless frozen features are as good; a finished training is not run again.

    With `gate=auto`, few pictures decide by cross-validation before anything is trained for good, and many by the
    pictures that are held out, after it.

    Args:
        task: network and settings.
        data: pictures.
        storage: of trainings.
        rivals: tuning losses of other trainings, by which this one may be pruned.

    Raises:
        TrainingError: the loss is not finite.
    """
    embed = jax.jit(task.network.embed)
    is_few, comparison = int(data.is_tuning.sum()) < ENOUGH_TUNING_PICTURES, None
    if task.recipe.gate == "auto" and is_few:
        comparison = _cross_validate(task, data, storage, embed)
        if not comparison.is_used:
            return Result(None, comparison, is_used=False)
    rows = np.flatnonzero(~data.is_tuning)
    tuned = train_cached(task, data, rows, storage, embed, tuning=np.flatnonzero(data.is_tuning), rivals=rivals)
    if task.recipe.gate == "auto" and not is_few:
        fitted, evaluated = sample_rows(rows, task.seed), np.flatnonzero(data.is_tuning)
        correct = [
            classify(task, data, embed, trained_params(backbone, task.network), fitted, evaluated)
            for backbone in (task.backbone, tuned.backbone)
        ]
        comparison = compare(*correct, folds=1)
    return Result(tuned, comparison, is_used=comparison is None or comparison.is_used)


def _cross_validate(task: Task, data: TrainingData, storage: Storage, embed: Callable[..., Any]) -> Comparison:
    """Compare tuned with frozen features by cross-validation, on the pictures that are not held out."""
    rows = np.flatnonzero(~data.is_tuning)
    folds = assign_folds([data.ids[i] for i in rows], data.labels[rows], data.groups[rows], FOLDS, task.seed)
    frozen = trained_params(task.backbone, task.network)

    def classify_frozen(fitted: np.ndarray, evaluated: np.ndarray) -> np.ndarray:
        return classify(task, data, embed, frozen, rows[fitted], rows[evaluated])

    def classify_tuned(fitted: np.ndarray, evaluated: np.ndarray) -> np.ndarray:
        tuned = train_cached(task, data, rows[fitted], storage, embed, name="cross-validation")
        params = trained_params(tuned.backbone, task.network)
        return classify(task, data, embed, params, rows[fitted], rows[evaluated])

    return compare_by_folds(folds, classify_frozen, classify_tuned)


def classify(
    task: Task,
    data: TrainingData,
    embed: Callable[..., Any],
    params: dict[str, Any],
    fitted: np.ndarray,
    evaluated: np.ndarray,
) -> np.ndarray:
    """Return whether the Gaussian classifier of some pictures classifies others correctly, bool.

    As in a run, pictures that the network has not seen choose the strength of the reference.
    """
    rows = np.concatenate([evaluated, fitted])
    is_fitted = np.arange(len(rows)) >= len(evaluated)
    x, labels = embed_rows(embed, params, select_rows(data.rows, rows)), data.labels[rows]
    reference = known_reference(task, embed, params)
    crossed = cross_fit(x, labels, is_fitted.astype(np.int64), data.tags, task.classifier, reference, is_seen=is_fitted)
    correct = np.zeros(len(evaluated), bool)
    correct[crossed.rows] = (labels[crossed.rows] == crossed.scores.log_joint.argmax(1)[:, None]).any(1)
    return correct
