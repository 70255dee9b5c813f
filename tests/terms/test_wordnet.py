import re
import unicodedata
from collections import Counter

import pytest

from imagetagger.bundle.names import name_problem, same_name, text_problem
from imagetagger.terms.wordnet import WORDNET_TABLE, WordNetTable, WordNetTag, WordNetTerm, broader_terms, read_wordnet

TABLE = read_wordnet()
ENTRIES = (*TABLE.tags, *TABLE.terms)
IDS = {entry.name: entry.id for entry in ENTRIES}


def above(name: str) -> set[str]:
    return {term.name for term in broader_terms(TABLE, [IDS[name]])}


def tags_below() -> Counter[str]:
    return Counter(term.name for tag in TABLE.tags for term in broader_terms(TABLE, [tag.id]))


def test_the_table_holds_imagenets_tags_in_the_order_of_its_classifiers():
    ids = [tag.id for tag in TABLE.tags]
    assert len(ids) == 1000
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"n\d{8}", entry.id) for entry in ENTRIES)
    assert (TABLE.tags[1].name, TABLE.tags[999].name) == ("goldfish", "toilet paper")


def test_ids_and_names_are_unique_over_tags_and_terms():
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    assert len({entry.name.casefold() for entry in ENTRIES}) == len(ENTRIES)


def test_a_synonym_is_no_other_name_and_given_once():
    names = {entry.name.casefold() for entry in ENTRIES}
    for entry in ENTRIES:
        synonyms = [synonym.casefold() for synonym in entry.synonyms]
        assert len(set(synonyms)) == len(synonyms)
        assert not names & set(synonyms), entry.name


def test_names_can_be_shown_and_given():
    for entry in ENTRIES:
        for name in (entry.name, *entry.synonyms):
            assert name_problem(name) is None
            assert text_problem(name) is None
            assert same_name(name, name)
            assert name == unicodedata.normalize("NFC", " ".join(name.split()))
            assert "_" not in name


def test_every_broader_id_is_a_term_and_every_term_is_above_a_tag():
    terms = {term.id for term in TABLE.terms}
    assert all(set(entry.broader) <= terms for entry in ENTRIES)
    assert all(tag.broader for tag in TABLE.tags)
    assert broader_terms(TABLE, [tag.id for tag in TABLE.tags]) == TABLE.terms


def test_the_graph_has_no_circles():
    left = {term.id: set(term.broader) for term in TABLE.terms}
    while free := {wnid for wnid, broader in left.items() if not broader & left.keys()}:
        left = {wnid: broader for wnid, broader in left.items() if wnid not in free}
    assert not left


def test_birds_are_birds():
    assert "bird" in above("goldfinch") & above("goose") & above("rooster")
    assert "bird" not in above("ladybug") | above("birdhouse") | above("badger")
    assert {"big cat", "animal"} <= above("lion")
    assert {"food", "vegetable", "fungus"} <= above("mushroom")


def test_terms_hold_as_many_tags_as_in_wordnet():
    below = tags_below()
    assert [below[name] for name in ("dog", "bird", "insect", "car", "cat")] == [118, 59, 27, 10, 7]


def test_everyday_terms_are_words_for_a_photograph():
    below, everyday = tags_below(), {term.name for term in TABLE.terms if term.everyday}
    assert 100 <= len(everyday) <= 150
    assert all(2 <= below[name] <= 130 for name in everyday)
    assert {"dog", "cat", "bird", "fish", "snake", "fruit", "car", "boat", "furniture", "food", "tool"} <= everyday
    assert not {"placental", "chordate", "artifact", "instrumentality", "device", "structure"} & everyday
    with_one = [tag for tag in TABLE.tags if everyday & {term.name for term in broader_terms(TABLE, [tag.id])}]
    assert len(with_one) >= 800


def test_what_says_nothing_is_left_out():
    assert not {"entity", "physical entity", "object", "whole", "artifact", "abstraction"} & set(IDS)


def test_the_licence_is_beside_the_table():
    licence = WORDNET_TABLE.with_name("WORDNET-LICENSE").read_text()
    assert "WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved." in licence
    assert "Permission to use, copy, modify and distribute" in licence


def test_terms_of_some_tags_are_their_ancestors_in_the_order_of_the_table():
    table = WordNetTable(
        tags=tuple(
            WordNetTag(wnid, wnid, (), broader) for wnid, broader in (("x", ("a", "c")), ("y", ("b",)), ("z", ()))
        ),
        terms=tuple(
            WordNetTerm(wnid, wnid, (), broader, False) for wnid, broader in (("a", ("b",)), ("b", ()), ("c", ("b",)))
        ),
    )

    def found(*ids: str) -> str:
        return "".join(term.id for term in broader_terms(table, ids))

    assert [found("x"), found("y"), found("y", "x"), found("z"), found("a"), found("own")] == [
        "abc", "b", "abc", "", "b", ""
    ]  # fmt: skip


def test_the_table_cannot_be_changed():
    assert read_wordnet() is read_wordnet()
    with pytest.raises(AttributeError, match="immutable"):
        read_wordnet().tags[0].name = "dog"
