"""From embeddings to an evaluated classifier: the stages cross-fit, fit, calibrate, decide, score and evaluate."""

from typing import NamedTuple

import msgspec
import numpy as np

from imagetagger.classifier.cross_fit import CrossFit, cross_fit, subset_scores
from imagetagger.classifier.fit import FittedClassifier, fit_classifier, score_embeddings
from imagetagger.classifier.head import HeadSpace, Knowledge, cross_fit_head, fit_head_classifier
from imagetagger.classifier.reference import Reference
from imagetagger.config.schema import CalibrateConfig, ClassifierConfig, Experiment
from imagetagger.data.dataset import BadDataError
from imagetagger.evaluation.baselines import BaselineComparison, compare_baseline, fit_baseline, predict_top1
from imagetagger.evaluation.evaluate import (
    Evaluation,
    EvaluationData,
    evaluate_classifier,
    evaluate_folds,
    evaluate_uncalibrated,
)
from imagetagger.evaluation.guarantee import correct_rule
from imagetagger.evaluation.intervals import confidence_intervals
from imagetagger.evaluation.metrics import Metrics
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import DataSplits, EmbeddedSplit
from imagetagger.options import Baseline
from imagetagger.prediction.calibration import Calibration, fit_calibration
from imagetagger.prediction.decision import Decision, fit_decision


class FittedModel(NamedTuple):
    """Stages of a classifier that was fitted and calibrated on the same pictures, and what is known of its network."""

    reference: StageResult[Knowledge]
    cross_fit: StageResult[CrossFit]
    classifier: StageResult[FittedClassifier]
    decision: StageResult[Decision]


def fit_model(
    runner: StageRunner,
    settings: Experiment,
    reference: StageResult[Knowledge],
    splits: StageResult[DataSplits],
    train: StageResult[EmbeddedSplit],
    *,
    suffix: str,
) -> FittedModel:
    """Fit a classifier on the embeddings of one network, and calibrate it on out-of-fold scores of the same pictures.

    Args:
        runner: of the stages, which get the names of this file and `suffix`.
        settings: of the run.
        reference: what is known of the network.
        splits: roles of the pictures.
        train: embeddings.
        suffix: distinguishes the stages of several models.
    """
    s = settings.calibrate
    crossed = runner.run(
        f"cross-fit{suffix}", cross_fit_splits, reference, splits, train, classifier=settings.classifier
    )
    classifier = runner.run(
        f"fit{suffix}", fit_on_splits, reference, crossed, splits, train, classifier=settings.classifier
    )
    runner.annotate(f"fit{suffix}", images=splits.value.train)
    calibration = runner.run(f"calibrate{suffix}", calibrate, reference, crossed, calibration_bins=s.calibration_bins)
    runner.annotate(f"calibrate{suffix}", images=len(crossed.value.rows))
    decision = runner.run(f"decide{suffix}", decide, crossed, splits, calibration, calibrate=s)
    return FittedModel(reference, crossed, classifier, decision)


def evaluate_embeddings(
    runner: StageRunner,
    settings: Experiment,
    fitted: FittedModel,
    splits: StageResult[DataSplits],
    train: StageResult[EmbeddedSplit],
    validation: StageResult[EmbeddedSplit] | None = None,
    *,
    suffix: str,
) -> StageResult[Evaluation]:
    """Evaluate a classifier and its decision on validation pictures, or without them on held-out training pictures."""
    evaluated = (validation,) if validation else ()
    if settings.evaluate.split == "out_of_fold":
        data = runner.run(f"score{suffix}", score_out_of_fold, fitted.cross_fit, splits, train)
    else:
        data = runner.run(f"score{suffix}", score_evaluated, fitted.classifier, splits, train, *evaluated)
    uncalibrated = runner.run(
        f"uncalibrated{suffix}", sum_uncalibrated, fitted.classifier, data, coverage=settings.calibrate.coverage
    )
    inputs = (fitted.classifier, fitted.decision, data, splits, uncalibrated)
    if settings.evaluate.split == "out_of_fold":
        evaluation = runner.run(
            f"evaluate{suffix}",
            evaluate_out_of_fold,
            *inputs,
            fitted.cross_fit,
            fitted.reference,
            settings=settings.calibrate,
        )
    else:
        evaluation = runner.run(f"evaluate{suffix}", evaluate, *inputs)
    runner.annotate(f"evaluate{suffix}", images=len(splits.value.labels_onehot))
    return evaluation


def cross_fit_splits(
    reference: Knowledge, splits: DataSplits, train: EmbeddedSplit, *, classifier: ClassifierConfig
) -> CrossFit:
    """Score the training pictures out of fold."""
    if isinstance(reference, HeadSpace):
        return cross_fit_head(reference, train.x, splits.labels, splits.folds)
    return cross_fit(train.x, splits.labels, splits.folds, splits.tags, classifier, reference, splits.is_seen)


