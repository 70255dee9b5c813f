import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetagger.classifier.fit import fit_classifier, score_embeddings
from imagetagger.config.schema import ClassifierConfig
from imagetagger.training.heads import gaussian_head
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
from tests.helpers.gaussian_world import drawn

TIED = ClassifierConfig(
    transform="whitened",
    dimensions=16,
    shrinkage=0.1,
    within_class_weight=0.0,
    unit_length=True,
    variance_prior_strength=float("inf"),
    var_smoothing=1e-6,
    isotropic_prior_strength=0.0,
    mean_variance_floor=None,
    class_prior="uniform",
    reference="none",
    source="pictures",
)


def test_targets_are_equal_shares_of_a_pictures_tags():
    labels = jnp.array([[2, -1], [0, 3], [1, 1]])
    expected = [[0, 0, 1, 0], [0.5, 0, 0, 0.5], [0, 1, 0, 0]]
    np.testing.assert_array_equal(soft_targets(labels, 4, 0.0), np.float32(expected))


def test_smoothing_mixes_in_the_uniform_distribution():
    smooth = soft_targets(jnp.array([[2, -1], [0, 3]]), 4, 0.2)
    np.testing.assert_allclose(smooth, [[0.05, 0.05, 0.85, 0.05], [0.45, 0.05, 0.05, 0.45]], rtol=1e-6)
    np.testing.assert_allclose(smooth.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.2, 1.0)])
@pytest.mark.parametrize("shape", [(9, 9), (1, 1), (4, 7)])
def test_targets_are_mixed_as_the_pixels_are(mixup, cutmix, shape):
    """Picture i is filled with the number i and has tag i, so its mean pixel is that of its targets."""
    count = 6
    x = jnp.broadcast_to(jnp.arange(count, dtype=jnp.float32)[:, None, None, None], (count, *shape, 2))
    targets = jnp.eye(count)
    mix = jax.jit(lambda key: mix_batch(key, x, targets, mixup, cutmix))
    kinds = set()
    for seed in range(20):
        mixed, shares = mix(jax.random.key(seed))
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
        np.testing.assert_allclose(mixed.mean((1, 2, 3)), shares @ jnp.arange(6.0), rtol=1e-5, atol=1e-5)
        if (np.asarray(mixed) != x).any():
            kinds.add("cutmix" if (np.asarray(mixed) == np.round(mixed)).all() else "mixup")
    expected = {"mixup": mixup, "cutmix": cutmix}
    assert kinds == {kind for kind, a in expected.items() if a}


def test_a_square_of_another_picture_takes_the_place_of_a_part():
    x = jnp.broadcast_to(jnp.arange(2.0)[:, None, None, None], (2, 12, 12, 1))
    areas = []
    for seed in range(40):
        mixed, _ = mix_batch(jax.random.key(seed), x, jnp.eye(2), 0.0, 1.0)
        changed = np.asarray(mixed[0, :, :, 0]) == 1
        rows, columns = changed.any(1).sum(), changed.any(0).sum()
        assert changed.sum() == rows * columns
        assert rows == columns
        areas.append(changed.mean())
    assert np.ptp(areas) > 0.5


def test_nothing_is_mixed_unless_asked():
    x, targets = jnp.ones((3, 2, 2, 1)), jnp.eye(3)
    mixed = mix_batch(jax.random.key(0), x, targets, 0.0, 0.0)
    assert mixed[0] is x
    assert mixed[1] is targets


def test_mixed_rows_keep_their_dtype():
    x = jnp.full((4, 2, 2, 1), 60000, jnp.float16)
    mixed, _ = mix_batch(jax.random.key(0), x, jnp.eye(4), 0.3, 0.0)
    assert mixed.dtype == jnp.float16
    np.testing.assert_array_equal(mixed, x)  # two halves of a great number do not overflow on the way


def test_dropped_features_keep_the_mean():
    x = jnp.ones((200, 100))
    dropped = np.asarray(drop_features(jax.random.key(0), x, 0.25))
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    assert abs((dropped == 0).mean() - 0.25) < 0.02  # 6 standard deviations of 20,000
    assert drop_features(jax.random.key(0), x, 0.0) is x


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_cross_entropy_is_least_at_the_targets(seed):
    rng = np.random.default_rng(seed)
    targets = jnp.asarray(rng.dirichlet(np.ones(5), 3), jnp.float32)
    least = cross_entropy(jnp.log(targets), targets)
    assert (cross_entropy(jnp.log(targets) + rng.normal(size=(3, 5)).astype(np.float32), targets) >= least - 1e-6).all()


def test_linear_logits():
    head = LinearHead(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([10.0, 20.0]))
    np.testing.assert_array_equal(linear_logits(head, jnp.array([[1.0, 1.0]])), [[14.0, 26.0]])


def tied_head() -> tuple[GaussianHead, np.ndarray, np.ndarray]:
    """The head of a classifier with shared variances, other embeddings, and the classifier's log joint of them."""
    x, labels = drawn(7, 30)
    classifier = fit_classifier(x, labels[:, None], np.zeros(len(x), bool), 7, TIED)
    other, other_labels = drawn(7, 20, seed=1)
    return gaussian_head(classifier, other, other_labels[:, None]), other, score_embeddings(classifier, other).log_joint


def test_gaussian_logits_are_the_classifiers_log_joint_up_to_a_constant_for_each_picture():
    head, x, joint = tied_head()
    logits = np.asarray(gaussian_logits(head, jnp.asarray(x)), np.float64)
    difference = logits - logits.mean(1, keepdims=True)
    expected = joint - joint.mean(1, keepdims=True, dtype=np.float64)
    temperature = (expected * expected).sum() / (expected * difference).sum()
    assert temperature >= 1
    np.testing.assert_allclose(temperature * difference, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(logits.argmax(1), joint.argmax(1))


def test_gaussian_logits_are_differentiable_where_an_embedding_has_no_direction_too():
    head, x, _ = tied_head()
    at_offset = np.concatenate([x[:3], np.asarray(head.offset)[None]])
    targets = jnp.eye(7)[:4]

    def loss(x):
        return cross_entropy(gaussian_logits(head, x), targets).sum()

    gradient = np.asarray(jax.grad(loss)(jnp.asarray(at_offset)))
    assert np.isfinite(gradient).all()
    step = 1e-2 * gradient[:3] / np.linalg.norm(gradient[:3])
    moved = at_offset.copy()
    moved[:3] += step
    expected = float((gradient[:3] * step).sum())
    assert float(loss(jnp.asarray(moved)) - loss(jnp.asarray(at_offset))) == pytest.approx(expected, rel=0.05)
