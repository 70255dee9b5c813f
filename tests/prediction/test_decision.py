import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imagetagger.options import PREDICTION_SETS
from imagetagger.prediction.calibration import Calibration, fit_calibration, log_softmax, probabilities
from imagetagger.prediction.conformal import COVERAGE_LEVELS, INFINITE_THRESHOLD
from imagetagger.prediction.decision import (
    Decision,
    NoveltyRule,
    PredictionSetRule,
    fit_decision,
    has_guarantee,
)
from imagetagger.prediction.novelty import novelty_threshold
from imagetagger.prediction.prediction_sets import nonconformity, prediction_sets


def sample(n=2000, classes=6, seed=0, temperature=20.0):
    """Scores and true tags drawn from their softmax at a temperature."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, classes)) * 2 * temperature
    p = np.exp(log_softmax(scores / temperature))
    labels = (p.cumsum(1) < rng.random((n, 1))).sum(1).clip(max=classes - 1)
    return scores, np.eye(classes, dtype=bool)[labels]


@pytest.mark.parametrize("rule", ["lac", "aps"])
@pytest.mark.parametrize("pictures", [400, 2000])
def test_probabilities_and_thresholds_are_fitted_on_all_pictures(rule, pictures):
    scores, labels_onehot = sample(pictures)
    decision = fit_decision(scores, labels_onehot, calibration_bins=4, prediction_set=rule)
    assert decision.calibration == fit_calibration(scores, labels_onehot, 4)
    of_true_tags = np.sort(nonconformity(probabilities(scores, decision.calibration), rule)[labels_onehot])
    assert decision.prediction_set.threshold == of_true_tags[int(np.ceil(0.9 * (pictures + 1))) - 1]


@pytest.mark.parametrize("rule", ["cumulative", "top_k"])
def test_rules_without_a_guarantee_have_the_threshold_that_is_asked_for(rule):
    decision = fit_decision(*sample(), prediction_set=rule, calibration_bins=4, coverage=0.8, top_k=3)
    assert decision.calibration == fit_calibration(*sample(), calibration_bins=4)
    assert decision.prediction_set == PredictionSetRule(rule, None, {"cumulative": 0.8, "top_k": 3.0}[rule])


@pytest.mark.parametrize("rule", ["lac", "aps"])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.99])
def test_fresh_pictures_are_covered_as_guaranteed(rule, coverage):
    decision = fit_decision(*sample(8000), prediction_set=rule, coverage=coverage, calibration_bins=4)
    scores, labels_onehot = sample(8000, seed=3)
    in_set = prediction_sets(probabilities(scores, decision.calibration), rule, decision.prediction_set.threshold)
    covered = in_set[labels_onehot].mean()
    assert decision.prediction_set.coverage == coverage
    assert covered >= coverage - 0.02
    if rule == "lac":  # sets of aps never leave out the first guess, which is right more often than half the time
        assert covered <= max(coverage, labels_onehot[np.arange(8000), scores.argmax(1)].mean()) + 0.02


@pytest.mark.parametrize(("pictures", "coverage", "guaranteed"), [(9, 0.9, True), (8, 0.9, False), (99, 0.99, True)])
def test_too_few_pictures_for_the_coverage_give_cumulative_sets_fitted_on_all(pictures, coverage, guaranteed):
    decision = fit_decision(*sample(pictures), prediction_set="lac", coverage=coverage, aci_step_size=0.1)
    if guaranteed:
        rule = decision.prediction_set
        assert (rule.rule, rule.coverage, rule.aci_step_size) == ("lac", coverage, 0.1)
        assert rule.threshold < INFINITE_THRESHOLD
    else:
        calibration = fit_calibration(*sample(pictures))
        assert decision == Decision(calibration, PredictionSetRule("cumulative", None, coverage))


def test_no_pictures_give_a_decision_too():
    decision = fit_decision(
        np.zeros((0, 3)), np.zeros((0, 3), bool), np.zeros(0), prediction_set="lac", calibration_bins=8
    )
    assert decision == Decision(Calibration(1.0), PredictionSetRule("cumulative", None, 0.9))


@pytest.mark.parametrize("coverage", [0.9951, 1.0])
def test_a_coverage_above_all_levels_cannot_be_guaranteed(coverage):
    decision = fit_decision(*sample(), prediction_set="lac", coverage=coverage)
    assert decision.prediction_set == PredictionSetRule("cumulative", None, coverage)


@pytest.mark.parametrize(("pictures", "rule"), [(98, "cumulative"), (99, "lac")])
def test_a_coverage_between_two_levels_needs_the_pictures_of_the_higher(pictures, rule):
    fitted = fit_decision(*sample(pictures), prediction_set="lac", coverage=0.987).prediction_set  # of 0.99
    assert fitted.rule == rule
    assert fitted.threshold < INFINITE_THRESHOLD


def test_a_share_of_known_pictures_is_above_the_novelty_threshold():
    novelty_scores = -np.arange(2000.0)
    decision = fit_decision(*sample(), novelty_scores, prediction_set="lac", novelty_fpr=0.1)
    assert decision.novelty == NoveltyRule(novelty_threshold(novelty_scores, 0.1), 0.1)
    assert fit_decision(*sample(), prediction_set="lac").novelty is None
    assert fit_decision(*sample(), np.full(2000, np.inf), prediction_set="lac").novelty is None


@given(st.sampled_from(PREDICTION_SETS), st.floats(0.01, 1), st.integers(0, 500))
def test_a_guarantee_is_known_beforehand(rule, coverage, pictures):
    scores, labels_onehot = sample(pictures) if pictures else (np.zeros((0, 3)), np.zeros((0, 3), bool))
    decision = fit_decision(scores, labels_onehot, prediction_set=rule, coverage=coverage)
    assert (decision.prediction_set.coverage is not None) == has_guarantee(rule, coverage, pictures)
    assert decision.calibration == fit_calibration(scores, labels_onehot)


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_probabilities_fitted_before_are_used_as_they_are(rule):
    options = {"prediction_set": rule, "coverage": 0.8}
    calibration = fit_calibration(*sample(), 4)
    assert fit_decision(*sample(), calibration=calibration, **options) == fit_decision(
        *sample(), calibration_bins=4, **options
    )
    assert fit_decision(*sample(), calibration=Calibration(7.0), **options).calibration == Calibration(7.0)


def test_the_fewest_pictures_of_a_guarantee_are_known():
    for coverage in (0.5, 0.8, 0.9, 0.95, 0.99):
        fewest = next(n for n in range(1000) if has_guarantee("lac", coverage, n))
        assert fewest == np.ceil(coverage / (1 - coverage) - 1e-6)
        assert all(has_guarantee("aps", coverage, n) for n in range(fewest, 1000))
    assert not any(has_guarantee("top_k", 0.1, n) or has_guarantee("cumulative", 0.1, n) for n in range(1000))


GUARANTEED = fit_decision(*sample(), -np.arange(2000.0), prediction_set="lac", calibration_bins=4)
PLAIN = fit_decision(*sample(), prediction_set="cumulative", calibration_bins=4)
SOUND = (
    GUARANTEED,
    PLAIN,
    fit_decision(*sample(), prediction_set="aps"),
    fit_decision(*sample(), prediction_set="top_k"),
    fit_decision(*sample(5), prediction_set="lac"),
)
NAN = float("nan")


def read(decision, section=None, **changes):
    """A decision as a manifest's reader makes it, some constants of a section changed."""
    value = msgspec.to_builtins(decision)
    if section:
        value[section] |= changes
    return msgspec.convert(value, Decision)


