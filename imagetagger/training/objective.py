"""What training minimises: the cross-entropy of two classifiers on the same embedding, against mixed and soft labels.

One is a linear layer that is trained along. The other is the Gaussian classifier that the network will serve: the
embedding is whitened and scaled to unit length as at prediction, and scored by the Gaussians of the tags.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from imagetagger.classifier.whitening import MIN_NORM


class LinearHead(NamedTuple):
    """logits = embedding @ weights + bias, trained along: float32 (D, C) and (C,)."""

    weights: jax.Array
    bias: jax.Array


class GaussianHead(NamedTuple):
    """The Gaussian classifier as constants: x = unit((embedding - offset) @ matrix), logits = x @ weights + bias.

    With variances that the tags share, log p(x, tag) is linear in x up to a term that the tags share:
    weights_k = mean_k / variance / T, bias_k = (log prior_k - |mean_k|^2 / (2 variance)) / T.

    Attributes:
        offset: float32 (D,).
        matrix: float32 (D, d).
        weights: float32 (d, C).
        bias: float32 (C,).
    """

    offset: jax.Array
    matrix: jax.Array
    weights: jax.Array
    bias: jax.Array


def linear_logits(head: LinearHead, embeddings: jax.Array) -> jax.Array:
    """Return the logits (N, C) of embeddings (N, D)."""
    return embeddings @ head.weights + head.bias


def gaussian_logits(head: GaussianHead, embeddings: jax.Array) -> jax.Array:
    """Return log p(tag, embedding) / T, (N, C), up to a term that the tags share, of embeddings (N, D)."""
    x = (embeddings - head.offset) @ head.matrix
    x = x * jax.lax.rsqrt(jnp.maximum(jnp.square(x).sum(1, keepdims=True), MIN_NORM**2))
    return x @ head.weights + head.bias


def soft_targets(labels: jax.Array, tags: int, smoothing: float) -> jax.Array:
    """Return target probabilities (N, C): equal shares for a picture's tags, mixed with the uniform distribution.

    Args:
        labels: int32 (N, L), padded with -1.
        tags: C.
        smoothing: share of the uniform distribution. Source: Szegedy et al. 2016, arXiv 1512.00567, section 7.
    """
    onehot = (labels[:, :, None] == jnp.arange(tags)).any(1).astype(jnp.float32)
    shares = onehot / jnp.maximum(onehot.sum(1, keepdims=True), 1)
    return (1 - smoothing) * shares + smoothing / tags


def mix_batch(
    key: jax.Array, x: jax.Array, targets: jax.Array, mixup: float, cutmix: float
) -> tuple[jax.Array, jax.Array]:
    """Mix each picture with another of the batch, its pixels or activations and its targets.

    With both, each batch is mixed in one of the two ways, by chance. Mixup: lambda x + (1 - lambda) x'. Cutmix: a
    square of x' takes the place of that part of x, and lambda is the share that is left. lambda ~ Beta(a, a).

    Args:
        key: random key.
        x: (N, H, W, C).
        targets: (N, K).
        mixup: a of mixup; 0 for none. Source: Zhang et al. 2018, arXiv 1710.09412.
        cutmix: a of cutmix; 0 for none. Source: Yun et al. 2019, arXiv 1905.04899.
    """
    if not mixup and not cutmix:
        return x, targets
    choice, beta, order, place = jax.random.split(key, 4)
    is_mixup = jax.random.bernoulli(choice) if mixup and cutmix else jnp.bool_(mixup > 0)
    a = jnp.where(is_mixup, jnp.float32(mixup), jnp.float32(cutmix))
    share = jax.random.beta(beta, a, a)
    weights = jnp.where(is_mixup, share, 1 - _random_square(place, x.shape[1:3], 1 - share))
    permuted = jax.random.permutation(order, len(x))
    mixed = _blend(x.astype(jnp.float32), x[permuted].astype(jnp.float32), weights[:, :, None])
    return mixed.astype(x.dtype), _blend(targets, targets[permuted], weights.mean())


def _blend(a: jax.Array, b: jax.Array, weights: jax.Array) -> jax.Array:
    return weights * a + (1 - weights) * b


def _random_square(key: jax.Array, shape: tuple[int, ...], area: jax.Array) -> jax.Array:
    """Return a map of this shape (H, W), 1 in a rectangle of its proportions and about this share of its area."""
    corner = jax.random.uniform(key, (2,))
    inside = []
    for length, place in zip(shape, corner, strict=True):
        side = jnp.round(jnp.sqrt(area) * length)
        start = jnp.floor(place * (length - side + 1))
        pixels = jnp.arange(length, dtype=jnp.float32)
        inside.append((pixels >= start) & (pixels < start + side))
    return (inside[0][:, None] & inside[1]).astype(jnp.float32)


def drop_features(key: jax.Array, embeddings: jax.Array, rate: float) -> jax.Array:
    """Set a share of the features to zero and scale the others up. Source: Srivastava et al. 2014, Dropout."""
    if not rate:
        return embeddings
    return jnp.where(jax.random.bernoulli(key, 1 - rate, embeddings.shape), embeddings / (1 - rate), 0)


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return -sum_k target_k log softmax(logits)_k of each picture, in nats, (N,)."""
    losses: jax.Array = optax.softmax_cross_entropy(logits, targets)
    return losses
