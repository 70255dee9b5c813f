import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imagetagger.prediction.calibration import Calibration, log_probabilities
from imagetagger.prediction.conformal import threshold_at
from imagetagger.prediction.decision import Decision, NoveltyRule, PredictionSetRule
from imagetagger.prediction.predict import PredictionError, log_class_prior, predict, score_novelty
from imagetagger.prediction.prediction_sets import prediction_sets
from tests.helpers.made import RULES_MADE, some

SCORES, _ = some(50, seed=2)
UNIFORM = np.zeros(4)
NOVELTY = NoveltyRule(-2.0, 0.05)


@pytest.mark.parametrize("rule", ["lac", "aps", "cumulative", "top_k"])
def test_a_prediction_is_calibrated_probabilities_and_the_sets_of_the_rule(rule):
    decision = RULES_MADE[rule]
    prediction = predict(SCORES, None, UNIFORM, decision)
    np.testing.assert_array_equal(prediction.log_probability, log_probabilities(SCORES, decision.calibration))
    np.testing.assert_allclose(prediction.probability.sum(1), 1)
    expected = prediction_sets(prediction.probability, rule, decision.prediction_set.threshold)
    np.testing.assert_array_equal(prediction.in_set, expected)
    assert prediction.in_set.any(1).all()
    assert prediction.novelty_score is None
    assert not prediction.is_novel.any()


@given(st.sampled_from(["lac", "aps"]), st.floats(0.01, 0.999), st.floats(0.01, 0.999))
def test_sets_can_have_another_coverage_than_the_decisions(rule, a, b):
    decision = RULES_MADE[rule]
    low, high = sorted((a, b))
    small, large = (predict(SCORES, None, UNIFORM, decision, coverage) for coverage in (low, high))
    assert not (small.in_set & ~large.in_set).any()
    threshold = threshold_at(np.array(decision.prediction_set.thresholds), low)
    np.testing.assert_array_equal(small.in_set, prediction_sets(small.probability, rule, threshold))
    same = predict(SCORES, None, UNIFORM, decision, 0.9)
    np.testing.assert_array_equal(same.in_set, predict(SCORES, None, UNIFORM, decision).in_set)
    np.testing.assert_array_equal(small.log_probability, same.log_probability)


@pytest.mark.parametrize("rule", ["cumulative", "top_k"])
def test_a_coverage_is_refused_by_rules_that_guarantee_none(rule):
    with pytest.raises(ValueError, match=f"got coverage=0.8, expected none: {rule} sets have no guaranteed coverage"):
        predict(SCORES, None, UNIFORM, RULES_MADE[rule], 0.8)


@pytest.mark.parametrize("coverage", [None, 0.995, 0.999])
@pytest.mark.parametrize("score", [-np.inf, 0.0, 1e6])
def test_a_tag_without_pictures_has_probability_0_and_is_in_no_set_whatever_it_scores(score, coverage):
    decision, scores = RULES_MADE["lac"], SCORES.copy()
    log_prior = np.array([0.0, 0, -np.inf, 0])
    has_pictures = np.isfinite(log_prior)
    scores[:, 2] = score
    prediction = predict(scores, None, log_prior, decision, coverage)
    without = predict(scores[:, has_pictures], None, log_prior[has_pictures], decision, coverage)
    assert not prediction.probability[:, 2].any()
    assert not prediction.in_set[:, 2].any()
    np.testing.assert_allclose(prediction.probability[:, has_pictures], without.probability, rtol=1e-12)
    np.testing.assert_array_equal(prediction.in_set[:, has_pictures], without.in_set)
    assert prediction.in_set[:, has_pictures].all() or coverage != 0.999


def test_a_picture_is_novel_above_the_threshold_only():
    scores = np.array([[-5.0, -9.0], [-5.0, -9.0], [-5.0, -9.0], [-20.0, -9.0]])
    background = np.array([-7.1, -7.0, -6.9, -10.9])
    decision = Decision(Calibration(1.0), PredictionSetRule("cumulative", None, 0.9), NOVELTY)
    prediction = predict(scores, background, np.zeros(2), decision)
    np.testing.assert_allclose(prediction.novelty_score, [-2.1, -2.0, -1.9, -1.9])
    np.testing.assert_array_equal(prediction.is_novel, [False, False, True, True])


