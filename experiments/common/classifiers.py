"""From embeddings to classifiers and their metrics, by the stages of a run."""

from typing import Any

import numpy as np

from experiments.common.embeddings import EmbeddedPictures
from imagetagger.classifier.fit import FittedClassifier, Scores
from imagetagger.config.schema import CalibrateConfig, Experiment
from imagetagger.data.dataset import multi_hot
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.experiment import evaluation_stages
from imagetagger.experiment.stage_cache import StageRunner
from imagetagger.experiment.stages import DataSplits
from imagetagger.prediction.decision import Decision, has_guarantee


def evaluate_run(
    settings: Experiment, fitted_on: EmbeddedPictures, used_with: EmbeddedPictures | None = None
) -> Evaluation:
    """Fit, calibrate and evaluate a classifier as a run does.

    Args:
        settings: of the run.
        fitted_on: the embeddings to fit and calibrate on.
        used_with: the embeddings of the same pictures to evaluate on, as of another variant; None for the same.
    """
    validation = (used_with or fitted_on).validation
    return evaluation_stages.evaluate_embeddings(
        StageRunner(), settings, fitted_on.splits, fitted_on.train, validation, suffix=""
    )[1].value


def decide(classifier: FittedClassifier, scores: Scores, splits: DataSplits, calibrate: CalibrateConfig) -> Decision:
    """Fit the decision of a run to the scores of the held-out pictures."""
    rule: Any = calibrate.prediction_set  # checked by config
    guaranteed = has_guarantee(rule, calibrate.coverage, len(splits.calibration_rows))
    calibration = evaluation_stages.calibrate(
        scores, splits, calibration_bins=calibrate.calibration_bins, guaranteed=guaranteed
    )
    return evaluation_stages.decide(classifier, scores, splits, calibration, calibrate=calibrate)


def measure(log_p: np.ndarray, tags: np.ndarray, in_set: np.ndarray | None = None) -> dict[str, float]:
    """Metrics of predictions; see imagetagger.evaluation.metrics.

    Args:
        log_p: (N, C) log probabilities.
        tags: int (N,), the right ones.
        in_set: bool (N, C), prediction sets; None for sets of all tags.
    """
    sets = np.ones(log_p.shape, bool) if in_set is None else in_set
    observed = observe_predictions(log_p, sets, multi_hot(tags[:, None], log_p.shape[1]))
    return compute_metrics(total_metrics(observed))
