"""The loop of a training: epochs of steps, metrics of each epoch, checkpoints, and an early end."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from imagetagger.config.schema import TrainingConfig
from imagetagger.training.activations import ActivationRows, gather_rows
from imagetagger.training.checkpoints import list_checkpoints, restore_checkpoint, save_checkpoint
from imagetagger.training.devices import Placement, local_placement
from imagetagger.training.measure import embed_rows, evaluate_linear
from imagetagger.training.objective import GaussianHead
from imagetagger.training.optimizer import make_optimizer
from imagetagger.training.pruning import prune_reason, stop_reason
from imagetagger.training.recipe import effective_recipe
from imagetagger.training.state import Batch, Network, Params, Step, TrainState, copy_to_host, init_state, make_step

CHECKPOINT_SECONDS = 60.0
"""Between two checkpoints, also of different epochs: the most that kill -9 costs, but for a batch."""

CHECKED_STEPS = 50
"""Steps between two looks at the loss."""

log = logging.getLogger(__name__)

FitGaussian = Callable[[dict[str, Any]], GaussianHead]
"""From the parameters of the network to the Gaussian classifier of its embeddings."""


class TrainingError(ValueError):
    """A training that cannot go on, or whose result cannot be used."""


class LabelledRows(NamedTuple):
    """Rows of N pictures, their labels int32 (N, L), padded with -1, and a teacher's probabilities (N, C) or None."""

    rows: ActivationRows
    labels: np.ndarray
    teacher: np.ndarray | None = None


class Epoch(NamedTuple):
    """Metrics of an epoch: losses in nats, accuracies as shares; those of tuning pictures nan without any."""

    epoch: int
    loss: float
    top1: float
    tuning_loss: float
    tuning_top1: float
    learning_rate: float
    seconds: float
    images_per_second: float


class Progress(NamedTuple):
    """What a checkpoint holds.

    Attributes:
        state: of the training.
        best: averaged parameters of the best epoch so far.
        curve: float64 (epochs, 8), an `Epoch` each; nan where not there yet.
        epoch: int64 (), epochs that are complete.
        seconds: float64 (), spent on the epoch that is not.
        size: int64 (), pictures of a batch.
    """

    state: TrainState
    best: Params
    curve: np.ndarray
    epoch: np.ndarray
    seconds: np.ndarray
    size: np.ndarray


class _Loop(NamedTuple):
    """What stays the same from epoch to epoch; `size` is that of a batch, see `train` for the others."""

    step: Step
    pictures: LabelledRows
    size: int
    placement: Placement
    recipe: TrainingConfig
    seed: int
    checkpoints: Path | None
    name: str

    @property
    def batches(self) -> int:
        """Their number in an epoch."""
        return len(self.pictures.labels) // self.size


class Trained(NamedTuple):
    """The end of a training.

    Attributes:
        params: averaged parameters of the epoch that is kept.
        epochs: metrics, in order.
        best_epoch: the epoch that is kept, from 1.
        stopped: why it ended early; None if it did not.
        is_pruned: whether that was for other trainings that do better, so that it is not complete.
    """

    params: Params
    epochs: tuple[Epoch, ...]
    best_epoch: int
    stopped: str | None
    is_pruned: bool = False


