import copy
import hashlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from imagetagger.bundle.reader import Label
from imagetagger.preprocess import preprocess
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    Lessons,
    TaughtPicture,
    VocabularyEdits,
    add_tag,
    adopt_lessons,
    encode_crop,
    find_tag,
    forget,
    learn,
    merge_lessons,
    merge_tags,
    picture_id,
    remove_tag,
    rename_tag,
    resolve_merged,
    same_name,
    taught_names,
    vocabulary,
)

LABELS = (Label("red", "red", ()), Label("n01", "crimson", ("dark red", "carmine")), Label("blue", "blue", ()))
KEYS = [f"{i}" * 64 for i in range(4)]
NAMES = ["cat", "Cat", "dog", "red", "crimson", "rouge", "n01", "user:cat", "\N{DOG FACE}", "C++"]
EMBEDDINGS = {key: np.full(2, i, np.float32) for i, key in enumerate(KEYS)}
OPERATIONS = ["learn", "learn", "learn", "forget", "add", "rename", "merge", "remove"]
STEP = st.tuples(st.sampled_from(OPERATIONS), *[st.integers(0, 9)] * 3)


def picture(key: str, *tags: str) -> TaughtPicture:
    return TaughtPicture(
        b"png of " + key[:1].encode(), EMBEDDINGS[key], "space", tags, (None, 0.0, 0.5, 1.0)[int(key[0])]
    )


def step(lessons: Lessons, operation: str, i: int, j: int, k: int) -> Lessons:
    """Change lessons as a user might; what is refused changes nothing."""
    key, name, tags = KEYS[k % len(KEYS)], NAMES[j], list(vocabulary(LABELS, lessons))
    if not tags:
        return add_tag(lessons, LABELS, name)[0]
    tag, other = tags[i % len(tags)], tags[j % len(tags)]
    try:
        match operation:
            case "learn":
                return learn(lessons, key, picture(key, tag, other))
            case "forget":
                return forget(lessons, LABELS, key, [tag])
            case "add":
                return add_tag(lessons, LABELS, name)[0]
            case "rename":
                return rename_tag(lessons, LABELS, tag, name)
            case "merge":
                return merge_tags(lessons, tag, other)
            case _:
                return remove_tag(lessons, tag)
    except LessonError:
        return lessons


@st.composite
def histories(draw, most=12):
    """Lessons as a user's steps leave them."""
    lessons = NO_LESSONS
    for taken in draw(st.lists(STEP, max_size=most)):
        lessons = step(lessons, *taken)
    return lessons


def plain(lessons: Lessons) -> object:
    """The whole value, order included, in things that compare."""
    pictures = [(key, p.crop, p.embedding.tobytes(), p.space, p.tags, p.missed) for key, p in lessons.pictures.items()]
    return pictures, list(lessons.edits.names.items()), dict(lessons.edits.merged), lessons.edits.removed


def meaning(lessons: Lessons) -> object:
    """What a user sees: the tags and which pictures teach them; in any order."""
    tags = {key: (name, frozenset(synonyms)) for key, name, synonyms in vocabulary(LABELS, lessons).values()}
    return tags, {key: {resolve_merged(tag, lessons.edits) for tag in p.tags} for key, p in lessons.pictures.items()}


@given(histories(), STEP)
def test_no_step_changes_the_value_it_starts_from(lessons, taken):
    before = copy.deepcopy(plain(lessons))
    after = step(lessons, *taken)
    merge_lessons(lessons, after)
    adopt_lessons(lessons, LABELS[:1], taught_names(LABELS, lessons))
    assert plain(lessons) == before


@given(histories(most=25))
def test_names_stay_unique_and_what_pictures_teach_stays_in_use(lessons):
    tags = vocabulary(LABELS, lessons)
    assert [label.id for label in tags.values()] == list(tags)
    assert len({label.name.casefold() for label in tags.values()}) == len(tags)
    assert {resolve_merged(tag, lessons.edits) for p in lessons.pictures.values() for tag in p.tags} <= set(tags)
    assert all(p.tags for p in lessons.pictures.values())


