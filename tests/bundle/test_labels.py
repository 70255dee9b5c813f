"""The words of a bundle: broader terms that are known, apart from the tags, and without circles."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagetagger.bundle.labels import MAX_TERMS, Label, Term, find_circle, read_labels, read_terms
from imagetagger.bundle.strict_json import BundleError

LABELS = (Label("beagle", "beagle", (), ("dog",)), Label("cup", "cup", ()))


def term(key: str, *broader: str, **more) -> dict:
    return {"id": key, "name": key, "synonyms": [], "broader": list(broader)} | more


def read(*terms: dict, labels=LABELS):
    return read_terms(json.dumps(terms).encode(), labels)


def refused(*terms: dict) -> str:
    with pytest.raises(BundleError) as caught:
        read(*terms)
    message = str(caught.value)
    assert 10 < len(message) < 1000
    assert message.isprintable()
    return message


def test_terms_are_read_with_what_is_above_them_and_whether_they_are_everyday():
    found = read(term("dog", "animal", everyday=True), {"id": "animal", "name": "Animal", "synonyms": ["beast"]})
    assert found == (Term("dog", "dog", (), ("animal",), True), Term("animal", "Animal", ("beast",), (), False))


def test_a_bundle_without_the_file_has_no_terms():
    assert read_terms(None, LABELS[1:]) == ()
    with pytest.raises(BundleError, match=r"'beagle' has the broader term 'dog', which terms\.json lacks"):
        read_terms(None, LABELS)


def test_tags_may_name_broader_terms_and_need_not():
    entries = [{"id": "a", "name": "A", "synonyms": []}, {"id": "b", "name": "B", "synonyms": [], "broader": ["x"]}]
    assert [label.broader for label in read_labels(json.dumps(entries).encode())] == [(), ("x",)]


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ([term("dog", "animal")], "'dog' has the broader term 'animal', which terms.json lacks"),
        ([term("dog", "beagle")], "'dog' has the broader term 'beagle', which terms.json lacks"),
        ([], "'beagle' has the broader term 'dog', which terms.json lacks"),
        ([term("dog"), term("dog")], "terms.json: two terms, or a term and a tag, have the same id"),
        ([term("dog"), term("cup")], "terms.json: two terms, or a term and a tag, have the same id"),
        ([term("dog", "dog")], "terms.json: 'dog' is a broader term of itself"),
        ([term("dog"), term("a", "b"), term("b", "c"), term("c", "a")], "is a broader term of itself"),
        ([term("dog", name="a\nb")], "terms.json: [0].name: got the name 'a\\nb' with the character U+000A"),
        (
            [term("dog", synonyms=["\u202e"])],
            "terms.json: [0].synonyms[0]: got the name '\\u202e' with the character U+202E",
        ),
        ([term("dog", name="")], "terms.json: [0].name: got "),
        ([term("dog", name="x" * 501)], "terms.json: [0].name: got "),
        ([term("dog", *["a"] * 101)], "terms.json: [0].broader: got "),
        ([term("dog", broader="animal")], "terms.json: [0].broader: got 'animal', expected `array`"),
        ([term("dog", everyday=1)], "terms.json: [0].everyday: got 1, expected `bool`"),
        ([term("dog", colour="red")], "terms.json: [0]: Object contains unknown field `colour`"),
        ([{"id": "dog", "name": "dog"}], "terms.json: [0]: Object missing required field `synonyms`"),
        ([term("dog", "\x1b[2J" * 100)], "has the broader term "),
    ],
)
def test_wrong_terms_are_refused(terms, why):
    assert why in refused(*terms)


def test_more_terms_than_any_bundle_has_are_refused():
    assert "terms.json has 10,001 terms" in refused(*[term("dog")] * (MAX_TERMS + 1))


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b"\xff", b"null"])
def test_what_is_no_list_of_terms_is_refused(data):
    with pytest.raises(BundleError, match=r"^terms\.json"):
        read_terms(data, LABELS[1:])


def test_a_chain_of_terms_may_be_long_and_a_circle_in_it_is_found():
    count = 50_000
    chain = {str(i): (str(i + 1),) if i + 1 < count else () for i in range(count)}
    assert find_circle(chain) is None
    assert find_circle(dict(reversed(chain.items()))) is None
    assert find_circle(chain | {str(count - 1): ("0",)}) in chain


def test_a_diamond_is_no_circle():
    assert find_circle({"a": ("b", "c"), "b": ("d",), "c": ("d", "d"), "d": ()}) is None


@given(st.lists(st.sets(st.integers(0, 7)), min_size=8, max_size=8))
def test_a_circle_is_found_where_a_term_reaches_itself_and_only_there(above):
    reached = [set(ids) for ids in above]
    for _ in range(8):
        for ids in reached:
            ids |= set().union(*(reached[i] for i in ids))
    in_circle = {str(i) for i in range(8) if i in reached[i]}
    found = find_circle({str(i): [str(j) for j in ids] for i, ids in enumerate(above)})
    assert (found is not None) == bool(in_circle)
    if found is not None:
        assert found in in_circle or {str(j) for j in reached[int(found)]} & in_circle
