"""Silence for chatter that no log level reaches."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

_lock = threading.Lock()
_inside: list[int] = []
"""The real stderr, once for every thread that is inside: the last one out restores it."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send the chatter of TensorFlow's and LiteRT's C++ code to nowhere; threads may overlap.

    Where the process has no stderr, as in some desktop programs, nothing happens.
    """
    with _lock:
        try:
            real = _inside[0] if _inside else os.dup(2)
        except OSError:
            real = -1
        else:
            if not _inside:
                with Path(os.devnull).open("wb") as nowhere:
                    os.dup2(nowhere.fileno(), 2)
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
