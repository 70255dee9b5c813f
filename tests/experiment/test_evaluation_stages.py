"""Training pictures evaluated out of fold, on made-up scores."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.fit import Scores
from imagetagger.data.dataset import BadDataError, Split
from imagetagger.embedding.extract import Embeddings
from imagetagger.evaluation.evaluate import EvaluationData, evaluate_uncalibrated
from imagetagger.experiment.evaluation_stages import (
    calibrate,
    compare_baselines,
    decide,
    evaluate_out_of_fold,
    score_out_of_fold,
)
from imagetagger.experiment.stages import DataSplits, EmbeddedSplit
from imagetagger.prediction.predict import predict
from tests.helpers.composed import settings
from tests.helpers.gaussian_world import world_reference
from tests.helpers.made import PLAIN, some

N, TAGS = 200, 4
FOLDS = np.arange(N) % 5
CALIBRATE = settings("calibrate.prediction_set=lac", "calibrate.coverage=0.8", "calibrate.calibration_bins=3").calibrate
CLASSIFIER: Any = SimpleNamespace(log_prior=np.zeros(TAGS, np.float32))


def made(labels_onehot=None):
    """Out-of-fold scores of 200 pictures, and their roles."""
    scores, labels = some(N, TAGS)
    onehot = labels if labels_onehot is None else labels_onehot
    crossed = CrossFit(np.arange(N), Scores(scores, -scores.max(1)), scores.min(1), onehot, None)
    tags = onehot.argmax(1)[:, None].astype(np.int32)
    ids = [bytes([i]) for i in range(N)]
    split = Split([str(i) for i in range(N)], ids, tags, lambda i: b"")
    return crossed, DataSplits(ids, tags, FOLDS, np.arange(N), None, split, np.arange(N), onehot, np.zeros(N, bool))


def evaluated(crossed, splits, reference=None):
    data = EvaluationData(np.zeros((N, 1), np.float32), crossed.scores, splits.labels_onehot)
    uncalibrated = evaluate_uncalibrated(data, CLASSIFIER.log_prior, 0.8)
    arguments = (CLASSIFIER, PLAIN, data, splits, uncalibrated, crossed, reference)
    return evaluate_out_of_fold(*arguments, settings=CALIBRATE)


def embedded(n=N):
    return EmbeddedSplit(Embeddings(np.zeros((n, 1), np.float32), np.arange(n), (), 0, 0.0), None)


def test_no_picture_is_calibrated_on_itself():
    crossed, splits = made()
    plain = evaluated(crossed, splits)
    wrong = splits.labels_onehot.copy()
    wrong[7] = np.roll(wrong[7], 1)
    changed = evaluated(*made(wrong))
    own_fold = FOLDS[7] == FOLDS
    np.testing.assert_array_equal(changed.log_probability[own_fold], plain.log_probability[own_fold])
    np.testing.assert_array_equal(changed.in_set[own_fold], plain.in_set[own_fold])
    for fold in set(FOLDS) - {FOLDS[7]}:
        assert np.abs(changed.log_probability[fold == FOLDS] - plain.log_probability[fold == FOLDS]).max() > 1e-6


@pytest.mark.parametrize("reference", [None, world_reference()], ids=["no reference", "reference"])
def test_each_fold_is_predicted_as_the_run_decides_on_the_other_folds(reference):
    crossed, splits = made()
    evaluation = evaluated(crossed, splits, reference)
    for fold in range(5):
        rows, others = fold == FOLDS, fold != FOLDS
        rest = CrossFit(
            np.flatnonzero(others),
            Scores(crossed.scores.log_joint[others], None),
            crossed.novelty[others],
            crossed.labels_onehot[others],
            None,
        )
        calibration = calibrate(reference, rest, calibration_bins=CALIBRATE.calibration_bins)
        decision = decide(rest, splits, calibration, calibrate=CALIBRATE)
        prediction = predict(crossed.scores.log_joint[rows], None, CLASSIFIER.log_prior, decision)
        np.testing.assert_array_equal(evaluation.log_probability[rows], prediction.log_probability)
        np.testing.assert_array_equal(evaluation.in_set[rows], prediction.in_set)
    assert evaluation.decision == PLAIN
    assert evaluation.train == N


def test_out_of_fold_scores_are_those_of_the_training_pictures():
    crossed, splits = made()
    data = score_out_of_fold(crossed, splits, embedded())
    assert data.scores is crossed.scores
    assert data.labels_onehot is splits.labels_onehot
    assert len(data.embeddings) == N


def test_pictures_without_out_of_fold_scores_are_refused_with_the_setting_that_helps():
    crossed, splits = made()
    some_left_out = crossed._replace(rows=crossed.rows[:-3])
    with pytest.raises(BadDataError, match=r"scores of 197 of 200 pictures: .*use split=validation"):
        score_out_of_fold(some_left_out, splits, embedded())


def test_baselines_too_are_fitted_on_the_other_folds():
    crossed, splits = made()
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(N, 500)).astype(np.float32)  # of many features, which a fit learns by heart
    evaluation = evaluated(crossed, splits)
    evaluation = evaluation._replace(data=evaluation.data._replace(embeddings=noise))
    train = EmbeddedSplit(Embeddings(noise, np.arange(N), (), 0, 0.0), None)
    top1 = {}
    for split in ("validation", "out_of_fold"):
        (compared,) = compare_baselines(evaluation, splits, train, baselines=["nearest_centroid"], seed=0, split=split)
        top1[split] = compared.top1
    assert top1["validation"] > 0.9
    assert top1["out_of_fold"] < 0.5
