"""Silence for messages that C++ code writes to stderr past every log level."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_lock = threading.Lock()
_inside: list[int] = []
"""The real stderr, once for each thread inside the block; the last one to leave restores it."""


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what TensorFlow's and LiteRT's C++ code writes to stderr; threads may overlap.

    In a process without stderr, as in some desktop programs, nothing happens.
    """
    with _lock:
        try:
            real = _inside[0] if _inside else os.dup(2)
        except OSError:
            real = -1
        else:
            if not _inside:
                with Path(os.devnull).open("wb") as devnull:
                    os.dup2(devnull.fileno(), 2)
            _inside.append(real)
    try:
        yield
    finally:
        with _lock:
            if real >= 0:
                _inside.pop()
                if not _inside:
                    os.dup2(real, 2)
                    os.close(real)
