"""How the C library treats memory that is freed. Standard library only."""

import ctypes
import sys
from contextlib import suppress

# From malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees, and use it again; return whether the C library can.

    By default glibc gets each large array from the system and gives it back: of training on a CPU, which allocates the
    same arrays in each step, a third of the time was spent on page faults. One arena, so that all threads use the same
    memory; threads that run already keep theirs. It is for the GNU C library alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        options = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST), (M_ARENA_MAX, 1))
        accepted = [mallopt(option, value) == 1 for option, value in options]
        return all(accepted)
    return False
