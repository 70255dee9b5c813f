"""Texts from files, names and messages, made safe for a terminal, a log or one line of a page."""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves the cursor, changes colours, ends a line, reverses what is shown, or is half a character.

Control characters (Cc), line and paragraph separators, bidirectional embeddings, overrides and isolates, surrogates.
All else is part of some script or emoji: joiners, variation selectors, spaces of any width, left-to-right marks,
private letters, and characters newer than this Python. The app has the same table in `src/format/text.ts`.
"""


def printable_text(text: str) -> str:
    r"""Text in one line, with everything UNSAFE escaped.

    >>> printable_text("cat\x1b[2J.jpg")
    'cat\\x1b[2J.jpg'
    """
    return UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def visible_text(text: str) -> str:
    r"""Text without anything UNSAFE.

    >>> visible_text("\u2068Anna\u2069")
    'Anna'
    """
    return UNSAFE.sub("", text)


def printable_lines(text: str) -> str:
    """Text of several lines, each of them printable."""
    return "\n".join(map(printable_text, text.split("\n")))


def cut(text: str, length: int = 150) -> str:
    """Return the beginning of a text that is too long for a message."""
    return text if len(text) <= length else text[:length] + "..."


def first_names(names: Iterable[str], count: int = 10) -> str:
    """First names for a message, each printable and not too long, and how many more there are.

    >>> first_names(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    listed = list(names)
    first = ", ".join(cut(printable_text(name), 80) for name in listed[:count])
    return first if len(listed) <= count else f"{first} and {len(listed) - count} more"


class PrintableFormatter(logging.Formatter):
    """Formats log records so that nothing in their arguments controls a terminal or starts a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format the message of a record."""
        match record.args:
            case tuple() as arguments if arguments:
                record.message = str(record.msg) % tuple(map(_printable_argument, arguments))
            case Mapping() as arguments:
                record.message = str(record.msg) % {key: _printable_argument(value) for key, value in arguments.items()}
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Format a record and its traceback."""
        return printable_lines(super().format(record))


def _printable_argument(value: object) -> object:
    return printable_text(str(value)) if isinstance(value, str | PurePath | BaseException) else value
