import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.evaluation.strata import Stratum, coverage_by_size, coverage_by_tag


def masks(*rows):
    return np.array([[mark == "x" for mark in row] for row in rows])


def test_strata_group_pictures_by_the_size_of_their_sets():
    labels = masks("x..................", "x..................", "..x................", "x..................")
    labels = np.concatenate([labels, labels[:1]])
    is_in_set = np.arange(19) < np.array([[1], [1], [2], [7], [19]])
    is_in_set[1] = ~is_in_set[1] & (np.arange(19) == 5)
    assert coverage_by_size(is_in_set, labels) == [
        Stratum(1, 1, 2, 0.5),
        Stratum(2, 3, 1, 0.0),
        Stratum(4, 7, 1, 1.0),
        Stratum(16, None, 1, 1.0),
    ]


@given(st.integers(0, 1000), st.integers(0, 40))
def test_strata_contain_every_picture_once_and_average_to_the_coverage(seed, n):
    rng = np.random.default_rng(seed)
    is_in_set, labels = rng.random((n, 30)) < rng.random((n, 1)), rng.random((n, 30)) < 0.1
    is_in_set[:, 0] = labels[:, 1] = True  # neither is ever empty
    strata = coverage_by_size(is_in_set, labels)
    assert sum(stratum.pictures for stratum in strata) == n
    mean = sum(stratum.pictures * stratum.coverage for stratum in strata)
    assert mean == pytest.approx(((is_in_set & labels).sum(1) / labels.sum(1)).sum())


def test_the_coverage_of_a_tag_is_that_of_its_pictures_and_nan_without_pictures():
    is_in_set, labels = masks("x..", "xx.", ".x.", "x.."), masks("x..", "xx.", "x..", "xx.")
    np.testing.assert_array_equal(coverage_by_tag(is_in_set, labels), [0.75, 0.5, np.nan])


def test_a_picture_of_several_tags_counts_with_the_share_that_its_set_contains():
    assert coverage_by_size(masks("x.."), masks("xx.")) == [Stratum(1, 1, 1, 0.5)]
