import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from imagetagger.training.objective import GaussianHead, cross_entropy, gaussian_logits, linear_logits, soft_targets
from imagetagger.training.optimizer import make_optimizer
from imagetagger.training.state import Batch, TrainState, init_state, make_step
from tests.helpers.training import (
    FEATURES,
    RICH,
    TAGS,
    assert_trees_close,
    assert_trees_equal,
    recipe,
    tiny_network,
    tiny_params,
    tiny_pictures,
)


def batch(first: int = 0, size: int = 8) -> Batch:
    pictures = tiny_pictures()
    return Batch(pictures.rows.shards[0][first : first + size, 0], pictures.labels[first : first + size])


@functools.cache
def compiled(settings):
    """The step of a recipe, and its optimizer."""
    network = tiny_network()
    transformation = make_optimizer(settings, network.names, 10).transformation
    return make_step(network, settings, TAGS, transformation), transformation


def started(settings, gaussian: GaussianHead | None = None):
    """The step of a recipe, and a function that makes its first state."""
    step, transformation = compiled(settings)
    return step, lambda seed=0: init_state(tiny_params(), gaussian, transformation, seed)


def run(step, state: TrainState, batches) -> TrainState:
    for b in batches:
        state = step(state, b)
    return state


def some_gaussian() -> GaussianHead:
    rng = np.random.default_rng(0)
    shapes = (FEATURES,), (FEATURES, 4), (4, TAGS), (TAGS,)
    return GaussianHead(*(jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes))


def test_the_average_is_the_exponential_one():
    step, start = started(recipe(ema_decay=0.3))
    state = start()
    expected = jax.tree.map(np.array, state.average)
    for t in range(6):
        state = step(state, batch(4 * t))
        decay = min(0.3, (1 + t) / (10 + t))
        expected = jax.tree.map(
            lambda a, p, d=decay: d * a + (1 - d) * p, expected, jax.tree.map(np.array, state.params)
        )
        assert_trees_close(state.average, expected, 1e-6)


def test_without_decay_the_average_is_the_parameters():
    step, start = started(recipe(ema_decay=0.0))
    state = run(step, start(), [batch(0), batch(8)])
    assert_trees_equal(state.average, state.params)


def test_a_step_depends_on_its_state_only():
    """Not on what ran before it in this process, nor on when it was compiled."""
    step, start = started(recipe(**RICH))
    batches = [batch(4 * i) for i in range(5)]
    expected = run(step, start(), batches)
    middle = jax.tree.map(np.array, run(step, start(), batches[:2]))
    run(step, start(seed=7), batches[3:])
    assert step._cache_size() == 1
    again, _ = compiled.__wrapped__(recipe(**RICH))
    assert_trees_equal(run(again, jax.device_put(middle), batches[2:]), expected)


