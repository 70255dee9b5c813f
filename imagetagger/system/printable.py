"""Texts from files, names and messages, made safe for a terminal, a log or one line of a page."""

import logging
import re
from pathlib import PurePath

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves the cursor, changes colours, ends a line, reverses what is shown, or is half a character.

Control characters (Cc), line and paragraph separators, bidirectional embeddings, overrides and isolates, surrogates.
All else is part of some script or emoji: joiners, variation selectors, spaces of any width, left-to-right marks,
private letters, and characters newer than this Python. The app has the same table in `src/files/text.ts`.
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


class PrintableFormatter(logging.Formatter):
    """Formats log records so that nothing in their arguments controls a terminal or starts a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format the message of a record."""
        arguments = record.args
        if isinstance(arguments, tuple) and any(isinstance(value, _TEXTS) for value in arguments):
            safe = (printable_text(str(value)) if isinstance(value, _TEXTS) else value for value in arguments)
            record.message = record.msg % tuple(safe)
        record.message = printable_lines(record.message)
        return super().formatMessage(record)


_TEXTS = (str, PurePath, BaseException)
