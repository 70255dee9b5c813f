"""Where a word is among the broader terms above it, as photo managers show it: animal, bird, goldfinch."""

from collections.abc import Collection, Mapping, Sequence

TermPath = tuple[str, ...]
"""Ids of a word's broader terms, the broadest first, and of the word."""


def term_path(word: str, broader: Mapping[str, Sequence[str]], usable: Collection[str]) -> TermPath:
    """Return the path of a word: below that of the nearest usable term above it, the first one of several.

    Args:
        word: id of a tag or term.
        broader: ids of the terms directly above each.
        usable: ids of terms that may be in a path; what is above others counts.

    >>> term_path("cat", {"cat": ["pet", "feline"], "pet": ["animal"], "feline": ["animal"]}, {"feline", "animal"})
    ('animal', 'feline', 'cat')
    """
    path: TermPath = (word,)
    while (above := _nearest_usable(path, broader, usable)) is not None:
        path = (above, *path)
    return path


def term_paths(word: str, broader: Mapping[str, Sequence[str]], usable: Collection[str]) -> list[TermPath]:
    """Return the path of a word, and then those of the usable terms above it that none of these has.

    Arguments as of `term_path`.

    >>> term_paths("piano", {"piano": ["strings", "keys"]}, {"strings", "keys"})
    [('strings', 'piano'), ('keys',)]
    """
    paths = [term_path(word, broader, usable)]
    seen, level = {word}, [word]
    while level:
        level = list(dict.fromkeys(term for each in level for term in broader.get(each, ()) if term not in seen))
        seen.update(level)
        for term in level:
            if term in usable and not any(term in path for path in paths):
                own = term_path(term, broader, usable)
                paths = [path for path in paths if path != own[: len(path)]] + [own]
    return paths


def _nearest_usable(path: TermPath, broader: Mapping[str, Sequence[str]], usable: Collection[str]) -> str | None:
    """Return the nearest usable term above the first word of a path that is not in it, the first one of several."""
    seen, level = set(path), [path[0]]
    while level:
        level = list(dict.fromkeys(term for each in level for term in broader.get(each, ()) if term not in seen))
        seen.update(level)
        for term in level:
            if term in usable:
                return term
    return None
