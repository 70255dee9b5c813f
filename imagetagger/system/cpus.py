"""The number of usable CPU cores."""

import os


def cpu_count() -> int:
    """Return the number of CPU cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
