"""One step of training, a pure function from a state and a batch to the next state."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Sharding

from imagetagger.config.schema import TrainingConfig
from imagetagger.training.objective import (
    GaussianHead,
    LinearHead,
    cross_entropy,
    drop_features,
    gaussian_logits,
    linear_logits,
    mix_batch,
    soft_targets,
)


class Network(NamedTuple):
    """The trained part of a network, static.

    Attributes:
        names: of its parts among the backbone's parameters, in forward order.
        embed: from their parameters and rows (N, H, W, C) to embeddings, float32 (N, D).
        augment: from a random key and rows to rows, in training only; None for rows that are augmented already.
    """

    names: tuple[str, ...]
    embed: Callable[[dict[str, Any], jax.Array], jax.Array]
    augment: Callable[[jax.Array, jax.Array], jax.Array] | None = None


class Params(NamedTuple):
    """What is trained: parts of the network by name, and the linear classifier on its embedding."""

    network: dict[str, Any]
    linear: LinearHead


class TrainState(NamedTuple):
    """The state of a training between two batches; with the recipe and the rows, all that its future depends on.

    Attributes:
        params: float32.
        optimizer: of optax.
        average: exponential moving average of the parameters, which is what training ends with.
        gaussian: the Gaussian classifier in the loss, refitted between epochs.
        key: random key data, uint32 (2,), of the training; each step derives its own.
        step: int32 (), batches so far.
        sums: float32 (3,), of loss, correct pictures and pictures in this epoch.
    """

    params: Params
    optimizer: Any
    average: Params
    gaussian: GaussianHead | None
    key: jax.Array
    step: jax.Array
    sums: jax.Array


class Batch(NamedTuple):
    """Rows (N, H, W, C), labels int32 (N, L), padded with -1, and a teacher's probabilities (N, C), if there is one.

    They are NumPy arrays until they are put on a device.
    """

    rows: Any
    labels: Any
    teacher: Any = None


Step = Callable[[TrainState, Batch], TrainState]


def init_state(
    params: Params, gaussian: GaussianHead | None, optimizer: optax.GradientTransformation, seed: int
) -> TrainState:
    """Return the state before the first batch."""
    # Copies, which a step may overwrite.
    params, average, gaussian = (jax.tree.map(jnp.array, tree) for tree in (params, params, gaussian))
    key = jax.random.key_data(jax.random.key(seed))
    return TrainState(params, optimizer.init(params), average, gaussian, key, jnp.int32(0), jnp.zeros(3))


def copy_to_host(params: Params) -> Params:
    """Return a copy of parameters, NumPy arrays, that no step overwrites."""
    copied: Params = jax.tree.map(np.array, params)
    return copied


@lru_cache(maxsize=4)  # compiling takes seconds, and the folds of a cross-validation need the same step
def make_step(
    network: Network,
    recipe: TrainingConfig,
    tags: int,
    optimizer: optax.GradientTransformation,
    sharding: Sharding | None = None,
) -> Step:
    """Return the compiled step of a recipe: gradients of one batch, the optimizer's update, the averaged weights.

    loss = (1 - g) CE(linear, targets) + g CE(Gaussian, targets), g = gaussian_weight, the targets being
    (1 - w) labels + w teacher, w = distillation_weight, after smoothing and mixing.

    The average is a_t = d a_(t-1) + (1 - d) params_t with d = min(ema_decay, (1 + t) / (10 + t)).

    The step overwrites the state that it gets. Where a gradient is not finite, the loss that it reports is not either.

    Args:
        network: what is trained.
        recipe: settings.
        tags: C.
        optimizer: of optax.
        sharding: of the state on several devices; None on one.
    """

    def loss_of(params: Params, state: TrainState, batch: Batch) -> tuple[jax.Array, jax.Array]:
        keys = jax.random.split(jax.random.fold_in(jax.random.wrap_key_data(state.key), state.step), 3)
        targets = soft_targets(batch.labels, tags, recipe.label_smoothing)
        if batch.teacher is not None:
            weight = recipe.distillation_weight
            targets = (1 - weight) * targets + weight * batch.teacher.astype(jnp.float32)
        rows = network.augment(keys[0], batch.rows) if network.augment else batch.rows
        rows, mixed = mix_batch(keys[1], rows, targets, recipe.mixup, recipe.cutmix)
        embeddings = network.embed(params.network, rows)
        logits = linear_logits(params.linear, drop_features(keys[2], embeddings, recipe.dropout))
        loss = cross_entropy(logits, mixed).mean()
        if state.gaussian is not None:
            gaussian = cross_entropy(gaussian_logits(state.gaussian, embeddings), mixed).mean()
            loss = (1 - recipe.gaussian_weight) * loss + recipe.gaussian_weight * gaussian
        return loss, (batch.labels == logits.argmax(1)[:, None]).any(1).sum()

    def step(state: TrainState, batch: Batch) -> TrainState:
        (loss, correct), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.params, state, batch)
        updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        t = state.step.astype(jnp.float32)
        decay = jnp.minimum(recipe.ema_decay, (1 + t) / (10 + t))
        average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, state.average, params)
        count = len(batch.rows)
        loss = jnp.where(jnp.isfinite(optax.tree.norm(gradients)), loss, jnp.nan)
        sums = state.sums + jnp.stack([loss * count, correct.astype(jnp.float32), jnp.float32(count)])
        return TrainState(params, optimizer_state, average, state.gaussian, state.key, state.step + 1, sums)

    return jax.jit(step, donate_argnums=0, out_shardings=sharding)
