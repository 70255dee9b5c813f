import numpy as np
import pytest

from imagetagger.evaluation.coverage_curve import CoverageCurve, coverage_curve, curve_targets, mean_curve
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.prediction.calibration import probabilities
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD
from imagetagger.prediction.decision import CONFORMAL_SETS, PredictionSetRule
from imagetagger.prediction.predict import predict
from imagetagger.prediction.prediction_sets import prediction_sets
from tests.helpers.made import RULES_MADE, some


def several_tags(n=200, tags=4):
    """Scores of pictures of one tag or two."""
    scores, labels_onehot = some(n, tags)
    return scores, labels_onehot | np.roll(labels_onehot, 3, axis=1) & (np.arange(n) % 2 == 0)[:, None]


def sets_of(rule, scores, coverage=None):
    return predict(scores, None, np.zeros(scores.shape[1]), RULES_MADE[rule], coverage).in_set


def curve(rule, scores, labels_onehot):
    decision = RULES_MADE[rule]
    return coverage_curve(probabilities(scores, decision.calibration), labels_onehot, decision.prediction_set)


@pytest.mark.parametrize("rule", RULES_MADE)
@pytest.mark.parametrize(
    "pictures", [several_tags(), some(800, seed=1)], ids=["new", "those thresholds were fitted on"]
)
def test_a_curve_agrees_with_the_metrics_at_every_target(rule, pictures):
    scores, labels_onehot = pictures
    p, drawn = probabilities(scores, RULES_MADE[rule].calibration), curve(rule, scores, labels_onehot)
    assert len(drawn.target) >= 3
    columns = (drawn.target, drawn.coverage, drawn.size, drawn.singleton, drawn.precision)
    for target, coverage, size, singleton, precision in zip(*columns, strict=True):
        in_set = sets_of(rule, scores, target) if rule in CONFORMAL_SETS else prediction_sets(p, rule, target)
        metrics = compute_metrics(total_metrics(observe_predictions(np.log(p), in_set, labels_onehot)))
        assert coverage == pytest.approx(metrics["coverage"])
        assert size == pytest.approx(metrics["set_size"])
        assert singleton == pytest.approx((in_set.sum(1) == 1).mean())
        assert precision == pytest.approx((in_set & labels_onehot).sum() / in_set.sum())


@pytest.mark.parametrize("rule", RULES_MADE)
def test_a_curve_at_the_runs_own_target_has_the_runs_sets(rule):
    scores, labels_onehot = several_tags()
    drawn, in_set = curve(rule, scores, labels_onehot), sets_of(rule, scores)
    assert drawn.size[drawn.selected] == pytest.approx(in_set.sum(1).mean())
    assert [row[0] for row in drawn.listed_rows() if row[3]] == [drawn.target_text(drawn.selected)]


@pytest.mark.parametrize("rule", RULES_MADE)
def test_sets_of_a_higher_target_are_larger_and_contain_more(rule):
    drawn = curve(rule, *several_tags())
    for field in (drawn.target, drawn.coverage, drawn.size):
        assert (np.diff(field) >= 0).all()
    assert drawn.size[-1] > drawn.size[0] >= 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [(PredictionSetRule("cumulative", None, 0.123), "0.123"), (PredictionSetRule("top_k", None, 4.0), "4")],
)
def test_an_odd_target_is_listed_among_the_others(rule, text):
    scores, labels_onehot = several_tags()
    p = probabilities(scores, RULES_MADE["lac"].calibration)
    rows = coverage_curve(p, labels_onehot, rule).listed_rows()
    assert [row[0] for row in rows if row[3]] == [text]
    assert len(rows) > 3


def test_coverages_that_too_few_pictures_were_held_out_for_are_not_drawn():
    rule = RULES_MADE["lac"].prediction_set
    few = tuple(np.where(COVERAGE_LEVELS <= 0.95, rule.thresholds, INFINITE_THRESHOLD).tolist())
    targets, thresholds = curve_targets(PredictionSetRule("lac", 0.9, rule.threshold, few), 4)
    assert targets.max() == 0.95
    assert thresholds.max() < INFINITE_THRESHOLD
    targets, thresholds = curve_targets(PredictionSetRule("lac", 0.99, INFINITE_THRESHOLD, few), 4)
    assert targets[-2:].tolist() == [0.95, 0.99]


def test_numbers_of_tags_end_where_there_are_no_more():
    assert curve_targets(PredictionSetRule("top_k", None, 2.0), 3)[0].tolist() == [1, 2, 3]
    assert curve_targets(PredictionSetRule("top_k", None, 30.0), 200)[0].tolist() == list(range(1, 31))


@pytest.mark.parametrize("rule", RULES_MADE)
def test_a_curve_of_no_pictures_has_no_numbers(rule):
    drawn = curve(rule, np.zeros((0, 4), np.float32), np.zeros((0, 4), bool))
    assert np.isnan([drawn.coverage, drawn.size, drawn.singleton, drawn.precision]).all()


def numbered(target, number: float, selected: int = 0) -> CoverageCurve:
    """A curve whose every column is `number` plus the target."""
    targets = np.array(target)
    return CoverageCurve(targets, *[number + targets] * 4, selected, "lac")


def test_the_mean_of_curves_weighs_each_by_its_pictures_at_the_targets_that_all_have():
    mean = mean_curve([numbered([0.5, 0.8, 0.9], 0, 2), numbered([0.4, 0.5, 0.9], 4, 2)], [30, 10])
    assert mean.target.tolist() == [0.5, 0.9]
    for column in (mean.coverage, mean.size, mean.singleton, mean.precision):
        np.testing.assert_allclose(column, [1.5, 1.9])
    assert (mean.selected, mean.rule) == (1, "lac")


def test_the_mean_of_one_curve_is_that_curve():
    only = numbered([0.5, 0.8], 1)
    assert mean_curve([only], [0]) is only


@pytest.mark.parametrize("rule", RULES_MADE)
def test_the_mean_of_curves_of_halves_is_the_curve_of_all_but_for_precision(rule):
    scores, labels_onehot = several_tags()
    half = np.arange(len(scores)) % 4 < 2
    halves = [curve(rule, scores[rows], labels_onehot[rows]) for rows in (half, ~half)]
    mean, whole = mean_curve(halves, [half.sum(), (~half).sum()]), curve(rule, scores, labels_onehot)
    assert mean.selected == whole.selected
    for name in ("target", "coverage", "size", "singleton"):
        np.testing.assert_allclose(getattr(mean, name), getattr(whole, name))
