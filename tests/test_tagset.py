import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagetagger.tagset import cumulative, ranked


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 8), st.integers(0, 1000), st.floats(0.01, 1.0))
def test_a_cumulative_set_is_the_smallest_prefix_that_reaches_the_threshold(classes, seed, threshold):
    p = np.random.default_rng(seed).dirichlet(np.ones(classes), 5)
    for row, members in zip(p, cumulative(p, threshold), strict=True):
        size = members.sum()
        assert size >= 1
        assert row[members].min() >= row[~members].max(initial=0)
        descending = np.sort(row)[::-1]
        assert descending[: size - 1].sum() < threshold
        assert descending[:size].sum() >= threshold - 1e-12


def test_equal_probabilities_keep_the_order_of_tags():
    np.testing.assert_array_equal(ranked(np.full((1, 4), 0.25)), [[0, 1, 2, 3]])
    np.testing.assert_array_equal(cumulative(np.full((1, 4), 0.25), 0.5), [[True, True, False, False]])


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.1, float("nan")])
def test_a_threshold_out_of_range_is_named(threshold):
    with pytest.raises(ValueError, match=r"classifier.threshold=.*expected a probability"):
        cumulative(np.ones((1, 1)), threshold)
