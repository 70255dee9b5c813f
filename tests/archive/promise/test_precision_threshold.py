from math import comb
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.archive.promise.precision_threshold import (
    NO_THRESHOLD,
    allowed_errors,
    pictures_needed,
    precision_threshold,
)

NORMAL = NormalDist()

# Exact binomial tests


def errors_shown(pictures, precision, confidence):
    """The definition of `allowed_errors`, for one number of pictures."""
    tail, errors = 0.0, -1
    while True:
        term = comb(pictures, errors + 1) * (1 - precision) ** (errors + 1) * precision ** (pictures - errors - 1)
        if (tail := tail + term) > 1 - confidence:
            return errors
        errors += 1


@pytest.mark.parametrize(("precision", "confidence"), [(0.95, 0.95), (0.9, 0.9), (0.5, 0.99), (0.99, 0.8)])
def test_allowed_errors_are_those_of_the_binomial_distribution(precision, confidence):
    expected = [errors_shown(n, precision, confidence) for n in range(300)]
    np.testing.assert_array_equal(allowed_errors(299, precision, confidence), expected)


def test_allowed_errors_are_exact_for_many_pictures_too():
    """Clopper-Pearson, by the normal quantile with continuity corrections."""
    n, precision = 200_000, 0.95
    expected = n * 0.05 - 1.645 * np.sqrt(n * 0.05 * precision)
    assert abs(allowed_errors(n, precision, 0.95)[-1] - expected) < 3


@given(st.floats(0.5, 0.99), st.floats(0.5, 0.99), st.integers(0, 5))
def test_needed_pictures_are_the_fewest_that_afford_the_wrong_ones(precision, confidence, wrong):
    needed = pictures_needed(precision, confidence, wrong)
    allowed = allowed_errors(needed, precision, confidence)
    assert allowed[-1] == wrong
    assert allowed[-2] == wrong - 1


# The threshold


def test_the_lowest_threshold_that_passes_is_found():
    probability = np.linspace(1, 0, 201)
    is_right = probability > 0.5
    found = precision_threshold(probability, is_right)
    assert found.right == 100
    assert found.evidence == found.right + 1  # of 101 pictures one may be wrong, not two
    assert found.threshold == pytest.approx(0.5)


def test_one_early_wrong_picture_does_not_end_the_sequence_of_many():
    probability = np.linspace(1, 0.96, 124)
    is_right = np.arange(124) != 3
    assert precision_threshold(probability, is_right).evidence == 124
    assert precision_threshold(probability - 0.5, is_right) == NO_THRESHOLD  # the model expects none: begins at 59


@given(st.integers(0, 1000), st.integers(1, 300), st.sampled_from([1, 2, 9]))
def test_ties_are_taken_together_and_the_order_of_pictures_is_irrelevant(seed, pictures, digits):
    rng = np.random.default_rng(seed)
    probability = np.round(rng.beta(5, 1, pictures), digits)
    is_right = rng.random(pictures) < 0.99
    found = precision_threshold(probability, is_right, 0.9, 0.9)
    mixed = rng.permutation(pictures)
    assert precision_threshold(probability[mixed], is_right[mixed], 0.9, 0.9) == found
    if found.threshold is not None:
        chosen = probability >= found.threshold
        assert (found.evidence, found.right) == (chosen.sum(), is_right[chosen].sum())
        wrong = found.evidence - found.right
        assert wrong <= allowed_errors(found.evidence, 0.9, 0.9)[-1]


def test_unlikely_tags_are_not_promised_whatever_the_sure_ones_afford():
    probability, is_right = np.repeat([0.99, 0.1], 200), np.arange(400) < 201
    assert precision_threshold(probability, is_right, 0.5).threshold == 0.99
    assert precision_threshold(probability, is_right, 0.4, least=0).threshold == 0.1


