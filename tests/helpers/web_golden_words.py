"""A bundle with broader terms and score offsets for the web app's golden vectors, and terms that are wrong."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from imagetagger.bundle.labels import Label, Term, read_labels, read_terms
from imagetagger.bundle.reader import check_bundle
from imagetagger.bundle.strict_json import BundleError
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
        "wrong": [{"message": message, "terms": terms} for message, terms in _wrong_terms() if _is_refused(terms)],
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
    yield "terms.json: 0.synonyms: got undefined", [{"id": "n00", "name": "entity"}, warm]
    yield "expected the keys id, name, synonyms, broader, everyday", [entity | {"colour": "red"}, warm]
    yield "printable", [entity, warm | {"synonyms": ["a\u202eb"]}]
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
