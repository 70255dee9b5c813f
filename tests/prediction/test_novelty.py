import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.prediction.novelty import novelty_score, novelty_threshold

values = st.lists(st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array)


@given(values, st.floats(0, 1))
def test_no_more_than_a_share_of_known_pictures_are_novel(scores, fpr):
    assert (scores > novelty_threshold(scores, fpr)).mean() <= fpr + 1e-12


@pytest.mark.parametrize("fpr", [0.0, 0.05, 0.5, 1.0])
def test_about_that_share_of_known_pictures_are_novel(fpr):
    scores, fresh = np.random.default_rng(0).normal(size=(2, 20_000))
    threshold = novelty_threshold(scores, fpr)
    assert (scores > threshold).mean() == pytest.approx(fpr, abs=1e-4)
    assert (fresh > threshold).mean() == pytest.approx(fpr, abs=0.01)


def test_pictures_without_a_finite_score_are_left_out_of_the_threshold():
    assert novelty_threshold(np.array([np.inf, -1.0, -2.0, np.inf]), 0.0) == -1.0
    assert novelty_threshold(np.array([np.inf]), 0.05) is None
    assert novelty_threshold(np.zeros(0), 0.05) is None


def test_the_score_is_the_backgrounds_lead_over_the_best_tag():
    likelihood = np.array([[-5.0, -3.0, -np.inf], [-9.0, -10.0, -np.inf]], np.float32)
    scores = novelty_score(likelihood, np.array([-4.0, -2.0], np.float32))
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, [-1, 7])


def test_without_a_tag_every_picture_is_infinitely_novel():
    np.testing.assert_array_equal(novelty_score(np.zeros((2, 0)), np.zeros(2)), np.inf)
    np.testing.assert_array_equal(novelty_score(np.full((1, 3), -np.inf), np.zeros(1)), np.inf)
