"""Names of tags: which texts can be one, and when two of them are the same."""

import unicodedata

MAX_NAME_LENGTH = 100
"""Characters of a name that a user gives."""


def normalise_name(name: str) -> str:
    """Name with single spaces and composed accents, however a keyboard, file system or browser spells it.

    >>> normalise_name(" polar   bear ")
    'polar bear'
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


def name_key(name: str) -> str:
    """Return what names that differ only in case, spacing or Unicode form have in common.

    >>> name_key("Polar  Bear ")
    'polar bear'
    """
    return normalise_name(name).casefold()


def same_name(a: str, b: str) -> bool:
    """Whether two names differ in case, spacing or Unicode form only."""
    return name_key(a) == name_key(b)


def name_problem(name: str) -> str | None:
    """Why a normalised name cannot be given to a tag; None if it can."""
    if not 0 < len(name) <= MAX_NAME_LENGTH:
        return f"got a name of {len(name)} characters, expected 1 to {MAX_NAME_LENGTH}"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return f"got the name {name!r}, expected no control characters and no unpaired surrogates"
    return None


def printable_problem(text: str) -> str | None:
    """Why a bundle cannot show a text to people; None if it can."""
    return None if text.isprintable() else f"got {text[:100]!r}, expected printable characters"
