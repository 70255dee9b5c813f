"""The vocabulary: names, ids, merged, renamed and removed tags."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imagetagger.bundle.labels import Label
from imagetagger.bundle.names import same_name
from imagetagger.tagger.lessons import (
    NO_LESSONS,
    LessonError,
    VocabularyEdits,
    learn,
    merge_lessons,
    merge_tags,
    remove_tag,
)
from imagetagger.tagger.tag_names import add_tag, adopt_lessons, find_tag, rename_tag, taught_names, vocabulary
from tests.helpers.histories import KEYS, LABELS, histories, picture, plain, resolve_merged


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
    for both in (merge_lessons(a, b), merge_lessons(b, a)):
        assert set(vocabulary(LABELS, both)) == {"n01", "blue"}
        assert find_tag(vocabulary(LABELS, both), "red") == "blue"


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
        ("\ud800", "surrogates"),
        ("n01", "'n01' is the id of the tag 'crimson'"),
    ],
)
def test_a_name_that_is_not_text_or_is_an_id_is_refused(name, why):
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
        with pytest.raises(LessonError, match=f"'{asked}' is the name of several tags: choose one by id: n1 .*, n2 "):
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
    expected = {"red": "red", first: "ant", second: "bee", "n01": "crimson"}
    assert [(key, label.name) for key, label in tags.items()] == list(expected.items())
    assert plain(adopt_lessons(elsewhere, LABELS[:1], names)) == plain(elsewhere)


def test_a_tag_merged_into_one_that_another_bundle_lacks_does_not_vanish():
    lessons = merge_tags(NO_LESSONS, "red", "n01")
    tags = vocabulary(LABELS[:1], adopt_lessons(lessons, LABELS[:1], taught_names(LABELS, lessons)))
    assert tags == {"n01": Label("n01", "crimson", ("red",))}
    assert list(vocabulary(LABELS[:1], lessons)) == ["n01"]


def test_a_taught_tag_that_nothing_names_is_named_after_its_id():
    lessons = learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "n99"))
    assert vocabulary(LABELS, lessons)["n99"] == Label("n99", "n99", ())
