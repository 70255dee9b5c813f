"""Figures in words and figures, as readers of a report see them."""

import math
from typing import NamedTuple

NONE = "\u2013"
PERCENT = "\u00a0%"


class Headline(NamedTuple):
    """A figure, its 95 % interval, and what it means."""

    label: str
    value: str
    interval: str
    words: str


def times(share: float | None) -> str:
    """Return a share in everyday words.

    >>> times(0.912), times(0.97)
    ('about 9 times in 10', 'about 97 times in 100')
    """
    if share is None or not math.isfinite(share):
        return "an unknown share of the time"
    if not 0.005 <= share <= 0.995:
        return "almost always" if share > 0.5 else "almost never"
    of = 10 if 0.05 <= share <= 0.95 else 100
    return f"about {count(round(of * share), 'time')} in {of}"


def number(value: float | None, form: str = ".2f") -> str:
    """Return a number that may be missing or not finite."""
    if value is None or math.isnan(value):
        return NONE
    text = f"{abs(value):{form}}" if math.isfinite(value) else "\u221e"
    return f"\u2212{text}" if value < 0 else text


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in percent."""
    text = number(None if share is None else 100 * share, f".{digits}f")
    return text if text == NONE else text + PERCENT


def chance(probability: float) -> str:
    """Return a probability in percent that never rounds to impossible or certain."""
    if probability < 0.0005:
        return f"<0.1{PERCENT}"
    return f">99.9{PERCENT}" if probability > 0.9995 else percent(probability)


def count(value: float | None, noun: str = "") -> str:
    """Return a whole number with its noun.

    >>> count(12345, "tag"), count(1, "tag")
    ('12,345 tags', '1 tag')
    """
    return number(value, ",.0f") + (f" {noun}{'' if value == 1 else 's'}" if noun else "")
