import copy
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagetagger.preprocess import preprocess
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    encode_crop,
    forget,
    learn,
    merge_lessons,
    merge_tags,
    picture_id,
    remove_tag,
)
from imagetagger.tagger.tag_names import adopt_lessons, taught_names, vocabulary
from tests.helpers.histories import KEYS, LABELS, STEP, histories, meaning, picture, plain, resolve_merged, step


@given(histories(), STEP)
def test_no_step_changes_the_value_it_starts_from(lessons, taken):
    before = copy.deepcopy(plain(lessons))
    after = step(lessons, *taken)
    merge_lessons(lessons, after)
    adopt_lessons(lessons, LABELS[:1], taught_names(LABELS, lessons))
    assert plain(lessons) == before


@given(histories(), st.sampled_from(KEYS), st.sampled_from(["red", "n01", "blue"]))
def test_learning_twice_is_learning_once(lessons, key, tag):
    once = learn(lessons, key, picture(key, tag, tag))
    assert learn(once, key, picture(key, tag)) is once
    assert list(once.pictures).count(key) == 1
    assert once.pictures[key].tags.count(tag) == 1


@given(histories(), st.sampled_from(KEYS), st.integers(0, 9))
def test_forgetting_what_was_just_learned_restores_the_value(lessons, key, i):
    tags = list(vocabulary(LABELS, lessons))
    known = lessons.pictures.get(key)
    taught = {resolve_merged(tag, lessons.edits) for tag in known.tags} if known else set()
    new = [tag for tag in tags if tag not in taught][: i + 1]
    if new:
        learned = learn(lessons, key, picture(key, *new))
        assert plain(forget(learned, LABELS, key, new)) == plain(lessons)


def test_forgetting_one_of_two_tags_keeps_the_picture():
    lessons = learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "red", "blue"))
    assert forget(lessons, LABELS, KEYS[0], ["red"]).pictures[KEYS[0]].tags == ("blue",)
    assert forget(lessons, LABELS, KEYS[0], ["red", "blue"]) == NO_LESSONS


def test_forgetting_what_was_never_taught_names_what_was():
    lessons = merge_tags(learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "red")), "red", "n01")
    with pytest.raises(LessonError, match=r"^this picture was never taught as blue, but as crimson$"):
        forget(lessons, LABELS, KEYS[0], ["n01", "blue"])
    with pytest.raises(LessonError, match=r"^this picture was never taught, so there is nothing to forget$"):
        forget(lessons, LABELS, KEYS[1], ["red"])


@given(histories())
def test_lessons_merged_with_themselves_or_with_nothing_are_the_same(lessons):
    assert merge_lessons(lessons, lessons) is lessons
    assert merge_lessons(lessons, NO_LESSONS) is lessons
    assert meaning(merge_lessons(NO_LESSONS, lessons)) == meaning(lessons)


@given(histories(), histories())
def test_merging_the_same_again_changes_nothing(a, b):
    both = merge_lessons(a, b)
    assert merge_lessons(both, b) is both
    assert merge_lessons(both, a) is both


@given(histories(), histories(), histories())
def test_lessons_of_three_users_merge_in_either_grouping(a, b, c):
    left, right = merge_lessons(merge_lessons(a, b), c), merge_lessons(a, merge_lessons(b, c))
    assert meaning(left) == meaning(right)
    assert list(left.pictures) == list(right.pictures)


@given(histories(), histories())
def test_merging_loses_no_picture_and_no_tag_that_anybody_taught(a, b):
    both = merge_lessons(a, b)
    tags = vocabulary(LABELS, both)
    assert set(both.pictures) == {*a.pictures, *b.pictures}
    for user in (a, b):
        for key, taught in user.pictures.items():
            assert set(taught.tags) <= set(both.pictures[key].tags)
            assert all(resolve_merged(tag, both.edits) in tags for tag in taught.tags)


@given(histories(), histories(), STEP)
def test_merged_lessons_can_be_edited_further(a, b, taken):
    both = step(merge_lessons(a, b), *taken)
    tags = vocabulary(LABELS, both)
    assert {resolve_merged(tag, both.edits) for p in both.pictures.values() for tag in p.tags} <= set(tags)


def test_a_tag_that_one_removed_and_the_other_taught_stays():
    a, b = remove_tag(NO_LESSONS, "red"), learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "red"))
    assert "red" not in vocabulary(LABELS, a)
    for both in (merge_lessons(a, b), merge_lessons(b, a)):
        assert "red" in vocabulary(LABELS, both)
    assert "red" not in vocabulary(LABELS, merge_lessons(a, NO_LESSONS))


def test_a_crop_keeps_every_pixel_and_is_its_own_crop():
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    again = preprocess(encode_crop(crop), 32)
    np.testing.assert_array_equal(again, crop)
    assert picture_id(Image.fromarray(again)) == picture_id(Image.fromarray(crop))
    crop[0, 0, 0] ^= 1
    assert picture_id(Image.fromarray(again)) != picture_id(Image.fromarray(crop))


def test_the_id_of_a_picture_is_the_digest_of_all_its_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (600, 7, 3), np.uint8)
    assert picture_id(Image.fromarray(pixels)) == hashlib.sha256(b"600 7\n" + pixels.tobytes()).hexdigest()


def test_pictures_of_other_shapes_have_other_ids():
    assert len({picture_id(Image.new("RGB", size)) for size in ((6, 2), (2, 6), (4, 3))}) == 3


def test_what_was_missed_is_that_of_the_first_time_until_the_picture_is_forgotten():
    first, again = picture(KEYS[3], "red")._replace(missed=1.0), picture(KEYS[3], "blue")._replace(missed=0.0)
    taught = learn(learn(NO_LESSONS, KEYS[3], first), KEYS[3], again)
    assert taught.pictures[KEYS[3]].missed == 1.0
    assert forget(taught, LABELS, KEYS[3], ["red"]).pictures[KEYS[3]].missed == 1.0
    assert merge_lessons(taught, learn(NO_LESSONS, KEYS[3], again)).pictures[KEYS[3]].missed == 1.0
    emptied = forget(taught, LABELS, KEYS[3], ["red", "blue"])
    assert learn(emptied, KEYS[3], again).pictures[KEYS[3]].missed == 0.0