def train(
    network: Network,
    params: Params,
    pictures: LabelledRows,
    recipe: TrainingConfig,
    tags: int,
    *,
    seed: int,
    tuning: LabelledRows | None = None,
    fit_gaussian: FitGaussian | None = None,
    checkpoints: Path | None = None,
    rivals: Sequence[Sequence[float]] = (),
    name: str = "training",
) -> Trained:
    """Train a network; go on where an interrupted training of the same kind has left checkpoints.

    Everything random follows from the seed, the epoch and the step. So a training that was interrupted ends with the
    same numbers, bit by bit, as one that was not, on the same processor.

    Args:
        network: what is trained.
        params: to start from.
        pictures: to learn from.
        recipe: settings.
        tags: C.
        seed: of the order of pictures, of views, mixing and dropout.
        tuning: pictures whose loss chooses the epoch if there are enough, and a `patience`.
        fit_gaussian: refits the Gaussian classifier in the loss before each epoch; None for a loss without it.
        checkpoints: folder of this training alone; None to write none.
        rivals: tuning losses of other trainings, epoch by epoch, by which this one may be pruned.
        name: label of the progress bar.

    Raises:
        TrainingError: the loss is not finite, there are no pictures, or a checkpoint belongs to other batches.
        OSError: a checkpoint cannot be written.
    """
    if not len(pictures.labels):
        raise TrainingError("got no pictures to train on, expected at least one")
    recipe = effective_recipe(recipe, len(pictures.labels), len(tuning.labels) if tuning else 0)
    placement = local_placement(recipe.batch_size)
    size = recipe.batch_size - recipe.batch_size % placement.devices
    batches = len(pictures.labels) // size
    optimizer = make_optimizer(recipe, network.names, batches)
    step = make_step(network, recipe, tags, optimizer.transformation, placement.everywhere)
    loop = _Loop(step, pictures, size, placement, recipe, seed, checkpoints, name)
    embed = jax.jit(network.embed)
    gaussian = fit_gaussian(params.network) if fit_gaussian else None
    state = init_state(params, gaussian, optimizer.transformation, seed)
    curve = np.full((recipe.epochs, len(Epoch._fields)), np.nan)
    start = Progress(state, copy_to_host(state.average), curve, np.array(0), np.array(0.0), np.array(size))
    progress = _resume(loop, start)
    chooses = recipe.patience is not None
    stopped, pruned, saved = None, None, time.perf_counter()
    while (epoch := int(progress.epoch)) < recipe.epochs:
        losses = progress.curve[:epoch, 3].tolist()
        stopped = stop_reason(losses, recipe.epochs, recipe.patience)
        pruned = prune_reason(losses, recipe.epochs, rivals)
        if stopped or pruned:
            break
        progress, saved = _run_epoch(loop, progress, saved)
        measured = _measure(loop, progress, embed, tuning, tags)._replace(
            learning_rate=float(optimizer.learning_rate((epoch + 1) * batches - 1))
        )
        curve = progress.curve.copy()
        curve[epoch] = measured
        state = progress.state._replace(sums=jnp.zeros(3))
        if fit_gaussian and epoch + 1 < recipe.epochs:
            state = state._replace(gaussian=jax.tree.map(jnp.array, fit_gaussian(state.average.network)))
        is_best = not chooses or np.nanargmin(curve[: epoch + 1, 3]) == epoch
        best = copy_to_host(state.average) if is_best else progress.best
        progress = Progress(state, best, curve, np.array(epoch + 1), np.array(0.0), progress.size)
        saved = _save(loop, progress) if _is_due(loop, saved) else saved
        log.info("%s: %s", name, _describe(measured, recipe.epochs))
    if pruned:  # another run may go on from here
        _save(loop, progress)
    done = int(progress.epoch)
    kept = int(np.nanargmin(progress.curve[:done, 3])) + 1 if chooses else done
    epochs = tuple(Epoch(int(row[0]), *map(float, row[1:])) for row in progress.curve[:done])
    return Trained(progress.best, epochs, kept, stopped or pruned, is_pruned=bool(pruned and not stopped))


def _resume(loop: _Loop, start: Progress) -> Progress:
    """Return the progress of the last checkpoint, or the start; raise an error if it counts batches of another size."""
    restored = restore_checkpoint(loop.checkpoints, start) if loop.checkpoints else None
    if restored is None:
        return start
    if int(restored.size) != loop.size:
        raise TrainingError(
            f"got checkpoints of batches of {int(restored.size)} pictures in {loop.checkpoints}, expected batches of "
            f"{loop.size} on {loop.placement.devices} devices: go on with as many devices as before, or set force=true"
        )
    log.info("%s: going on after %d of %d epochs", loop.name, int(restored.epoch), loop.recipe.epochs)
    return restored


def _is_due(loop: _Loop, saved: float) -> bool:
    return loop.checkpoints is not None and time.perf_counter() - saved >= CHECKPOINT_SECONDS


def _save(loop: _Loop, progress: Progress) -> float:
    """Write a checkpoint if there is a folder for it; return the time."""
    if loop.checkpoints is not None:
        save_checkpoint(loop.checkpoints, int(progress.state.step), progress)
    return time.perf_counter()


