"""What commands print: lines without control characters, and JSON that every reader takes."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

JOINERS = "\u200c\u200d"
"""Invisible, but parts of words in some scripts and of emojis."""


PROGRESS_DELAY = 1.0
"""Seconds before progress is shown."""


class CommandError(Exception):
    """A command that cannot do what was asked; the message says why."""


def printable_text(text: str) -> str:
    r"""Text with every character escaped that could move the cursor, change colours or reverse what is shown.

    >>> printable_text("cat\x1b[2J.jpg")
    'cat\\x1b[2J.jpg'
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in JOINERS else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_lines(text: str) -> str:
    """Text of several lines, each of them printable."""
    return "\n".join(map(printable_text, text.split("\n")))


def print_line(text: str) -> None:
    """Print one line; letters that the terminal's encoding lacks are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(printable_text(text).encode(encoding, "backslashreplace").decode(encoding))


def print_problem(text: str) -> None:
    """Print one line for people, beside the output."""
    print(printable_text(text), file=sys.stderr)


def print_json(value: object) -> None:
    """Print one line of strict JSON in ASCII; numbers that JSON lacks become null."""
    print(json.dumps(plain_json(value), allow_nan=False).replace("\x7f", "\\u007f"))


def plain_json(value: object) -> object:
    """Turn named tuples, at any depth, into objects and numbers that are not finite into None.

    >>> plain_json({"score": float("nan"), "tags": (1, 2)})
    {'score': None, 'tags': [1, 2]}
    """
    if isinstance(value, dict):
        return {key: plain_json(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain_json(value._asdict())
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Show progress on stderr where that is a terminal; yields what to print the lines of one more picture in."""
    if total < 2 or not sys.stderr.isatty():
        yield nullcontext
        return
    from tqdm import tqdm

    with tqdm(total=total, unit=" pictures", leave=False, delay=PROGRESS_DELAY) as bar:

        @contextmanager
        def advance() -> Iterator[None]:
            with tqdm.external_write_mode():  # so that lines and the bar do not mix
                yield
            bar.update()

        yield advance
