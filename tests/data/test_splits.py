import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.data.dataset import content_id, pad_labels, select
from imagetagger.data.splits import (
    assign_folds,
    holdout_count,
    holdout_mask,
    ranks_within_tag,
    subsample_mask,
    train_validation_split,
    validation_mask,
)
from tests.helpers.pictures import colour_split

SHARES = st.floats(0.001, 1)
SEEDS = st.integers(-(2**63), 2**63 - 1)


@st.composite
def collections(draw, most=60):
    """Content ids and first tags of some pictures, tags of very different sizes."""
    labels = draw(st.lists(st.sampled_from([0, 0, 0, 0, 1, 1, 3]), min_size=1, max_size=most))
    return [content_id(str(i).encode()) for i in range(len(labels))], pad_labels([label] for label in labels)


def per_tag(labels, rows=slice(None)):
    return np.bincount(labels[rows, 0], minlength=4)


@given(collections(), SEEDS)
def test_ranks_count_each_tags_pictures_from_zero(data, seed):
    ids, labels = data
    rank = ranks_within_tag(ids, labels, seed)
    for tag in np.unique(labels):
        assert sorted(rank[labels[:, 0] == tag]) == list(range((labels == tag).sum()))


@given(collections(), SEEDS, SHARES, SHARES)
def test_bigger_shares_contain_smaller_ones(data, seed, a, b):
    ids, labels = data
    rank = ranks_within_tag(ids, labels, seed)
    small, big = (subsample_mask(rank, labels, fraction=share) for share in sorted((a, b)))
    assert (big | ~small).all()


@given(collections(), SEEDS, st.integers(1, 70), st.integers(1, 70))
def test_bigger_numbers_per_class_contain_smaller_ones(data, seed, a, b):
    ids, labels = data
    rank = ranks_within_tag(ids, labels, seed)
    small, big = (subsample_mask(rank, labels, per_class=count) for count in sorted((a, b)))
    assert (big | ~small).all()


@given(collections(), SEEDS, SHARES)
def test_a_share_is_one_of_each_tag_rounded_up(data, seed, share):
    ids, labels = data
    subset = per_tag(labels, subsample_mask(ranks_within_tag(ids, labels, seed), labels, fraction=share))
    exact = per_tag(labels) * share
    assert (subset >= exact - 1e-6).all()
    assert (subset < exact + 1).all()


@pytest.mark.parametrize(("total", "fraction", "expected"), [(100, 0.07, 7), (450, 0.54, 243), (500, 1.0, 500)])
def test_a_share_is_not_one_too_many_by_rounding_error(total, fraction, expected):
    assert subsample_mask(np.arange(total), np.zeros((total, 1), np.int32), fraction=fraction).sum() == expected


@given(collections(), SEEDS, st.integers(1, 70))
def test_a_number_per_class_is_kept_of_each_tag_that_has_so_many(data, seed, count):
    ids, labels = data
    subset = subsample_mask(ranks_within_tag(ids, labels, seed), labels, per_class=count)
    np.testing.assert_array_equal(per_tag(labels, subset), np.minimum(per_tag(labels), count))


