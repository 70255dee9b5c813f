from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.options import PREDICTION_SETS
from imagetagger.prediction import calibration
from imagetagger.prediction.calibration import Calibration, fit_calibration, log_softmax, probabilities
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD, threshold_at
from imagetagger.prediction.decision import (
    Decision,
    NoveltyRule,
    PredictionSetRule,
    apply_decision,
    calibration_rows,
    decision_problems,
    fit_decision,
    has_guarantee,
)
from imagetagger.prediction.prediction_sets import nonconformity, prediction_sets


def sample(n=2000, classes=6, seed=0, temperature=20.0):
    """Scores and true tags drawn from their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes)) * 2 * temperature
    p = np.exp(log_softmax(scores / temperature))
    labels = (p.cumsum(1) < rng.random((n, 1))).sum(1).clip(max=classes - 1)
    return scores, np.eye(classes, dtype=bool)[labels]


def changed_pictures(which):
    """Scores and tags, those of some pictures replaced by others'."""
    scores, truth = (array.copy() for array in sample())
    others = sample(seed=1, temperature=5.0)
    scores[which], truth[which] = others[0][which], others[1][which]
    return scores, truth


@pytest.mark.parametrize("rule", ["lac", "aps"])
def test_probabilities_are_fitted_on_every_other_picture_and_thresholds_on_the_rest(rule):
    options = {"calibration_bins": 4, "rule": rule}
    before = fit_decision(*sample(), **options)
    even, odd = (fit_decision(*changed_pictures(slice(start, None, 2)), **options) for start in (0, 1))
    assert even.calibration != before.calibration
    assert odd.calibration == before.calibration
    assert odd.prediction_set.thresholds != before.prediction_set.thresholds
    scores, truth = (half[1::2] for half in sample())
    for changed in (before, even):  # thresholds follow from the odd pictures and the probabilities alone
        p = probabilities(scores, changed.calibration)
        own = np.sort(nonconformity(p, rule)[truth])
        assert changed.prediction_set.threshold == own[int(np.ceil(0.9 * (len(own) + 1))) - 1]


@pytest.mark.parametrize("rule", ["cumulative", "top_k"])
def test_rules_that_promise_nothing_leave_all_pictures_to_the_probabilities(rule):
    found = fit_decision(*sample(), rule=rule, calibration_bins=4, coverage=0.8, top_k=3)
    assert found.calibration == fit_calibration(*sample(), calibration_bins=4)
    assert found.prediction_set == PredictionSetRule(rule, None, {"cumulative": 0.8, "top_k": 3.0}[rule])


@pytest.mark.parametrize("rule", ["lac", "aps"])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_fresh_pictures_are_covered_as_promised(rule, coverage):
    decision = fit_decision(*sample(8000), rule=rule, coverage=coverage, calibration_bins=4)
    scores, truth = sample(8000, seed=3)
    _, inside = apply_decision(scores, decision)
    got = inside[truth].mean()
    assert decision.prediction_set.coverage == coverage
    assert got >= coverage - 0.02
    if rule == "lac":  # sets of aps never leave out the first guess, which is right more often than half the time
        assert got <= max(coverage, truth[np.arange(8000), scores.argmax(1)].mean()) + 0.02


@pytest.mark.parametrize(("pictures", "coverage", "promised"), [(18, 0.9, True), (17, 0.9, False), (199, 0.99, True)])
def test_too_few_pictures_for_the_coverage_give_cumulative_sets_fitted_on_all(pictures, coverage, promised):
    found = fit_decision(*sample(pictures), rule="lac", coverage=coverage, aci_step_size=0.1)
    if promised:
        assert (found.prediction_set.rule, found.prediction_set.coverage, found.prediction_set.aci_step_size) == ("lac", coverage, 0.1)
        assert found.prediction_set.threshold < INFINITE_THRESHOLD
    else:
        assert found == Decision(fit_calibration(*sample(pictures)), PredictionSetRule("cumulative", None, coverage))


