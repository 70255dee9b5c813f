"""The words of a vocabulary, and a picture described by them."""

import numpy as np
import pytest

from imagetagger.bundle.labels import Label, Term
from imagetagger.prediction.predict import Prediction
from imagetagger.tagger.description import NO_WORDS, Tag, describe_picture, find_words, list_tags, words_below
from imagetagger.tagger.lessons import NO_LESSONS, VocabularyEdits, hide_tags

TERMS = (
    Term("animal", "animal", (), (), True),
    Term("dog", "dog", ("hound",), ("animal",), True),
    Term("mammal", "mammal", (), ("animal",), False),
)
VOCABULARY = {
    "beagle": Label("beagle", "beagle", (), ("dog", "mammal")),
    "poodle": Label("poodle", "poodle", (), ("dog",)),
    "finch": Label("finch", "finch", (), ("animal",)),
    "cup": Label("cup", "cup", ()),
}
EDITS = NO_LESSONS.edits
EVERYTHING = np.ones(4, bool)


def hiding(*keys: str) -> VocabularyEdits:
    return hide_tags(NO_LESSONS, keys).edits


def words(*hidden: str):
    return find_words(VOCABULARY, TERMS, hiding(*hidden))


def usable(*hidden: str) -> set[str]:
    made = words(*hidden)
    return {made.terms[row] for row in np.flatnonzero(made.is_usable)}


def hidden_tags(*hidden: str) -> set[str]:
    made = words(*hidden)
    return {made.tags[column] for column in np.flatnonzero(made.is_hidden)}


def test_words_have_the_names_of_tags_and_terms_as_the_user_gave_them():
    edits = EDITS._replace(names={"dog": "doggy", "beagle": "not used: the vocabulary has it"})
    names = find_words(VOCABULARY, TERMS, edits).names
    assert (names["dog"], names["beagle"], names["animal"]) == ("doggy", "beagle", "animal")
    assert set(names) == {*VOCABULARY, "animal", "dog", "mammal"}


def test_everyday_terms_may_describe_pictures_unless_they_or_one_above_them_is_hidden():
    assert usable() == {"animal", "dog"}
    assert usable("dog") == {"animal"}
    assert usable("animal") == set()
    assert usable("beagle", "mammal") == {"animal", "dog"}


def test_a_tag_is_hidden_by_itself_or_by_any_term_above_it():
    assert hidden_tags() == set()
    assert hidden_tags("cup", "poodle") == {"cup", "poodle"}
    assert hidden_tags("mammal") == {"beagle"}
    assert hidden_tags("animal") == {"beagle", "poodle", "finch"}
    assert hidden_tags("gone") == set()


def test_the_graph_is_reused_while_the_tags_are_the_same():
    before = words()
    assert find_words(VOCABULARY, TERMS, hiding("dog"), before).graph is before.graph
    more = {**VOCABULARY, "dog": Label("dog", "dog", (), ("animal",))}
    after = find_words(more, TERMS, EDITS, before)
    assert after.graph is not before.graph
    assert after.graph.below.shape == (3, 5)
    assert find_words({}, (), EDITS, NO_WORDS).graph is NO_WORDS.graph


def test_below_a_term_are_tags_and_terms_at_any_depth_without_itself_and_below_a_tag_none():
    assert words_below(words(), "dog") == {"beagle", "poodle"}
    assert words_below(words(), "animal") == {"dog", "mammal", "beagle", "poodle", "finch"}
    assert words_below(words(), "beagle") == words_below(words(), "gone") == set()
    taught = find_words({**VOCABULARY, "dog": Label("dog", "dog", (), ("animal",))}, TERMS, EDITS)
    assert words_below(taught, "dog") == {"beagle", "poodle"}


P = np.array([0.3, 0.25, 0.05, 0.4])


def test_tags_are_listed_by_probability_those_that_are_shown():
    expected = {"cup": 0.4, "beagle": 0.3, "poodle": 0.25, "finch": 0.05}
    assert list_tags(words(), P, EVERYTHING) == [Tag(key, key, p) for key, p in expected.items()]
    assert [tag.id for tag in list_tags(words(), P, P < 0.3)] == ["poodle", "finch"]


def test_hidden_tags_give_way_to_the_most_specific_term_once_with_the_sum_of_all_below_it():
    listed = list_tags(words("beagle", "poodle"), P, EVERYTHING)
    assert [tag.id for tag in listed] == ["dog", "cup", "finch"]
    assert listed[0].probability == pytest.approx(0.55)
    alone = list_tags(words("beagle"), P, EVERYTHING)
    assert [tag.id for tag in alone] == ["dog", "cup", "poodle", "finch"]
    assert alone[0].probability == pytest.approx(0.55)


def test_hidden_tags_whose_terms_are_hidden_too_go_further_up_or_are_not_listed():
    assert [tag.id for tag in list_tags(words("dog"), P, EVERYTHING)] == ["animal", "cup", "finch"]
    assert [tag.id for tag in list_tags(words("animal"), P, EVERYTHING)] == ["cup"]
    assert list_tags(words("cup", "animal"), P, EVERYTHING) == []


def described(made, p, top_k=None, in_set=EVERYTHING, wider=EVERYTHING, has_pictures=EVERYTHING):
    prediction = Prediction(np.log(p)[None], in_set[None], np.array([1.5]), np.array([True]))
    return describe_picture(made, prediction, wider, has_pictures, top_k)


def ids(tags):
    return [tag.id for tag in tags]


def test_a_description_has_tags_of_the_set_and_terms_of_the_wider_set():
    got = described(words(), P, in_set=P >= 0.3, wider=P >= 0.25)
    assert ids(got.tags) == ["cup", "beagle"]
    assert ids(got.terms) == ["dog", "cup"]
    assert got.terms[0] == Tag("dog", "dog", pytest.approx(0.55))
    assert (got.novelty_score, got.is_novel) == (1.5, True)


def test_top_k_is_a_number_of_tags_that_have_pictures():
    got = described(words(), P, top_k=2, in_set=P > 1, has_pictures=np.array([True, True, True, False]))
    assert ids(got.tags) == ["beagle", "poodle"]


def test_hidden_tags_do_not_count_among_the_top_k():
    assert ids(described(words("cup"), P, top_k=2).tags) == ["beagle", "poodle"]
    assert ids(described(words("beagle", "poodle"), P, top_k=2).tags) == ["dog", "cup"]


def test_without_terms_a_picture_is_described_by_its_tags():
    got = described(find_words(VOCABULARY, (), EDITS), P)
    assert got.terms == got.tags
    assert len(got.tags) == 4


def test_without_pictures_of_any_tag_there_is_no_novelty_score():
    assert described(words(), P, has_pictures=~EVERYTHING).novelty_score is None


def test_a_taught_term_is_as_probable_as_all_below_it():
    taught = {**VOCABULARY, "dog": Label("dog", "dog", (), ("animal",))}
    made, p = find_words(taught, TERMS, EDITS), np.array([0.1, 0.05, 0.05, 0.2, 0.6])
    everything = np.ones(5, bool)
    assert list_tags(made, p, everything)[0] == Tag("dog", "dog", pytest.approx(0.75))
    hidden = find_words(taught, TERMS, hiding("beagle", "poodle"))
    assert list_tags(hidden, p, everything)[0] == Tag("dog", "dog", pytest.approx(0.75))
    got = described(made, p, in_set=everything, wider=p > 0.5, has_pictures=everything)
    assert got.terms == [Tag("dog", "dog", pytest.approx(0.75))]
