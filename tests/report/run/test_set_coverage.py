import functools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from imagetagger.prediction.calibration import Calibration
from imagetagger.report.run.page import LISTED_BY_COVERAGE
from imagetagger.report.run.set_coverage import CLOSE_SHARE, rank_by_coverage
from tests.helpers.made import RULES_MADE, fitted, outcome, some
from tests.helpers.pages import page

pytestmark = pytest.mark.slow


@functools.cache
def page_of(decision):
    """The output of a run with a decision, and the text of its page."""
    output = outcome(*some(200), decision=decision)
    return output, page(output)[1].all_text()


LAC = RULES_MADE["lac"]


@pytest.mark.parametrize(
    ("rule", "meaning", "selected"),
    [
        ("lac", "as few tags as hold the right one 90 % of the time", "90 % this run"),
        ("aps", "so that the right one is inside 90 % of the time", "90 % this run"),
        ("cumulative", "until their probabilities sum to 0.9. A higher sum", "0.9 this run"),
        ("top_k", "always takes the 2 most probable tags", "2 this run"),
    ],
)
def test_the_page_explains_the_sets_of_each_rule(rule, meaning, selected):
    output, text = page_of(RULES_MADE[rule])
    metrics = output.record.calibration.after
    assert meaning in text
    assert f"{selected} {100 * metrics.coverage:.1f} % {metrics.set_size:.2f}" in text
    assert ("The guarantee holds for new pictures of the same kind" in text) == (rule in ("lac", "aps"))


def test_the_page_mentions_a_rule_that_adapts():
    adapts = replace(LAC, prediction_set=replace(LAC.prediction_set, aci_step_size=0.1))
    assert "Once a user teaches" in page_of(adapts)[1]
    assert "Once a user teaches" not in page_of(LAC)[1]


def test_the_page_mentions_too_few_pictures_for_more_coverage():
    assert "A coverage above 98.5 % cannot be guaranteed" in page_of(fitted("lac", n=80))[1]
    assert "cannot be guaranteed" not in page_of(LAC)[1]


def test_a_second_step_of_calibration_is_shown_with_the_error_that_the_first_left():
    first = replace(LAC, calibration=Calibration(LAC.calibration.temperature))
    (_, both), (output, single) = page_of(LAC), page_of(first)
    left = output.record.calibration.after.ece
    assert f"The temperature alone leaves a calibration error of {100 * left:.1f} %." in both
    assert "sharpness follows confidence" in both
    assert "sharpness" not in single


def test_the_novelty_rule_is_explained_if_there_is_one():
    _, text = page_of(LAC)
    threshold = f"{LAC.novelty.threshold:.3g}".replace("-", "\u2212")
    assert f"Above {threshold} nats a picture is called unknown: 5 % of new pictures of known tags" in text
    assert "is called unknown" not in page_of(replace(LAC, novelty=None))[1]


def test_coverage_of_every_stratum_and_every_tag_is_shown():
    output, text = page_of(LAC)
    strata = output.record.strata
    assert len(strata.by_size) > 1
    for stratum in strata.by_size:
        size = f"{stratum.low}" if stratum.low == stratum.high else f"{stratum.low} to {stratum.high}"
        assert f"{size} {stratum.pictures} {100 * stratum.coverage:.1f} %" in text
    for tag, share in enumerate(strata.by_tag):
        assert f"tag {tag} {round(50 * share)} of 50" in text.split("All tags, lowest coverage first")[1]
    shares = np.array(strata.by_tag)
    close, above = np.mean(np.abs(shares - 0.9) <= 0.05 + 1e-9), np.mean(shares > 0.95 + 1e-9)
    assert (
        f"{100 * close:.0f} % of the tags are within 5 points of 90 %, {100 * above:.0f} % above that. With 50" in text
    )


def test_of_many_tags_those_of_lowest_and_highest_coverage_are_shown():
    text = page(outcome(*some(400, 40), decision=RULES_MADE["top_k"]))[1].all_text()
    lowest, highest = text.split("Lowest coverage")[1].split("Highest coverage")
    covered = [
        [int(n) for n in re.findall(r"tag \d+ (\d+) of 10", part)][:LISTED_BY_COVERAGE] for part in (lowest, highest)
    ]
    assert [len(part) for part in covered] == [LISTED_BY_COVERAGE, LISTED_BY_COVERAGE]
    assert covered[0] == sorted(covered[0])
    assert covered[1] == sorted(covered[1], reverse=True)
    assert max(covered[0]) <= min(covered[1])


def test_tags_are_ranked_by_coverage_and_compared_with_the_target():
    coverage = np.array([0.85, 1.0, 0.4, np.nan])
    ranked = rank_by_coverage(coverage, np.array([20, 10, 10, 0]), list("abcd"), 0.9)
    assert [(tag.name, tag.correct, tag.pictures) for tag in ranked.tags] == [
        ("c", 4, 10),
        ("a", 17, 20),
        ("b", 10, 10),
    ]
    assert ranked.share.tolist() == [0.85, 1.0, 0.4]
    assert ranked.close == pytest.approx(1 / 3)
    assert ranked.above == pytest.approx(1 / 3)
    assert ranked.pictures == 10


@given(st.integers(1, 400), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_the_share_that_chance_leaves_close_to_the_target_is_the_binomial_one(n, target):
    expected = rank_by_coverage(np.array([target]), np.array([n]), ["a"], target).expected
    is_close = np.abs(np.arange(n + 1) / n - target) <= CLOSE_SHARE + 1e-9
    assert expected == pytest.approx(np.exp(_log_binomial(n, target))[is_close].sum(), abs=1e-9)


def _log_binomial(n, p):
    k = np.arange(n + 1)
    factorial = np.concatenate([[0.0], np.log(np.arange(1, n + 1)).cumsum()])
    return factorial[n] - factorial - factorial[::-1] + k * np.log(p) + (n - k) * np.log(1 - p)
