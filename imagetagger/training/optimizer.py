"""The optimizer of a training, from optax: schedule, rates by depth, weight decay, clipping, accumulation."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from imagetagger.config.schema import TrainingConfig

MOMENTUM = 0.9
FINAL_RATE = 0.01
"""Share of the peak at which the cosine ends."""


class Optimizer(NamedTuple):
    """A gradient transformation, and its learning rate by optimizer step."""

    transformation: optax.GradientTransformation
    learning_rate: optax.Schedule


@lru_cache(maxsize=4)  # the same object for the same settings, so that its steps are compiled once
def make_optimizer(recipe: TrainingConfig, names: tuple[str, ...], steps_per_epoch: int) -> Optimizer:
    """Return the optimizer of a recipe.

    The rate rises linearly over `warmup_epochs` and falls to FINAL_RATE of its peak as a cosine. The part of the
    network that is d parts before the last one learns at layer_decay^d of it, classifiers at `head_rate` times it.
    Weight decay is decoupled, and takes kernels only, not biases.

    Args:
        recipe: settings.
        names: of the trained parts of the network, in forward order.
        steps_per_epoch: batches of an epoch; one optimizer step takes `accumulate` of them.

    Source: Loshchilov and Hutter 2019 (arXiv 1711.05101) for decoupled weight decay and the cosine; Howard and Ruder
    2018 (arXiv 1801.06146), section 3.2, for rates by depth.
    """
    accumulate = min(recipe.accumulate, recipe.epochs * steps_per_epoch)  # at least one step in all
    steps = recipe.epochs * steps_per_epoch // accumulate
    warmup = min(round(recipe.warmup_epochs * steps_per_epoch / accumulate), steps - 1)
    schedule = optax.warmup_cosine_decay_schedule(
        recipe.learning_rate if not warmup else 0.0,
        recipe.learning_rate,
        warmup,
        steps,
        FINAL_RATE * recipe.learning_rate,
    )
    moments = optax.scale_by_adam() if recipe.optimizer == "adamw" else optax.trace(decay=MOMENTUM, nesterov=True)
    chain = optax.chain(
        optax.clip_by_global_norm(recipe.clip_norm) if recipe.clip_norm else optax.identity(),
        moments,
        optax.add_decayed_weights(recipe.weight_decay, mask=_is_kernel),
        _scale_by_depth(names, recipe.layer_decay, recipe.head_rate),
        optax.scale_by_learning_rate(schedule),
    )
    if accumulate > 1:
        chain = optax.MultiSteps(chain, accumulate).gradient_transformation()

    def update(gradients: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
            return chain.update(gradients, state, params)

    def learning_rate(batches: Any) -> jax.Array:
        with jax.numpy_dtype_promotion("standard"):
            return jnp.asarray(schedule(batches // accumulate))

    return Optimizer(optax.GradientTransformation(chain.init, update), learning_rate)


def _is_kernel(params: Any) -> Any:
    """Whether weight decay takes a parameter: kernels and matrices, no biases."""
    return jax.tree.map(lambda param: jnp.ndim(param) > 1, params)


def _scale_by_depth(names: tuple[str, ...], decay: float, head_rate: float) -> optax.GradientTransformation:
    scales = {name: decay ** (len(names) - 1 - i) for i, name in enumerate(names)}

    def scale(updates: Any, params: Any) -> Any:
        network = {name: jax.tree.map(lambda u, s=scales[name]: s * u, part) for name, part in updates.network.items()}
        return updates._replace(network=network, linear=jax.tree.map(lambda u: head_rate * u, updates.linear))

    return optax.stateless(scale)
