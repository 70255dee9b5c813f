"""Gaussian naive Bayes: from sufficient statistics and a shared prior to the log joint of pictures and classes.

A few settings span a family. On plain embeddings, kappa = 0 is plain naive Bayes, kappa = inf ties the variances, and
tied isotropic variances are the nearest class mean; on whitened embeddings (whitening.py) tied variances are linear
discriminant analysis. With a prior on the means a class is well defined from its first picture on. A class without
pictures is then the background, which novel pictures are recognised by.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from imagetagger.classifier.statistics import Statistics, empty_statistics, pooled_variance, total_variance
from imagetagger.options import ClassPrior


class Prior(NamedTuple):
    """The prior that all classes share: fitted once, a constant of the exported model.

    Attributes:
        variance_prior_strength: () kappa, the weight of the pooled variance in pictures.
        pooled: (D,) within-class variance over all classes.
        floor: () added to every variance.
        mean: (D,) centre mu_0 of the classes' means; None without a prior on the means.
        mean_variance: (D,) variance b of the classes' means around it.
    """

    variance_prior_strength: jax.Array
    pooled: jax.Array
    floor: jax.Array
    mean: jax.Array | None = None
    mean_variance: jax.Array | None = None


class Gaussian(NamedTuple):
    """A fitted classifier.

    Attributes:
        log_prior: (C,) -inf for a class without pictures.
        mean: (C, D).
        variance: (C, D).
    """

    log_prior: jax.Array
    mean: jax.Array
    variance: jax.Array


@jax.jit
def fit_prior(
    statistics: Statistics,
    variance_prior_strength: float | jax.Array,
    var_smoothing: float | jax.Array = 1e-9,
    mean_variance_floor: float | jax.Array | None = None,
    isotropic_prior_strength: float | jax.Array = 0.0,
) -> Prior:
    """Return the prior that all classes share, fitted on the training pictures; see `Prior`.

    The variance of the classes' means is b = max(variance of the means - pooled variance / count, mean_variance_floor *
    pooled variance). The subtracted term is the scatter due to sampling alone; the floor allows for classes that a user
    will teach, which may differ in directions where the known ones hardly do.

    Args:
        statistics: of the training pictures.
        variance_prior_strength: kappa, in pictures: 0 is plain Gaussian naive Bayes, infinity ties the variances.
        var_smoothing: share of the largest variance added to all, as in scikit-learn.
        mean_variance_floor: least b, as a share of the pooled variance; None for no prior on the means.
        isotropic_prior_strength: weight, in pictures, of the mean of the pooled variances over the features: with few
            pictures and many dimensions, a transform fitted on them makes variances vanish that new pictures have. If
            this and kappa are infinite, the classifier is the nearest class mean.

    Source: Prince and Elder 2007, Probabilistic linear discriminant analysis, in its two-covariance form.
    """
    floor = var_smoothing * total_variance(statistics).max()
    pooled = pooled_variance(statistics)
    pictures = jnp.maximum(statistics.count.sum(), 1)
    pooled += (pooled.mean() - pooled) * (1 - pictures / (pictures + isotropic_prior_strength))
    prior = Prior(jnp.asarray(variance_prior_strength, floor.dtype), pooled, floor)
    if mean_variance_floor is None:
        return prior
    seen = (statistics.count > 0)[:, None]
    classes = jnp.maximum(seen.sum(), 1).astype(floor.dtype)
    mean = jnp.where(seen, statistics.mean, 0).sum(0) / classes
    scatter = jnp.where(seen, jnp.square(statistics.mean - mean), 0).sum(0) / jnp.maximum(classes - 1, 1)
    sampling = pooled * jnp.where(seen[:, 0], 1 / jnp.maximum(statistics.count, 1), 0).sum() / classes
    return prior._replace(mean=mean, mean_variance=jnp.maximum(scatter - sampling, mean_variance_floor * pooled))


def posterior(prior: Prior, statistics: Statistics) -> tuple[jax.Array, jax.Array]:
    """Return the mean and the variance of each class's predictive distribution, (C, D) both.

    variance_k = (m2_k + kappa * pooled) / (count_k + kappa) + floor

    and, if the prior has a mean mu_0 with variance b, the mean and the predictive variance of a Gaussian of uncertain
    mean: p_k = 1 / (1 / b + count_k / variance_k), mu_k = p_k (mu_0 / b + count_k mean_k / variance_k),
    predictive variance = variance_k + p_k.

    Source: Murphy 2007, Conjugate Bayesian analysis of the Gaussian distribution, section 2.
    """
    count = statistics.count[:, None]
    kappa = prior.variance_prior_strength
    divisor = jnp.where(count + kappa == 0, 1, count + kappa)
    # A weighted mean, so that an infinite kappa gives the pooled variance.
    weight = jnp.where(count == 0, 0, count / divisor)
    variance = weight / jnp.where(count == 0, 1, count) * statistics.m2 + (1 - weight) * prior.pooled + prior.floor
    if prior.mean is None or prior.mean_variance is None:
        return statistics.mean, variance
    share = prior.mean_variance / (variance + count * prior.mean_variance)
    mean = prior.mean + count * share * (statistics.mean - prior.mean)
    return mean, variance + variance * share


@partial(jax.jit, static_argnames="class_prior")
def finalize(statistics: Statistics, prior: Prior, class_prior: ClassPrior = "uniform") -> Gaussian:
    """Return the classifier of some statistics.

    Args:
        statistics: of the pictures learned.
        prior: of the training pictures; see `fit_prior`.
        class_prior: `uniform` over the classes that have pictures, or by their `counts`, which penalises new tags.
    """
    mean, variance = posterior(prior, statistics)
    seen = statistics.count > 0
    weight = statistics.count if class_prior == "counts" else seen.astype(statistics.count.dtype)
    log_prior = jnp.where(seen, jnp.log(jnp.where(seen, weight, 1)) - jnp.log(weight.sum()), -jnp.inf)
    return Gaussian(log_prior, mean, variance)


@jax.jit
def background_gaussian(prior: Prior) -> Gaussian:
    """Return the background: the predictive distribution of a class without pictures, as a classifier of one class.

    Raises:
        ValueError: the prior has no mean.
    """
    if prior.mean is None:
        raise ValueError("got a prior without a mean, expected one of fit_prior(..., mean_variance_floor=...)")
    empty = empty_statistics(1, len(prior.pooled), prior.pooled.dtype)
    return Gaussian(empty.count, *posterior(prior, empty))


def row_log_joint(
    prior: Prior, embedding: jax.Array, rows: Statistics, class_prior: ClassPrior = "uniform"
) -> jax.Array:
    """Return log p(class, embedding) of one picture under a block of classes, (B,), up to a shared constant.

    The exported model computes this: statistics are its input, so a class can be learned without a new model. A class
    without pictures scores -inf, or as the background if the prior has a mean.

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
    return scores + jnp.log(seen.astype(scores.dtype))  # 0 or -inf; a .tflite file cannot contain -inf as a constant


@jax.jit
def log_joint(gaussian: Gaussian, embeddings: jax.Array) -> jax.Array:
    """Return log p(class) + log p(embedding | class), (N, C).

    log prior_k - 1/2 sum_d [log(2 pi variance_kd) + (x_d - mean_kd)^2 / variance_kd], with the square expanded
    into two matrix products: x^2 / v - 2 x m / v + m^2 / v. The three terms cancel, so the products run in full
    float32. Features are first centred on the precision-weighted mean of the classes, which minimises
    sum_k m_k^2 / v_k: it is near the classes of least variance, where cancellation would cost most digits.

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
