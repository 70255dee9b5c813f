"""The names of tags as folders and lists spell them, made one name per tag."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

from imagetagger.bundle.names import name_key, name_problem, normalise_name
from imagetagger.data.labelled_files import LabelledFile
from imagetagger.system.printable import cut, printable_text

log = logging.getLogger(__name__)

MAX_WARNINGS = 10
"""Of tags that are spelled differently, one a tag."""


def unify_tag_names(pictures: Iterable[LabelledFile]) -> dict[str, str]:
    """Return the name of the tag that each spelling stands for; "" for one of spaces only.

    Spellings that differ only in case, spaces or Unicode form are one tag, which has the commonest of them as its name,
    the first of equally common ones; the log says so.

    Raises:
        ValueError: a name that no tag can have.
    """
    counts: Counter[str] = Counter()
    sources: dict[str, str] = {}
    for picture in pictures:
        for tag in picture.tags:
            counts[tag] += 1
            sources.setdefault(tag, picture.source)
    spellings = {raw: normalise_name(escape_undecoded(raw)) for raw in counts}
    _check_names(spellings, sources)
    tags: dict[str, Counter[str]] = {}
    for raw, spelling in spellings.items():
        if spelling:
            tags.setdefault(name_key(spelling), Counter())[spelling] += counts[raw]
    names = {key: variants.most_common(1)[0][0] for key, variants in tags.items()}
    _log_unified(spellings, counts, names)
    return {raw: names[name_key(spelling)] if spelling else "" for raw, spelling in spellings.items()}


def escape_undecoded(name: str) -> str:
    r"""Return a name with escapes for what is not text: bytes of a file's name that are not UTF-8.

    >>> escape_undecoded("caf\udce9")
    'caf\\udce9'
    """
    return name.encode(errors="backslashreplace").decode()


def _check_names(spellings: Mapping[str, str], sources: Mapping[str, str]) -> None:
    for raw, spelling in spellings.items():
        if spelling and (problem := name_problem(spelling)):
            raise ValueError(f"{problem}, for the tag of {printable_text(sources[raw]) or 'a picture'}: rename it")


def _log_unified(spellings: Mapping[str, str], counts: Mapping[str, int], names: Mapping[str, str]) -> None:
    spelled: dict[str, Counter[str]] = {}
    for raw, spelling in spellings.items():
        if spelling:
            spelled.setdefault(names[name_key(spelling)], Counter())[escape_undecoded(raw).strip()] += counts[raw]
    unified = {name: variants for name, variants in spelled.items() if len(variants) > 1}
    for name, variants in list(unified.items())[:MAX_WARNINGS]:
        # Escaped where they would look alike: in another Unicode form, or with other spaces.
        quoted = [ascii(raw) if normalise_name(raw) == name != raw else repr(raw) for raw in variants]
        listed = ", ".join(f"{cut(raw)} ({count})" for raw, count in zip(quoted, variants.values(), strict=True))
        log.warning("tags that differ only in case, spaces or Unicode form are one: %s become %r", listed, name)
    if len(unified) > MAX_WARNINGS:
        log.warning("%d more tags have several spellings", len(unified) - MAX_WARNINGS)
