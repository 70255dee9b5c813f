import functools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.bundle.executor import lesson_row, merge_rows
from imagetagger.bundle.labels import Label
from imagetagger.bundle.reader import Rows
from imagetagger.classifier.statistics import Statistics, merge_statistics, statistics_from_batch
from imagetagger.tagger import lessons, tag_names
from imagetagger.tagger.lessons import NO_LESSONS, Lessons, TaughtPicture
from imagetagger.tagger.tag_statistics import TagRows, update_rows
from tests.helpers.bundles import BLOCK, FEATURES
from tests.helpers.histories import resolve_merged
from tests.helpers.precision import rounding
from tests.helpers.taught import bundle, executor

NOTHING = TagRows({}, ())
KEYS = [f"p{i}" for i in range(6)]
LABELS = (*(Label(tag, tag, ()) for tag in ("blue", "green", "red")), Label("n01", "crimson", ()))
TAGS = [label.id for label in LABELS]
RNG = np.random.default_rng(0)
EMBEDDINGS = {key: RNG.normal(2, 1, FEATURES).astype(np.float32) for key in KEYS}


def learn(taught: Lessons, key: str, *tags: str) -> Lessons:
    return lessons.learn(taught, key, TaughtPicture(b"", EMBEDDINGS[key], "space", tags))


def rows(taught: Lessons, before: TagRows = NOTHING) -> TagRows:
    made = bundle()
    return update_rows(before, made, taught, tag_names.vocabulary(made.labels, taught), executor())


def bits(tag_rows: TagRows) -> object:
    whole = {
        key: (row.base, row.pictures, *(part.tobytes() for part in (*row.learned, *row.total)))
        for key, row in tag_rows.by_tag.items()
    }
    return list(whole), whole, [tuple(part.tobytes() for part in block) for block in tag_rows.blocks]


def assert_near(row: Rows, expected: Statistics) -> None:
    np.testing.assert_array_equal(row.count, expected.count)
    mean, m2 = np.asarray(expected.mean), np.asarray(expected.m2)
    np.testing.assert_allclose(row.mean, mean, rtol=0, atol=rounding(16, max(1, abs(mean).max())))
    np.testing.assert_allclose(row.m2, m2, rtol=0, atol=rounding(16, max(1, m2.max(), np.square(mean).max())))


def own(*indices: int) -> Statistics:
    """The bundle's rows as one."""
    parts = (Statistics(*(jnp.asarray(p[i : i + 1]) for p in bundle().rows)) for i in indices)
    return functools.reduce(merge_statistics, parts)


def fitted(*keys: str) -> Statistics:
    stacked = jnp.asarray(np.stack([EMBEDDINGS[key] for key in keys]))
    return statistics_from_batch(stacked, jnp.zeros(len(keys), jnp.int32), 1)


@st.composite
def histories(draw):
    """Lessons, one after another, as a user may come by them."""
    taken = [NO_LESSONS]
    steps = st.tuples(st.sampled_from(["learn", "forget", "merge", "remove", "back"]), *[st.integers(0, 5)] * 2)
    for operation, i, j in draw(st.lists(steps, min_size=1, max_size=10)):
        now = taken[-1]
        tags = list(tag_names.vocabulary(LABELS, now)) or [None]
        tag, other = tags[i % len(tags)], tags[j % len(tags)]
        if operation == "learn" and tag:
            taken.append(learn(now, KEYS[j], tag, other))
        elif operation == "forget" and now.pictures:
            key = list(now.pictures)[j % len(now.pictures)]
            own_tag = resolve_merged(now.pictures[key].tags[0], now.edits)
            taken.append(lessons.forget(now, LABELS, key, [own_tag]))
        elif operation == "merge" and tag != other:
            taken.append(lessons.merge_tags(now, tag, other))
        elif operation == "remove" and tag:
            taken.append(lessons.remove_tag(now, tag))
        else:
            taken.append(taken[i % len(taken)])
    return taken


@given(histories())
def test_rows_follow_from_the_lessons_alone_whatever_they_were_before(taken):
    now = NOTHING
    for taught in taken:
        now = rows(taught, now)
        assert bits(now) == bits(rows(taught))


