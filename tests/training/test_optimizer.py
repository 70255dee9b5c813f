import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.training.objective import LinearHead
from imagetagger.training.optimizer import FINAL_RATE, MOMENTUM, make_optimizer
from imagetagger.training.state import Params
from tests.helpers.training import assert_trees_close, assert_trees_equal, recipe

NAMES = ("a", "b", "head")


def part(value: float) -> dict[str, jax.Array]:
    return {"kernel": jnp.full((2, 2), value), "bias": jnp.full(2, value)}


def filled(value: float) -> Params:
    linear = LinearHead(jnp.full((2, 3), value), jnp.full(3, value))
    return Params({name: part(value) for name in NAMES}, linear)


def run(settings, gradients, params=None, steps_per_epoch=100):
    """The parameters after some gradients."""
    params = filled(1.0) if params is None else params
    transformation = make_optimizer(settings, NAMES, steps_per_epoch).transformation
    state, update = transformation.init(params), jax.jit(transformation.update)
    for gradient in gradients:
        updates, state = update(gradient, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    return params


def test_the_rate_rises_linearly_and_falls_as_a_cosine():
    settings = recipe(epochs=4, learning_rate=0.5, warmup_epochs=1.0)
    rate = make_optimizer(settings, NAMES, 10).learning_rate
    np.testing.assert_allclose([rate(i) for i in range(11)], np.linspace(0, 0.5, 11), rtol=1e-6)
    cosine = [FINAL_RATE + (1 - FINAL_RATE) * (1 + np.cos(np.pi * i / 30)) / 2 for i in range(31)]
    np.testing.assert_allclose([rate(10 + i) for i in range(31)], 0.5 * np.array(cosine), rtol=1e-5)
    assert float(rate(40)) == pytest.approx(0.5 * FINAL_RATE)


def test_without_warm_up_the_first_rate_is_the_peak():
    rate = make_optimizer(recipe(learning_rate=0.5), NAMES, 10).learning_rate
    assert float(rate(0)) == 0.5


@pytest.mark.parametrize("warmup", [0.0, 1.0, 1000.0])
def test_a_warm_up_as_long_as_the_training_still_trains(warmup):
    settings = recipe(epochs=1, warmup_epochs=warmup)
    rates = [float(make_optimizer(settings, NAMES, 2).learning_rate(i)) for i in range(2)]
    assert max(rates) == pytest.approx(0.01)


def test_rates_fall_with_depth_and_the_classifier_has_its_own():
    settings = recipe(optimizer="sgd", learning_rate=0.1, layer_decay=0.5, head_rate=3.0)
    moved = jax.tree.map(lambda p: 1 - p, run(settings, [filled(1.0)]))
    first = 0.1 * (1 + MOMENTUM)  # of Nesterov
    for name, share in (("a", 0.25), ("b", 0.5), ("head", 1.0)):
        np.testing.assert_allclose(moved.network[name]["kernel"], first * share, rtol=1e-5)
        np.testing.assert_allclose(moved.network[name]["bias"], first * share, rtol=1e-5)
    np.testing.assert_allclose(moved.linear.weights, 3 * first, rtol=1e-5)


def test_weight_decay_takes_no_biases_and_is_decoupled():
    settings = recipe(learning_rate=0.1, weight_decay=0.02, layer_decay=0.5)
    params = run(settings, [filled(0.0)])
    assert float(params.network["head"]["kernel"][0, 0]) == pytest.approx(1 - 0.1 * 0.02, rel=1e-6)
    assert float(params.network["a"]["kernel"][0, 0]) == pytest.approx(1 - 0.1 * 0.02 * 0.25, rel=1e-6)
    assert float(params.linear.weights[0, 0]) == pytest.approx(1 - 0.1 * 0.02, rel=1e-6)
    for bias in (params.network["head"]["bias"], params.linear.bias):
        np.testing.assert_array_equal(bias, 1)


def test_sgd_is_nesterovs():
    """v = m v + g, step = rate (g + m v), by hand."""
    settings = recipe(optimizer="sgd", learning_rate=0.1, epochs=1000)
    value, velocity = 1.0, 0.0
    for gradient in (1.0, -2.0, 0.5):
        velocity = MOMENTUM * velocity + gradient
        value -= 0.1 * (gradient + MOMENTUM * velocity)
    got = run(settings, map(filled, (1.0, -2.0, 0.5)), steps_per_epoch=1000)
    assert float(got.linear.bias[0]) == pytest.approx(value, rel=1e-4)


def test_adam_moves_each_parameter_by_the_rate_whatever_the_gradient():
    got = run(recipe(learning_rate=0.1), [filled(1e-3)])
    np.testing.assert_allclose(got.linear.bias, 0.9, rtol=1e-4)


def test_gradients_are_clipped_together():
    norm = float(jnp.sqrt(sum(leaf.size for leaf in jax.tree.leaves(filled(1.0)))))
    settings = recipe(optimizer="sgd", clip_norm=0.5)
    scaled = run(recipe(optimizer="sgd"), [filled(0.5 / norm)])
    assert_trees_close(run(settings, [filled(7.0)]), scaled, 1e-6)
    below = filled(0.4 / norm)
    assert_trees_equal(run(settings, [below]), run(recipe(optimizer="sgd"), [below]))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_accumulated_gradients_are_those_of_one_batch(optimizer):
    common = {"optimizer": optimizer, "weight_decay": 0.01, "clip_norm": 1.0, "warmup_epochs": 0.02}
    gradients = [filled(value) for value in (1.0, 2.0, 6.0, -1.0, 0.5, 0.2)]
    means = [filled(3.0), filled(-0.1)]
    got = run(recipe(accumulate=3, **common), gradients, steps_per_epoch=300)
    expected = run(recipe(**common), means, steps_per_epoch=100)
    assert_trees_close(got, expected, 1e-6)


def test_between_accumulated_steps_nothing_moves():
    assert_trees_equal(run(recipe(accumulate=3, weight_decay=0.1), [filled(1.0)] * 2), filled(1.0))


def test_the_rate_by_batch_counts_optimizer_steps():
    every, third = (make_optimizer(recipe(accumulate=k), NAMES, 30 * k).learning_rate for k in (1, 3))
    np.testing.assert_array_equal([third(i) for i in range(90)], [every(i // 3) for i in range(90)])


def test_a_training_shorter_than_one_accumulated_step_takes_one_step():
    settings = recipe(accumulate=100, epochs=2)
    assert not np.array_equal(run(settings, [filled(1.0)] * 4, steps_per_epoch=2).linear.bias, np.ones(3))
