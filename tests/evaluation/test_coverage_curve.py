import numpy as np
import pytest

from imagetagger.evaluation.coverage_curve import coverage_curve, curve_targets
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD
from imagetagger.prediction.decision import CONFORMAL_SETS, PredictionSetRule, apply_decision
from imagetagger.prediction.prediction_sets import nonconformity, prediction_sets
from tests.helpers.made import RULES_MADE, some


def several(n=200, tags=4):
    """Pictures of one tag or two."""
    scores, truth = some(n, tags)
    return scores, truth | np.roll(truth, 3, axis=1) & (np.arange(n) % 2 == 0)[:, None]


def curve(rule, scores, truth):
    return drawn(np.exp(apply_decision(scores, RULES_MADE[rule])[0]), truth, RULES_MADE[rule].prediction_set)


def drawn(p, truth, tag_set):
    return coverage_curve(nonconformity(p, tag_set.rule), p, truth, tag_set)


@pytest.mark.parametrize("rule", RULES_MADE)
@pytest.mark.parametrize("pictures", [several(), some(800, seed=1)], ids=["new", "those that limits were set on"])
def test_a_curve_agrees_with_the_metrics_at_every_demand(rule, pictures):
    scores, truth = pictures
    decision, found = RULES_MADE[rule], curve(rule, scores, truth)
    log_p, _ = apply_decision(scores, decision)
    assert len(found.asked) >= 3
    columns = (found.asked, found.coverage, found.size, found.single, found.precision)
    for asked, coverage, size, single, precision in zip(*columns, strict=True):
        held = (
            apply_decision(scores, decision, asked)[1]
            if rule in CONFORMAL_SETS
            else prediction_sets(np.exp(log_p), decision.prediction_set.rule, asked)
        )
        figures = compute_metrics(total_metrics(observe_predictions(log_p, held, truth)))
        assert coverage == pytest.approx(figures["coverage"])
        assert size == pytest.approx(figures["set_size"])
        assert single == pytest.approx((held.sum(1) == 1).mean())
        assert precision == pytest.approx((held & truth).sum() / held.sum())


@pytest.mark.parametrize("rule", RULES_MADE)
def test_a_curve_at_the_runs_own_demand_has_the_runs_sets(rule):
    scores, truth = several()
    found, (_, held) = curve(rule, scores, truth), apply_decision(scores, RULES_MADE[rule])
    assert found.size[found.own] == pytest.approx(held.sum(1).mean())
    assert [row[0] for row in found.choices() if row[3]] == [found.said(found.own)]


@pytest.mark.parametrize("rule", RULES_MADE)
def test_sets_that_are_asked_for_more_are_larger_and_hold_more(rule):
    found = curve(rule, *several())
    for field in (found.asked, found.coverage, found.size):
        assert (np.diff(field) >= 0).all()
    assert found.size[-1] > found.size[0] >= 1


def test_an_odd_demand_is_listed_among_the_choices():
    scores, truth = several()
    for tag_set, said in (
        (PredictionSetRule("cumulative", None, 0.123), "0.123"),
        (PredictionSetRule("top_k", None, 4.0), "4"),
    ):
        rows = drawn(np.exp(apply_decision(scores, RULES_MADE["lac"])[0]), truth, tag_set).choices()
        assert [row[0] for row in rows if row[3]] == [said]
        assert len(rows) > 3


def test_coverages_that_too_few_pictures_were_kept_aside_for_are_not_drawn():
    tag_set = RULES_MADE["lac"].prediction_set
    few = tuple(np.where(COVERAGE_LEVELS <= 0.95, tag_set.thresholds, INFINITE_THRESHOLD))
    asked, limits = curve_targets(PredictionSetRule("lac", 0.9, tag_set.threshold, few), 4)
    assert asked.max() == 0.95
    assert limits.max() < INFINITE_THRESHOLD
    asked, limits = curve_targets(PredictionSetRule("lac", 0.99, INFINITE_THRESHOLD, few), 4)
    assert asked[-2:].tolist() == [0.95, 0.99]


def test_numbers_of_tags_end_where_there_are_no_more():
    assert curve_targets(PredictionSetRule("top_k", None, 2.0), 3)[0].tolist() == [1, 2, 3]
    assert curve_targets(PredictionSetRule("top_k", None, 30.0), 200)[0].tolist() == list(range(1, 31))
