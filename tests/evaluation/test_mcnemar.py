from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from imagetagger.evaluation.mcnemar import mcnemar_p_value


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test_of_the_pictures_that_only_one_classified_correctly(b, c):
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_p_value(np.array([b]), np.array([c]))[0] == pytest.approx(expected, rel=1e-9)


def test_mcnemar_is_what_counting_all_coin_flips_gives():
    for b, c in product(range(6), range(6)):
        flips = list(product((0, 1), repeat=b + c))
        as_far = [flip for flip in flips if abs(2 * sum(flip) - (b + c)) >= abs(b - c)]
        assert mcnemar_p_value(b, c) == pytest.approx(len(as_far) / len(flips))
