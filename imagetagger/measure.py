"""What embeddings of one network give: a classifier, its calibrated decisions, and its figures."""

import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger import conformal, decide, gaussian, metrics, naive_bayes, scatter, set_curve, transform, unknown
from imagetagger.calibration import Calibration, all_right, log_probabilities, log_softmax
from imagetagger.config import Calibrate, Classifier
from imagetagger.decide import Decision
from imagetagger.set_curve import Curve
from imagetagger.tagset import nonconformity, within

BATCH = 16384
"""Embeddings that one step of fit and scoring holds; bounds memory, changes nothing else."""
SMALLEST = 2048
"""The last batch is padded to this or the next power of two: data sets of any size share a few compiled functions."""

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


class Told(NamedTuple):
    """Probabilities of M pictures, and what does not depend on their tag sets.

    Attributes:
        log_p: float64 (M, C), calibrated.
        p: (M, C) the same.
        observed: contributions to the figures, without sets.
        raw_p: (M, C) without calibration.
        raw_misfit: (M, C) nonconformity of cumulative sets without calibration.
        raw: as `observed`, without calibration.
    """

    log_p: np.ndarray
    p: np.ndarray
    observed: metrics.Metrics
    raw_p: np.ndarray
    raw_misfit: np.ndarray
    raw: metrics.Metrics


class Measured(NamedTuple):
    """A classifier and how good it is.

    Attributes:
        fitted: the classifier.
        decision: from its scores to tag sets.
        embeddings: float32 (M, D) of the validation pictures, as the network gives them.
        scores: of the validation pictures, M.
        log_p: float64 (M, C) calibrated log probabilities.
        truth: bool (M, C) their tags.
        raw: figures without calibration: probabilities at temperature 1, sets that reach the coverage by their sum.
        observed: each validation picture's contribution to the figures.
        figures: with the decision.
        strata: coverage by size of the set and by tag; see `conformal`.
        bins: reliability before and after calibration: count, confidence and correct of metrics.BINS each.
        curve: tag sets of every other demand.
    """

    fitted: Fitted
    decision: Decision
    embeddings: np.ndarray
    scores: Scores
    log_p: np.ndarray
    truth: np.ndarray
    raw: dict[str, float]
    observed: metrics.Metrics
    figures: dict[str, float]
    strata: dict[str, Any]
    bins: dict[str, Any]
    curve: Curve


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
        together = scatter.fit(_batches(embeddings, learned), tags, embeddings.shape[1])
        fitted = transform.fit(
            together,
            kind,
            dimensions=classifier.dimensions,
            shrinkage=classifier.shrinkage,
            spread=classifier.spread,
            unit_length=classifier.unit_length,
        )
    features = fitted.weights.shape[-1] if fitted else embeddings.shape[1]
    batches = ((transform.apply(fitted, jax.device_put(x)), y) for x, y in _batches(embeddings, learned))
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
    for batch, label in _batches(embeddings, np.zeros((len(embeddings), 1), np.int32)):
        x, real = transform.apply(fitted.transform, jax.device_put(batch)), label[:, 0] >= 0
        joint.append(np.asarray(naive_bayes.log_joint(fitted.gaussian, x))[real])
        if background:
            prior = np.asarray(fitted.gaussian.log_prior)
            likelihood = joint[-1] - np.where(np.isfinite(prior), prior, 0)  # stays -inf for a tag without pictures
            fits.append(unknown.fit_of(likelihood, np.asarray(naive_bayes.log_joint(background, x))[real, 0]))
    scores = np.concatenate(joint)
    if np.isnan(scores).any():
        raise BadDataError("scores are not numbers: all pictures look alike to the network; give it others")
    return Scores(scores, np.concatenate(fits) if background else None)


