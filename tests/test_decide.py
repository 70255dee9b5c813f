from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger import calibration
from imagetagger.calibration import Calibration
from imagetagger.conformal import EVERYTHING, LEVELS, threshold
from imagetagger.decide import Decision, TagSet, Unknown, calibrating, decide, fit, problems_of, promised
from imagetagger.tagset import RULES, members, nonconformity


def sample(n=2000, classes=6, seed=0, temperature=20.0):
    """Scores and true tags drawn from their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes)) * 2 * temperature
    p = np.exp(calibration.log_softmax(scores / temperature))
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
    options = {"knots": 4, "rule": rule}
    before = fit(*sample(), **options)
    even, odd = (fit(*changed_pictures(slice(start, None, 2)), **options) for start in (0, 1))
    assert even.calibration != before.calibration
    assert odd.calibration == before.calibration
    assert odd.tag_set.thresholds != before.tag_set.thresholds
    scores, truth = (half[1::2] for half in sample())
    for changed in (before, even):  # thresholds follow from the odd pictures and the probabilities alone
        p = calibration.probabilities(scores, changed.calibration)
        own = np.sort(nonconformity(p, rule)[truth])
        assert changed.tag_set.threshold == own[int(np.ceil(0.9 * (len(own) + 1))) - 1]


@pytest.mark.parametrize("rule", ["cumulative", "top_k"])
def test_rules_that_promise_nothing_leave_all_pictures_to_the_probabilities(rule):
    found = fit(*sample(), rule=rule, knots=4, coverage=0.8, top_k=3)
    assert found.calibration == calibration.fit(*sample(), knots=4)
    assert found.tag_set == TagSet(rule, None, {"cumulative": 0.8, "top_k": 3.0}[rule])


@pytest.mark.parametrize("rule", ["lac", "aps"])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_fresh_pictures_are_covered_as_promised(rule, coverage):
    decision = fit(*sample(8000), rule=rule, coverage=coverage, knots=4)
    scores, truth = sample(8000, seed=3)
    _, inside = decide(scores, decision)
    got = inside[truth].mean()
    assert decision.tag_set.coverage == coverage
    assert got >= coverage - 0.02
    if rule == "lac":  # sets of aps never leave out the first guess, which is right more often than half the time
        assert got <= max(coverage, truth[np.arange(8000), scores.argmax(1)].mean()) + 0.02


@pytest.mark.parametrize(("pictures", "coverage", "promised"), [(18, 0.9, True), (17, 0.9, False), (199, 0.99, True)])
def test_too_few_pictures_for_the_coverage_give_cumulative_sets_fitted_on_all(pictures, coverage, promised):
    found = fit(*sample(pictures), rule="lac", coverage=coverage, adapt_rate=0.1)
    if promised:
        assert (found.tag_set.rule, found.tag_set.coverage, found.tag_set.adapt_rate) == ("lac", coverage, 0.1)
        assert found.tag_set.threshold < EVERYTHING
    else:
        assert found == Decision(calibration.fit(*sample(pictures)), TagSet("cumulative", None, coverage))


def test_no_pictures_give_a_decision_too():
    found = fit(np.zeros((0, 3)), np.zeros((0, 3), bool), np.zeros(0), rule="lac", knots=8)
    assert found == Decision(Calibration(1.0), TagSet("cumulative", None, 0.9))


@pytest.mark.parametrize("coverage", [0.9951, 1.0])
def test_a_coverage_above_all_levels_cannot_be_promised(coverage):
    assert fit(*sample(), rule="lac", coverage=coverage).tag_set == TagSet("cumulative", None, coverage)


@pytest.mark.parametrize(("pictures", "rule"), [(196, "cumulative"), (198, "lac")])
def test_a_coverage_between_two_levels_needs_the_pictures_of_the_higher(pictures, rule):
    found = fit(*sample(pictures), rule="lac", coverage=0.987).tag_set  # 0.99 needs 99, half of them
    assert found.rule == rule
    assert found.threshold < EVERYTHING


def test_the_unknown_lies_below_the_fit_of_a_share_of_known_pictures():
    fits = np.arange(2000.0)
    found = fit(*sample(), fits, rule="lac", unknown_rate=0.1)
    assert found.unknown == Unknown(199.0, 0.1)
    assert fit(*sample(), rule="lac").unknown is None


@given(st.sampled_from(["lac", "aps"]), st.floats(0.01, 0.999), st.floats(0.01, 0.999))
def test_another_coverage_than_the_decisions_can_be_asked_for(rule, a, b):
    decision = fit(*sample(400), rule=rule)
    scores, _ = sample(50, seed=2)
    low, high = sorted((a, b))
    (log_p, few), (_, many) = decide(scores, decision, low), decide(scores, decision, high)
    assert not (few & ~many).any()
    limit = threshold(np.array(decision.tag_set.thresholds), low)
    np.testing.assert_array_equal(few, members(np.exp(log_p), rule, limit))
    np.testing.assert_array_equal(decide(scores, decision, 0.9)[1], decide(scores, decision)[1])


@pytest.mark.parametrize("rule", ["cumulative", "top_k"])
def test_a_coverage_is_refused_by_rules_that_promise_none(rule):
    with pytest.raises(ValueError, match=f"got coverage=0.8, expected none: {rule} sets promise none; lac and aps do"):
        decide(*sample(10)[:1], fit(*sample(), rule=rule), 0.8)


def test_an_impossible_tag_is_in_no_set_but_one_that_holds_everything():
    decision = fit(*sample(), rule="lac")
    scores = np.array([[0.0, 1.0, -np.inf]])
    assert not decide(scores, decision, 0.995)[1][0, 2]
    assert decide(scores, decision, 0.999)[1].all()


SOUND = (
    fit(*sample(), np.arange(2000.0), rule="lac", knots=4),
    fit(*sample(), rule="aps"),
    fit(*sample(), rule="cumulative", knots=4),
    fit(*sample(), rule="top_k"),
    fit(*sample(5), rule="lac"),
)


@pytest.mark.parametrize("decision", SOUND)
def test_whatever_is_fitted_is_possible(decision):
    assert problems_of(decision) == []


PROMISED, PLAIN = SOUND[0], SOUND[2]


@pytest.mark.parametrize("decision", [PROMISED, PLAIN])
@pytest.mark.parametrize(
    ("part", "constant", "values"),
    [
        ("calibration", "temperature", (0.0, -1.0, 1e-7, 1e16, float("nan"))),
        ("calibration", "confidence", ((), (0.5, 0.4, 0.6, 0.7), (0.5,) * 4, (-0.1, 0.4, 0.6, 0.7))),
        ("calibration", "confidence", ((0.1, 0.2, 0.3, 1.1), (0.1, 0.2, 0.3, float("nan")))),
        ("calibration", "sharpness", ((), (1.0,) * 3, (1.0, 1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1e4))),
        ("tag_set", "threshold", (-1e-9, 1e10, float("nan"))),
        ("tag_set", "thresholds", ((0.5,) * 198, (*LEVELS[::-1],), (-0.1, *LEVELS[1:]), (*LEVELS[1:], 1e10))),
        ("tag_set", "coverage", (-0.1, 1.1, float("nan"))),
        ("tag_set", "adapt_rate", (-0.1, 1.1, float("nan"))),
    ],
)
def test_each_impossible_constant_is_found_and_named(decision, part, constant, values):
    for value in values:
        wrong = replace(decision, **{part: replace(getattr(decision, part), **{constant: value})})
        assert any(problem.startswith(f"{part}.") and constant[:6] in problem for problem in problems_of(wrong)), value


def test_the_rate_of_the_unknown_is_a_share():
    for rate in (-0.1, 1.1, float("nan")):
        (problem,) = problems_of(replace(PROMISED, unknown=Unknown(0.0, rate)))
        assert problem == f"unknown.rate is {rate}, expected 0 .. 1"


def test_a_promise_needs_a_rule_with_thresholds_and_such_a_rule_a_promise():
    for decision, tag_set in (
        (PLAIN, replace(PLAIN.tag_set, coverage=0.9)),
        (PLAIN, replace(PLAIN.tag_set, thresholds=tuple(LEVELS))),
        (PLAIN, replace(PLAIN.tag_set, threshold=1.1)),
        (PLAIN, replace(PLAIN.tag_set, rule="lac")),
        (PROMISED, replace(PROMISED.tag_set, coverage=None)),
        (PROMISED, replace(PROMISED.tag_set, thresholds=())),
        (PROMISED, replace(PROMISED.tag_set, rule="top_k")),
    ):
        assert problems_of(replace(decision, tag_set=tag_set))


@given(st.sampled_from(RULES), st.floats(0.01, 1), st.integers(0, 500))
def test_a_promise_is_foretold_and_so_is_what_probabilities_are_fitted_on(rule, coverage, pictures):
    scores, truth = sample(pictures) if pictures else (np.zeros((0, 3)), np.zeros((0, 3), bool))
    promise = promised(rule, coverage, pictures)
    some = calibrating(pictures, promise)
    found = fit(scores, truth, rule=rule, coverage=coverage)
    assert (found.tag_set.coverage is not None) == promise
    assert found.calibration == calibration.fit(scores[some], truth[some])


@pytest.mark.parametrize("rule", RULES)
def test_probabilities_that_were_fitted_before_spare_fitting_and_change_nothing(rule, monkeypatch):
    options = {"rule": rule, "knots": 4, "coverage": 0.8}
    whole = fit(*sample(), **options)
    known = calibration.fit(*(part[calibrating(2000, promised(rule, 0.8, 2000))] for part in sample()), 4)

    def never(*args):
        raise AssertionError("was fitted again")

    monkeypatch.setattr(calibration, "fit", never)
    assert fit(*sample(), calibrated=known, **options) == whole


def test_the_fewest_pictures_of_a_promise_are_those_that_fit_keeps():
    for coverage in (0.5, 0.8, 0.9, 0.95, 0.99):
        fewest = next(n for n in range(1000) if promised("lac", coverage, n))
        assert fewest == 2 * np.ceil(coverage / (1 - coverage) - 1e-6)
        assert all(promised("aps", coverage, n) for n in range(fewest, 1000))
    assert not any(promised("top_k", 0.1, n) or promised("cumulative", 0.1, n) for n in range(1000))