@pytest.mark.parametrize("decision", SOUND)
def test_every_fitted_decision_can_be_read_again(decision):
    assert read(decision) == decision


@pytest.mark.parametrize("decision", [GUARANTEED, PLAIN], ids=["guaranteed", "plain"])
@pytest.mark.parametrize(
    ("section", "constant", "values"),
    [
        ("calibration", "temperature", (0.0, -1.0, 1e-7, 1e16, NAN)),
        ("calibration", "confidence", ((), (0.5, 0.4, 0.6, 0.7), (0.5,) * 4, (-0.1, 0.4, 0.6, 0.7))),
        ("calibration", "confidence", ((0.1, 0.2, 0.3, 1.1), (0.1, 0.2, 0.3, NAN))),
        ("calibration", "sharpness", ((), (1.0,) * 3, (1.0, 1.0, 1.0, 0.0), (1.0, 1.0, 1.0, 1e4))),
        ("prediction_set", "rule", ("nonsense", None)),
        ("prediction_set", "threshold", (-1e-9, 1e10, NAN, None)),
        (
            "prediction_set",
            "thresholds",
            ((0.5,) * 198, (*COVERAGE_LEVELS[::-1],), (-0.1, *COVERAGE_LEVELS[1:]), (*COVERAGE_LEVELS[1:], 1e10)),
        ),
        ("prediction_set", "coverage", (-0.1, 1.1, NAN)),
        ("prediction_set", "aci_step_size", (-0.1, 1.1, NAN)),
        ("prediction_set", "size", (3,)),
    ],
)
def test_each_impossible_constant_is_refused_by_name(decision, section, constant, values):
    for value in values:
        with pytest.raises(msgspec.ValidationError) as error:
            read(decision, section, **{constant: value})
        assert section in str(error.value)
        assert constant[:6] in str(error.value), value


@pytest.mark.parametrize(
    "changes", [{"fpr": -0.1}, {"fpr": 1.1}, {"fpr": NAN}, {"threshold": NAN}, {"threshold": 1e31}]
)
def test_impossible_constants_of_novelty_are_refused(changes):
    with pytest.raises(msgspec.ValidationError, match=rf"novelty.{next(iter(changes))}"):
        read(GUARANTEED, "novelty", **changes)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (PLAIN.prediction_set, {"coverage": 0.9}),
        (PLAIN.prediction_set, {"thresholds": tuple(COVERAGE_LEVELS)}),
        (PLAIN.prediction_set, {"threshold": 1.1}),
        (PLAIN.prediction_set, {"rule": "lac"}),
        (GUARANTEED.prediction_set, {"coverage": None}),
        (GUARANTEED.prediction_set, {"thresholds": ()}),
        (GUARANTEED.prediction_set, {"rule": "top_k"}),
    ],
)
def test_a_guarantee_needs_thresholds_and_thresholds_a_guarantee(rule, changes):
    with pytest.raises(ValueError, match=r"^(coverage|thresholds?): got .*, expected "):
        replace(rule, **changes)
