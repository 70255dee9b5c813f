"""Terms and score offsets for the web app's golden vectors, terms that are wrong, and tags as they are listed."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from imagetagger.archive.keywords.fields import FIELDS
from imagetagger.bundle.labels import Label, Term, read_labels, read_terms
from imagetagger.bundle.reader import check_bundle
from imagetagger.bundle.strict_json import BundleError
from imagetagger.tagger.description import find_words, list_tags
from imagetagger.tagger.lessons import NO_LESSONS, hide_tags
from imagetagger.tagger.tag_names import add_tag, vocabulary
from tests.helpers.sealing import reseal
from tests.helpers.web_golden_files import USED, encode_rows, packed, valid_bundle

LABELS = [
    {"id": "red", "name": "red", "synonyms": [], "broader": ["warm", "n00"]},
    {"id": "n01", "name": "Straße", "synonyms": []},
    {"id": "dog", "name": "\N{DOG FACE}", "synonyms": ["perro"], "broader": ["n00"]},
]
TERMS = [
    {"id": "n00", "name": "entity", "synonyms": []},
    {"id": "warm", "name": "warm colour", "synonyms": ["warm"], "broader": ["n00"], "everyday": True},
    {"id": "n99", "name": "of no tag", "synonyms": [], "broader": ["warm", "n00"]},
]
ANIMALS = tuple(
    Label(key, key, (), broader)
    for key, broader in {"beagle": ("dog", "mammal"), "poodle": ("dog",), "finch": ("animal",), "cup": ()}.items()
)
KINDS = (
    *(Term("animal", "animal", (), (), True), Term("dog", "dog", (), ("animal",), True)),
    Term("mammal", "mammal", (), ("animal",)),
)
TAUGHT = ((), ("animal", "dog"), ("mammal",))
HIDDEN = ((), ("beagle",), ("beagle", "poodle"), ("dog",), ("mammal", "cup"), ("animal",))
PROBABILITIES = ((0.3, 0.25, 0.04, 0.4, 0.01, 0.0), (0.01, 0.02, 0.35, 0.05, 0.3, 0.2))
"""Of the tags, and of terms that were taught."""

OFFSETS = np.array([-2.5, 0, 1.25], np.float32)


def words_golden() -> dict[str, Any]:
    """The files in which a bundle with terms and offsets differs from that of bundle.json, and what Python reads."""
    plain = valid_bundle()
    words = {"labels.json": _json(LABELS), "terms.json": _json(TERMS)}
    files = reseal(plain, {**words, **encode_rows(score_offset=OFFSETS)})
    made = check_bundle(files)
    return {
        "files": {name: packed(files[name]) for name in USED if files[name] != plain.get(name)},
        "labels": [entry_of(label) for label in made.labels],
        "terms": [entry_of(term) for term in made.terms],
        "score_offset": made.score_offset.tolist(),
        "animals": [entry_of(label) for label in ANIMALS],
        "kinds": [entry_of(term) for term in KINDS],
        "listed": [_listed(*case) for case in itertools.product(TAUGHT, HIDDEN, PROBABILITIES)],
        "wrong": [{"message": message, "terms": terms} for message, terms in _wrong_terms() if _is_refused(terms)],
    }


KEYWORDS = (
    *(("finch",), ("animal", "bird", "goldfinch"), ("AC/DC",), ("music", "AC/DC"), ("a|b",), ("a\\b", "c/d|e\\f|/g")),
    *(("<&>", '"tags"'), ("\N{DOG FACE}", "Straße")),
)
"""Keywords after their broader ones, some with the characters that stand between them."""


def sidecars_golden() -> dict[str, Any]:
    """The fields of keywords in sidecars, and what each of them has of keywords."""
    fields = [{key: getattr(field, key) for key in ("name", "namespace", "container")} for field in FIELDS.values()]
    values = [{name: field.join(keyword) for name, field in FIELDS.items()} for keyword in KEYWORDS]
    return {"fields": fields, "keywords": KEYWORDS, "values": values}


def _listed(taught: tuple[str, ...], hidden: tuple[str, ...], probability: tuple[float, ...]) -> dict[str, Any]:
    """The tags that are listed of a picture where terms were taught and words hidden: ids and probabilities."""
    lessons = NO_LESSONS
    for key in taught:
        lessons, _ = add_tag(lessons, ANIMALS, key, KINDS)
    lessons = hide_tags(lessons, hidden)
    words = find_words(vocabulary(ANIMALS, lessons, KINDS), KINDS, lessons.edits)
    p = np.array(probability[: len(words.tags)])
    in_set = p >= 0.05
    return {
        **{"taught": taught, "hidden": hidden, "probabilities": p.tolist(), "shown": np.flatnonzero(in_set).tolist()},
        "tags": [[tag.id, round(tag.probability, 9)] for tag in list_tags(words, p, in_set)],
    }


def entry_of(words: Label | Term) -> dict[str, Any]:
    """A tag or a term with all of its keys, those of default values too."""
    return {key: getattr(words, key) for key in words.__struct_fields__}


def _wrong_terms() -> Iterable[tuple[str, Any]]:
    """Terms, None for no file, and what the app's message must contain."""
    entity, warm, _ = TERMS
    yield 'has the broader term "warm", which terms.json lacks', None
    yield 'has the broader term "warm", which terms.json lacks', [entity]
    yield 'has the broader term "red", which terms.json lacks', [entity, warm | {"broader": ["n00", "red"]}]
    yield "terms.json: two terms, or a term and a tag, have the same id", [*TERMS, entity]
    yield "terms.json: two terms, or a term and a tag, have the same id", [*TERMS, entity | {"id": "red"}]
    yield "is a broader term of itself", [entity | {"broader": ["warm"]}, warm]
    yield 'terms.json: "warm" is a broader term of itself', [entity, warm | {"broader": ["warm"]}]
    yield "terms.json: [0].synonyms: got undefined", [{"id": "n00", "name": "entity"}, warm]
    yield "expected the keys id, name, synonyms, broader, everyday", [entity | {"colour": "red"}, warm]
    yield "1 to 500 characters", [entity, warm | {"synonyms": ["a\u202eb"]}]
    yield "true or false", [entity, warm | {"everyday": 1}]
    yield "at most 100 broader terms", [entity, warm | {"broader": ["n00"] * 101}]
    yield "a list", {"n00": entity}


def _is_refused(terms: Any) -> bool:
    try:
        read_terms(None if terms is None else _json(terms), read_labels(_json(LABELS)))
    except BundleError:
        return True
    raise AssertionError(f"got {terms}, expected terms that Python refuses")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
