"""What a run warns its user of: classifiers that learn badly, calibration that cannot be trusted."""

import logging

import numpy as np

from imagetagger.classifier.fit import Scores
from imagetagger.config.schema import CalibrateConfig, ClassifierConfig
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.experiment.evaluation_stages import holdout_labels
from imagetagger.experiment.stages import DataSplits
from imagetagger.prediction.calibration import all_correct
from imagetagger.prediction.conformal import COVERAGE_LEVELS
from imagetagger.prediction.decision import Decision, calibration_rows

MIN_KAPPA_FOR_LEARNING = 1.0
"""Least prior strength with which a tag is known from its first picture on: alone, that has hardly any variance."""

MIN_SAMPLES_PER_FEATURE = 0.25
"""Below, whitening fits chance: tags taught later then draw other tags' pictures."""

MAX_PLAUSIBLE_TEMPERATURE = 1e4
"""Sound scores have temperatures in the tens; far above, variances were estimated from too little."""

log = logging.getLogger(__name__)


def warn_of_poor_learning(classifier: ClassifierConfig, evaluation: Evaluation) -> None:
    """Warn of a bundle whose tagger will learn badly."""
    if classifier.variance_prior_strength < MIN_KAPPA_FOR_LEARNING:
        log.warning(
            "classifier.variance_prior_strength=%g: the tagger will hardly learn from few pictures; "
            "classifier=whitened would",
            classifier.variance_prior_strength,
        )
    features = evaluation.data.embeddings.shape[1]
    if classifier.transform == "whitened" and evaluation.train < MIN_SAMPLES_PER_FEATURE * features:
        log.warning(
            "%d pictures are few to whiten %d features with: a tag taught later may draw pictures of others; "
            "use more, or classifier=smoothed_gnb",
            evaluation.train,
            features,
        )


def warn_of_poor_calibration(
    decision: Decision, scores: Scores, splits: DataSplits, calibrate: CalibrateConfig
) -> None:
    """Warn where too few held-out pictures, or none, make probabilities or prediction sets unsound."""
    labels_onehot = holdout_labels(splits)
    rows = calibration_rows(len(labels_onehot), decision.prediction_set.coverage is not None)
    if not len(labels_onehot):
        log.warning("no pictures to calibrate on: probabilities are raw, and far too confident")
    elif all_correct(scores.log_joint[rows], labels_onehot[rows]):
        log.warning(
            "All %d calibration pictures were classified correctly, so the temperature cannot be estimated; using a "
            "conservative value. Hold out more pictures (data.holdout_fraction).",
            len(labels_onehot),
        )
    if decision.calibration.temperature > MAX_PLAUSIBLE_TEMPERATURE:
        log.warning(
            "temperature %.3g: the variances are poorly estimated; use more pictures, or raise "
            "classifier.variance_prior_strength",
            decision.calibration.temperature,
        )
    if decision.prediction_set.rule != calibrate.prediction_set:
        log.warning(
            "%d calibration pictures are too few to guarantee a coverage of %g, which takes %.0f (above %g none can be "
            "guaranteed): tag sets are cumulative. Hold out more (data.holdout_fraction), or ask for less",
            len(labels_onehot),
            calibrate.coverage,
            2 * np.ceil(calibrate.coverage / max(1 - calibrate.coverage, 1e-9) - 1e-6),
            COVERAGE_LEVELS[-1],
        )
