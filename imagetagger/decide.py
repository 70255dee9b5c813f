"""From scores to what a user sees: calibrated probabilities, a tag set, and whether anything fits. NumPy only.

All of it is fitted on pictures that were held out of training, and travels in a bundle's manifest.
"""

import reprlib
from dataclasses import dataclass

import numpy as np

from imagetagger import calibration, conformal, tagset, unknown
from imagetagger.calibration import Calibration
from imagetagger.tagset import Rule

CONFORMAL: tuple[Rule, ...] = ("lac", "aps")
"""Rules with a threshold that holds the right tag as often as wanted."""


@dataclass(frozen=True)
class TagSet:
    """Which tags are shown; see tagset.py.

    Attributes:
        rule: of nonconformity.
        coverage: how often a right tag is to be inside; None where the rule promises nothing.
        threshold: of nonconformity: that of the coverage, or the sum or number of tags that was asked for.
        thresholds: of each level of conformal.LEVELS; empty where the rule promises nothing.
        adapt_rate: how fast the coverage asked for follows the user's lessons; see conformal.adapt.
    """

    rule: Rule
    coverage: float | None
    threshold: float
    thresholds: tuple[float, ...] = ()
    adapt_rate: float = 0.0


@dataclass(frozen=True)
class Unknown:
    """When no tag fits: below this fit, in nats above the background, where a share `rate` of known pictures lies."""

    threshold: float
    rate: float


@dataclass(frozen=True)
class Decision:
    """All constants between scores and what is shown. `unknown` is None without a prior on the means."""

    calibration: Calibration
    tag_set: TagSet
    unknown: Unknown | None = None


def promised(rule: Rule, coverage: float, pictures: int) -> bool:
    """Return whether so many held-out pictures can promise a coverage: fewer have no quantile for its level."""
    level, kept = conformal.threshold(conformal.LEVELS, coverage), pictures // 2
    return rule in CONFORMAL and level * (kept + 1) <= kept


def calibrating(pictures: int, promise: bool) -> slice:
    """Return which held-out pictures probabilities are fitted on: every other one where a promise needs the rest."""
    return slice(0, pictures, 2 if promise else 1)


def fit(
    log_joint: np.ndarray,
    truth: np.ndarray,
    fits: np.ndarray | None = None,
    calibrated: Calibration | None = None,
    *,
    knots: int = 0,
    rule: Rule = "cumulative",
    coverage: float = 0.9,
    top_k: int = 5,
    adapt_rate: float = 0.0,
    unknown_rate: float = 0.05,
) -> Decision:
    """Fit calibration, tag sets and the unknown on held-out pictures.

    Conformal thresholds need pictures that nothing was fitted on: probabilities are then fitted on every other picture,
    thresholds on the rest. Where these are too few for the coverage, or it is above all of conformal.LEVELS, sets are
    cumulative and promise nothing.

    Args:
        log_joint: (N, C).
        truth: bool (N, C) their true tags, at least one each.
        fits: (N,) how well the best tag fits, see unknown.fit_of; None where there is no background.
        calibrated: the probabilities, where they were fitted before, on those of `calibrating`.
        knots: see calibration.fit.
        rule: of tag sets: `lac` and `aps` are conformal.
        coverage: how often the right tag is to be inside; for `cumulative`, the sum that probabilities reach.
        top_k: number of tags, for that rule.
        adapt_rate: see TagSet.
        unknown_rate: share of known pictures that are called unknown.
    """
    promise = promised(rule, coverage, len(log_joint))
    if calibrated is None:
        some = calibrating(len(log_joint), promise)
        calibrated = calibration.fit(log_joint[some], truth[some], knots)
    if promise:
        p = calibration.probabilities(log_joint[1::2], calibrated)
        thresholds = conformal.thresholds(tagset.nonconformity(p, rule), truth[1::2])
        least = conformal.threshold(thresholds, coverage)
        tag_set = TagSet(rule, coverage, least, tuple(map(float, thresholds)), adapt_rate)
    elif rule == "top_k":
        tag_set = TagSet(rule, None, float(top_k))
    else:
        tag_set = TagSet("cumulative", None, coverage)
    limit = None if fits is None else unknown.threshold(fits, unknown_rate)
    return Decision(calibrated, tag_set, None if limit is None else Unknown(limit, unknown_rate))


def decide(log_joint: np.ndarray, decision: Decision, coverage: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return log probabilities, float64 (N, C), and tag sets, bool (N, C).

    Args:
        log_joint: (N, C); -inf for impossible tags.
        decision: its constants.
        coverage: another one than the decision's, for rules that have one.

    Raises:
        ValueError: a coverage was asked for that the rule cannot promise.
    """
    tag_set, limit = decision.tag_set, decision.tag_set.threshold
    if coverage is not None:
        if not tag_set.thresholds:
            raise ValueError(
                f"got coverage={coverage:g}, expected none: {tag_set.rule} sets promise none; lac and aps do"
            )
        limit = conformal.threshold(np.asarray(tag_set.thresholds), coverage)
    log_p = calibration.log_probabilities(log_joint, decision.calibration)
    return log_p, tagset.members(np.exp(log_p), tag_set.rule, limit)


def problems_of(decision: Decision) -> list[str]:
    """Return what is impossible in constants that were read from a file, each with its key."""
    calibrated, tag_set = decision.calibration, decision.tag_set
    confidence, sharpness, levels = calibrated.confidence, calibrated.sharpness, tag_set.thresholds
    promised, coverage = tag_set.rule in CONFORMAL, tag_set.coverage
    count = len(conformal.LEVELS) if promised else 0
    highest = {"cumulative": 1.0, "top_k": 1e9}.get(tag_set.rule, conformal.EVERYTHING)
    ascending = list(confidence) == sorted(set(confidence)) and all(0 <= c <= 1 for c in confidence)
    sharp = len(sharpness) == len(confidence) and all(1e-3 <= s <= 1e3 for s in sharpness)
    sorted_levels = list(levels) == sorted(levels) and all(0 <= t <= conformal.EVERYTHING for t in levels)
    share = 0 <= coverage <= 1 if promised and coverage is not None else not promised and coverage is None
    rate = decision.unknown.rate if decision.unknown else 0.0
    checked = [
        ("calibration.temperature", calibrated.temperature, "1e-6 .. 1e15", 1e-6 <= calibrated.temperature <= 1e15),
        ("calibration.confidence", confidence, "ascending probabilities", ascending),
        ("calibration.sharpness", sharpness, "0.001 .. 1000, one for each confidence", sharp),
        ("tag_set.threshold", tag_set.threshold, f"0 .. {highest:g}", 0 <= tag_set.threshold <= highest),
        (
            "tag_set.thresholds",
            levels,
            f"{count} ascending ones for the rule {tag_set.rule}",
            len(levels) == count and sorted_levels,
        ),
        ("tag_set.coverage", coverage, "0 .. 1 with a conformal rule, else null", share),
        ("tag_set.adapt_rate", tag_set.adapt_rate, "0 .. 1", 0 <= tag_set.adapt_rate <= 1),
        ("unknown.rate", rate, "0 .. 1", 0 <= rate <= 1),
    ]
    return [f"{key} is {reprlib.repr(got)}, expected {wanted}" for key, got, wanted, holds in checked if not holds]