@given(histories(most=25))
def test_every_tag_is_found_by_its_id_and_by_its_name_in_any_case(lessons):
    tags = vocabulary(LABELS, lessons)
    for key, label in tags.items():
        assert find_tag(tags, key) == key
        assert find_tag(tags, label.name) == key
        assert find_tag(tags, f" {label.name} ".swapcase()) == key


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


def test_forgetting_what_was_never_taught_says_what_was():
    lessons = merge_tags(learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "red")), "red", "n01")
    with pytest.raises(LessonError, match=r"^this picture was never taught as blue, but as crimson$"):
        forget(lessons, LABELS, KEYS[0], ["n01", "blue"])
    with pytest.raises(LessonError, match=r"^this picture was never taught, so there is nothing to forget$"):
        forget(lessons, LABELS, KEYS[1], ["red"])


@given(histories())
def test_a_union_with_oneself_or_with_nothing_is_oneself(lessons):
    assert merge_lessons(lessons, lessons) is lessons
    assert merge_lessons(lessons, NO_LESSONS) is lessons
    assert meaning(merge_lessons(NO_LESSONS, lessons)) == meaning(lessons)


@given(histories(), histories())
def test_uniting_the_same_again_changes_nothing(a, b):
    united = merge_lessons(a, b)
    assert merge_lessons(united, b) is united
    assert merge_lessons(united, a) is united


@given(histories(), histories(), histories())
def test_three_users_unite_in_either_grouping(a, b, c):
    left, right = merge_lessons(merge_lessons(a, b), c), merge_lessons(a, merge_lessons(b, c))
    assert meaning(left) == meaning(right)
    assert list(left.pictures) == list(right.pictures)


@given(histories(), histories())
def test_a_union_loses_no_picture_and_no_tag_that_anybody_taught(a, b):
    united = merge_lessons(a, b)
    tags = vocabulary(LABELS, united)
    assert set(united.pictures) == {*a.pictures, *b.pictures}
    for user in (a, b):
        for key, taught in user.pictures.items():
            assert set(taught.tags) <= set(united.pictures[key].tags)
            assert all(resolve_merged(tag, united.edits) in tags for tag in taught.tags)


@given(histories(), histories(), STEP)
def test_united_lessons_can_be_edited_further(a, b, taken):
    united = step(merge_lessons(a, b), *taken)
    tags = vocabulary(LABELS, united)
    assert {resolve_merged(tag, united.edits) for p in united.pictures.values() for tag in p.tags} <= set(tags)


def test_a_tag_that_one_removed_and_the_other_taught_stays():
    a, b = remove_tag(NO_LESSONS, "red"), learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "red"))
    assert "red" not in vocabulary(LABELS, a)
    for united in (merge_lessons(a, b), merge_lessons(b, a)):
        assert "red" in vocabulary(LABELS, united)
    assert "red" not in vocabulary(LABELS, merge_lessons(a, NO_LESSONS))


def test_two_users_who_add_the_same_tag_mean_the_same_and_alike_names_do_not():
    (a, first), (b, second) = (add_tag(NO_LESSONS, LABELS, name) for name in ("Polar  bear", "polar bear"))
    assert first == second
    assert len(vocabulary(LABELS, merge_lessons(a, b))) == len(LABELS) + 1
    ids = [
        add_tag(NO_LESSONS, LABELS, name)[1]
        for name in ("C", "C++", "C#", "\N{DOG FACE}", "\N{CAT FACE}", "a b", "a-b")
    ]
    assert len(set(ids)) == len(ids)


@given(st.dictionaries(st.sampled_from("abcde"), st.sampled_from("abcde")))
def test_every_ring_of_merges_resolves_to_one_tag_in_it(merged):
    edits = VocabularyEdits({}, merged, frozenset())
    for tag in "abcde":
        end = resolve_merged(tag, edits)
        assert resolve_merged(end, edits) == end
        assert resolve_merged(merged.get(tag, tag), edits) == end


def test_tags_that_two_users_merged_into_each_other_are_one_tag():
    a, b = merge_tags(NO_LESSONS, "red", "blue"), merge_tags(NO_LESSONS, "blue", "red")
    for united in (merge_lessons(a, b), merge_lessons(b, a)):
        assert set(vocabulary(LABELS, united)) == {"n01", "blue"}
        assert find_tag(vocabulary(LABELS, united), "red") == "blue"