def test_nothing_is_promised_without_pictures_or_of_too_few():
    assert precision_threshold(np.zeros(0), np.zeros(0, bool)) == NO_THRESHOLD
    assert precision_threshold(np.ones(58), np.ones(58, bool)) == NO_THRESHOLD
    assert precision_threshold(np.ones(59), np.ones(59, bool)).threshold == 1


@pytest.mark.parametrize(("precision", "confidence"), [(0.0, 0.9), (1.0, 0.9), (0.9, 95), (0.9, float("nan"))])
def test_targets_out_of_range_are_refused(precision, confidence):
    with pytest.raises(ValueError, match=r"expected a share above 0 and below 1, such as 0\.95"):
        precision_threshold(np.ones(9), np.ones(9, bool), precision, confidence)


def test_a_probability_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="picture 1 has the probability nan"):
        precision_threshold(np.array([0.5, np.nan]), np.ones(2, bool))


# The guarantee, over many draws of labelled pictures


def draw_normal(rng, pictures, separation, prevalence=0.1, missing=0.0, sharpness=1.0):
    """Probabilities of a tag whose pictures score `separation` higher; some of them nobody set."""
    has_tag = rng.random(pictures) < prevalence
    score = rng.normal(size=pictures) + separation * has_tag
    logit = separation * (score - separation / 2) + np.log(prevalence / (1 - prevalence))
    return score, 1 / (1 + np.exp(-sharpness * logit)), has_tag & (rng.random(pictures) >= missing)


def true_precision(score, separation, prevalence=0.1, missing=0.0):
    """Share of set tags among all pictures that score at least so much."""
    with_tag = prevalence * (1 - NORMAL.cdf(score - separation))
    return with_tag * (1 - missing) / (with_tag + (1 - prevalence) * (1 - NORMAL.cdf(score)))


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("pictures", "separation", "missing"), [(700, 3, 0), (2500, 3, 0), (2500, 4, 0.02)])
def test_the_promise_is_kept_as_often_as_stated(pictures, separation, missing, sharpness):
    rng, draws, broken, promised = np.random.default_rng(0), 400, 0, 0
    for _ in range(draws):
        score, probability, is_right = draw_normal(rng, pictures, separation, 0.1, missing, sharpness)
        found = precision_threshold(probability, is_right, 0.95, 0.9)
        if found.threshold is not None:
            promised += 1
            lowest = score[probability >= found.threshold].min()
            broken += true_precision(lowest, separation, missing=missing) < 0.95
    assert promised > draws / 10
    assert broken <= draws * 0.1 + 2 * np.sqrt(draws * 0.1 * 0.9)


def test_the_guarantee_is_used_up_where_it_is_hardest_to_keep():
    """A tag of precision 0.949 everywhere: each promise of 0.95 is broken, and made as often as allowed, nearly."""
    rng, draws = np.random.default_rng(0), 4000
    probability = np.linspace(1, 0.9, 400)
    promised = [
        precision_threshold(probability, rng.random(400) < 0.949, 0.95, 0.9).threshold is not None for _ in range(draws)
    ]
    assert 0.06 <= np.mean(promised) <= 0.1


@pytest.mark.parametrize(("pictures", "least"), [(1200, 0.75), (4000, 0.88)])
def test_most_pictures_that_could_be_promised_are(pictures, least):
    """Beside the lowest threshold at which the true precision is 0.95."""
    rng, separation = np.random.default_rng(1), 4.0
    grid = np.linspace(0, 6, 6001)
    best = grid[np.argmax([true_precision(score, separation) >= 0.95 for score in grid])]
    possible = 1 - NORMAL.cdf(best - separation)
    recalls = []
    for _ in range(60):
        score, probability, is_right = draw_normal(rng, pictures, separation)
        threshold = precision_threshold(probability, is_right).threshold
        lowest = np.inf if threshold is None else score[probability >= threshold].min()
        recalls.append(1 - NORMAL.cdf(lowest - separation))
    assert least <= np.mean(recalls) / possible <= 1