def test_another_seed_draws_other_numbers():
    step, start = started(recipe(dropout=0.5, optimizer="sgd"))
    got = [np.asarray(step(start(seed), batch()).params.linear.weights) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(got[0], got[1])
    assert not np.array_equal(got[0], got[2])


def test_each_step_draws_its_own_numbers():
    """Without a learning rate only dropout differs between two steps on the same batch."""
    step, start = started(recipe(dropout=0.5, learning_rate=0.0))
    params = tiny_params()._replace(linear=tiny_params().linear._replace(weights=jnp.eye(FEATURES)[:, :TAGS]))
    state = step(start()._replace(params=jax.tree.map(jnp.array, params)), batch())
    first = float(state.sums[0])
    assert float(step(state, batch()).sums[0]) - first != pytest.approx(first, rel=1e-4)


def test_losses_and_correct_pictures_are_summed():
    step, start = started(recipe(learning_rate=0.0))
    params = tiny_params(seed=4)
    params = params._replace(linear=params.linear._replace(weights=jnp.eye(FEATURES)[:, :TAGS]))
    batches = [batch(0), batch(8)]
    got = run(step, start()._replace(params=jax.tree.map(jnp.array, params)), batches).sums
    logits = jnp.concatenate(
        [linear_logits(params.linear, tiny_network().embed(params.network, b.rows)) for b in batches]
    )
    labels = np.concatenate([b.labels for b in batches])
    losses = cross_entropy(logits, soft_targets(jnp.asarray(labels), TAGS, 0.0))
    expected = [losses.sum(), (logits.argmax(1) == labels[:, 0]).sum(), 16]
    np.testing.assert_allclose(got, np.array(expected, np.float32), rtol=1e-5)


def test_a_picture_of_several_tags_is_correct_with_any_and_one_without_tags_with_none():
    step, start = started(recipe(learning_rate=0.0))
    labels = np.array([[0, 2], [2, 1], [2, -1], [-1, -1]], np.int32)  # logits are 0, so tag 0 is predicted
    state = step(start(), Batch(batch(size=4).rows, labels))
    assert state.sums.tolist() == [pytest.approx(3 * np.log(TAGS)), 1, 4]


def test_correct_pictures_are_those_of_the_labels_not_of_the_teacher():
    step, start = started(recipe(learning_rate=0.0, distillation_weight=0.9))
    teacher = np.tile(np.float32([0, 0, 1]), (4, 1))
    labels = np.array([[0], [0], [1], [2]], np.int32)
    state = step(start(), Batch(batch(size=4).rows, labels, teacher))
    assert float(state.sums[1]) == 2


def test_the_loss_is_that_of_both_classifiers_against_labels_and_teacher():
    gaussian, weight, share = some_gaussian(), 0.3, 0.6
    settings = recipe(learning_rate=0.0, gaussian_weight=weight, distillation_weight=share, label_smoothing=0.1)
    step, start = started(settings, gaussian)
    b = batch()
    teacher = np.random.default_rng(5).dirichlet(np.ones(TAGS), 8).astype(np.float16)
    state = step(start(), b._replace(teacher=teacher))
    params = tiny_params()
    embeddings = tiny_network().embed(params.network, b.rows)
    targets = (1 - share) * soft_targets(jnp.asarray(b.labels), TAGS, 0.1) + share * teacher.astype(np.float32)
    linear = cross_entropy(linear_logits(params.linear, embeddings), targets).mean()
    posterior = cross_entropy(gaussian_logits(gaussian, embeddings), targets).mean()
    expected = (1 - weight) * linear + weight * posterior
    assert float(state.sums[0] / 8) == pytest.approx(float(expected), rel=1e-5)


def test_the_gaussian_classifier_is_a_constant_of_the_loss():
    gaussian = some_gaussian()
    step, start = started(recipe(gaussian_weight=1.0, weight_decay=0.1), gaussian)
    state = run(step, start(), [batch(0), batch(8)])
    assert_trees_equal(state.gaussian, gaussian)
    assert not np.array_equal(state.params.network["head"]["kernel"], tiny_params().network["head"]["kernel"])


def test_what_a_state_was_made_of_is_not_overwritten():
    gaussian, params = some_gaussian(), jax.tree.map(jnp.asarray, tiny_params())
    network, settings = tiny_network(), recipe(gaussian_weight=0.5)
    transformation = make_optimizer(settings, network.names, 10).transformation
    state = init_state(params, gaussian, transformation, 0)
    run(make_step(network, settings, TAGS, transformation), state, [batch(), batch()])
    assert_trees_equal(params, tiny_params())
    assert_trees_equal(gaussian, some_gaussian())


def test_a_batch_in_parts_is_accumulated_to_the_whole():
    whole, start = started(recipe(optimizer="sgd", weight_decay=0.01))
    parts, start_parts = started(recipe(optimizer="sgd", weight_decay=0.01, accumulate=4))
    expected = whole(start(), batch(0, 16))
    got = run(parts, start_parts(), [batch(4 * i, 4) for i in range(4)])
    assert_trees_close(got.params, expected.params, 1e-6)
    assert float(got.sums[0]) == pytest.approx(float(expected.sums[0]), rel=1e-5)


def test_a_gradient_that_is_not_finite_shows_in_the_loss():
    step, start = started(recipe())
    state = start()
    kernel = jnp.full_like(state.params.network["head"]["kernel"], 1e30)
    linear = state.params.linear._replace(weights=jnp.full_like(state.params.linear.weights, 1e20))
    params = state.params._replace(network={**state.params.network, "head": {"kernel": kernel, "bias": kernel[0]}})
    assert not np.isfinite(step(state._replace(params=params._replace(linear=linear)), batch()).sums[0])
