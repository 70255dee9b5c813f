"""What one job of a sweep leaves to the next: the last result of each stage, with what it was made from."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Memory = dict[str, tuple[Hashable, Any]]
"""By stage, one result each: that bounds what is held, and a sweep varies its last axis fastest."""

T = TypeVar("T")


def recall(memory: Memory | None, stage: str, key: Hashable, make: Callable[[], T]) -> tuple[T, bool]:
    """Return a stage's result, and whether it was remembered: its last one, if that was made from an equal key.

    Args:
        memory: where to look and to leave it; None remembers nothing.
        stage: its name.
        key: all that the result depends on.
        make: makes it.

    >>> memory = {}
    >>> recall(memory, "square", 3, lambda: 9), recall(memory, "square", 3, lambda: 1 / 0)
    ((9, False), (9, True))
    """
    if memory is None:
        return make(), False
    if stage in memory and memory[stage][0] == key:
        return memory[stage][1], True
    memory.pop(stage, None)  # not two of them at once: embeddings are large
    made = make()
    memory[stage] = (key, made)
    return made, False
