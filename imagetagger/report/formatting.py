"""Numbers as text for the readers of a report."""

import math
from collections.abc import Callable
from typing import NamedTuple

NO_VALUE = "\u2013"
PERCENT = "\u00a0%"


class SummaryMetric(NamedTuple):
    """A metric, its 95 % interval, and what it means."""

    label: str
    value: str
    interval: str
    meaning: str


def share_in_words(share: float | None) -> str:
    """Turn a share into everyday words.

    >>> share_in_words(0.912), share_in_words(0.75), share_in_words(0.97)
    ('about 9 times in 10', 'about 3 times in 4', 'about 97 times in 100')
    """
    if share is None or not math.isfinite(share):
        return "an unknown share of the time"
    if not 0.005 <= share <= 0.995:
        return "almost always" if share > 0.5 else "almost never"
    total = (4 if min(abs(share - 0.25), abs(share - 0.75)) < 0.025 else 10) if 0.05 <= share <= 0.95 else 100
    return f"about {count(round(total * share), 'time')} in {total}"


def number(value: float | None, form: str = ".2f") -> str:
    """Format a number that may be missing or not finite."""
    if value is None or math.isnan(value):
        return NO_VALUE
    text = f"{abs(value):{form}}" if math.isfinite(value) else "\u221e"
    return f"\u2212{text}" if value < 0 else text


def percent(share: float | None, digits: int = 1) -> str:
    """Format a share in percent."""
    text = number(None if share is None else 100 * share, f".{digits}f")
    return text if text == NO_VALUE else text + PERCENT


def interval(low: float | None, high: float | None, form: Callable[[float], str] = percent) -> str:
    r"""Format an interval, its unit once; empty unless both ends are finite.

    >>> interval(0.25, 0.5), interval(None, 0.5)
    ('25.0 to 50.0\xa0%', '')
    """
    if low is None or high is None or not math.isfinite(low + high):
        return ""
    return f"{form(low).removesuffix(PERCENT)} to {form(high)}"


def probability(probability: float) -> str:
    """Format a probability in percent that never rounds to impossible or certain."""
    if probability < 0.0005:
        return f"<0.1{PERCENT}"
    return f">99.9{PERCENT}" if probability > 0.9995 else percent(probability)


def p_value(p: float) -> str:
    """Format the p-value of a test.

    >>> p_value(0.0123), p_value(1e-9)
    ('0.012', '< 0.0001')
    """
    return "< 0.0001" if p < 0.0001 else number(p, ".2g")


def count(value: float | None, noun: str = "") -> str:
    """Format a count with its noun.

    >>> count(12345, "tag"), count(1, "tag")
    ('12,345 tags', '1 tag')
    """
    return number(value, ",.0f") + (f" {noun}{'' if value == 1 else 's'}" if noun else "")
