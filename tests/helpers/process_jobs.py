"""Functions for processes that tests start: they import nothing that takes long."""

import functools
import os
import signal
import sys
import time
from pathlib import Path

from imagetagger.archive.embedding.processes import map_unordered


def load_square():
    return square


def square(item: int) -> tuple[int, int]:
    """The square, and the process that computed it."""
    return item * item, os.getpid()


def load_deadly():
    return deadly


def deadly(item: int) -> tuple[int, str]:
    """Die from some items: of SIGKILL, or with an exit code."""
    if item % 10 == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if item % 10 == 7:
        os._exit(5)
    return item, ""


def died(item: int, ending: str) -> tuple[int, str]:
    return item, ending


def load_slow():
    return slow


def slow(seconds: float) -> int:
    """Sleep; return the process that did."""
    time.sleep(seconds)
    return os.getpid()


def load_wrongly():
    raise ValueError("no such bundle")


def load_never():
    os._exit(4)


def load_at_second_attempt(attempt: Path):
    if not attempt.exists():
        attempt.touch()
        os._exit(4)
    return square


at_second_attempt = functools.partial(functools.partial, load_at_second_attempt)

if __name__ == "__main__":
    seconds = float(sys.argv[1])
    for worker in map_unordered(load_slow, [0, *[seconds] * 1000], 2, died):
        print(worker, flush=True)
