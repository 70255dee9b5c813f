"""Keywords of several fields as one list, in which each is named once, as exactly as any field names it."""

from collections.abc import Iterable
from typing import NamedTuple

from imagetagger.archive.keywords.fields import FIELDS, IPTC_FIELD, SEPARATORS, Keyword, keyword_key, split_value

IPTC_BYTES = range(61, 65)
"""Lengths of an IPTC keyword that may be cut: it has at most 64 bytes, and a character of UTF-8 up to 4."""


class FieldValue(NamedTuple):
    """A value of a field of keywords."""

    field: str
    text: str


def merge_values(values: Iterable[FieldValue]) -> tuple[Keyword, ...]:
    r"""Return the keywords that values stand for, each once.

    A flat keyword that is part of a hierarchical one is that one, or one of its broader ones. A separator in a name
    makes fields differ ("AC/DC", "AC\\DC"): what Lightroom's field says is taken, whose separator is in no name, or
    else what a flat one says.

    >>> merge_values([FieldValue("dc:subject", "finch"), FieldValue("digiKam:TagsList", "bird/finch")])
    (('bird', 'finch'),)
    >>> merge_values([FieldValue("dc:subject", "AC/DC"), FieldValue("digiKam:TagsList", "AC/DC")])
    (('AC/DC',),)
    """
    read = [(value, keyword) for value in dict.fromkeys(values) if (keyword := split_value(*value))]
    single = {keyword_key(keyword): keyword[0] for _, keyword in read if len(keyword) == 1}
    groups: dict[str, list[tuple[int, Keyword]]] = {}
    for value, keyword in read:
        groups.setdefault(keyword_key(keyword), []).append((_trust(value, single), keyword))
    chosen = [min(group, key=lambda ranked: ranked[0])[1] for group in groups.values()]
    parts = {keyword_key((name,)) for keyword in chosen if len(keyword) > 1 for name in keyword}
    cut = {value.text for value, keyword in read if _is_cut(value, keyword, read)}
    distinct = [
        keyword for keyword in chosen if len(keyword) > 1 or not (keyword_key(keyword) in parts or keyword[0] in cut)
    ]
    return tuple(_respell(keyword, single) for keyword in distinct)


def _trust(value: FieldValue, single: dict[str, str]) -> int:
    """Return the rank of a value among those whose keywords have one key: the lowest is right."""
    if value.field not in FIELDS or not FIELDS[value.field].separator:
        last = SEPARATORS.split(value.text)[-1]
        is_path = last != value.text and keyword_key((last,)) in single
        return 3 if is_path else 1
    return 0 if FIELDS[value.field].separator == "|" else 2


def _is_cut(value: FieldValue, keyword: Keyword, read: list[tuple[FieldValue, Keyword]]) -> bool:
    """Whether a value is the beginning of another keyword, cut to what IPTC's field can hold."""
    if value.field != IPTC_FIELD or len(value.text.encode("utf-8", "replace")) not in IPTC_BYTES:
        return False
    return any(other[-1] != keyword[-1] and other[-1].startswith(keyword[-1]) for _, other in read)


def _respell(keyword: Keyword, single: dict[str, str]) -> Keyword:
    """Return a keyword whose last name has the separators of the flat field, which needs no stand-ins for them."""
    flat = single.get(keyword_key(keyword[-1:]))
    return (*keyword[:-1], flat) if flat and SEPARATORS.search(flat) else keyword
