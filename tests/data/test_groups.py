import logging
from typing import get_args

import numpy as np
import pytest

from imagetagger.data import groups as groups_module
from imagetagger.data.dataset import Split
from imagetagger.data.groups import group_pictures, near_twin_share
from imagetagger.options import GroupBy
from tests.data.test_file_clues import photograph
from tests.data.test_near_twins import bursts, same

CHOICES = get_args(GroupBy)


def split_of(labels, keys=None, pictures=None, groups=None) -> Split:
    labels = np.array(labels, np.int32)
    labels = labels if labels.ndim > 1 else labels[:, None]
    n = len(labels)
    keys = keys or [f"{labels[i, 0]}/{chr(97 + i)}.jpg" for i in range(n)]
    return Split(keys, [bytes([i]) * 16 for i in range(n)], labels, (pictures or [b""] * n).__getitem__, groups)


@pytest.fixture
def two_tags():
    """Twenty pictures: of each of two tags five bursts of two."""
    return split_of(np.repeat([0, 1], 10)), bursts(10, 2)


@pytest.mark.parametrize("group_by", ["auto", "similarity"])
def test_near_twins_of_a_tag_are_joined(two_tags, group_by):
    split, x = two_tags
    grouping = group_pictures(split, x, group_by=group_by)
    np.testing.assert_array_equal(same(grouping.groups), same(np.repeat(np.arange(10), 2)))
    assert grouping.joined == {"near twins": 20}
    assert grouping.groups.dtype == np.int64


def test_near_twins_of_different_tags_are_not_joined():
    split = split_of([0, 0, 0, 1, 1, 1])
    grouping = group_pictures(split, bursts(3, 2)[[0, 2, 4, 1, 3, 5]], group_by="auto")
    assert len(set(grouping.groups)) == 6


def test_near_twins_that_share_any_tag_are_joined():
    split = split_of([[0, 1], [1, -1], [0, -1], [0, -1]])
    grouping = group_pictures(split, bursts(3, 2)[[0, 1, 2, 4]], group_by="similarity")
    assert grouping.groups[0] == grouping.groups[1]
    assert len(set(grouping.groups)) == 3


@pytest.mark.parametrize("group_by", ["auto", "time"])
def test_auto_joins_neighbours_in_time_only_if_they_look_alike(group_by):
    far, near = bursts(12, 1, seed=1), bursts(12, 1, seed=2)
    x = far.copy()
    x[1] = 0.75 * far[0] + 0.75 * near[1]  # too different for a near twin
    split = split_of([0] * 12, pictures=[photograph(seconds) for seconds in (0, 1, 2, *range(100, 1000, 100))])
    grouping = group_pictures(split, x, group_by=group_by)
    assert grouping.joined == {"capture time": 2 if group_by == "auto" else 3}
    assert len(set(grouping.groups)) == (11 if group_by == "auto" else 10)


def test_auto_leaves_pictures_that_are_numbered_and_not_alike():
    keys = [f"cat/{i}.jpg" for i in range(12)]
    split, x = split_of([0] * 12, keys), bursts(12, 1)
    assert group_pictures(split, x, group_by="auto").joined == {}
    assert group_pictures(split, x, group_by="name").joined == {"file name": 12}


def test_folders_below_tags_are_groups():
    split = split_of([0, 0, 0, 1, 1], ["a/1.jpg", "a/x/2.jpg", "a/x/3.jpg", "b/x/4.jpg", "b/5.jpg"])
    grouping = group_pictures(split, bursts(5, 1), group_by="folder")
    np.testing.assert_array_equal(same(grouping.groups), same(np.array([0, 1, 1, 2, 3])))
    assert grouping.joined == {"folder": 2}


@pytest.mark.parametrize("group_by", CHOICES)
def test_a_group_of_the_users_own_wins_for_pictures_that_have_one(two_tags, group_by):
    split, x = two_tags
    own = ["one", "", "one", "two", *[""] * 16]
    grouping = group_pictures(split._replace(groups=own), x, group_by=group_by)
    assert (grouping.groups == grouping.groups[0]).nonzero()[0].tolist() == [0, 2]
    assert (grouping.groups == grouping.groups[3]).nonzero()[0].tolist() == [3]
    assert grouping.joined["group column"] == 2


def test_without_clues_each_picture_is_a_group_of_its_own(two_tags):
    assert group_pictures(*two_tags, group_by="none").groups.tolist() == list(range(20))


@pytest.mark.parametrize("group_by", CHOICES)
def test_no_pictures_have_no_groups(group_by):
    empty = split_of(np.zeros((0, 1)))
    grouping = group_pictures(empty, np.zeros((0, 8), np.float32), group_by=group_by)
    assert grouping.groups.shape == (0,)
    assert grouping.joined == {}


def test_too_many_pictures_to_compare_are_compared_with_their_neighbours_only(monkeypatch, caplog, two_tags):
    monkeypatch.setattr(groups_module, "MAX_PAIRS", 100)
    split, x = two_tags
    split = split._replace(keys=[f"cat/{i}.jpg" for i in range(20)])
    grouping = group_pictures(split, x, group_by="auto")
    assert "only looked for among neighbours" in caplog.text
    np.testing.assert_array_equal(same(grouping.groups), same(np.repeat(np.arange(10), 2)))
    assert grouping.joined == {"file name": 20}
    assert group_pictures(split, x, group_by="similarity").joined == {"near twins": 20}


def test_what_was_joined_is_logged(caplog, two_tags):
    with caplog.at_level(logging.INFO):
        group_pictures(*two_tags, group_by="auto")
    assert "20 by near twins" in caplog.text


def test_the_share_of_near_twins_counts_pictures_with_one_among_others():
    x = bursts(10, 2, noise=0.1)
    assert near_twin_share(x[::2], x[1::2]) == 1
    assert near_twin_share(x[::2], x[1:10:2]) == 0.5
    assert near_twin_share(x[:4], x[4:]) == 0
    assert near_twin_share(x[:0], x) == near_twin_share(x, x[:0]) == 0
    assert near_twin_share(x[:4], x[4:], threshold=-1) == 1
