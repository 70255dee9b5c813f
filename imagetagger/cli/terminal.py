"""What commands print: lines without control characters, and JSON that every reader takes."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from imagetagger.system.printable import printable_text

PROGRESS_DELAY = 1.0
"""Seconds before progress is shown."""


class CommandError(Exception):
    """A command that cannot do what was asked; the message says why."""


def print_line(text: str) -> None:
    """Print one line; letters that the terminal's encoding lacks are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(printable_text(text).encode(encoding, "backslashreplace").decode(encoding))


def print_problem(text: str) -> None:
    """Print one line for people, beside the output."""
    print(printable_text(text), file=sys.stderr)  # stderr escapes letters that its encoding lacks


def file_problem(file: Path | str, error: Exception) -> str:
    """Say what is wrong with a file, without the number and the path that Python puts into errors of the system.

    >>> file_problem("a.jpg", FileNotFoundError(2, "No such file or directory", "a.jpg"))
    'a.jpg: no such file or directory'
    """
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{file}: {reason[0].lower()}{reason[1:]}" if reason else f"{file}: {error}"


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


@contextmanager
def step_bar(what: str) -> Iterator[Callable[[int, int], object]]:
    """Show how far a step of many pictures is, on stderr where that is a terminal; yields what takes done and total."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from tqdm import tqdm

    with tqdm(desc=what, unit=" pictures", leave=False, delay=PROGRESS_DELAY) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
