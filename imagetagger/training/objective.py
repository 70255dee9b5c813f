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
    choice, beta, order, place = jax.random.split(key, 4)
    permuted = jax.random.permutation(order, len(x))
    if mixup and not cutmix:
        return _mixup(beta, x, targets, permuted, mixup)
    if cutmix and not mixup:
        return _cutmix(beta, place, x, targets, permuted, cutmix)
    if not mixup:
        return x, targets
    return jax.lax.cond(
        jax.random.bernoulli(choice),
        lambda: _mixup(beta, x, targets, permuted, mixup),
        lambda: _cutmix(beta, place, x, targets, permuted, cutmix),
    )


def _mixup(
    key: jax.Array, x: jax.Array, targets: jax.Array, permuted: jax.Array, a: float
) -> tuple[jax.Array, jax.Array]:
    share = jax.random.beta(key, a, a)
    mixed = share * x.astype(jnp.float32) + (1 - share) * x[permuted].astype(jnp.float32)
    return mixed.astype(x.dtype), share * targets + (1 - share) * targets[permuted]


def _cutmix(
    key: jax.Array, place: jax.Array, x: jax.Array, targets: jax.Array, permuted: jax.Array, a: float
) -> tuple[jax.Array, jax.Array]:
    size = x.shape[1]
    side = jnp.round(jnp.sqrt(1 - jax.random.beta(key, a, a)) * size)
    corner = jnp.floor(jax.random.uniform(place, (2,)) * (size - side + 1))
    inside = (jnp.arange(size) >= corner[:, None]) & (jnp.arange(size) < corner[:, None] + side)
    is_other = inside[0][:, None] & inside[1]
    share = 1 - is_other.mean()
    mixed = jnp.where(is_other[None, :, :, None], x[permuted], x)
    return mixed, share * targets + (1 - share) * targets[permuted]


def drop_features(key: jax.Array, embeddings: jax.Array, rate: float) -> jax.Array:
    """Set a share of the features to zero and scale the others up. Source: Srivastava et al. 2014, Dropout."""
    if not rate:
        return embeddings
    return jnp.where(jax.random.bernoulli(key, 1 - rate, embeddings.shape), embeddings / (1 - rate), 0)


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return -sum_k target_k log softmax(logits)_k of each picture, in nats, (N,)."""
    losses: jax.Array = optax.softmax_cross_entropy(logits, targets)
    return losses
