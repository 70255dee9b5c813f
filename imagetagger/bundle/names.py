"""Names of tags: which texts can be one, and when two of them are the same.

One rule wherever names come from: normalised they have 1 to 100 characters, none of them UNSAFE, and one that is seen.
What bundles and lessons hold already may be longer, since tags were once named by whole lines of lists, or unseen.
"""

import re
import unicodedata

from imagetagger.system.printable import UNSAFE, printable_text

MAX_NAME_LENGTH = 100
"""Characters of a name that a person or a data set gives."""

MAX_TEXT_LENGTH = 500
"""Characters of names, synonyms and ids in files."""


_CONTROL_SPACES = re.compile("[\v\f\x1c-\x1f]")
"""White space of str.split() that no keyboard types and no paste has: refused like other control characters."""

_UNSEEN_LETTERS = frozenset("\u034f\u115f\u1160\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""A joiner, fillers of Hangul, selectors of Mongolian and the blank of Braille: no spaces in Unicode's tables."""


def normalise_name(name: str) -> str:
    """Name with single spaces and composed accents, however a keyboard, file system or browser spells it.

    >>> normalise_name(" polar   bear ")
    'polar bear'
    """
    composed = unicodedata.normalize("NFC", name)
    if _CONTROL_SPACES.search(composed):  # kept, to be refused
        return re.sub(r"[^\S\v\f\x1c-\x1f]+", " ", composed).strip(" ")
    return " ".join(composed.split())


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
    if name and all(map(_is_unseen, name)):
        return f"got the name {name[:100]!a}, none of whose characters is seen: expected a visible one"
    return text_problem(name, MAX_NAME_LENGTH)


def _is_unseen(character: str) -> bool:
    """Whether a character alone shows nothing: a space, a joiner, a tag or a selector of variants."""
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return is_selector or character in _UNSEEN_LETTERS or unicodedata.category(character) in ("Cf", "Zs")


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
