"""The laws of merging, which all sufficient statistics obey."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.classifier.scatter import empty_scatter, merge_scatter
from imagetagger.classifier.statistics import empty_statistics, merge_statistics
from tests.helpers.clusters import (
    CLASSES,
    FEATURES,
    LAWS,
    assert_same_scatter,
    assert_same_statistics,
    pictures,
    scatter,
    statistics,
)

pytestmark = pytest.mark.slow


class Algebra(NamedTuple):
    """Statistics of a kind: those of some pictures, of none, of two collections together, and when two are the same."""

    of: Callable[[Any], Any]
    empty: Any
    merge: Callable[[Any, Any], Any]
    assert_same: Callable[[Any, Any], None]


ALGEBRAS = {
    "statistics": Algebra(statistics, empty_statistics(CLASSES, FEATURES), merge_statistics, assert_same_statistics),
    "scatter": Algebra(scatter, empty_scatter(CLASSES, FEATURES), merge_scatter, assert_same_scatter),
}
BOTH = pytest.mark.parametrize("algebra", ALGEBRAS.values(), ids=ALGEBRAS)


@BOTH
@LAWS
@given(pictures())
def test_empty_is_the_identity_of_merge(algebra, data):
    s = algebra.of(data)
    for merged in (algebra.merge(s, algebra.empty), algebra.merge(algebra.empty, s)):
        for got, expected in zip(merged, s, strict=True):
            np.testing.assert_array_equal(got, expected)


@BOTH
@LAWS
@given(pictures(), pictures())
def test_merge_is_commutative(algebra, a, b):
    a, b = map(algebra.of, (a, b))
    algebra.assert_same(algebra.merge(a, b), algebra.merge(b, a))


@BOTH
@LAWS
@given(pictures(), pictures(), pictures())
def test_merge_is_associative(algebra, a, b, c):
    a, b, c = map(algebra.of, (a, b, c))
    algebra.assert_same(algebra.merge(algebra.merge(a, b), c), algebra.merge(a, algebra.merge(b, c)))


@BOTH
@LAWS
@given(pictures(smallest=1), st.randoms(use_true_random=False))
def test_any_split_in_any_order_equals_one_batch(algebra, data, random):
    x, labels = data
    order = list(range(len(x)))
    random.shuffle(order)
    cuts = sorted(random.sample(range(len(x) + 1), min(3, len(x))))
    parts = np.split(np.array(order), cuts)
    merged = functools.reduce(algebra.merge, [algebra.of((x[p], labels[p])) for p in parts], algebra.empty)
    algebra.assert_same(merged, algebra.of(data))