def calibrate(
    scores: Scores, truth: np.ndarray, settings: Calibrate, calibrated: Calibration | None = None
) -> Decision:
    """Return the decision fitted on N held-out pictures, truth being bool (N, C); warn where it is unsound.

    `calibrated` spares fitting the probabilities once more; see decide.fit.
    """
    options: Any = asdict(settings)
    decision = decide.fit(scores.log_joint, truth, scores.fits, calibrated, **options)
    temperature = decision.calibration.temperature
    some = decide.calibrating(len(truth), decision.tag_set.coverage is not None)
    if not len(truth):
        log.warning("no pictures to calibrate on: probabilities are raw, and far too sure")
    elif all_right(scores.log_joint[some], truth[some]):
        log.warning(
            "all %d calibration pictures were told right, so nothing was learned of being wrong: probabilities are "
            "cautious guesses; use more pictures",
            len(truth),
        )
    if temperature > FEVERISH:
        log.warning(
            "temperature %.3g: the variances are poor; use more pictures or raise classifier.kappa", temperature
        )
    if decision.tag_set.rule != settings.rule:
        log.warning(
            "%d calibration pictures are too few to promise a coverage of %g, which takes %.0f (and above %g cannot be "
            "promised): tag sets are cumulative. Keep more aside (data.calibration_fraction), or ask for less",
            len(truth),
            settings.coverage,
            2 * np.ceil(settings.coverage / max(1 - settings.coverage, 1e-9) - 1e-6),
            conformal.LEVELS[-1],
        )
    return decision


def tell(scores: Scores, calibrated: Calibration, truth: np.ndarray) -> Told:
    """Return the probabilities of pictures and all that does not depend on their tag sets, from truth bool (M, C)."""
    uncalibrated, log_p = log_softmax(scores.log_joint), log_probabilities(scores.log_joint, calibrated)
    raw_p = np.exp(uncalibrated)
    raw, observed = (metrics.observe_probabilities(p, truth) for p in (uncalibrated, log_p))
    return Told(log_p, np.exp(log_p), observed, raw_p, nonconformity(raw_p, "cumulative"), raw)


def evaluate(
    fitted: Fitted,
    decision: Decision,
    embeddings: np.ndarray,
    truth: np.ndarray,
    coverage: float,
    scores: Scores | None = None,
    told: Told | None = None,
) -> Measured:
    """Return the figures of a classifier on embeddings (M, D) of true tags, bool (M, C).

    Args:
        fitted: the classifier.
        decision: from its scores to tag sets.
        embeddings: as the network gives them.
        truth: their tags.
        coverage: that uncalibrated probabilities are summed to, for comparison.
        scores: of the embeddings, where they are known.
        told: their probabilities, where they are known.
    """
    scores = scores or score(fitted, embeddings)
    told = told or tell(scores, decision.calibration, truth)
    tag_set = decision.tag_set
    misfit = nonconformity(told.p, tag_set.rule)
    sets = within(misfit, told.p, tag_set.rule, tag_set.threshold)
    observed = metrics.observe_sets(told.observed, sets, truth)
    raw_sets = within(told.raw_misfit, told.raw_p, "cumulative", coverage)
    before, after = metrics.total(metrics.observe_sets(told.raw, raw_sets, truth)), metrics.total(observed)
    median = float(np.median(observed.set_size)) if len(truth) else float("nan")
    strata = {
        "by_size": [stratum._asdict() for stratum in conformal.by_size(sets, truth)],
        "by_tag": conformal.by_tag(sets, truth).tolist(),
    }
    return Measured(
        fitted=fitted,
        decision=decision,
        embeddings=embeddings,
        scores=scores,
        log_p=told.log_p,
        truth=truth,
        raw=metrics.compute(before),
        observed=observed,
        figures=metrics.compute(after) | {"median_set_size": median},
        strata=strata,
        bins={"before": bins(before), "after": bins(after)},
        curve=set_curve.curve(misfit, told.p, truth, tag_set),
    )


def multi_hot(labels: np.ndarray, tags: int) -> np.ndarray:
    """Return which tags each picture has, bool (N, tags), from labels (N, L) padded with -1."""
    return (labels[:, :, None] == np.arange(tags)).any(1)


def bins(total: metrics.Metrics) -> dict[str, list[float]]:
    """Return the pictures, their summed confidence and how many are right, by bin of confidence."""
    return {name.removeprefix("bin_"): getattr(total, name).tolist() for name in total._fields[-3:]}


def _batches(embeddings: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of embeddings (N, D) and labels (N, L); the last one padded with pictures of no tag."""
    for start in range(0, len(embeddings), BATCH):
        x, y = embeddings[start : start + BATCH], labels[start : start + BATCH]
        if missing := max(SMALLEST, 1 << (len(x) - 1).bit_length()) - len(x):
            # Any picture does for padding, but one of zeros could have no direction.
            x = np.concatenate([x, np.broadcast_to(x[-1:], (missing, x.shape[1]))])
            y = np.pad(y, ((0, missing), (0, 0)), constant_values=-1)
        yield x, y
