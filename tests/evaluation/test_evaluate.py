from types import SimpleNamespace

import numpy as np
import pytest

from imagetagger.classifier.fit import Scores, fit_classifier, score_embeddings
from imagetagger.data.dataset import multi_hot
from imagetagger.evaluation.coverage_curve import coverage_curve
from imagetagger.evaluation.evaluate import EvaluationData, evaluate_classifier, evaluate_folds, evaluate_uncalibrated
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, reliability_bins, total_metrics
from imagetagger.options import METRIC_NAMES, PREDICTION_SETS
from imagetagger.prediction.calibration import Calibration, log_probabilities, log_softmax
from imagetagger.prediction.decision import Decision, PredictionSetRule, fit_decision
from imagetagger.prediction.predict import predict, score_novelty
from imagetagger.prediction.prediction_sets import prediction_sets
from tests.helpers.clusters import clustered
from tests.helpers.composed import settings
from tests.helpers.made import RULES_MADE, some

PLAIN, WHITENED = ("classifier=gnb",), ("classifier=whitened", "classifier.dimensions=5")


def made(*overrides):
    """A classifier of three tags that overlap, and the pictures it was fitted on."""
    x, labels = clustered((60, 30, 45), features=8, apart=0.5)
    classifier = fit_classifier(x, labels[:, None], np.zeros(len(x), bool), 3, settings(*overrides).classifier)
    return classifier, EvaluationData(x, score_embeddings(classifier, x), multi_hot(labels[:, None], 3))


def evaluate(classifier, decision, data, coverage=0.9):
    return evaluate_classifier(
        classifier, decision, data, 135, evaluate_uncalibrated(data, classifier.log_prior, coverage)
    )


