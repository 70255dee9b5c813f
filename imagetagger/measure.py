"""What embeddings of one network give: a classifier, its calibrated decisions, and its figures."""

import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger import conformal, decide, gaussian, metrics, naive_bayes, scatter, transform, unknown
from imagetagger.calibration import all_right, log_softmax
from imagetagger.config import Calibrate, Classifier
from imagetagger.decide import Decision
from imagetagger.tagset import members

BATCH = 16384
"""Embeddings that one step of fit and scoring holds; bounds memory, changes nothing else."""

FEVERISH = 1e4
"""Temperatures of sound scores are in the tens; far above, variances were estimated from too little."""

log = logging.getLogger(__name__)


class BadDataError(ValueError):
    """Too many pictures cannot be used, or none are left."""


class Fitted(NamedTuple):
    """A classifier.

    Attributes:
        transform: of the network's embeddings; None for none.
        statistics: of the transformed embeddings it was fitted on.
        prior: fitted on the same.
        gaussian: what both make.
    """

    transform: transform.Transform | None
    statistics: gaussian.Statistics
    prior: naive_bayes.Prior
    gaussian: naive_bayes.Gaussian


class Scores(NamedTuple):
    """What a classifier says of N pictures.

    Attributes:
        log_joint: float32 (N, C).
        fits: float64 (N,) how well the best tag fits, in nats above the background; None where there is none.
    """

    log_joint: np.ndarray
    fits: np.ndarray | None


class Measured(NamedTuple):
    """A classifier and how good it is.

    Attributes:
        fitted: the classifier.
        decision: from its scores to tag sets.
        embeddings: float32 (M, D) of the validation pictures, as the network gives them.
        scores: of the validation pictures, M.
        truth: bool (M, C) their tags.
        raw: figures without calibration: probabilities at temperature 1, sets that reach the coverage by their sum.
        observed: each validation picture's contribution to the figures.
        figures: with the decision.
        strata: coverage by size of the set and by tag; see `conformal`.
    """

    fitted: Fitted
    decision: Decision
    embeddings: np.ndarray
    scores: Scores
    truth: np.ndarray
    raw: dict[str, float]
    observed: metrics.Metrics
    figures: dict[str, float]
    strata: dict[str, Any]


def fit(embeddings: np.ndarray, labels: np.ndarray, held: np.ndarray, tags: int, classifier: Classifier) -> Fitted:
    """Return the classifier fitted on the pictures that are not held out.

    Args:
        embeddings: float32 (N, D).
        labels: int32 (N, L), padded with -1.
        held: bool (N,).
        tags: C.
        classifier: settings.
    """
    learned = np.where(held[:, None], -1, labels)
    kind: Any = classifier.transform
    fitted: transform.Transform | None = None
    if kind != "none":
        together = scatter.fit(((embeddings[i], learned[i]) for i in _batches(len(held))), tags, embeddings.shape[1])
        fitted = transform.fit(
            together,
            kind,
            dimensions=classifier.dimensions,
            shrinkage=classifier.shrinkage,
            spread=classifier.spread,
            unit_length=classifier.unit_length,
        )
    features = fitted.weights.shape[-1] if fitted else embeddings.shape[1]
    batches = ((_transformed(fitted, embeddings[i]), learned[i]) for i in _batches(len(held)))
    statistics = gaussian.fit(batches, tags, features)
    prior = naive_bayes.fit_prior(
        statistics, classifier.kappa, classifier.smoothing, classifier.mean_floor, classifier.isotropy
    )
    class_prior: Any = classifier.class_prior
    return Fitted(fitted, statistics, prior, naive_bayes.finalize(statistics, prior, class_prior))