def test_a_ring_of_merges_can_be_merged_on():
    ring = merge_lessons(merge_tags(NO_LESSONS, "red", "blue"), merge_tags(NO_LESSONS, "blue", "red"))
    for merged, left in ((merge_tags(ring, "blue", "n01"), "n01"), (merge_tags(ring, "n01", "blue"), "blue")):
        assert list(vocabulary(LABELS, merged)) == [left]


def test_a_merged_tags_names_become_synonyms():
    lessons = merge_tags(rename_tag(NO_LESSONS, LABELS, "n01", "scarlet"), "n01", "red")
    tags = vocabulary(LABELS, lessons)
    assert tags["red"] == Label("red", "red", ("scarlet", "dark red", "carmine"))
    assert {find_tag(tags, name) for name in ("scarlet", "CARMINE", "dark  red", "red")} == {"red"}
    assert set(tags) == {"red", "blue"}


def test_a_tag_merged_twice_ends_where_the_last_one_went():
    lessons = merge_tags(merge_tags(NO_LESSONS, "red", "n01"), "n01", "blue")
    assert resolve_merged("red", lessons.edits) == "blue"
    assert list(vocabulary(LABELS, lessons)) == ["blue"]


def test_a_tag_cannot_be_merged_into_itself():
    with pytest.raises(LessonError, match="got one tag twice, red, expected two different ones"):
        merge_tags(NO_LESSONS, "red", "red")


def test_an_id_outlives_every_name():
    lessons, key = add_tag(NO_LESSONS, LABELS, "cat")
    lessons = learn(lessons, KEYS[0], picture(KEYS[0], key))
    for name in ("dog", "CAT", "cat", "Cat"):
        lessons = rename_tag(lessons, LABELS, key, name)
        assert vocabulary(LABELS, lessons)[key].name == name
        assert lessons.pictures[KEYS[0]].tags == (key,)
    renamed = rename_tag(lessons, LABELS, key, "dog")
    again, other = add_tag(renamed, LABELS, "cat")
    assert other != key
    assert {"dog", "cat"} <= {label.name for label in vocabulary(LABELS, again).values()}


@pytest.mark.parametrize("name", ["crimson", "CRIMSON", "  crimson ", "cat", "cAt"])
def test_a_name_that_is_taken_is_refused(name):
    lessons, _ = add_tag(NO_LESSONS, LABELS, "Cat")
    for change in (lambda: add_tag(lessons, LABELS, name), lambda: rename_tag(lessons, LABELS, "red", name)):
        with pytest.raises(LessonError, match=r"there is a tag '(crimson|Cat)' already"):
            change()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "0 characters"),
        (" \t\n", "0 characters"),
        ("x" * 101, "101 characters"),
        ("a\0b", "control"),
        ("\ud800", "half"),
        ("n01", "'n01' is the id of the tag 'crimson'"),
    ],
)
def test_a_name_that_nobody_can_read_or_tell_from_an_id_is_refused(name, why):
    for change in (lambda: add_tag(NO_LESSONS, LABELS, name), lambda: rename_tag(NO_LESSONS, LABELS, "red", name)):
        with pytest.raises(LessonError, match=why):
            change()


def test_names_are_the_same_however_their_accents_and_spaces_are_written():
    composed, apart = "caf\u00e9", "cafe\u0301"
    lessons, key = add_tag(NO_LESSONS, LABELS, f"  {apart}  bar")
    assert vocabulary(LABELS, lessons)[key].name == f"{composed} bar"
    assert find_tag(vocabulary(LABELS, lessons), f"{apart} bar") == key
    assert same_name(composed, apart.upper())


