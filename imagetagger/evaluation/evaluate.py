"""How good a classifier is: its metrics on pictures that it has not seen, with its prediction sets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from imagetagger.classifier.fit import FittedClassifier, Scores
from imagetagger.evaluation.coverage_curve import CoverageCurve, coverage_curve, mean_curve
from imagetagger.evaluation.metrics import (
    Metrics,
    compute_metrics,
    observe_predictions,
    reliability_bins,
    total_metrics,
)
from imagetagger.evaluation.strata import coverage_by_size, coverage_by_tag
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.decision import Decision, PredictionSetRule
from imagetagger.prediction.predict import predict


class EvaluationData(NamedTuple):
    """The pictures a classifier is evaluated on.

    Attributes:
        embeddings: float32 (M, D), as the network gives them.
        scores: of the M pictures.
        labels_onehot: bool (M, C), their tags.
    """

    embeddings: np.ndarray
    scores: Scores
    labels_onehot: np.ndarray


class Evaluation(NamedTuple):
    """A classifier, and how good it is on M pictures.

    Attributes:
        classifier: transform, statistics and prior.
        decision: from its scores to prediction sets.
        data: the pictures it was evaluated on.
        train: number of pictures it was fitted on.
        log_probability: float64 (M, C), calibrated.
        in_set: bool (M, C), the prediction sets.
        uncalibrated: metrics at temperature 1, with sets whose probabilities reach the coverage.
        observed: contribution of each picture to the metrics.
        metrics: calibrated.
        strata: coverage by size of the set and by tag; see strata.py.
        reliability: bins before and after calibration: count, confidence and correct.
        curve: prediction sets at every other target.
    """

    classifier: FittedClassifier
    decision: Decision
    data: EvaluationData
    train: int
    log_probability: np.ndarray
    in_set: np.ndarray
    uncalibrated: dict[str, float]
    observed: Metrics
    metrics: dict[str, float]
    strata: dict[str, Any]
    reliability: dict[str, Any]
    curve: CoverageCurve

    @property
    def is_correct(self) -> np.ndarray:
        """Whether the first prediction of each picture is right, bool (M,)."""
        return self.observed.top1 > 0


def evaluate_uncalibrated(data: EvaluationData, log_prior: np.ndarray, coverage: float) -> Metrics:
    """Metrics of raw probabilities and cumulative sets that reach `coverage`, summed over the pictures."""
    decision = Decision(Calibration(1.0), PredictionSetRule("cumulative", None, coverage))
    prediction = predict(data.scores.log_joint, None, log_prior, decision)
    return total_metrics(observe_predictions(prediction.log_probability, prediction.in_set, data.labels_onehot))


def evaluate_classifier(
    classifier: FittedClassifier, decision: Decision, data: EvaluationData, train: int, uncalibrated: Metrics
) -> Evaluation:
    """Evaluate a classifier and its decision; the arguments are as in `Evaluation`.

    `uncalibrated` comes from `evaluate_uncalibrated`: it does not depend on the decision, and is compared with it.
    """
    everything = np.ones(len(data.labels_onehot), bool)
    return evaluate_folds(classifier, decision, [(everything, decision)], data, train, uncalibrated)


def evaluate_folds(
    classifier: FittedClassifier,
    decision: Decision,
    parts: Sequence[tuple[np.ndarray, Decision]],
    data: EvaluationData,
    train: int,
    uncalibrated: Metrics,
) -> Evaluation:
    """Evaluate parts of the pictures, each with a decision of its own.

    Args:
        classifier: see `Evaluation`.
        decision: of the classifier in use, for information.
        parts: rows, bool (M,), and the decision for them; together all rows.
        data: the pictures.
        train: see `Evaluation`.
        uncalibrated: see `evaluate_classifier`.
    """
    scores, labels_onehot = data.scores, data.labels_onehot
    log_probability = np.zeros(labels_onehot.shape)
    in_set = np.zeros(labels_onehot.shape, bool)
    curves = []
    for rows, own in parts:
        background = None if scores.background is None else scores.background[rows]
        prediction = predict(scores.log_joint[rows], background, classifier.log_prior, own)
        log_probability[rows], in_set[rows] = prediction.log_probability, prediction.in_set
        curves.append(coverage_curve(prediction.probability, labels_onehot[rows], own.prediction_set))
    observed = observe_predictions(log_probability, in_set, labels_onehot)
    total = total_metrics(observed)
    median = float(np.median(observed.set_size)) if len(labels_onehot) else float("nan")
    return Evaluation(
        classifier=classifier,
        decision=decision,
        data=data,
        train=train,
        log_probability=log_probability,
        in_set=in_set,
        uncalibrated=compute_metrics(uncalibrated),
        observed=observed,
        metrics=compute_metrics(total) | {"median_set_size": median},
        strata={
            "by_size": [stratum._asdict() for stratum in coverage_by_size(in_set, labels_onehot)],
            "by_tag": coverage_by_tag(in_set, labels_onehot).tolist(),
        },
        reliability={"before": reliability_bins(uncalibrated), "after": reliability_bins(total)},
        curve=mean_curve(curves, [int(rows.sum()) for rows, _ in parts]),
    )
