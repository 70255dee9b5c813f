"""What a run warns of, for made-up scores."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.fit import Scores
from imagetagger.experiment.checks import MAX_NEAR_TWINS, find_problems
from imagetagger.experiment.evaluation_stages import calibrate, decide
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.decision import Decision
from tests.helpers.composed import settings
from tests.helpers.gaussian_world import world_reference
from tests.helpers.made import PLAIN, evaluated, some

SOUND = ("calibrate.prediction_set=cumulative",)


def crossed(n=60, right=0.7, strength=None):
    scores, labels_onehot = some(max(n, 1), right=right)
    return CrossFit(np.arange(n), Scores(scores[:n], None), None, labels_onehot[:n], strength)


def problems(*overrides, n=60, scored=None, decision: Decision = PLAIN, reference=None, near_twins=None, train=100):
    scores, labels_onehot = some()
    evaluation = evaluated(scores[:n], labels_onehot[:n])._replace(train=train)
    s = settings(*SOUND, *overrides)
    return find_problems(s, evaluation, scored or crossed(), decision, reference, near_twins=near_twins)


def fitted(scored, *overrides):
    """The decision of a run with these settings."""
    s = settings(*overrides).calibrate
    splits: Any = SimpleNamespace(groups=np.arange(1 + scored.rows.max(initial=0)))
    return decide(scored, splits, calibrate(None, scored, calibration_bins=s.calibration_bins), calibrate=s)


def test_a_sound_run_warns_of_nothing():
    assert problems() == []
    assert problems("export=int8") == []


def test_without_validation_pictures_nothing_was_measured():
    assert problems(n=0, near_twins=1.0) == ["No validation pictures: how good the tagger is was not measured"]


@pytest.mark.parametrize(("share", "warns"), [(None, False), (MAX_NEAR_TWINS, False), (0.24, True)])
def test_many_near_twins_are_reported_with_their_share_and_the_setting(share, warns):
    found = problems(near_twins=share)
    assert len(found) == warns
    assert all("24 % of the evaluated pictures" in text and "data.group_by" in text for text in found)


@pytest.mark.parametrize(("strength", "known"), [(None, "are raw"), (5e3, "those of the reference")])
def test_with_nothing_to_calibrate_on_it_says_what_the_probabilities_are(strength, known):
    (found,) = problems(scored=crossed(0, strength=strength))
    assert "No tag has pictures in two groups" in found
    assert known in found


@pytest.mark.parametrize(("strength", "warns"), [(None, True), (5e3, False)])
def test_pictures_that_are_all_right_are_reported_where_no_reference_knows_the_temperature(strength, warns):
    found = problems(scored=crossed(40, right=1.0, strength=strength))
    assert len(found) == warns
    assert all("All 40 calibration pictures were classified correctly" in text for text in found)


def test_an_implausible_temperature_is_reported():
    (found,) = problems(decision=Decision(Calibration(3e4), PLAIN.prediction_set))
    assert "temperature 3e+04: the variances are poorly estimated" in found


def test_too_few_pictures_for_a_guarantee_are_reported_with_how_many_it_takes():
    lac = ("calibrate.prediction_set=lac",)
    few, enough = crossed(8), crossed(9)
    (found,) = problems(*lac, scored=few, decision=fitted(few, *lac))
    assert "8 calibration pictures are too few to guarantee a coverage of 0.9, which takes 9" in found
    assert problems(*lac, scored=enough, decision=fitted(enough, *lac)) == []


def test_too_few_pictures_for_the_confidence_are_reported():
    strict = ("calibrate.prediction_set=lac", "calibrate.confidence=0.9")
    few, enough = crossed(12), crossed(60)
    (found,) = problems(*strict, scored=few, decision=fitted(few, *strict))
    assert "calibrate.confidence=0.9: tag sets hold every tag" in found
    assert problems(*strict, scored=enough, decision=fitted(enough, *strict)) == []


def test_confidence_widens_the_sets():
    plain, strict = (
        fitted(crossed(60), "calibrate.prediction_set=lac", *more).prediction_set
        for more in ((), ("calibrate.confidence=0.9",))
    )
    assert (plain.rule, plain.coverage) == (strict.rule, strict.coverage) == ("lac", 0.9)
    assert all(b >= a for a, b in zip(plain.thresholds, strict.thresholds, strict=True))
    assert strict.threshold > plain.threshold


def test_pictures_too_few_to_whiten_are_reported_with_a_bundle_and_without_a_reference():
    for overrides, reference, warns in (
        (("export=int8",), None, True),
        (("export=int8",), world_reference(), False),
        ((), None, False),
        (("export=int8", "classifier=smoothed_gnb"), None, False),
    ):
        found = problems(*overrides, reference=reference, train=0)
        assert any("few to whiten 1 features" in text for text in found) == warns


def test_a_prior_too_weak_to_learn_with_is_reported_with_a_bundle():
    weak = "classifier.variance_prior_strength=0.5"
    (found,) = problems("export=int8", weak)
    assert f"{weak}: the tagger will hardly learn" in found
    assert problems(weak) == []
