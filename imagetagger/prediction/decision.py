"""The constants between scores and predictions: fitted on scores of unseen pictures, shipped in a bundle's manifest.

NumPy and msgspec only: the shipped tagger shares it.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

from imagetagger.options import PredictionSet
from imagetagger.prediction.calibration import Calibration, Share, fit_calibration, probabilities
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD, conformal_thresholds, threshold_at
from imagetagger.prediction.novelty import novelty_threshold
from imagetagger.prediction.prediction_sets import nonconformity

CONFORMAL_SETS: tuple[PredictionSet, ...] = ("lac", "aps")
"""Prediction sets with a guaranteed coverage."""

Threshold = Annotated[float, Meta(ge=0, le=INFINITE_THRESHOLD)]


class PredictionSetRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tags are shown; see prediction_sets.py.

    Attributes:
        rule: of nonconformity.
        coverage: how often the set contains a true tag; None for rules without a guarantee.
        threshold: of nonconformity: that of the coverage, or the configured sum or number of tags.
        thresholds: one per level of conformal.COVERAGE_LEVELS; empty for rules without a guarantee.
        aci_step_size: how fast the target coverage follows the user's lessons; see conformal.adapt_coverage.

    Raises:
        ValueError: the constants contradict each other.
    """

    rule: PredictionSet
    coverage: Share | None
    threshold: Threshold
    thresholds: tuple[Threshold, ...] = ()
    aci_step_size: Share = 0.0

    def __post_init__(self) -> None:
        """Check that the fields agree."""
        is_conformal = self.rule in CONFORMAL_SETS
        count = len(COVERAGE_LEVELS) if is_conformal else 0
        if len(self.thresholds) != count or list(self.thresholds) != sorted(self.thresholds):
            raise ValueError(f"thresholds: got {len(self.thresholds)}, expected {count} ascending ones for {self.rule}")
        if is_conformal == (self.coverage is None):
            raise ValueError(f"coverage: got {self.coverage}, expected {'0 .. 1' if is_conformal else 'null'}")
        if self.rule == "cumulative" and self.threshold > 1:
            raise ValueError(f"threshold: got {self.threshold:g}, expected a sum of probabilities in 0 .. 1")


class NoveltyRule(Struct, frozen=True, forbid_unknown_fields=True):
    """The novelty score, in nats, above which a picture is novel; a share `fpr` of known pictures is expected to be."""

    threshold: Annotated[float, Meta(ge=-1e30, le=1e30)]
    fpr: Share


class Decision(Struct, frozen=True, forbid_unknown_fields=True):
    """All constants between scores and predictions. `novelty` is None without a prior on the means."""

    calibration: Calibration
    prediction_set: PredictionSetRule
    novelty: NoveltyRule | None = None


def has_guarantee(rule: PredictionSet, coverage: float, pictures: int) -> bool:
    """Whether this many independent pictures can guarantee a coverage: too few have no quantile at its level."""
    level = threshold_at(COVERAGE_LEVELS, coverage)
    return rule in CONFORMAL_SETS and level * (pictures + 1) <= pictures


def fit_decision(
    log_joint: np.ndarray,
    labels_onehot: np.ndarray,
    novelty_scores: np.ndarray | None = None,
    calibration: Calibration | None = None,
    *,
    calibration_bins: int = 0,
    prediction_set: PredictionSet = "cumulative",
    coverage: float = 0.9,
    top_k: int = 5,
    aci_step_size: float = 0.0,
    novelty_fpr: float = 0.05,
    independent_pictures: int | None = None,
) -> Decision:
    """Fit calibration, prediction sets and the novelty threshold on pictures that the classifier was not fitted on.

    The few numbers of the calibration are fitted on the pictures that thresholds are set on: it treats all pictures
    alike, so a new one remains nearly exchangeable with them. With too few for the coverage, or a coverage above all
    levels, sets are cumulative and guarantee nothing.

    Args:
        log_joint: (N, C).
        labels_onehot: bool (N, C), at least one true tag per picture.
        novelty_scores: (N,), see novelty.novelty_score; None without a background.
        calibration: of the probabilities, fitted before; None fits it.
        calibration_bins: see calibration.fit_calibration.
        prediction_set: rule of prediction sets: `lac` and `aps` are conformal.
        coverage: how often a set contains the true tag; for `cumulative`, the sum that its probabilities reach.
        top_k: number of tags, for that rule.
        aci_step_size: see PredictionSetRule.
        novelty_fpr: share of known pictures that is expected to be called novel.
        independent_pictures: how many of the pictures are independent, as those of a burst are not; None for all.
    """
    independent = len(log_joint) if independent_pictures is None else independent_pictures
    guaranteed = has_guarantee(prediction_set, coverage, independent)
    if calibration is None:
        calibration = fit_calibration(log_joint, labels_onehot, calibration_bins)
    if guaranteed:
        p = probabilities(log_joint, calibration)
        thresholds = conformal_thresholds(nonconformity(p, prediction_set), labels_onehot)
        threshold = threshold_at(thresholds, coverage)
        rule = PredictionSetRule(prediction_set, coverage, threshold, tuple(map(float, thresholds)), aci_step_size)
    elif prediction_set == "top_k":
        rule = PredictionSetRule("top_k", None, float(top_k))
    else:
        rule = PredictionSetRule("cumulative", None, coverage)
    highest = None if novelty_scores is None else novelty_threshold(novelty_scores, novelty_fpr)
    return Decision(calibration, rule, None if highest is None else NoveltyRule(highest, novelty_fpr))