def _run_epoch(loop: _Loop, progress: Progress, saved: float) -> tuple[Progress, float]:
    """Run an epoch to its end, overwriting the state; take and return when the last checkpoint was written."""
    epoch, state = int(progress.epoch), jax.device_put(progress.state, loop.placement.everywhere)
    first = int(state.step) - epoch * loop.batches
    rng = np.random.default_rng([loop.seed, epoch])
    order = rng.permutation(len(loop.pictures.labels))[: loop.batches * loop.size].reshape(loop.batches, loop.size)
    views = rng.integers(0, loop.pictures.rows.views, order.shape)
    start = time.perf_counter()
    before = float(progress.seconds)
    label = f"{loop.name}, epoch {epoch + 1}"
    with tqdm(total=loop.batches, initial=first, desc=label, unit="batch", disable=None, leave=False) as bar:
        for number, batch in enumerate(_load_batches(loop.pictures, order[first:], views[first:]), first + 1):
            state = loop.step(state, jax.device_put(batch, loop.placement.by_batch))
            bar.update()
            is_due = number < loop.batches and _is_due(loop, saved)
            if is_due or number % CHECKED_STEPS == 0 or number == loop.batches:
                _check_finite(loop, np.asarray(state.sums), f"batch {number} of {loop.batches} of epoch {epoch + 1}")
            if is_due:
                seconds = np.array(before + time.perf_counter() - start)
                saved = _save(loop, progress._replace(state=state, seconds=seconds))
    return progress._replace(state=state, seconds=np.array(before + time.perf_counter() - start)), saved


def _load_batches(pictures: LabelledRows, order: np.ndarray, views: np.ndarray) -> Iterator[Batch]:
    """Yield the batches of some pictures and views, (batches, size) both, each read while another is computed."""

    def load(i: int) -> Batch:
        chosen = order[i]
        teacher = None if pictures.teacher is None else pictures.teacher[chosen]
        return Batch(gather_rows(pictures.rows, chosen, views[i]), pictures.labels[chosen], teacher)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(load, 0) if len(order) else None
        for i in range(len(order)):
            batch = following.result()  # type: ignore[union-attr]  # there is one for each i
            following = pool.submit(load, i + 1) if i + 1 < len(order) else None
            yield batch


def _check_finite(loop: _Loop, losses: np.ndarray | float, when: str) -> None:
    """Raise an error if losses are not finite."""
    if np.isfinite(losses).all():
        return
    has_checkpoint = loop.checkpoints is not None and list_checkpoints(loop.checkpoints)
    kept = f" The last good checkpoint stays in {loop.checkpoints}." if has_checkpoint else ""
    raise TrainingError(
        f"the loss is not a finite number by {when}, with training.learning_rate={loop.recipe.learning_rate:g}."
        f"{kept} Expected finite losses: lower training.learning_rate, or set training.clip_norm=1"
    )


def _measure(
    loop: _Loop, progress: Progress, embed: Callable[..., Any], tuning: LabelledRows | None, tags: int
) -> Epoch:
    """Return the metrics of the epoch that has just run, but its learning rate."""
    total, correct, count = (float(value) for value in np.asarray(progress.state.sums))
    seconds = float(progress.seconds)
    tuning_loss = tuning_top1 = np.nan
    if tuning is not None and len(tuning.labels):
        average = progress.state.average
        embeddings = jnp.asarray(embed_rows(embed, average.network, tuning.rows))
        tuning_loss, tuning_top1 = evaluate_linear(average.linear, embeddings, tuning.labels, tags)
        _check_finite(loop, tuning_loss, f"the end of epoch {int(progress.epoch) + 1}, for the tuning pictures")
    rate = count / seconds if seconds else np.nan
    top1 = correct / count
    return Epoch(int(progress.epoch) + 1, total / count, top1, tuning_loss, tuning_top1, np.nan, seconds, rate)


def _describe(epoch: Epoch, epochs: int) -> str:
    tuning = ""
    if np.isfinite(epoch.tuning_loss):
        tuning = f", tuning pictures: loss {epoch.tuning_loss:.3f}, top-1 {100 * epoch.tuning_top1:.1f} %"
    rate = f"{epoch.images_per_second:.0f} images/s"
    return f"epoch {epoch.epoch} of {epochs}: loss {epoch.loss:.3f}, top-1 {100 * epoch.top1:.1f} %{tuning}, {rate}"