@given(histories(), st.integers(0, 9))
def test_a_removed_tag_comes_back_by_its_name(lessons, i):
    tags = vocabulary(LABELS, lessons)
    assume(tags)
    key, label = list(tags.items())[i % len(tags)]
    names = {label.id: label.name for label in LABELS} | dict(lessons.edits.names)
    assume(not any(same_name(names[other], label.name) for other in lessons.edits.removed))  # else either may come back
    removed = remove_tag(lessons, key)
    assert key not in vocabulary(LABELS, removed)
    assert key not in {resolve_merged(tag, removed.edits) for p in removed.pictures.values() for tag in p.tags}
    back, same_key = add_tag(removed, LABELS, label.name)
    assert same_key == key
    assert vocabulary(LABELS, back)[key] == label


def test_a_renamed_tag_that_was_removed_comes_back_by_either_name():
    removed = remove_tag(rename_tag(NO_LESSONS, LABELS, "n01", "scarlet"), "n01")
    for name in ("scarlet", "Crimson"):
        back, key = add_tag(removed, LABELS, name)
        assert key == "n01"
        assert same_name(vocabulary(LABELS, back)[key].name, name)


def test_removing_a_tag_takes_what_was_merged_into_it_and_pictures_that_taught_nothing_else():
    lessons = learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "red"))
    lessons = learn(lessons, KEYS[1], picture(KEYS[1], "red", "n01"))
    removed = remove_tag(merge_tags(lessons, "red", "blue"), "blue")
    assert list(vocabulary(LABELS, removed)) == ["n01"]
    assert {key: p.tags for key, p in removed.pictures.items()} == {KEYS[1]: ("n01",)}


@pytest.mark.parametrize("asked", ["crimsom", "CRIMSN", "carmin"])
def test_a_tag_that_is_not_there_brings_the_closest_ones(asked):
    with pytest.raises(LessonError, match=r"there is no tag '\w+': did you mean .*(crimson|carmine).*add_tag"):
        find_tag(vocabulary(LABELS, NO_LESSONS), asked)


def test_a_tag_unlike_all_others_brings_add_tag_only():
    with pytest.raises(LessonError, match=r"^there is no tag 'zebra': add_tag\('zebra'\) makes a new one$"):
        find_tag(vocabulary(LABELS, NO_LESSONS), "zebra")


def test_a_name_of_several_tags_is_refused_with_their_ids():
    tags = {key: Label(key, "crane", ("bird",)) for key in ("n1", "n2")}
    for asked in ("Crane", "bird"):
        with pytest.raises(LessonError, match=f"'{asked}' is the name of several tags: choose one by id: n1, n2"):
            find_tag(tags, asked)
    assert find_tag(tags, "n2") == "n2"


def test_a_name_goes_before_a_synonym():
    tags = {"a": Label("a", "crane", ("heron",)), "b": Label("b", "heron", ())}
    assert find_tag(tags, "heron") == "b"


def test_tags_that_another_bundle_lacks_keep_their_names_and_their_order():
    lessons = learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "n01"))
    lessons, first = add_tag(lessons, LABELS, "ant")
    lessons, second = add_tag(lessons, LABELS, "bee")
    lessons = learn(lessons, KEYS[1], picture(KEYS[1], second))
    names = taught_names(LABELS, lessons)
    assert list(vocabulary(LABELS, adopt_lessons(lessons, LABELS, names))) == list(vocabulary(LABELS, lessons))
    elsewhere = adopt_lessons(lessons, LABELS[:1], names)
    tags = vocabulary(LABELS[:1], elsewhere)
    wanted = {"red": "red", first: "ant", second: "bee", "n01": "crimson"}
    assert [(key, label.name) for key, label in tags.items()] == list(wanted.items())
    assert plain(adopt_lessons(elsewhere, LABELS[:1], names)) == plain(elsewhere)


def test_a_tag_merged_into_one_that_another_bundle_lacks_does_not_vanish():
    lessons = merge_tags(NO_LESSONS, "red", "n01")
    tags = vocabulary(LABELS[:1], adopt_lessons(lessons, LABELS[:1], taught_names(LABELS, lessons)))
    assert tags == {"n01": Label("n01", "crimson", ("red",))}
    assert list(vocabulary(LABELS[:1], lessons)) == ["n01"]


def test_a_taught_tag_that_nobody_names_bears_its_id():
    lessons = learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "n99"))
    assert vocabulary(LABELS, lessons)["n99"] == Label("n99", "n99", ())


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
