"""The names of tags as folders and lists spell them, made one name per tag."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from imagetagger.bundle.names import name_key, name_problem, normalise_name
from imagetagger.data.labelled_files import LabelledFile

log = logging.getLogger(__name__)

UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line breaks and overrides of the direction of writing."""

LISTED_NAMES = 10
"""Names in one line of the log."""


def unify_tag_names(pictures: Iterable[LabelledFile]) -> dict[str, str]:
    """Return the name of the tag that each spelling stands for; "" for one of spaces only.

    Spellings that differ only in case, spaces or Unicode form are one tag, which has the commonest of them as its name,
    the first of equally common ones; the log says so.

    Raises:
        ValueError: a name that no tag can have, or two that differ only in bytes that are not UTF-8.
    """
    counts: Counter[str] = Counter()
    sources: dict[str, str] = {}
    for picture in pictures:
        for tag in picture.tags:
            counts[tag] += 1
            sources.setdefault(tag, picture.source)
    spellings = {raw: normalise_name(printable(raw)) for raw in counts}
    _check_names(spellings, sources)
    tags: dict[str, Counter[str]] = {}
    for raw, spelling in spellings.items():
        if spelling:
            tags.setdefault(name_key(spelling), Counter())[spelling] += counts[raw]
    names = {key: found.most_common(1)[0][0] for key, found in tags.items()}
    _log_unified(spellings, counts, names)
    return {raw: names[name_key(spelling)] if spelling else "" for raw, spelling in spellings.items()}


def printable(name: str) -> str:
    """Return a name with `?` for bytes that are not UTF-8."""
    return name.encode(errors="replace").decode()


def shown(name: str) -> str:
    """Return a name for the log and for messages: what could steer a terminal or reverse a line is escaped."""
    return UNSHOWN.sub(lambda match: ascii(match[0])[1:-1], printable(name))


def cut(text: str, length: int = 150) -> str:
    """Return the beginning of a text that is too long for a message."""
    return text if len(text) <= length else text[:length] + "..."


def first_names(names: Iterable[str], count: int = LISTED_NAMES) -> str:
    """Return the first names for a message, and how many more there are."""
    found = [cut(shown(name)) for name in names]
    return ", ".join(found[:count]) + (f" and {len(found) - count} more" if len(found) > count else "")


def _check_names(spellings: Mapping[str, str], sources: Mapping[str, str]) -> None:
    undecoded: dict[str, str] = {}
    for raw, spelling in spellings.items():
        if spelling and (problem := name_problem(spelling)):
            raise ValueError(f"{problem}, for the tag of {shown(sources[raw]) or 'a picture'}: rename it")
        key = name_key(spelling)
        if undecoded.setdefault(key, raw) != raw and printable(raw) != raw:
            raise ValueError(
                f"got the tags {undecoded[key]!a} and {raw!a}, which are not UTF-8 and would both be "
                f"{spelling!r}: rename the folders or write the list in UTF-8"
            )


def _log_unified(spellings: Mapping[str, str], counts: Mapping[str, int], names: Mapping[str, str]) -> None:
    found: dict[str, Counter[str]] = {}
    for raw, spelling in spellings.items():
        if spelling:
            found.setdefault(names[name_key(spelling)], Counter())[printable(raw).strip()] += counts[raw]
    unified = {name: variants for name, variants in found.items() if len(variants) > 1}
    for name, variants in list(unified.items())[:LISTED_NAMES]:
        # Escaped where they would look alike: in another Unicode form, or with other spaces.
        quoted = [ascii(raw) if normalise_name(raw) == name != raw else repr(raw) for raw in variants]
        spelt = ", ".join(f"{cut(raw)} ({count})" for raw, count in zip(quoted, variants.values(), strict=True))
        log.warning("tags that differ only in case, spaces or Unicode form are one: %s become %r", spelt, name)
    if len(unified) > LISTED_NAMES:
        log.warning("likewise %d more tags", len(unified) - LISTED_NAMES)