def test_no_pictures_give_a_decision_too():
    found = fit_decision(np.zeros((0, 3)), np.zeros((0, 3), bool), np.zeros(0), rule="lac", calibration_bins=8)
    assert found == Decision(Calibration(1.0), PredictionSetRule("cumulative", None, 0.9))


@pytest.mark.parametrize("coverage", [0.9951, 1.0])
def test_a_coverage_above_all_levels_cannot_be_promised(coverage):
    assert fit_decision(*sample(), rule="lac", coverage=coverage).prediction_set == PredictionSetRule(
        "cumulative", None, coverage
    )


@pytest.mark.parametrize(("pictures", "rule"), [(196, "cumulative"), (198, "lac")])
def test_a_coverage_between_two_levels_needs_the_pictures_of_the_higher(pictures, rule):
    found = fit_decision(*sample(pictures), rule="lac", coverage=0.987).prediction_set  # 0.99 needs 99, half of them
    assert found.rule == rule
    assert found.threshold < INFINITE_THRESHOLD


def test_the_unknown_lies_below_the_fit_of_a_share_of_known_pictures():
    fits = np.arange(2000.0)
    found = fit_decision(*sample(), fits, rule="lac", novelty_fpr=0.1)
    assert found.unknown == NoveltyRule(199.0, 0.1)
    assert fit_decision(*sample(), rule="lac").unknown is None


@given(st.sampled_from(["lac", "aps"]), st.floats(0.01, 0.999), st.floats(0.01, 0.999))
def test_another_coverage_than_the_decisions_can_be_asked_for(rule, a, b):
    decision = fit_decision(*sample(400), rule=rule)
    scores, _ = sample(50, seed=2)
    low, high = sorted((a, b))
    (log_p, few), (_, many) = apply_decision(scores, decision, low), apply_decision(scores, decision, high)
    assert not (few & ~many).any()
    limit = threshold_at(np.array(decision.prediction_set.thresholds), low)
    np.testing.assert_array_equal(few, prediction_sets(np.exp(log_p), rule, limit))
    np.testing.assert_array_equal(apply_decision(scores, decision, 0.9)[1], apply_decision(scores, decision)[1])


@pytest.mark.parametrize("rule", ["cumulative", "top_k"])
def test_a_coverage_is_refused_by_rules_that_promise_none(rule):
    with pytest.raises(ValueError, match=f"got coverage=0.8, expected none: {rule} sets promise none; lac and aps do"):
        apply_decision(*sample(10)[:1], fit_decision(*sample(), rule=rule), 0.8)


def test_an_impossible_tag_is_in_no_set_but_one_that_holds_everything():
    decision = fit_decision(*sample(), rule="lac")
    scores = np.array([[0.0, 1.0, -np.inf]])
    assert not apply_decision(scores, decision, 0.995)[1][0, 2]
    assert apply_decision(scores, decision, 0.999)[1].all()


SOUND = (
    fit_decision(*sample(), np.arange(2000.0), rule="lac", calibration_bins=4),
    fit_decision(*sample(), rule="aps"),
    fit_decision(*sample(), rule="cumulative", calibration_bins=4),
    fit_decision(*sample(), rule="top_k"),
    fit_decision(*sample(5), rule="lac"),
)


@pytest.mark.parametrize("decision", SOUND)
def test_whatever_is_fitted_is_possible(decision):
    assert decision_problems(decision) == []


PROMISED, PLAIN = SOUND[0], SOUND[2]