def score(fitted: Fitted, embeddings: np.ndarray) -> Scores:
    """Return what a classifier says of embeddings (N, D) as the network gives them."""
    classes = len(fitted.gaussian.log_prior)
    background = naive_bayes.background(fitted.prior) if fitted.prior.mean is not None else None
    joint = [np.zeros((0, classes), np.float32)]
    fits = [np.zeros(0)]
    for i in _batches(len(embeddings)):
        x = _transformed(fitted.transform, embeddings[i])
        joint.append(np.asarray(naive_bayes.log_joint(fitted.gaussian, x)))
        if background:
            prior = np.asarray(fitted.gaussian.log_prior)
            likelihood = joint[-1] - np.where(np.isfinite(prior), prior, 0)  # stays -inf for a tag without pictures
            fits.append(unknown.fit_of(likelihood, np.asarray(naive_bayes.log_joint(background, x))[:, 0]))
    scores = np.concatenate(joint)
    if np.isnan(scores).any():
        raise BadDataError("scores are not numbers: all pictures look alike to the network; give it others")
    return Scores(scores, np.concatenate(fits) if background else None)


def calibrate(fitted: Fitted, embeddings: np.ndarray, labels: np.ndarray, settings: Calibrate) -> Decision:
    """Return the decision fitted on held-out embeddings (N, D) with labels (N, L); warn where it is unsound."""
    scores, truth = score(fitted, embeddings), multi_hot(labels, len(fitted.gaussian.log_prior))
    options: Any = asdict(settings)
    decision = decide.fit(scores.log_joint, truth, scores.fits, **options)
    temperature = decision.calibration.temperature
    step = 2 if decision.tag_set.coverage is not None else 1  # as decide.fit parts them
    if not len(embeddings):
        log.warning("no pictures to calibrate on: probabilities are raw, and far too sure")
    elif all_right(scores.log_joint[::step], truth[::step]):
        log.warning(
            "all %d calibration pictures were told right, so nothing was learned of being wrong: probabilities are "
            "cautious guesses; use more pictures",
            len(embeddings),
        )
    if temperature > FEVERISH:
        log.warning(
            "temperature %.3g: the variances are poor; use more pictures or raise classifier.kappa", temperature
        )
    if decision.tag_set.rule != settings.rule:
        log.warning(
            "%d calibration pictures are too few to promise a coverage of %g, which takes %.0f (and above %g cannot be "
            "promised): tag sets are cumulative. Keep more aside (data.calibration_fraction), or ask for less",
            len(embeddings),
            settings.coverage,
            2 * np.ceil(settings.coverage / max(1 - settings.coverage, 1e-9) - 1e-6),
            conformal.LEVELS[-1],
        )
    return decision


def evaluate(
    fitted: Fitted, decision: Decision, embeddings: np.ndarray, truth: np.ndarray, coverage: float
) -> Measured:
    """Return the figures of a classifier on embeddings (M, D) of true tags, bool (M, C).

    Args:
        fitted: the classifier.
        decision: from its scores to tag sets.
        embeddings: as the network gives them.
        truth: their tags.
        coverage: that uncalibrated probabilities are summed to, for comparison.
    """
    scores = score(fitted, embeddings)
    uncalibrated = log_softmax(scores.log_joint)
    raw = metrics.observe(uncalibrated, members(np.exp(uncalibrated), "cumulative", coverage), truth)
    log_p, sets = decide.decide(scores.log_joint, decision)
    observed = metrics.observe(log_p, sets, truth)
    median = float(np.median(observed.set_size)) if len(truth) else float("nan")
    figures = metrics.compute(metrics.total(observed)) | {"median_set_size": median}
    strata = {
        "by_size": [stratum._asdict() for stratum in conformal.by_size(sets, truth)],
        "by_tag": conformal.by_tag(sets, truth).tolist(),
    }
    raw_figures = metrics.compute(metrics.total(raw))
    return Measured(fitted, decision, embeddings, scores, truth, raw_figures, observed, figures, strata)


def multi_hot(labels: np.ndarray, tags: int) -> np.ndarray:
    """Return which tags each picture has, bool (N, tags), from labels (N, L) padded with -1."""
    return (labels[:, :, None] == np.arange(tags)).any(1)


def _transformed(fitted: transform.Transform | None, embeddings: np.ndarray) -> jax.Array:
    return transform.apply(fitted, jax.device_put(embeddings))


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))
