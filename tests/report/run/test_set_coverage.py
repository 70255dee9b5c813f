import functools
import re
from dataclasses import replace

import numpy as np
import pytest

from imagetagger.prediction.calibration import Calibration
from imagetagger.report.run.page import LISTED_BY_SET
from tests.helpers.made import RULES_MADE, fitted, outcome, some
from tests.helpers.pages import page


@functools.cache
def said_by(decision):
    """The outcome of a decision, and all that its page says."""
    made = outcome(*some(200), decision=decision)
    return made, page(made)[1].said()


LAC = RULES_MADE["lac"]


@pytest.mark.parametrize(
    ("rule", "promise", "own"),
    [
        ("lac", "as few tags as hold the right one 90 % of the time", "90 % this run"),
        ("aps", "so that the right one is inside 90 % of the time", "90 % this run"),
        ("cumulative", "until their probabilities sum to 0.9. A higher sum", "0.9 this run"),
        ("top_k", "always takes the 2 most probable tags", "2 this run"),
    ],
)
def test_the_page_says_what_sets_of_each_rule_promise(rule, promise, own):
    made, said = said_by(RULES_MADE[rule])
    figures = made.result["calibration"]["after"]
    assert promise in said
    assert f"{own} {100 * figures['coverage']:.1f} % {figures['set_size']:.2f}" in said
    assert ("while the pictures to come are like them" in said) == (rule in ("lac", "aps"))


def test_a_rule_that_adapts_says_so():
    adapts = replace(LAC, prediction_set=replace(LAC.prediction_set, aci_step_size=0.1))
    assert "Once a user teaches" in said_by(adapts)[1]
    assert "Once a user teaches" not in said_by(LAC)[1]


def test_too_few_pictures_for_more_coverage_are_told():
    assert "More than 97.5 % could not be promised" in said_by(fitted("lac", n=80))[1]
    assert "could not be promised" not in said_by(LAC)[1]


def test_a_second_step_of_calibration_is_told_with_what_the_first_left():
    first = replace(LAC, calibration=Calibration(LAC.calibration.temperature))
    (_, both), (made, alone) = said_by(LAC), said_by(first)
    left = made.result["calibration"]["after"]["ece"]
    assert f"The temperature alone leaves a calibration error of {100 * left:.1f} %." in both
    assert "sharpness follows confidence" in both
    assert "sharpness" not in alone


def test_the_unknown_is_told_where_there_is_one():
    _, said = said_by(LAC)
    assert f"fits less than {LAC.unknown.threshold:.3g} nats better than the background" in said
    assert "is called unknown: 5 % of the known pictures" in said
    assert "is called unknown" not in said_by(replace(LAC, unknown=None))[1]


def test_coverage_of_every_stratum_and_every_tag_is_shown():
    made, said = said_by(LAC)
    strata = made.result["strata"]
    assert len(strata["by_size"]) > 1
    for one in strata["by_size"]:
        size = f"{one['low']}" if one["low"] == one["high"] else f"{one['low']} to {one['high']}"
        assert f"{size} {one['pictures']} {100 * one['coverage']:.1f} %" in said
    for tag, share in enumerate(strata["by_tag"]):
        assert f"tag {tag} {round(50 * share)} of 50" in said.split("All tags, least often inside first")[1]
    shares = np.array(strata["by_tag"])
    close, above = np.mean(np.abs(shares - 0.9) <= 0.05 + 1e-9), np.mean(shares > 0.95 + 1e-9)
    assert (
        f"{100 * close:.0f} % of the tags lie within 5 points of 90 %, {100 * above:.0f} % above that. With 50" in said
    )


def test_of_many_tags_the_worst_and_the_best_held_ones_are_shown():
    said = page(outcome(*some(400, 40), decision=RULES_MADE["top_k"]))[1].said()
    worst, best = said.split("Least often inside")[1].split("Most often inside")
    shares = [[int(n) for n in re.findall(r"tag \d+ (\d+) of 10", part)][:LISTED_BY_SET] for part in (worst, best)]
    assert [len(part) for part in shares] == [LISTED_BY_SET, LISTED_BY_SET]
    assert shares[0] == sorted(shares[0])
    assert shares[1] == sorted(shares[1], reverse=True)
    assert max(shares[0]) <= min(shares[1])
