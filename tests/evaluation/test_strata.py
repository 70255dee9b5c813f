import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.report.run.set_coverage import CLOSE_SHARE, rank_by_coverage


def test_each_tag_is_held_against_the_promise():
    truth = np.eye(4, dtype=bool)[np.repeat([0, 1, 2], [20, 10, 10])]
    coverage = np.array([0.85, 1.0, 0.4, np.nan])
    found = rank_by_coverage(coverage, truth, list("abcd"), 0.9)
    assert found.tags == [("c", 4, 10), ("a", 17, 20), ("b", 10, 10)]
    assert found.share.tolist() == [0.85, 1.0, 0.4]
    assert found.close == pytest.approx(1 / 3)
    assert found.above == pytest.approx(1 / 3)
    assert found.pictures == 10


@given(st.integers(1, 400), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_what_chance_leaves_close_to_the_promise_is_the_binomial_share(n, promise):
    truth = np.ones((n, 1), bool)
    expected = rank_by_coverage(np.array([promise]), truth, ["a"], promise).expected
    kept = np.abs(np.arange(n + 1) / n - promise) <= CLOSE_SHARE + 1e-9
    chance = np.exp(_log_binomial(n, promise))[kept].sum()
    assert expected == pytest.approx(chance, abs=0.08)


def _log_binomial(n, p):
    k = np.arange(n + 1)
    factorial = np.concatenate([[0.0], np.log(np.arange(1, n + 1)).cumsum()])
    return factorial[n] - factorial - factorial[::-1] + k * np.log(p) + (n - k) * np.log(1 - p)
