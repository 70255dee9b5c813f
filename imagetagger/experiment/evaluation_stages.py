"""From embeddings to an evaluated classifier: the stages fit, score, calibrate, decide and evaluate."""

import numpy as np

from imagetagger.classifier.fit import FittedClassifier, Scores, fit_classifier, score_embeddings
from imagetagger.config.schema import CalibrateConfig, ClassifierConfig, Experiment
from imagetagger.data.dataset import multi_hot
from imagetagger.evaluation.evaluate import (
    Evaluation,
    EvaluationData,
    evaluate_classifier,
    evaluate_uncalibrated,
)
from imagetagger.evaluation.intervals import confidence_intervals
from imagetagger.evaluation.metrics import Metrics
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import DataSplits, EmbeddedSplit
from imagetagger.prediction.calibration import Calibration, fit_calibration
from imagetagger.prediction.decision import Decision, calibration_rows, fit_decision, has_guarantee
from imagetagger.prediction.predict import score_novelty


def evaluate_embeddings(
    runner: StageRunner,
    settings: Experiment,
    splits: StageResult[DataSplits],
    train: StageResult[EmbeddedSplit],
    validation: StageResult[EmbeddedSplit] | None = None,
    *,
    suffix: str,
) -> tuple[StageResult[Scores], StageResult[Evaluation]]:
    """Fit, calibrate and evaluate a classifier on the embeddings of one network.

    Args:
        runner: of the stages, which get the names of this file and `suffix`.
        settings: of the run.
        splits: roles of the pictures.
        train: embeddings.
        validation: embeddings; None to evaluate held-out training pictures.
        suffix: distinguishes the stages of several networks.

    Returns:
        Scores of the held-out pictures, and the evaluation.
    """
    s, pictures = settings.calibrate, splits.value
    guaranteed = has_guarantee(s.prediction_set, s.coverage, len(pictures.calibration_rows))  # type: ignore[arg-type]  # checked by config
    evaluated = (validation,) if validation else ()
    classifier = runner.run(f"fit{suffix}", fit_on_splits, splits, train, classifier=settings.classifier)
    runner.annotate(f"fit{suffix}", images=pictures.train)
    data = runner.run(f"score{suffix}", score_evaluated, classifier, splits, train, *evaluated)
    scores = runner.run(f"score holdout{suffix}", score_holdout, classifier, splits, train)
    calibration = runner.run(
        f"calibrate{suffix}", calibrate, scores, splits, calibration_bins=s.calibration_bins, guaranteed=guaranteed
    )
    runner.annotate(f"calibrate{suffix}", images=len(pictures.calibration_rows))
    decision = runner.run(f"decide{suffix}", decide, classifier, scores, splits, calibration, calibrate=s)
    uncalibrated = runner.run(f"uncalibrated{suffix}", sum_uncalibrated, classifier, data, coverage=s.coverage)
    evaluation = runner.run(f"evaluate{suffix}", evaluate, classifier, decision, data, splits, uncalibrated)
    runner.annotate(f"evaluate{suffix}", images=len(pictures.labels_onehot))
    return scores, evaluation


def fit_on_splits(splits: DataSplits, train: EmbeddedSplit, *, classifier: ClassifierConfig) -> FittedClassifier:
    """Fit the classifier on the training pictures that are not held out."""
    return fit_classifier(train.x, splits.labels, splits.is_holdout, splits.tags, classifier)


def score_evaluated(
    classifier: FittedClassifier, splits: DataSplits, train: EmbeddedSplit, validation: EmbeddedSplit | None = None
) -> EvaluationData:
    """Score the pictures that are reported on."""
    embeddings = train.x[splits.tuning_rows] if validation is None else validation.x
    return EvaluationData(embeddings, score_embeddings(classifier, embeddings), splits.labels_onehot)


def score_holdout(classifier: FittedClassifier, splits: DataSplits, train: EmbeddedSplit) -> Scores:
    """Score the held-out pictures that probabilities and thresholds are fitted on."""
    return score_embeddings(classifier, train.x[splits.calibration_rows])


def holdout_labels(splits: DataSplits) -> np.ndarray:
    """Tags of the pictures that probabilities and thresholds are fitted on, bool (K, C)."""
    return multi_hot(splits.labels[splits.calibration_rows], splits.tags)


def calibrate(scores: Scores, splits: DataSplits, *, calibration_bins: int, guaranteed: bool) -> Calibration:
    """Fit the probabilities, on every other picture where a guarantee needs the rest."""
    labels_onehot = holdout_labels(splits)
    rows = calibration_rows(len(labels_onehot), guaranteed)
    return fit_calibration(scores.log_joint[rows], labels_onehot[rows], calibration_bins)


def decide(
    classifier: FittedClassifier,
    scores: Scores,
    splits: DataSplits,
    calibration: Calibration,
    *,
    calibrate: CalibrateConfig,
) -> Decision:
    """Fit prediction sets and the novelty threshold to calibrated probabilities."""
    novelty = None
    if scores.background is not None:
        novelty = score_novelty(scores.log_joint, scores.background, classifier.log_prior)
    return fit_decision(
        scores.log_joint,
        holdout_labels(splits),
        novelty,
        calibration,
        calibration_bins=calibrate.calibration_bins,
        prediction_set=calibrate.prediction_set,  # type: ignore[arg-type]  # checked by config
        coverage=calibrate.coverage,
        top_k=calibrate.top_k,
        aci_step_size=calibrate.aci_step_size,
        novelty_fpr=calibrate.novelty_fpr,
    )


def sum_uncalibrated(classifier: FittedClassifier, data: EvaluationData, *, coverage: float) -> Metrics:
    """Metrics without calibration, summed over the pictures."""
    return evaluate_uncalibrated(data, classifier.log_prior, coverage)


def evaluate(
    classifier: FittedClassifier,
    decision: Decision,
    data: EvaluationData,
    splits: DataSplits,
    uncalibrated: Metrics,
) -> Evaluation:
    """Evaluate the classifier with its decision."""
    return evaluate_classifier(classifier, decision, data, splits.train, uncalibrated)


def bootstrap(evaluation: Evaluation, *, resamples: int, seed: int) -> dict[str, tuple[float, float]]:
    """95 % confidence intervals of the metrics."""
    return confidence_intervals(evaluation.observed, resamples=resamples, seed=seed)
