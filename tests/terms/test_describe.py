"""Few words for a prediction set, on a small graph and on graphs that hypothesis draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.terms.describe import CONFIDENCE, MAX_WORDS, describe_set, most_specific_visible
from imagetagger.terms.graph import term_graph

TERMS = {
    "animal": (),
    "dog": ("animal",),
    "hound": ("dog",),
    "bird": ("animal",),
    "vehicle": (),
    "thing": (),
}
TAGS = {
    "beagle": ("hound",),
    "basset": ("hound",),
    "poodle": ("dog",),
    "finch": ("bird",),
    "goose": ("bird",),
    "car": ("vehicle", "thing"),
    "truck": ("vehicle", "thing"),
    "cup": ("thing",),
    "cloud": (),
}
GRAPH = term_graph(TAGS, TERMS)


def described(probability: dict[str, float], in_set=None, hidden=(), unusable=(), **options):
    """Words and their probabilities; the set is all tags with a probability unless it is given."""
    p = np.array([probability.get(tag, 0.0) for tag in TAGS])
    members = np.array([tag in (probability if in_set is None else in_set) for tag in TAGS])
    usable = np.array([term not in unusable for term in TERMS])
    words = describe_set(GRAPH, p, members, usable, np.array([tag in hidden for tag in TAGS]), **options)
    return [(list(TERMS if word.is_term else TAGS)[word.row], round(word.probability, 6)) for word in words]


def test_a_likely_tag_is_its_own_word():
    assert described({"beagle": 0.9}) == [("beagle", 0.9)]


def test_tags_of_doubt_give_way_to_the_most_specific_term_that_is_sure_enough():
    assert described({"beagle": 0.3, "basset": 0.3}) == [("hound", 0.6)]
    assert described({"beagle": 0.3, "basset": 0.3, "poodle": 0.1}) == [("dog", 0.7)]
    assert described({"beagle": 0.3, "basset": 0.3}, confidence=0.3) == [("beagle", 0.3), ("basset", 0.3)]


def test_a_tag_that_no_sure_term_is_above_stays():
    assert described({"cloud": 0.2, "cup": 0.1}) == [("cloud", 0.2), ("cup", 0.1)]


def test_the_more_specific_of_two_sure_terms_is_chosen_and_terms_that_may_not_be_used_are_not():
    assert described({"car": 0.4, "truck": 0.4}) == [("vehicle", 0.8)]
    assert described({"car": 0.4, "truck": 0.4}, unusable=("vehicle",)) == [("thing", 0.8)]
    assert described({"car": 0.4, "truck": 0.4}, unusable=("vehicle", "thing")) == [("car", 0.4), ("truck", 0.4)]


def test_the_probability_of_a_term_counts_tags_outside_the_set_and_hidden_ones():
    assert described({"beagle": 0.3, "basset": 0.3}, in_set=["beagle"]) == [("hound", 0.6)]
    assert described({"beagle": 0.3, "basset": 0.3}, in_set=["beagle"], hidden=["basset"]) == [("hound", 0.6)]


@pytest.mark.parametrize("probability", [0.9, 0.2])
def test_a_hidden_tag_is_shown_as_the_most_specific_term_above_it_however_sure(probability):
    expected = [("hound", probability)]
    assert described({"beagle": probability}, hidden=["beagle"]) == expected
    assert described({"beagle": probability}, hidden=["beagle"], unusable=["hound"]) == [("dog", probability)]


def test_a_hidden_tag_that_nothing_is_above_is_not_shown():
    assert described({"cloud": 0.9, "cup": 0.1}, hidden=["cloud"]) == [("cup", 0.1)]


def test_too_many_words_are_joined_by_the_most_specific_term_that_two_of_them_have_in_common():
    probability = {"beagle": 0.15, "poodle": 0.14, "finch": 0.13, "cloud": 0.1}  # too few for any term to be sure
    assert described(probability) == [("dog", 0.29), ("finch", 0.13), ("cloud", 0.1)]
    assert described(probability, max_words=2) == [("animal", 0.42), ("cloud", 0.1)]


def test_of_words_that_have_nothing_in_common_the_least_probable_are_dropped():
    probability = {"cloud": 0.3, "cup": 0.2, "beagle": 0.1}
    assert described(probability, confidence=0.05, max_words=2) == [("cloud", 0.3), ("cup", 0.2)]


def test_an_unsure_tag_below_a_chosen_term_is_no_word_of_its_own_and_a_sure_one_is():
    probability = {"beagle": 0.55, "basset": 0.2, "poodle": 0.2}
    assert described(probability, unusable=["hound"]) == [("dog", 0.95), ("beagle", 0.55)]
    assert described({"beagle": 0.4, "basset": 0.4}) == [("hound", 0.8)]


def test_words_come_in_order_of_their_probability():
    assert described({"car": 0.26, "truck": 0.26, "beagle": 0.4, "cup": 0.05}, unusable=["thing"]) == [
        ("vehicle", 0.52),
        ("beagle", 0.4),
        ("cup", 0.05),
    ]


def test_an_empty_set_has_no_words():
    assert described({}) == []


def test_without_terms_words_are_the_most_probable_tags():
    nothing = term_graph(dict.fromkeys(TAGS, ()), {})
    p = np.arange(len(TAGS)) / 100
    words = describe_set(nothing, p, p > 0, np.zeros(0, bool), np.zeros(len(TAGS), bool))
    assert [(word.row, word.is_term) for word in words] == [(8, False), (7, False), (6, False)]


def test_the_most_specific_visible_term_is_the_narrowest_usable_one():
    usable = np.array([term != "hound" for term in TERMS])
    assert most_specific_visible(GRAPH, 0, np.ones(len(TERMS), bool)) == list(TERMS).index("hound")
    assert most_specific_visible(GRAPH, 0, usable) == list(TERMS).index("dog")
    assert most_specific_visible(GRAPH, list(TAGS).index("cloud"), usable) is None


@st.composite
def situations(draw, common: bool):
    """A graph, probabilities, a set, usable terms and hidden tags; `common`: one usable term is above all."""
    terms, tags = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    above = {f"t{i}": tuple(f"t{j}" for j in draw(st.sets(st.integers(0, i - 1)))) if i else () for i in range(terms)}
    broader = {f"c{i}": tuple(f"t{j}" for j in draw(st.sets(st.integers(0, terms - 1)))) for i in range(tags)}
    if common:
        above = {key: tuple({*ids, "t0"} - {key}) for key, ids in above.items()}
        broader = {key: tuple({*ids, "t0"}) for key, ids in broader.items()}
    weights = np.array(draw(st.lists(st.floats(0.01, 1), min_size=tags, max_size=tags)))
    usable, in_set, hidden = (
        np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))) for n in (terms, tags, tags)
    )
    usable[0] |= common
    return term_graph(broader, above), weights / weights.sum(), in_set, usable, hidden


def contained(graph, words, tags: int) -> np.ndarray:
    """Whether each tag is one of the words or below one, bool (C,)."""
    covered = np.zeros(tags, bool)
    for word in words:
        covered |= graph.below[word.row] if word.is_term else np.arange(tags) == word.row
    return covered


@given(situations(common=True))
def test_words_contain_the_whole_set_whenever_terms_in_common_exist(situation):
    graph, p, in_set, usable, hidden = situation
    words = describe_set(graph, p, in_set, usable, hidden)
    assert (contained(graph, words, len(p)) | ~in_set).all()


@given(st.booleans().flatmap(lambda common: situations(common=common)))
def test_words_are_few_visible_apart_and_as_probable_as_what_is_below_them(situation):
    graph, p, in_set, usable, hidden = situation
    words = describe_set(graph, p, in_set, usable, hidden)
    assert len(words) <= MAX_WORDS
    assert len(words) <= in_set.sum()
    assert [word.probability for word in words] == sorted((word.probability for word in words), reverse=True)
    for word in words:
        if word.is_term:
            assert usable[word.row]
            assert word.probability == pytest.approx(p[graph.below[word.row]].sum())
            assert (graph.below[word.row] & in_set).any()
        else:
            assert in_set[word.row]
            assert not hidden[word.row]
            assert word.probability == p[word.row]
    for one in words:
        above = (graph.inside if one.is_term else graph.below)[:, one.row]
        is_below = any(other is not one and other.is_term and above[other.row] for other in words)
        assert not is_below or (not one.is_term and one.probability >= CONFIDENCE)


@given(situations(common=False))
def test_no_word_that_a_sure_term_is_above_is_less_sure(situation):
    graph, p, in_set, usable, hidden = situation
    terms = p @ graph.below.T
    for word in describe_set(graph, p, in_set, usable, hidden, max_words=99):
        if not word.is_term and word.probability < CONFIDENCE:
            assert not (graph.below[:, word.row] & usable & (terms >= CONFIDENCE)).any()