@pytest.mark.parametrize("decision", [PROMISED, PLAIN])
@pytest.mark.parametrize(
    ("part", "constant", "values"),
    [
        ("calibration", "temperature", (0.0, -1.0, 1e-7, 1e16, float("nan"))),
        ("calibration", "confidence", ((), (0.5, 0.4, 0.6, 0.7), (0.5,) * 4, (-0.1, 0.4, 0.6, 0.7))),
        ("calibration", "confidence", ((0.1, 0.2, 0.3, 1.1), (0.1, 0.2, 0.3, float("nan")))),
        ("calibration", "sharpness", ((), (1.0,) * 3, (1.0, 1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1e4))),
        ("prediction_set", "threshold", (-1e-9, 1e10, float("nan"))),
        (
            "prediction_set",
            "thresholds",
            ((0.5,) * 198, (*COVERAGE_LEVELS[::-1],), (-0.1, *COVERAGE_LEVELS[1:]), (*COVERAGE_LEVELS[1:], 1e10)),
        ),
        ("prediction_set", "coverage", (-0.1, 1.1, float("nan"))),
        ("prediction_set", "aci_step_size", (-0.1, 1.1, float("nan"))),
    ],
)
def test_each_impossible_constant_is_found_and_named(decision, part, constant, values):
    for value in values:
        wrong = replace(decision, **{part: replace(getattr(decision, part), **{constant: value})})
        assert any(
            problem.startswith(f"{part}.") and constant[:6] in problem for problem in decision_problems(wrong)
        ), value


def test_the_rate_of_the_unknown_is_a_share():
    for rate in (-0.1, 1.1, float("nan")):
        (problem,) = decision_problems(replace(PROMISED, unknown=NoveltyRule(0.0, rate)))
        assert problem == f"unknown.rate is {rate}, expected 0 .. 1"


def test_a_promise_needs_a_rule_with_thresholds_and_such_a_rule_a_promise():
    for decision, tag_set in (
        (PLAIN, replace(PLAIN.prediction_set, coverage=0.9)),
        (PLAIN, replace(PLAIN.prediction_set, thresholds=tuple(COVERAGE_LEVELS))),
        (PLAIN, replace(PLAIN.prediction_set, threshold=1.1)),
        (PLAIN, replace(PLAIN.prediction_set, rule="lac")),
        (PROMISED, replace(PROMISED.prediction_set, coverage=None)),
        (PROMISED, replace(PROMISED.prediction_set, thresholds=())),
        (PROMISED, replace(PROMISED.prediction_set, rule="top_k")),
    ):
        assert decision_problems(replace(decision, prediction_set=tag_set))


@given(st.sampled_from(PREDICTION_SETS), st.floats(0.01, 1), st.integers(0, 500))
def test_a_promise_is_foretold_and_so_is_what_probabilities_are_fitted_on(rule, coverage, pictures):
    scores, truth = sample(pictures) if pictures else (np.zeros((0, 3)), np.zeros((0, 3), bool))
    promise = has_guarantee(rule, coverage, pictures)
    some = calibration_rows(pictures, promise)
    found = fit_decision(scores, truth, rule=rule, coverage=coverage)
    assert (found.prediction_set.coverage is not None) == promise
    assert found.calibration == fit_calibration(scores[some], truth[some])


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_probabilities_that_were_fitted_before_spare_fitting_and_change_nothing(rule, monkeypatch):
    options = {"rule": rule, "calibration_bins": 4, "coverage": 0.8}
    whole = fit_decision(*sample(), **options)
    known = fit_calibration(*(part[calibration_rows(2000, has_guarantee(rule, 0.8, 2000))] for part in sample()), 4)

    def never(*args):
        raise AssertionError("was fitted again")

    monkeypatch.setattr(calibration, "fit_calibration", never)
    assert fit_decision(*sample(), calibrated=known, **options) == whole


def test_the_fewest_pictures_of_a_promise_are_those_that_fit_keeps():
    for coverage in (0.5, 0.8, 0.9, 0.95, 0.99):
        fewest = next(n for n in range(1000) if has_guarantee("lac", coverage, n))
        assert fewest == 2 * np.ceil(coverage / (1 - coverage) - 1e-6)
        assert all(has_guarantee("aps", coverage, n) for n in range(fewest, 1000))
    assert not any(has_guarantee("top_k", 0.1, n) or has_guarantee("cumulative", 0.1, n) for n in range(1000))
