"""Names of tags: which texts can be one, and when two of them are the same.

One rule wherever names come from: normalised they have 1 to 100 characters, none of them UNSAFE. What bundles and
lessons hold already may be longer, since tags were once named by whole lines of lists.
"""

import unicodedata

from imagetagger.system.printable import UNSAFE, printable_text

MAX_NAME_LENGTH = 100
"""Characters of a name that a person or a data set gives."""

MAX_TEXT_LENGTH = 500
"""Characters of names, synonyms and ids in files."""


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
    return text_problem(name, MAX_NAME_LENGTH)


def text_problem(text: str, longest: int = MAX_TEXT_LENGTH) -> str | None:
    """Why a text of a file cannot be the name or the id of something; None if it can."""
    if not 0 < len(text) <= longest:
        return f"got a name of {len(text):,} characters, expected 1 to {longest}"
    if found := UNSAFE.search(text):
        return (
            f"got the name '{printable_text(text[:100])}' with the character U+{ord(found[0]):04X}, "
            "expected no control characters, line breaks, unpaired surrogates or marks that reverse the text"
        )
    return None if text.strip() else "got a name of spaces only, expected a visible one"