def made_up(scores, labels_onehot, log_prior=None):
    """A classifier that was never fitted, and pictures with its scores."""
    log_prior = np.zeros(scores.shape[1], np.float32) if log_prior is None else log_prior
    data = EvaluationData(np.zeros((len(scores), 1), np.float32), Scores(scores, None), labels_onehot)
    return SimpleNamespace(log_prior=log_prior), data


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_metrics_are_those_of_the_decision_and_strata_those_of_its_sets(overrides):
    classifier, data = made(*overrides)
    labels, novelty = data.labels_onehot.argmax(1), None
    if data.scores.background is not None:
        novelty = score_novelty(data.scores.log_joint, data.scores.background, classifier.log_prior)
    decision = fit_decision(data.scores.log_joint, data.labels_onehot, novelty, prediction_set="lac", coverage=0.8)
    assert (decision.novelty is None) == (overrides is PLAIN)
    evaluation = evaluate(classifier, decision, data)
    prediction = predict(data.scores.log_joint, data.scores.background, classifier.log_prior, decision)
    np.testing.assert_array_equal(evaluation.log_probability, prediction.log_probability)
    np.testing.assert_array_equal(evaluation.in_set, prediction.in_set)
    is_correct = prediction.log_probability.argmax(1) == labels
    np.testing.assert_array_equal(evaluation.is_correct, is_correct)
    assert evaluation.metrics["top1"] == pytest.approx(is_correct.mean())
    covered = prediction.in_set[data.labels_onehot]
    assert evaluation.metrics["coverage"] == pytest.approx(covered.mean())
    assert evaluation.metrics["median_set_size"] == np.median(prediction.in_set.sum(1))
    assert sum(stratum["pictures"] for stratum in evaluation.strata["by_size"]) == len(labels)
    np.testing.assert_allclose(evaluation.strata["by_tag"], [covered[labels == tag].mean() for tag in range(3)])
    assert (evaluation.classifier, evaluation.decision, evaluation.data) == (classifier, decision, data)
    assert evaluation.train == 135


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_metrics_before_calibration_are_those_of_raw_probabilities_and_cumulative_sets(rule):
    scores, labels_onehot = some(200)
    classifier, data = made_up(scores, labels_onehot)
    evaluation = evaluate(classifier, RULES_MADE[rule], data, coverage=0.7)
    raw, calibrated = log_softmax(scores), log_probabilities(scores, RULES_MADE[rule].calibration)
    in_set = prediction_sets(np.exp(raw), "cumulative", 0.7)
    before = total_metrics(observe_predictions(raw, in_set, labels_onehot))
    after = total_metrics(observe_predictions(calibrated, evaluation.in_set, labels_onehot))
    assert evaluation.uncalibrated == compute_metrics(before)
    assert {key: evaluation.metrics[key] for key in METRIC_NAMES} == compute_metrics(after)
    assert evaluation.reliability == {"before": reliability_bins(before), "after": reliability_bins(after)}
    curve = coverage_curve(np.exp(calibrated), labels_onehot, RULES_MADE[rule].prediction_set)
    for got, expected in zip(evaluation.curve, curve, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_probabilities_stay_modest_where_every_picture_is_classified_correctly():
    scores, labels_onehot = some(4, right=1.0)
    classifier, data = made_up(scores, labels_onehot)
    evaluation = evaluate(classifier, fit_decision(scores, labels_onehot), data)
    assert np.exp(evaluation.log_probability.max(1)).mean() == pytest.approx(4.5 / 5, abs=1e-3)


def test_a_tag_without_training_pictures_is_never_predicted_and_costs_the_pictures_that_have_it():
    scores, labels_onehot = some(200)
    scores[:, 3] = -np.inf
    log_prior = np.array([0, 0, 0, -np.inf], np.float32)
    classifier, data = made_up(scores, labels_onehot, log_prior)
    decision = Decision(Calibration(20.0), PredictionSetRule("cumulative", None, 1.0))
    evaluation = evaluate(classifier, decision, data, coverage=1.0)
    assert not evaluation.in_set[:, 3].any()
    assert evaluation.strata["by_tag"][3] == 0
    assert not evaluation.is_correct[labels_onehot[:, 3]].any()
    assert evaluation.metrics["log_loss"] == evaluation.uncalibrated["log_loss"] == np.inf


def test_without_pictures_every_metric_is_nan():
    classifier, data = made_up(np.zeros((0, 4), np.float32), np.zeros((0, 4), bool))
    evaluation = evaluate(classifier, RULES_MADE["lac"], data)
    assert np.isnan([*evaluation.metrics.values(), *evaluation.uncalibrated.values()]).all()
    assert evaluation.strata["by_size"] == []


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_one_part_of_everything_is_the_evaluation_of_a_classifier(overrides):
    classifier, data = made(*overrides)
    uncalibrated = evaluate_uncalibrated(data, classifier.log_prior, 0.9)
    decision = fit_decision(data.scores.log_joint, data.labels_onehot, prediction_set="lac", coverage=0.8)
    arguments = (data, 135, uncalibrated)
    whole = evaluate_classifier(classifier, decision, *arguments)
    part = evaluate_folds(classifier, RULES_MADE["lac"], [(np.ones(135, bool), decision)], *arguments)
    assert part.decision == RULES_MADE["lac"]
    assert part.metrics == whole.metrics
    np.testing.assert_array_equal(part.log_probability, whole.log_probability)
    np.testing.assert_array_equal(part.in_set, whole.in_set)
    for got, expected in zip(part.curve, whole.curve, strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("overrides", [PLAIN, WHITENED])
def test_each_part_is_predicted_by_its_own_decision(overrides):
    classifier, data = made(*overrides)
    uncalibrated = evaluate_uncalibrated(data, classifier.log_prior, 0.9)
    decisions = [Decision(Calibration(t), PredictionSetRule("top_k", None, k)) for t, k in ((1.0, 1.0), (30.0, 2.0))]
    masks = [np.arange(135) % 3 == 0, np.arange(135) % 3 > 0]
    parts = list(zip(masks, decisions, strict=True))
    evaluation = evaluate_folds(classifier, decisions[0], parts, data, 135, uncalibrated)
    for rows, decision in parts:
        background = None if data.scores.background is None else data.scores.background[rows]
        prediction = predict(data.scores.log_joint[rows], background, classifier.log_prior, decision)
        np.testing.assert_array_equal(evaluation.log_probability[rows], prediction.log_probability)
        np.testing.assert_array_equal(evaluation.in_set[rows], prediction.in_set)
    assert evaluation.metrics["set_size"] == pytest.approx((45 * 1 + 90 * 2) / 135)
    observed = observe_predictions(evaluation.log_probability, evaluation.in_set, data.labels_onehot)
    assert {key: evaluation.metrics[key] for key in METRIC_NAMES} == compute_metrics(total_metrics(observed))
    assert evaluation.curve.size[evaluation.curve.target == 1] == [1]
