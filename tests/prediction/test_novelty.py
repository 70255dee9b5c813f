import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from imagetagger.prediction.novelty import auroc, novelty_score, novelty_threshold

values = st.lists(st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array)


@given(values, values)
def test_auroc_is_scikit_learns_ties_included(known, unknown):
    truth = np.repeat([1, 0], [len(known), len(unknown)])
    assert auroc(known, unknown) == pytest.approx(roc_auc_score(truth, np.concatenate([known, unknown])))


@given(values, values)
def test_auroc_is_the_share_of_pairs_in_order(known, unknown):
    above = (known[:, None] > unknown).mean() + (known[:, None] == unknown).mean() / 2
    assert auroc(known, unknown) == pytest.approx(above)
    assert auroc(unknown, known) == pytest.approx(1 - above)


def test_auroc_of_no_pictures_is_no_number():
    assert np.isnan(auroc(np.zeros(0), np.ones(2)))
    assert np.isnan(auroc(np.ones(2), np.zeros(0)))


@given(values, st.floats(0, 1))
def test_the_threshold_calls_no_more_than_a_share_of_known_pictures_unknown(fits, rate):
    assert (fits < novelty_threshold(fits, rate)).mean() <= rate + 1e-12


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_the_threshold_calls_about_that_share_of_known_pictures_unknown(rate):
    fits, fresh = np.random.default_rng(0).normal(size=(2, 20_000))
    assert (fits < novelty_threshold(fits, rate)).mean() == pytest.approx(rate, abs=1e-4)
    assert (fresh < novelty_threshold(fits, rate)).mean() == pytest.approx(rate, abs=0.01)


def test_pictures_that_no_tag_could_fit_set_no_threshold():
    assert novelty_threshold(np.array([-np.inf, 1.0, 2.0, -np.inf]), 0.0) == 1.0
    assert novelty_threshold(np.array([-np.inf]), 0.05) is None
    assert novelty_threshold(np.zeros(0), 0.05) is None


def test_the_fit_is_the_best_tags_lead_over_the_background():
    likelihood = np.array([[-5.0, -3.0, -np.inf], [-9.0, -10.0, -np.inf]], np.float32)
    fits = novelty_score(likelihood, np.array([-4.0, -2.0], np.float32))
    assert fits.dtype == np.float64
    np.testing.assert_array_equal(fits, [1, -7])


def test_without_a_tag_nothing_fits():
    np.testing.assert_array_equal(novelty_score(np.zeros((2, 0)), np.zeros(2)), -np.inf)
    np.testing.assert_array_equal(novelty_score(np.full((1, 3), -np.inf), np.zeros(1)), -np.inf)
