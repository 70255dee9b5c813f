"""The 1,000 tags of ImageNet in words that people use, and their broader terms, from WordNet 3.0.

wordnet.json is derived by `python -m experiments.wordnet.build`; WORDNET-LICENSE is its licence.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

WORDNET_TABLE = Path(__file__).parent / "wordnet.json"
"""Package data."""


class WordNetTag(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tag that a classifier knows.

    Attributes:
        id: WordNet id, such as "n01443537".
        name: unique among tags and terms, whatever its case.
        synonyms: other words for it, none of them the name of another tag or term.
        broader: ids of the terms directly above it.
    """

    id: str
    name: str
    synonyms: tuple[str, ...]
    broader: tuple[str, ...]


class WordNetTerm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A broader term: what is below it is of its kind.

    Attributes:
        id, name, synonyms, broader: as those of a tag.
        everyday: whether it is a word that people would tag a photograph with.
    """

    id: str
    name: str
    synonyms: tuple[str, ...]
    broader: tuple[str, ...]
    everyday: bool


class WordNetTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tags and terms, a graph without circles; a tag or term may have several that are broader.

    Attributes:
        tags: the 1,000 of ImageNet, in the order of its classifiers. Those of Tiny ImageNet are among them.
        terms: all that are above them but the few that say nothing, such as "entity"; by id.
    """

    tags: tuple[WordNetTag, ...]
    terms: tuple[WordNetTerm, ...]


@lru_cache(maxsize=1)
def read_wordnet() -> WordNetTable:
    """Return the installed table."""
    return msgspec.json.decode(WORDNET_TABLE.read_bytes(), type=WordNetTable)


def broader_terms(table: WordNetTable, tag_ids: Iterable[str]) -> tuple[WordNetTerm, ...]:
    """Return all terms above the given tags, in the order of the table.

    Args:
        table: of tags and terms.
        tag_ids: ids of tags; those that the table lacks, such as a user's own, have no terms.
    """
    above = {tag.id: tag.broader for tag in table.tags} | {term.id: term.broader for term in table.terms}
    found: set[str] = set()
    waiting = list(tag_ids)
    while waiting:
        new = set(above.get(waiting.pop(), ())) - found
        found |= new
        waiting.extend(new)
    return tuple(term for term in table.terms if term.id in found)
