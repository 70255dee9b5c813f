"""Names of tags and broader terms, and a user's tags in a bundle that knows their names."""

import pytest

from imagetagger.bundle.labels import Label
from imagetagger.tagger.lessons import NO_LESSONS, LessonError, learn, remove_tag
from imagetagger.tagger.tag_names import (
    add_tag,
    adopt_lessons,
    check_synonym,
    find_tag,
    matching_ids,
    rename_tag,
    taught_names,
    vocabulary,
)
from tests.helpers.adopted import APART, BUNDLE, KNOWN, TERMS, TWICE, taught
from tests.helpers.histories import KEYS, picture, plain


@pytest.mark.parametrize(("name", "key"), KNOWN)
def test_a_users_tag_is_the_tag_or_term_of_its_name_that_another_bundle_has(name, key):
    lessons = taught(name)
    adopted = adopt_lessons(lessons, BUNDLE, taught_names((), lessons), TERMS)
    tags = vocabulary(BUNDLE, adopted, TERMS)
    assert list(tags) == list(dict.fromkeys(["n1", "n2", "n3", key]))
    assert find_tag(tags, name, TERMS) == key
    assert adopted.pictures == lessons.pictures
    assert plain(adopt_lessons(adopted, BUNDLE, {}, TERMS)) == plain(adopted)


def test_names_of_tags_that_pictures_teach_count_like_those_of_edits():
    lessons = learn(NO_LESSONS, KEYS[0], picture(KEYS[0], "elsewhere"))
    adopted = adopt_lessons(lessons, BUNDLE, {"elsewhere": "goldfish"}, TERMS)
    assert adopted.edits.merged == {"elsewhere": "n1"}


@pytest.mark.parametrize(("lessons", "labels"), APART.values(), ids=APART)
def test_a_users_tag_stays_apart_where_an_edit_says_so_or_the_name_fits_no_single_tag(lessons, labels):
    assert adopt_lessons(lessons, labels, {}, ()).edits == lessons.edits


def test_two_tags_of_one_name_go_into_the_same_one():
    adopted = adopt_lessons(TWICE, BUNDLE, {}, TERMS)
    assert adopted.edits.merged == {"a": "n1", "b": "n1"}
    assert list(vocabulary(BUNDLE, adopted, TERMS)) == ["n1", "n2", "n3"]


def test_a_term_is_found_after_all_tags_by_name_then_by_synonym():
    tags = {label.id: label for label in BUNDLE}
    assert [find_tag(tags, name, TERMS) for name in ("dog", "HOUND", "t1", "goldfish")] == ["t1", "t1", "t1", "n1"]
    taught = {**tags, "t1": Label("t1", "doggy", ("hound",))}
    assert [find_tag(taught, name, TERMS) for name in ("doggy", "hound", "t1")] == ["t1"] * 3
    with pytest.raises(LessonError, match="there is no tag 'dogs'"):
        find_tag(tags, "dogs", TERMS)


def test_a_term_that_is_added_becomes_a_tag_with_its_id():
    lessons, key = add_tag(NO_LESSONS, BUNDLE, " DOG ", TERMS)
    assert key == "t1"
    assert vocabulary(BUNDLE, lessons, TERMS)["t1"] == Label("t1", "dog", ("hound",))
    removed = remove_tag(lessons, "t1")
    assert "t1" not in vocabulary(BUNDLE, removed, TERMS)
    assert add_tag(removed, BUNDLE, "dog", TERMS)[1] == "t1"


def test_a_tag_is_not_renamed_to_a_term_but_a_term_is():
    with pytest.raises(LessonError, match="there is a broader term 'Dog' already: choose another name, or merge"):
        rename_tag(NO_LESSONS, BUNDLE, "n1", "Dog", TERMS)
    lessons = rename_tag(NO_LESSONS, BUNDLE, "t1", "DOG", TERMS)
    assert lessons.edits.names == {"t1": "DOG"}


@pytest.mark.parametrize("name", [5, None, ["cat"], b"cat"])
def test_a_name_that_is_no_text_is_refused(name):
    for act in (
        lambda: add_tag(NO_LESSONS, BUNDLE, name, TERMS),
        lambda: rename_tag(NO_LESSONS, BUNDLE, "n1", name, TERMS),
        lambda: check_synonym(vocabulary(BUNDLE, NO_LESSONS), name, TERMS),
    ):
        with pytest.raises(LessonError, match="as the name of a tag, expected a text"):
            act()


def test_any_name_of_a_tag_or_a_term_names_something():
    tags = {label.id: label for label in BUNDLE}
    assert all(matching_ids(tags, name, TERMS) for name in ("n1", "GOLDFISH", "carp", "t2", "Fish", "hound"))
    assert not any(matching_ids(tags, name, TERMS) for name in ("N1", "zebra", ""))
