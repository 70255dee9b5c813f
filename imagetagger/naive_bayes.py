"""Gaussian naive Bayes: from sufficient statistics and a shared prior to the log joint of pictures and classes.

One family in a few settings. On embeddings as they are, kappa = 0 is plain naive Bayes, kappa = inf ties the variances,
and tied isotropic ones are the nearest class mean; on whitened embeddings (transform.py) tied variances are linear
discriminant analysis. With a prior on the means a class is well defined from its first picture on, and before it
is the background that pictures of no class are told by.
"""

from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from imagetagger.gaussian import Statistics, pooled_variance, total_variance

ClassPrior = Literal["uniform", "counts"]


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


@jax.jit
def fit_prior(
    statistics: Statistics,
    kappa: float | jax.Array,
    smoothing: float | jax.Array = 1e-9,
    mean_floor: float | jax.Array | None = None,
    isotropy: float | jax.Array = 0.0,
) -> Prior:
    """Return the prior that all classes share, fitted on the training pictures; see `Prior`.

    The classes' means scatter by b = max(variance of the means - pooled variance / count, mean_floor * pooled
    variance): what sampling alone would scatter them by is taken off, and along directions where the known classes
    hardly differ, those that a user will teach still may.

    Args:
        statistics: of the training pictures.
        kappa: prior strength in pictures: 0 is plain Gaussian naive Bayes, infinity ties the variances.
        smoothing: share of the largest variance added to all, as scikit-learn's `var_smoothing`.
        mean_floor: least b, as a share of the pooled variance; None for no prior on the means.
        isotropy: prior strength in pictures that pulls the pooled variances to their mean over the features: where
            pictures are few beside dimensions, a transform fitted on them makes some vanish that others would have.
            With kappa = isotropy = inf it is the nearest class mean.

    Source: Prince and Elder 2007, Probabilistic linear discriminant analysis, in its two-covariance form.
    """
    floor = smoothing * total_variance(statistics).max()
    pooled = pooled_variance(statistics)
    pictures = jnp.maximum(statistics.count.sum(), 1)
    pooled += (pooled.mean() - pooled) * (1 - pictures / (pictures + isotropy))
    prior = Prior(jnp.asarray(kappa, floor.dtype), pooled, floor)
    if mean_floor is None:
        return prior
    seen = (statistics.count > 0)[:, None]
    classes = jnp.maximum(seen.sum(), 1).astype(floor.dtype)
    mean = jnp.where(seen, statistics.mean, 0).sum(0) / classes
    scatter = jnp.where(seen, jnp.square(statistics.mean - mean), 0).sum(0) / jnp.maximum(classes - 1, 1)
    sampling = pooled * jnp.where(seen[:, 0], 1 / jnp.maximum(statistics.count, 1), 0).sum() / classes
    return prior._replace(mean=mean, mean_variance=jnp.maximum(scatter - sampling, mean_floor * pooled))


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
    variance = own / jnp.where(count == 0, 1, count) * statistics.m2 + (1 - own) * prior.pooled + prior.floor
    if prior.mean is None or prior.mean_variance is None:
        return statistics.mean, variance
    share = prior.mean_variance / (variance + count * prior.mean_variance)
    mean = prior.mean + count * share * (statistics.mean - prior.mean)
    return mean, variance + variance * share


@partial(jax.jit, static_argnames="class_prior")
def finalize(statistics: Statistics, prior: Prior, class_prior: ClassPrior = "uniform") -> Gaussian:
    """Turn statistics into a classifier.

    Args:
        statistics: of the pictures learned so far.
        prior: of the training pictures; see `fit_prior`.
        class_prior: `uniform` over the classes seen, or by their `counts`, which punishes new tags.
    """
    mean, variance = posterior(prior, statistics)
    seen = statistics.count > 0
    weight = statistics.count if class_prior == "counts" else seen.astype(statistics.count.dtype)
    log_prior = jnp.where(seen, jnp.log(jnp.where(seen, weight, 1)) - jnp.log(weight.sum()), -jnp.inf)
    return Gaussian(log_prior, mean, variance)


@jax.jit
def background(prior: Prior) -> Gaussian:
    """Return the one class that has no pictures: where embeddings of a class not met yet lie.

    Raises:
        ValueError: the prior has none on the means, so nothing is known of such a class.
    """
    if prior.mean is None:
        raise ValueError("got a prior without one on the means, expected one of fit_prior(..., mean_floor=...)")
    blank = jnp.zeros((1, len(prior.pooled)), prior.pooled.dtype)
    none = Statistics(blank[:, 0], blank, blank)
    return Gaussian(blank[:, 0], *posterior(prior, none))


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