def test_without_a_novelty_rule_pictures_have_a_score_and_none_is_novel():
    decision = Decision(Calibration(1.0), PredictionSetRule("cumulative", None, 0.9))
    prediction = predict(np.array([[-50.0]]), np.zeros(1), np.zeros(1), decision)
    np.testing.assert_array_equal(prediction.novelty_score, [50])
    assert not prediction.is_novel.any()


@pytest.mark.parametrize("count", [[60, 30, 0], [1, 1, 1]])
def test_novelty_compares_likelihoods_without_the_class_prior_and_without_tags_without_pictures(count):
    rng = np.random.default_rng(0)
    likelihood, background = rng.normal(size=(20, 3)) * 5, rng.normal(size=20)
    log_prior = log_class_prior(np.array(count, np.float32), "counts")
    scores = likelihood + np.where(np.isfinite(log_prior), log_prior, 100)
    seen = likelihood[:, np.array(count) > 0]
    expected = background - seen.max(1)
    np.testing.assert_allclose(score_novelty(scores, background, log_prior), expected)
    decision = Decision(Calibration(1.0), PredictionSetRule("cumulative", None, 0.9), NOVELTY)
    np.testing.assert_allclose(predict(scores, background, log_prior, decision).novelty_score, expected)


@pytest.mark.parametrize("tags", [0, 3])
def test_without_any_taught_tag_all_is_zero_and_every_picture_is_novel_if_the_rule_knows_novelty(tags):
    scores, background, log_prior = np.zeros((2, tags)), np.zeros(2), np.full(tags, -np.inf)
    rule = PredictionSetRule("cumulative", None, 0.9)
    for novelty in (None, NOVELTY):
        prediction = predict(scores, background, log_prior, Decision(Calibration(1.0), rule, novelty))
        assert prediction.probability.shape == prediction.in_set.shape == (2, tags)
        assert not prediction.probability.any()
        assert not prediction.in_set.any()
        np.testing.assert_array_equal(prediction.novelty_score, [np.inf, np.inf])
        assert (prediction.is_novel == (novelty is not None)).all()


def test_no_pictures_have_no_predictions():
    prediction = predict(np.zeros((0, 4)), np.zeros(0), UNIFORM, replace(RULES_MADE["lac"], novelty=NOVELTY))
    assert prediction.in_set.shape == (0, 4)
    assert prediction.novelty_score.shape == prediction.is_novel.shape == (0,)


def test_the_class_prior_is_the_logarithm_of_counts_or_uniform_and_impossible_without_pictures():
    count = np.array([0, 1, 8], np.float32)
    for class_prior, expected in (("counts", [-np.inf, 0, np.log(8)]), ("uniform", [-np.inf, 0, 0])):
        log_prior = log_class_prior(count, class_prior)
        assert log_prior.dtype == np.float32
        np.testing.assert_allclose(log_prior, expected, rtol=np.finfo(np.float32).eps)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_an_error_that_names_picture_and_tag(value):
    decision = replace(RULES_MADE["lac"], novelty=NOVELTY)
    scores, background = SCORES.copy(), np.zeros(len(SCORES))
    scores[3, 2] = value
    without = np.array([0, 0, -np.inf, 0])
    assert np.isfinite(predict(scores, background, without, decision).log_probability[:, [0, 1, 3]]).all()
    with pytest.raises(PredictionError, match=r"picture 3 has the score .* for tag 2") as caught:
        predict(scores, background, UNIFORM, decision)
    assert caught.value.tag == 2
    background[4] = value
    with pytest.raises(PredictionError, match=r"picture 4 has the score .* for the background"):
        predict(SCORES, background, UNIFORM, decision)


@pytest.mark.parametrize("temperature", [1e-6, 1.0, 1e15])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30, 3e38])
def test_predictions_of_finite_scores_are_finite_at_any_temperature_that_bundles_may_have(temperature, size):
    scores = (size * np.sign(SCORES)).astype(np.float32)
    decision = replace(RULES_MADE["lac"], calibration=Calibration(temperature, (0.2, 0.9), (1e-3, 1e3)))
    prediction = predict(scores, np.zeros(len(scores), np.float32), UNIFORM, decision)
    assert np.isfinite(prediction.log_probability).all()
    np.testing.assert_allclose(prediction.probability.sum(1), 1)