@given(collections(), SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(data, seed, random):
    ids, labels = data
    order = list(range(len(ids)))
    random.shuffle(order)
    shuffled = ranks_within_tag([ids[i] for i in order], labels[order], seed)
    np.testing.assert_array_equal(shuffled, ranks_within_tag(ids, labels, seed)[order])


@given(collections(), SEEDS)
def test_pictures_of_other_tags_do_not_matter(data, seed):
    ids, labels = data
    rows = np.flatnonzero(labels[:, 0] == labels[0, 0])
    alone = ranks_within_tag([ids[i] for i in rows], labels[rows], seed)
    np.testing.assert_array_equal(alone, ranks_within_tag(ids, labels, seed)[rows])


def test_another_seed_keeps_other_pictures():
    ids, labels = [content_id(bytes([i])) for i in range(100)], np.zeros((100, 1), np.int32)
    subset = [
        frozenset(np.flatnonzero(subsample_mask(ranks_within_tag(ids, labels, seed), labels, per_class=10)))
        for seed in range(20)
    ]
    assert len(set(subset)) == 20
    assert max(len(a & b) for i, a in enumerate(subset) for b in subset[:i]) < 7


def test_only_the_rarest_tag_of_a_picture_counts():
    ids = [content_id(bytes([i])) for i in range(30)]
    first = np.arange(30, dtype=np.int32)[:, None] % 3
    both = np.hstack([first, np.where(first == 0, 2, -1)])
    np.testing.assert_array_equal(ranks_within_tag(ids, both, 0), ranks_within_tag(ids, first, 0))


def test_without_arguments_every_picture_is_kept():
    assert subsample_mask(np.arange(5), np.zeros((5, 1), np.int32)).tolist() == [True] * 5


def test_both_arguments_are_an_error_that_names_them():
    with pytest.raises(ValueError, match=r"got fraction=0\.5 and per_class=3"):
        subsample_mask(np.arange(5), np.zeros((5, 1), np.int32), fraction=0.5, per_class=3)


@pytest.mark.parametrize("argument", [{"fraction": f} for f in (0, -0.1, 1.01, float("nan"))] + [{"per_class": 0}])
def test_an_argument_out_of_range_is_an_error_that_names_it(argument):
    name, value = next(iter(argument.items()))
    with pytest.raises(ValueError, match=f"got {name}={value}, expected"):
        subsample_mask(np.arange(5), np.zeros((5, 1), np.int32), **argument)


@given(collections(), SEEDS, st.floats(0, 1), st.integers(1, 60))
def test_what_a_smaller_subset_holds_out_a_bigger_one_holds_out_too(data, seed, fraction, count):
    ids, labels = data
    rank = ranks_within_tag(ids, labels, seed)
    subset = np.flatnonzero(subsample_mask(rank, labels, per_class=count))
    smaller = ranks_within_tag([ids[i] for i in subset], labels[subset], seed)
    np.testing.assert_array_equal(holdout_mask(smaller, fraction), holdout_mask(rank, fraction)[subset])


@given(st.integers(0, 500), st.floats(0, 1))
def test_as_many_ranks_are_held_out_as_counted_and_one_always_stays(n, fraction):
    is_holdout = holdout_mask(np.arange(n), fraction)
    assert is_holdout.sum() == holdout_count(n, fraction)
    assert is_holdout.sum() < max(n, 1)
    assert abs(is_holdout.sum() - n * fraction) <= 2


def test_a_tags_only_picture_is_never_held_out_and_one_of_two_is():
    assert holdout_count(np.array([0, 1, 2, 3]), 0.01).tolist() == [0, 0, 1, 1]


def test_a_fraction_of_nothing_holds_nothing_out():
    assert not holdout_mask(np.arange(100), 0).any()


@given(SEEDS, st.floats(0, 1), st.integers(1, 6))
def test_training_and_validation_are_disjoint_complete_and_of_every_tag(seed, fraction, pictures):
    split = colour_split(pictures)
    train, validation = train_validation_split(split, fraction, seed)
    assert not set(train.ids) & set(validation.ids)
    assert sorted(train.ids + validation.ids) == sorted(split.ids)
    assert (per_tag(train.labels)[:3] >= 1).all()
    assert set(per_tag(validation.labels)[:3]) == {int(holdout_count(pictures, fraction))}


def test_each_part_of_a_split_still_reads_the_picture_of_each_row():
    for part in train_validation_split(colour_split(5), 0.4, 0):
        assert [content_id(part.read(i)) for i in range(len(part.ids))] == part.ids


def test_an_empty_collection_has_no_ranks_and_two_empty_parts():
    empty = select(colour_split(1), np.array([], int))
    assert ranks_within_tag(empty.ids, empty.labels, 0).shape == (0,)
    assert [len(part.keys) for part in train_validation_split(empty, 0.2, 0)] == [0, 0]
    assert subsample_mask(np.array([], int), empty.labels, fraction=0.5).shape == (0,)


def test_a_tag_that_only_accompanies_others_is_never_held_out_entirely():
    ids = [bytes([i]) * 16 for i in range(40)]
    labels = pad_labels([[0, 1] if i in (5, 6) else [0] for i in range(40)])
    for seed in range(30):
        is_holdout = holdout_mask(ranks_within_tag(ids, labels, seed), 0.5)
        assert is_holdout[[5, 6]].sum() == 1


@st.composite
def grouped(draw, most=60):
    """Content ids, first tags and groups of some pictures; some groups have pictures of several tags."""
    ids, labels = draw(collections(most))
    groups = draw(st.lists(st.integers(0, 15), min_size=len(ids), max_size=len(ids)))
    return ids, labels, np.array(groups)


def groups_per_tag(labels, groups):
    return {tag: set(groups[(labels == tag).any(1)]) for tag in np.unique(labels[labels >= 0])}


@given(collections(), SEEDS, st.floats(0, 1))
def test_groups_of_one_picture_each_are_held_out_as_pictures_are(data, seed, fraction):
    ids, labels = data
    expected = holdout_mask(ranks_within_tag(ids, labels, seed), fraction)
    np.testing.assert_array_equal(validation_mask(ids, labels, np.arange(len(ids)), fraction, seed), expected)


@given(grouped(), SEEDS, st.floats(0, 0.9))
def test_groups_stay_whole_and_each_tag_keeps_one_in_training(data, seed, fraction):
    ids, labels, groups = data
    mask = validation_mask(ids, labels, groups, fraction, seed)
    assert not set(groups[mask]) & set(groups[~mask])
    assert set(labels[~mask, 0]) == set(labels[:, 0])
    assert fraction > 0 or not mask.any()


@given(grouped(), SEEDS, st.integers(2, 7))
def test_folds_keep_groups_whole(data, seed, folds):
    ids, labels, groups = data
    fold = assign_folds(ids, labels, groups, folds, seed)
    assert set(fold) <= set(range(folds))
    assert all(len(set(fold[groups == group])) == 1 for group in groups)


@given(collections(), SEEDS, st.integers(2, 7), st.integers(1, 5))
def test_each_tag_is_spread_over_the_folds(data, seed, folds, size):
    ids, labels = data
    groups = labels[:, 0] * 100 + np.arange(len(ids)) // size
    fold = assign_folds(ids, labels, groups, folds, seed)
    for tag, own in groups_per_tag(labels, groups).items():
        counts = np.bincount(fold[labels[:, 0] == tag], minlength=folds)
        assert counts.max() - counts.min() <= size
        assert len(own) < 2 or (counts > 0).sum() > 1


@given(grouped(), SEEDS, st.randoms(use_true_random=False))
def test_neither_order_nor_numbers_of_groups_change_the_split_or_the_folds(data, seed, random):
    ids, labels, groups = data
    order = list(range(len(ids)))
    random.shuffle(order)
    numbers = np.array(random.sample(range(1000), 16))[groups]
    shuffled = [ids[i] for i in order], labels[order], numbers[order]
    np.testing.assert_array_equal(
        validation_mask(*shuffled, 0.3, seed), validation_mask(ids, labels, groups, 0.3, seed)[order]
    )
    np.testing.assert_array_equal(assign_folds(*shuffled, 3, seed), assign_folds(ids, labels, groups, 3, seed)[order])


@pytest.mark.parametrize(("size", "fraction"), [(5, 0.2), (3, 0.1), (10, 0.5)])
def test_about_a_fraction_of_each_tag_is_held_out_in_groups(size, fraction):
    n = 200
    ids, labels = [content_id(bytes([i])) for i in range(n)], pad_labels([i % 2] for i in range(n))
    groups = labels[:, 0] + 2 * (np.arange(n) // 2 // size)
    for seed in range(5):
        held = per_tag(labels, validation_mask(ids, labels, groups, fraction, seed))[:2]
        assert (abs(held - fraction * n / 2) <= size).all()


def test_a_tag_with_two_groups_has_the_smaller_one_held_out_and_one_with_a_single_group_none():
    ids, labels = [bytes([i]) * 16 for i in range(20)], pad_labels([i // 10] for i in range(20))
    groups = np.array([0] * 6 + [1] * 4 + [2] * 10)
    for seed in range(5):
        np.testing.assert_array_equal(validation_mask(ids, labels, groups, 0.1, seed), groups == 1)


def test_nothing_is_split_into_nothing():
    labels, groups = np.zeros((0, 1), np.int32), np.zeros(0, np.int64)
    assert validation_mask([], labels, groups, 0.2, 0).shape == (0,)
    assert assign_folds([], labels, groups, 3, 0).shape == (0,)


def test_one_fold_is_an_error():
    with pytest.raises(ValueError, match="got folds=1, expected 2 or more"):
        assign_folds([b"a"], np.zeros((1, 1), np.int32), np.zeros(1, int), 1, 0)
