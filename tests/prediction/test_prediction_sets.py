import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.options import PREDICTION_SETS
from imagetagger.prediction.conformal import INFINITE_THRESHOLD
from imagetagger.prediction.prediction_sets import (
    nonconformity,
    prediction_sets,
    ranked_tags,
    sets_from_scores,
    true_label_ranks,
)


@st.composite
def rows(draw):
    """Probabilities of a few pictures, with ties and zeros among them."""
    classes, seed, step = draw(st.integers(1, 8)), draw(st.integers(0, 1000)), draw(st.sampled_from([1e-6, 0.1, 0.5]))
    p = np.round(np.random.default_rng(seed).dirichlet(np.ones(classes), 5) / step) * step + 1e-9
    return p / p.sum(1, keepdims=True)


@given(rows(), st.floats(0.01, 1.0))
def test_a_cumulative_set_is_the_smallest_prefix_that_reaches_the_threshold(p, threshold):
    for row, is_in_set in zip(p, prediction_sets(p, "cumulative", threshold), strict=True):
        size = is_in_set.sum()
        assert size >= 1
        assert row[is_in_set].min() >= row[~is_in_set].max(initial=0)
        descending = np.sort(row)[::-1]
        assert descending[: size - 1].sum() < threshold + 1e-12
        assert descending[:size].sum() >= threshold - 1e-12


@given(rows(), st.floats(0, 1))
def test_a_lac_set_holds_every_tag_that_is_probable_enough(p, threshold):
    is_in_set = prediction_sets(p, "lac", threshold)
    enough = 1 - p <= threshold
    np.testing.assert_array_equal(is_in_set[enough.any(1)], enough[enough.any(1)])
    assert (is_in_set[~enough.any(1)].sum(1) == 1).all()


@given(rows(), st.floats(0, 1))
def test_an_aps_set_holds_the_tags_before_which_there_is_no_more_than_the_threshold(p, threshold):
    for row, is_in_set in zip(p, prediction_sets(p, "aps", threshold), strict=True):
        order = np.argsort(-row, kind="stable")
        before = np.concatenate([[0], np.cumsum(row[order])[:-1]])
        clear = np.abs(before - threshold) > 1e-9  # sums round
        np.testing.assert_array_equal(is_in_set[order][clear], (before <= threshold)[clear])


@given(rows(), st.integers(1, 10))
def test_a_top_k_set_holds_that_many_tags_the_most_probable(p, k):
    for row, is_in_set in zip(p, prediction_sets(p, "top_k", k), strict=True):
        assert set(np.flatnonzero(is_in_set)) == set(np.argsort(-row, kind="stable")[:k])


@pytest.mark.parametrize("rule", PREDICTION_SETS)
@given(p=rows(), threshold=st.floats(-1, 2))
def test_no_set_is_empty_and_the_most_probable_tag_is_in_each(rule, p, threshold):
    is_in_set = prediction_sets(p, rule, threshold)
    assert is_in_set[np.arange(len(p)), p.argmax(1)].all()


@pytest.mark.parametrize("rule", PREDICTION_SETS)
@given(p=rows(), low=st.floats(0, 9), more=st.floats(0, 9))
def test_sets_of_a_higher_threshold_hold_those_of_a_lower_one(rule, p, low, more):
    assert not (prediction_sets(p, rule, low) & ~prediction_sets(p, rule, low + more)).any()


@pytest.mark.parametrize("rule", PREDICTION_SETS)
@given(p=rows())
def test_a_tag_less_probable_fits_no_better(rule, p):
    in_order = np.take_along_axis(nonconformity(p, rule), ranked_tags(p), 1)
    assert (np.diff(in_order, axis=1) >= 0).all()


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_the_threshold_without_a_bound_lets_everything_in(rule):
    p = np.random.default_rng(0).dirichlet(np.ones(20), 50)
    assert prediction_sets(p, rule, INFINITE_THRESHOLD).all()


@pytest.mark.parametrize(("rule", "threshold", "size"), [("cumulative", 0.5, 2), ("top_k", 3, 3), ("aps", 0.25, 2)])
def test_equal_probabilities_keep_the_order_of_tags(rule, threshold, size):
    p = np.full((1, 4), 0.25)
    np.testing.assert_array_equal(ranked_tags(p), [[0, 1, 2, 3]])
    np.testing.assert_array_equal(prediction_sets(p, rule, threshold), [np.arange(4) < size])


def test_a_lac_set_treats_equal_tags_alike():
    np.testing.assert_array_equal(prediction_sets(np.array([[0.4, 0.4, 0.2]]), "lac", 0.6), [[True, True, False]])


@pytest.mark.parametrize("rule", PREDICTION_SETS)
def test_pictures_and_tags_may_be_none(rule):
    assert prediction_sets(np.zeros((0, 3)), rule, 0.5).shape == (0, 3)
    assert prediction_sets(np.zeros((2, 0)), rule, 0.5).shape == (2, 0)


def test_an_unknown_rule_is_named_with_the_valid_ones():
    with pytest.raises(ValueError, match=r"got rule='raps', expected one of lac, aps, cumulative, top_k"):
        nonconformity(np.ones((1, 1)), "raps")


@given(rows(), st.integers(0, 1000))
def test_the_rank_of_each_true_tag_is_its_place_among_ranked_tags_ties_included(p, seed):
    labels = np.random.default_rng(seed).random(p.shape) < 0.4
    pictures, tags, ranks = true_label_ranks(p, labels)
    np.testing.assert_array_equal(np.stack([pictures, tags]), np.nonzero(labels))
    expected = [np.flatnonzero(ranked_tags(p)[row] == tag)[0] for row, tag in zip(pictures, tags, strict=True)]
    np.testing.assert_array_equal(ranks, expected)


def test_a_picture_without_a_true_tag_has_no_rank_and_an_impossible_tag_is_last():
    log_p = np.array([[-np.inf, -0.1, -2.0], [-1.0, -1.0, -1.0]])
    pictures, tags, ranks = true_label_ranks(log_p, np.array([[True, False, True], [False, False, False]]))
    assert (pictures.tolist(), tags.tolist(), ranks.tolist()) == ([0, 0], [0, 2], [2, 1])
    assert [len(part) for part in true_label_ranks(np.zeros((0, 3)), np.zeros((0, 3), bool))] == [0, 0, 0]


@pytest.mark.parametrize("rule", PREDICTION_SETS)
@given(p=rows(), threshold=st.floats(-1, 5))
def test_sets_from_scores_are_prediction_sets_and_leave_the_scores_as_they_were(rule, p, threshold):
    scores = nonconformity(p, rule)
    before = scores.copy()
    np.testing.assert_array_equal(sets_from_scores(scores, p, rule, threshold), prediction_sets(p, rule, threshold))
    np.testing.assert_array_equal(scores, before)
