import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from imagetagger.prediction.novelty import NORMAL_PICTURES, novelty_score, novelty_threshold

values = st.lists(st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array)


@pytest.mark.parametrize("fpr", [0.0, 0.05, 0.5, 1.0])
def test_about_that_share_of_new_known_pictures_are_novel(fpr):
    scores, fresh = np.random.default_rng(0).normal(size=(2, 20_000))
    threshold = novelty_threshold(scores, fpr)
    assert (scores > threshold).mean() == pytest.approx(fpr, abs=2e-3)
    assert (fresh > threshold).mean() == pytest.approx(fpr, abs=0.01)


def test_many_scores_of_any_distribution_give_their_empirical_quantile():
    scores, fresh = np.random.default_rng(0).exponential(size=(2, 20_000))
    assert (fresh > novelty_threshold(scores, 0.05)).mean() == pytest.approx(0.05, abs=0.01)


@given(values, st.floats(0, 1))
def test_the_threshold_lies_between_the_empirical_and_the_normal_quantile(scores, fpr):
    n, threshold = len(scores), novelty_threshold(scores, fpr)
    empirical = np.sort(scores)[max(min(int(np.ceil((1 - fpr) * (n + 1) - 1e-9)), n), 1) - 1]
    if n < 2 or 1 - fpr in (0, 1):
        assert threshold == empirical
        return
    normal = scores.mean() + norm.ppf(1 - fpr) * scores.std(ddof=1) * np.sqrt(1 + 1 / n)
    expected = (n * empirical + NORMAL_PICTURES * normal) / (n + NORMAL_PICTURES)
    assert threshold == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(scores).max())


def test_thresholds_of_few_scores_vary_less_than_empirical_quantiles_and_keep_the_rate():
    scores = np.random.default_rng(1).normal(size=(2000, 24))
    blended = np.array([novelty_threshold(row, 0.05) for row in scores])
    empirical = scores.max(1)  # of 24 scores, the quantile of 95 %
    assert blended.std() < 0.8 * empirical.std()
    assert norm.sf(blended).mean() == pytest.approx(0.05, abs=0.01)


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