@pytest.mark.slow
@given(histories())
def test_every_row_is_the_batch_fit_of_its_pictures_merged_with_the_bundles(taken):
    tag_rows = rows(taken[-1])
    for row in tag_rows.by_tag.values():
        parts = [*([own(*row.base)] if row.base else []), *([fitted(*row.pictures)] if row.pictures else [])]
        if parts:
            assert_near(row.total, functools.reduce(merge_statistics, parts))
        else:
            assert not any(part.any() for part in row.total)
    taught = {key for row in tag_rows.by_tag.values() for key in row.pictures}
    assert taught == set(taken[-1].pictures)


def test_without_lessons_rows_are_the_bundles_to_the_last_bit():
    tag_rows, bundle_rows = rows(NO_LESSONS), bundle().rows
    assert list(tag_rows.by_tag) == TAGS
    for i, row in enumerate(tag_rows.by_tag.values()):
        for part, expected in zip(row.total, bundle_rows, strict=True):
            np.testing.assert_array_equal(part, expected[i : i + 1])


def test_a_picture_is_counted_once_in_a_tag_that_it_teaches_under_two_ids():
    taught = learn(lessons.merge_tags(learn(NO_LESSONS, "p0", "red", "n01"), "red", "n01"), "p0", "n01")
    row = rows(taught).by_tag["n01"]
    assert row.pictures == ("p0",)
    assert row.base == (2, 3)
    assert_near(row.total, merge_statistics(own(2, 3), fitted("p0")))


def test_what_did_not_change_is_reused():
    before = rows(learn(NO_LESSONS, "p0", "red"))
    after = rows(learn(learn(NO_LESSONS, "p0", "red"), "p1", "blue"), before)
    for tag in TAGS:
        assert (after.by_tag[tag] is before.by_tag[tag]) == (tag != "blue")
    renamed = rows(tag_names.rename_tag(learn(NO_LESSONS, "p0", "red"), LABELS, "red", "rouge"), before)
    assert all(a is b for a, b in zip(renamed.blocks, before.blocks, strict=True))


def test_one_picture_more_continues_from_the_old_row():
    taught = functools.reduce(lambda now, key: learn(now, key, "red"), KEYS[:-1], NO_LESSONS)
    before = rows(taught)
    marked = before.by_tag["red"]._replace(learned=lesson_row(EMBEDDINGS["p0"] + 9))  # another row than its pictures'
    after = rows(learn(taught, KEYS[-1], "red"), before._replace(by_tag={**before.by_tag, "red": marked}))
    expected = merge_rows(executor(), marked.learned, lesson_row(EMBEDDINGS[KEYS[-1]]))
    for part, value in zip(after.by_tag["red"].learned, expected, strict=True):
        np.testing.assert_array_equal(part, value)


@pytest.mark.parametrize("added", [0, 1, 4, 5])
def test_blocks_hold_the_totals_in_order_and_end_with_at_least_one_empty_row(added):
    taught = learn(NO_LESSONS, "p0", "red")
    for i in range(added):
        taught, _ = tag_names.add_tag(taught, LABELS, f"tag {i}")
    tag_rows = rows(taught)
    count, mean, m2 = (np.concatenate(part) for part in zip(*tag_rows.blocks, strict=True))
    tags = len(LABELS) + added
    assert len(count) == BLOCK * -(-(tags + 1) // BLOCK)
    assert {len(block.count) for block in tag_rows.blocks} == {BLOCK}
    for i, row in enumerate(tag_rows.by_tag.values()):
        for part, total in zip((count, mean, m2), row.total, strict=True):
            np.testing.assert_array_equal(part[i : i + 1], total)
    assert not count[tags:].any()
    assert not mean[tags:].any()
    assert not m2[tags:].any()


def test_without_tags_there_is_a_block_of_empty_rows():
    taught = functools.reduce(lessons.remove_tag, TAGS, NO_LESSONS)
    tag_rows = rows(taught, rows(NO_LESSONS))
    assert not tag_rows.by_tag
    (block,) = tag_rows.blocks
    assert len(block.count) == BLOCK
    assert not any(part.any() for part in block)


def test_the_block_of_empty_rows_behind_a_full_one_is_reused():
    before = rows(learn(NO_LESSONS, "p0", "red"))
    after = rows(learn(learn(NO_LESSONS, "p0", "red"), "p1", "blue"), before)
    assert len(TAGS) == BLOCK
    assert [a is b for a, b in zip(after.blocks, before.blocks, strict=True)] == [False, True]


def test_a_tag_without_any_picture_has_an_empty_row():
    taught, key = tag_names.add_tag(NO_LESSONS, LABELS, "cat")
    row = rows(taught).by_tag[key]
    assert row.total.count == [0]
    assert not row.total.mean.any()
