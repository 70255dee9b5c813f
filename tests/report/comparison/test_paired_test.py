"""Claims about paired tests; simulated false alarms are bounded with room for the simulation's own chance."""

import base64
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from imagetagger.experiment.evaluation_record import PicturesRecord
from imagetagger.report.comparison.paired_test import compare_pairs, holm, unpack_correct


def brute_holm(p):
    """Reject, at each level, the smallest p-value while it is below the level over what is left."""
    out = []
    for mine in p:
        levels = [k * q for k, q in zip(range(len(p), 0, -1), sorted(p), strict=True) if q <= mine]
        out.append(min(1.0, max(levels)))
    return out


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12, unique=True))
def test_holm_is_the_stepwise_procedure(p):
    assert holm(np.array(p)) == pytest.approx(brute_holm(p))


def test_holm_of_nothing_is_nothing():
    assert holm(np.array([])).shape == (0,)


def test_all_pairs_are_those_of_loops():
    right = np.random.default_rng(0).random((4, 50)) < 0.6
    pairs = compare_pairs(right)
    for i, j in combinations(range(4), 2):
        b, c = (right[i] & ~right[j]).sum(), (right[j] & ~right[i]).sum()
        assert (pairs.only[i, j], pairs.only[j, i]) == (b, c)
        assert pairs.difference[i, j] == pytest.approx(right[i].mean() - right[j].mean())
        assert pairs.difference[j, i] == pytest.approx(-pairs.difference[i, j])
        assert (pairs.low[j, i], pairs.high[j, i]) == pytest.approx((-pairs.high[i, j], -pairs.low[i, j]))
        assert pairs.p[i, j] == pytest.approx(binomtest(int(b), int(b + c), 0.5).pvalue)
    rows, columns = np.triu_indices(4, 1)
    assert pairs.adjusted[rows, columns] == pytest.approx(holm(pairs.p[rows, columns]))


def test_a_picture_counts_once_for_the_setting_that_more_seeds_classified_correctly():
    seeds = np.random.default_rng(0).random((2, 3, 80)) < np.array([0.8, 0.6])[:, None, None]
    shares = seeds.mean(1)
    pairs = compare_pairs(shares)
    b, c = (shares[0] > shares[1] + 0.1).sum(), (shares[1] > shares[0] + 0.1).sum()
    assert (pairs.only[0, 1], pairs.only[1, 0]) == (b, c)
    assert pairs.p[0, 1] == pytest.approx(binomtest(int(b), int(b + c), 0.5).pvalue)
    assert pairs.difference[0, 1] == pytest.approx(seeds[0].mean() - seeds[1].mean())
    assert pairs.low[0, 1] < pairs.difference[0, 1] < pairs.high[0, 1]


def test_seeds_that_agree_make_nothing_more_significant():
    right = np.random.default_rng(0).random((2, 60)) < np.array([[0.8], [0.7]])
    once, often = compare_pairs(right), compare_pairs(np.stack([right] * 5, 1).mean(1))
    for one, other in zip(once, often, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_interval_of_one_seed_is_the_adjusted_wald_interval():
    right = np.random.default_rng(0).random((2, 60)) < np.array([[0.8], [0.7]])
    b, c = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    u, v = (b + 1) / 62, (c + 1) / 62
    reach = 1.959964 * np.sqrt((u + v - (u - v) ** 2) / 62)
    pairs = compare_pairs(right)
    assert (pairs.low[0, 1], pairs.high[0, 1]) == pytest.approx((u - v - reach, u - v + reach))


def test_runs_that_got_the_same_pictures_right_do_not_differ():
    right = np.tile(np.random.default_rng(0).random(30) < 0.5, (3, 1))
    pairs = compare_pairs(right)
    assert (pairs.difference == 0).all()
    assert (pairs.p == 1).all()
    assert not pairs.is_real(0, 2)


def test_a_difference_that_is_there_is_found():
    rng = np.random.default_rng(0)
    right = rng.random((2, 2000)) < np.array([[0.7], [0.6]])
    pairs = compare_pairs(right)
    assert pairs.is_real(0, 1)
    assert pairs.low[0, 1] < 0.1 < pairs.high[0, 1]


def alike(rng, runs, n=120):
    """Runs equally good, on pictures of which each run gets the hard ones right by its own luck."""
    ease = rng.beta(2, 1, n)
    return rng.random((runs, n)) < ease


@pytest.mark.parametrize("runs", [2, 5, 12])
def test_equally_good_runs_are_called_different_at_most_once_in_twenty_also_beside_the_best(runs):
    rng, rounds = np.random.default_rng(runs), 600
    alarms = 0
    for _ in range(rounds):
        right = alike(rng, runs)
        pairs, best = compare_pairs(right), right.sum(1).argmax()
        alarms += any(pairs.is_real(best, other) for other in range(runs) if other != best)
    assert alarms / rounds <= 0.05


def test_the_interval_holds_the_true_difference_as_often_as_it_says():
    rng, rounds = np.random.default_rng(0), 2000
    covered = 0
    for _ in range(rounds):
        pairs = compare_pairs(rng.random((2, 80)) < np.array([[0.85], [0.75]]))
        covered += pairs.low[0, 1] <= 0.1 <= pairs.high[0, 1]
    assert 0.94 <= covered / rounds <= 0.975


def test_which_pictures_were_right_survives_packing():
    right = np.random.default_rng(0).random(21) < 0.5
    packed = base64.b64encode(np.packbits(right).tobytes()).decode()
    assert (unpack_correct(PicturesRecord(21, "f", packed)) == right).all()