def fit_on_splits(
    reference: Knowledge,
    crossed: CrossFit,
    splits: DataSplits,
    train: EmbeddedSplit,
    *,
    classifier: ClassifierConfig,
) -> FittedClassifier:
    """Fit the classifier on the training pictures that are not held out."""
    if isinstance(reference, HeadSpace):
        return fit_head_classifier(reference, train.x, np.where(splits.is_holdout[:, None], -1, splits.labels))
    strength = crossed.strength or 0.0  # unused without a reference
    return fit_classifier(train.x, splits.labels, splits.is_holdout, splits.tags, classifier, reference, strength)


def score_evaluated(
    classifier: FittedClassifier, splits: DataSplits, train: EmbeddedSplit, validation: EmbeddedSplit | None = None
) -> EvaluationData:
    """Score the pictures that are reported on."""
    if validation is None:
        embeddings = train.x[splits.tuning_rows]
    else:
        embeddings = validation.x if len(validation.x) else train.x[:0]  # of no pictures, the length is not known
    return EvaluationData(embeddings, score_embeddings(classifier, embeddings), splits.labels_onehot)


def calibrate(reference: Knowledge, crossed: CrossFit, *, calibration_bins: int) -> Calibration:
    """Fit the probabilities on out-of-fold scores."""
    prior = reference.log_temperature if isinstance(reference, Reference) else None
    return fit_calibration(crossed.scores.log_joint, crossed.labels_onehot, calibration_bins, prior)


def decide(crossed: CrossFit, splits: DataSplits, calibration: Calibration, *, calibrate: CalibrateConfig) -> Decision:
    """Fit prediction sets and the novelty threshold to calibrated out-of-fold probabilities."""
    independent = len(np.unique(splits.groups[crossed.rows]))
    decision = fit_decision(
        crossed.scores.log_joint,
        crossed.labels_onehot,
        crossed.novelty,
        calibration,
        prediction_set=calibrate.prediction_set,  # type: ignore[arg-type]  # checked by config
        coverage=calibrate.coverage,
        top_k=calibrate.top_k,
        aci_step_size=calibrate.aci_step_size,
        novelty_fpr=calibrate.novelty_fpr,
        independent_pictures=independent,
    )
    if calibrate.confidence is None:
        return decision
    rule = correct_rule(decision.prediction_set, independent, calibrate.confidence)
    return msgspec.structs.replace(decision, prediction_set=rule)


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


def score_out_of_fold(crossed: CrossFit, splits: DataSplits, train: EmbeddedSplit) -> EvaluationData:
    """Take the out-of-fold scores of the training pictures, which are then reported on.

    Raises:
        BadDataError: some pictures have none.
    """
    if len(crossed.rows) < len(train.x):
        raise BadDataError(
            f"got split=out_of_fold with scores of {len(crossed.rows)} of {len(train.x)} pictures: it is for small "
            "data sets whose every tag has pictures in two groups at least; use split=validation"
        )
    return EvaluationData(train.x, crossed.scores, splits.labels_onehot)


def evaluate_out_of_fold(
    classifier: FittedClassifier,
    decision: Decision,
    data: EvaluationData,
    splits: DataSplits,
    uncalibrated: Metrics,
    crossed: CrossFit,
    reference: Knowledge,
    *,
    settings: CalibrateConfig,
) -> Evaluation:
    """Evaluate out-of-fold scores, those of each fold with a decision that was fitted on the other folds.

    Every picture is evaluated, and none by anything that was fitted on it. `decision` is that of all pictures.
    """
    parts = []
    for fold in range(splits.folds.max() + 1):
        rows = splits.folds == fold
        others = subset_scores(crossed, ~rows)
        calibration = calibrate(reference, others, calibration_bins=settings.calibration_bins)
        parts.append((rows, decide(others, splits, calibration, calibrate=settings)))
    return evaluate_folds(classifier, decision, parts, data, splits.train, uncalibrated)


def bootstrap(
    evaluation: Evaluation, splits: DataSplits, *, resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """95 % confidence intervals of the metrics; pictures of one group are not independent."""
    return confidence_intervals(evaluation.observed, splits.evaluated_groups, resamples=resamples, seed=seed)


def compare_baselines(
    evaluation: Evaluation,
    splits: DataSplits,
    train: EmbeddedSplit,
    *,
    baselines: list[Baseline],
    seed: int,
    split: str = "validation",
) -> list[BaselineComparison]:
    """Fit other classifiers on the same training pictures, and compare them on the evaluated ones.

    `split` is that of the settings: out of fold, they too are fitted on the other folds.
    """
    if not len(splits.labels_onehot):
        return []
    parts = [(splits.folds >= 0, np.ones(len(splits.labels_onehot), bool))]
    if split == "out_of_fold":
        parts = [(splits.folds != fold, splits.folds == fold) for fold in range(splits.folds.max() + 1)]
    data = evaluation.data
    comparisons = []
    for name in baselines:
        predicted = np.zeros(len(data.embeddings), np.int64)
        for rows, scored in parts:
            model = fit_baseline(name, train.x[rows], splits.labels[rows], splits.groups[rows], seed=seed)
            predicted[scored] = predict_top1(model, data.embeddings[scored])
        comparisons.append(compare_baseline(name, predicted, data.labels_onehot, evaluation.is_correct))
    return comparisons
