"""Gaussian naive Bayes as an algebra of sufficient statistics.

Batch fit, sharded fit, learning one picture and forgetting it are one operation, `merge`; smoothing and priors
live only in `finalize`. All functions are pure and can be jitted.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from itertools import islice
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.cores import cores

BLOCK = 512
"""Pictures summed at once."""

ClassPrior = Literal["uniform", "counts"]

LARGEST_COUNT = 2**24
"""Up to here float32 counts every picture; beyond, adding one more would change nothing."""


class Statistics(NamedTuple):
    """Sufficient statistics of one Gaussian a class, features independent.

    Attributes:
        count: (C,) summed weights; negative in a lesson to be forgotten.
        mean: (C, D).
        m2: (C, D) centred second moment, sum of weight * (x - mean)^2.
    """

    count: jax.Array  # type: ignore[assignment]  # hides tuple.count
    mean: jax.Array
    m2: jax.Array


class Prior(NamedTuple):
    """What is known of a class before its pictures: fitted once, a constant of the shipped model.

    Attributes:
        kappa: () strength in pictures of the pooled variance.
        pooled: (D,) within-class variance over all classes.
        floor: () added to every variance.
        mean: (D,) centre mu_0 of the classes' means; None where the means have no prior.
        mean_variance: (D,) variance b of the classes' means around it.
    """

    kappa: jax.Array
    pooled: jax.Array
    floor: jax.Array
    mean: jax.Array | None = None
    mean_variance: jax.Array | None = None


class Gaussian(NamedTuple):
    """A fitted classifier.

    Attributes:
        log_prior: (C,) -inf for a class never seen.
        mean: (C, D).
        variance: (C, D).
    """

    log_prior: jax.Array
    mean: jax.Array
    variance: jax.Array


def empty(classes: int, features: int, dtype: jnp.dtype | type = jnp.float32) -> Statistics:
    """Return the statistics of no pictures: the identity of `merge`."""
    zeros = jnp.zeros((classes, features), dtype)
    return Statistics(jnp.zeros(classes, dtype), zeros, zeros)


@partial(jax.jit, static_argnames="classes")
def from_batch(embeddings: jax.Array, labels: jax.Array, classes: int, weights: jax.Array | None = None) -> Statistics:
    """Return the statistics of a batch, in two passes: means, then squares around them.

    Args:
        embeddings: (N, D).
        labels: int (N,); negative ones count for nothing.
        classes: C.
        weights: (N,), 1 where None; 0 for padding.
    """
    weights = jnp.ones(labels.shape, embeddings.dtype) if weights is None else weights.astype(embeddings.dtype)
    weights = jnp.where(labels < 0, 0, weights)
    labels = jnp.where(labels < 0, 0, labels)
    total = partial(_total, embeddings=embeddings, labels=labels, weights=weights, classes=classes)
    count = jnp.zeros(classes, embeddings.dtype).at[labels].add(weights)
    seen = jnp.where(count == 0, 1, count)[:, None]
    # Sums around a point amid the batch: an offset shared by all embeddings would cost digits.
    centre = embeddings[:BLOCK].mean(0) if len(embeddings) else jnp.zeros_like(embeddings, shape=embeddings.shape[1:])
    shift = total(lambda x, _: x - centre) / seen
    m2 = total(lambda x, label: jnp.square(x - centre - shift[label]))
    return Statistics(count, jnp.where(count[:, None] == 0, 0, centre + shift), m2)


def _total(
    term: Callable[[jax.Array, jax.Array], jax.Array],
    embeddings: jax.Array,
    labels: jax.Array,
    weights: jax.Array,
    classes: int,
) -> jax.Array:
    """Return the sum of weight * term(embedding, label) by class, (C, D).

    Block after block, so that terms stay in the processor's cache; all at once takes several times as long.
    """

    def add(start: int | jax.Array, size: int, sums: jax.Array) -> jax.Array:
        x, label, weight = (jax.lax.dynamic_slice_in_dim(a, start, size) for a in (embeddings, labels, weights))
        return sums.at[label].add(weight[:, None] * term(x, label))

    blocks, rest = divmod(len(embeddings), BLOCK)
    sums = jnp.zeros_like(embeddings, shape=(classes, embeddings.shape[1]))
    if blocks:
        sums = jax.lax.fori_loop(0, blocks, lambda i, sums: add(i * BLOCK, BLOCK, sums), sums)
    return add(blocks * BLOCK, rest, sums)


@jax.jit
def merge(a: Statistics, b: Statistics) -> Statistics:
    """Return the statistics of two collections of pictures together.

    n = n_a + n_b,  mean = mean_a + delta n_b / n,  m2 = m2_a + m2_b + delta^2 n_a n_b / n,  delta = mean_b - mean_a.

    Commutative and associative up to rounding, safe at zero counts. Merging a `lesson` of weight -1 takes a
    picture out again; m2 is then kept at 0 or above, and is 0 when at most one picture remains.

    Source: Chan, Golub and LeVeque 1979, Updating formulae and a pairwise algorithm for computing sample variances.
    """
    count = a.count + b.count
    n_a, n_b, n = a.count[..., None], b.count[..., None], count[..., None]
    # Weights first: with a count of 0 the other side's mean comes through to the last bit.
    share = jnp.where(n == 0, 0, n_b / jnp.where(n == 0, 1, n))
    delta = b.mean - a.mean
    mean = jnp.where(n_a == 0, b.mean, a.mean + delta * share)
    m2 = a.m2 + b.m2 + jnp.square(delta) * n_a * share
    forgotten = ((n_a < 0) | (n_b < 0)) & (n >= 0)
    m2 = jnp.where(forgotten, jnp.where(n <= 1, 0, jnp.maximum(m2, 0)), m2)
    return Statistics(count, jnp.where(n == 0, 0, mean), jnp.where(n == 0, 0, m2))


def lesson(embedding: jax.Array, label: int, classes: int, weight: float = 1.0) -> Statistics:
    """Return the statistics of one picture, embedding (D,): merge it to learn, with weight -1 to forget."""
    blank = empty(classes, embedding.shape[-1], embedding.dtype)
    return Statistics(blank.count.at[label].set(weight), blank.mean.at[label].set(embedding), blank.m2)


def fit(batches: Iterable[tuple[np.ndarray, np.ndarray]], classes: int, features: int) -> Statistics:
    """Return the statistics of all batches of embeddings (N, D) and labels (N, L), -1 padded.

    A picture with several tags counts for each. Batches are summed side by side, one a core, and merged in order.

    Raises:
        OverflowError: a class has more pictures than float32 counts one by one.
    """

    def of(batch: tuple[np.ndarray, np.ndarray]) -> Statistics:
        # device_put, as jnp.asarray would copy; it does not where memory is aligned as XLA wants it.
        embeddings, labels = jax.device_put(batch)
        return reduce(merge, (from_batch(embeddings, column, classes) for column in labels.T))

    statistics, waiting = empty(classes, features), iter(batches)
    with ThreadPoolExecutor() as pool:
        while side_by_side := list(islice(waiting, cores())):
            statistics = reduce(merge, pool.map(of, side_by_side), statistics)
    if (largest := float(statistics.count.max())) >= LARGEST_COUNT:
        raise OverflowError(f"got {largest:.0f} pictures of one tag, expected fewer than {LARGEST_COUNT}: fit a subset")
    return statistics


def pooled_variance(statistics: Statistics) -> jax.Array:
    """Return the within-class variance over all classes, (D,): sum of m2 / sum of counts."""
    return statistics.m2.sum(0) / jnp.maximum(statistics.count.sum(), 1)


def total_variance(statistics: Statistics) -> jax.Array:
    """Return the variance of all pictures around their common mean, (D,)."""
    n = jnp.maximum(statistics.count.sum(), 1)
    share = (statistics.count / n)[:, None]
    centre = (share * statistics.mean).sum(0)
    return pooled_variance(statistics) + (share * jnp.square(statistics.mean - centre)).sum(0)


def fit_prior(statistics: Statistics, kappa: float | jax.Array, smoothing: float | jax.Array) -> Prior:
    """Return the prior that all classes share, fitted on the training pictures; see `Prior`."""
    floor = smoothing * total_variance(statistics).max()
    return Prior(jnp.asarray(kappa, floor.dtype), pooled_variance(statistics), floor)


def posterior(prior: Prior, statistics: Statistics) -> tuple[jax.Array, jax.Array]:
    """Return the mean and the variance that each class predicts a picture with, (C, D) both.

    variance_k = (m2_k + kappa * pooled) / (count_k + kappa) + floor

    and, where the prior has a mean mu_0 and its variance b, the mean and the predictive variance of a Gaussian whose
    mean is uncertain: p_k = 1 / (1 / b + count_k / variance_k), mu_k = p_k (mu_0 / b + count_k mean_k / variance_k),
    predictive variance = variance_k + p_k.

    Source: Murphy 2007, Conjugate Bayesian analysis of the Gaussian distribution, section 2.
    """
    count = statistics.count[:, None]
    known = jnp.where(count + prior.kappa == 0, 1, count + prior.kappa)
    # Written as a weighted mean, so that an infinite kappa gives the pooled variance.
    own = jnp.where(count == 0, 0, count / known)
    variance = own * statistics.m2 / jnp.where(count == 0, 1, count) + (1 - own) * prior.pooled + prior.floor
    if prior.mean is None or prior.mean_variance is None:
        return statistics.mean, variance
    total = variance + count * prior.mean_variance
    mean = prior.mean + count * prior.mean_variance / total * (statistics.mean - prior.mean)
    return mean, variance + variance * prior.mean_variance / total


@partial(jax.jit, static_argnames="class_prior")
def finalize(
    statistics: Statistics,
    kappa: float | jax.Array = 0.0,
    smoothing: float | jax.Array = 1e-9,
    class_prior: ClassPrior = "uniform",
) -> Gaussian:
    """Turn statistics into a classifier.

    Args:
        statistics: of the training pictures.
        kappa: prior strength in pictures: 0 is plain Gaussian naive Bayes, infinity ties the variances.
        smoothing: share of the largest variance added to all, as scikit-learn's `var_smoothing`.
        class_prior: `uniform` over the classes seen, or by their `counts`, which punishes new tags.
    """
    mean, variance = posterior(fit_prior(statistics, kappa, smoothing), statistics)
    seen = statistics.count > 0
    weight = statistics.count if class_prior == "counts" else seen.astype(statistics.count.dtype)
    log_prior = jnp.where(seen, jnp.log(jnp.where(seen, weight, 1)) - jnp.log(weight.sum()), -jnp.inf)
    return Gaussian(log_prior, mean, variance)


def row_log_joint(
    prior: Prior, embedding: jax.Array, rows: Statistics, class_prior: ClassPrior = "uniform"
) -> jax.Array:
    """Return log p(class, embedding) of one picture under some classes, (B,), up to a constant that they share.

    What the shipped model computes: the statistics are its input, so a class can be learned without another model.
    A class without pictures scores -inf, or as the background where the prior has a mean.

    Args:
        prior: shared by all classes.
        embedding: (1, D).
        rows: statistics of B classes.
        class_prior: see `finalize`.
    """
    mean, variance = posterior(prior, rows)
    squares = jnp.log(2 * jnp.pi * variance) + jnp.square(embedding - mean) / variance
    scores = -0.5 * squares.sum(1)
    seen = rows.count > 0
    if class_prior == "counts":
        scores += jnp.log(jnp.where(seen, rows.count, 1))
    if prior.mean is not None:
        return scores
    return scores + jnp.log(seen.astype(scores.dtype))  # 0 or -inf, which as a constant a .tflite file cannot hold


@jax.jit
def log_joint(gaussian: Gaussian, embeddings: jax.Array) -> jax.Array:
    """Return log p(class) + log p(embedding | class), (N, C).

    log prior_k - 1/2 sum_d [log(2 pi variance_kd) + (x_d - mean_kd)^2 / variance_kd], with the square expanded
    so that two matrix products do the work: x^2 / v - 2 x m / v + m^2 / v. The three terms cancel, so the products
    run in full float32, and features are first centred on the precision-weighted mean of the classes, which makes
    sum_k m_k^2 / v_k least: it lies at the classes of least variance, where cancelling would cost most digits.

    Args:
        gaussian: C classes, D features.
        embeddings: (N, D).
    """
    seen = jnp.isfinite(gaussian.log_prior)[:, None]
    precision = 1 / gaussian.variance
    weight = jnp.where(seen, precision, 0)
    centre = (weight * gaussian.mean).sum(0) / jnp.maximum(weight.sum(0), jnp.finfo(weight.dtype).tiny)
    mean, x = jnp.where(seen, gaussian.mean - centre, 0), embeddings - centre
    log_norm = jnp.log(2 * jnp.pi * gaussian.variance) + jnp.square(mean) * precision
    constant = gaussian.log_prior - 0.5 * log_norm.sum(1)
    product = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    return product(x, (mean * precision).T) - 0.5 * product(jnp.square(x), precision.T) + constant
