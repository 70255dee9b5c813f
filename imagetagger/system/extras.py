"""What a light install leaves out, and the one line that says how to get it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra_needed(extra: str, purpose: str) -> Iterator[None]:
    """End the program with one line where an import of the block, of a package of an extra, is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "imagetagger":
            raise
        sys.exit(f"{package} is not installed, which {purpose}: pip install 'imagetagger[{extra}]'")


@contextmanager
def experiments_needed() -> Iterator[None]:
    """End the program with one line where an import of the block is not installed."""
    with extra_needed("experiments", "experiments need"):
        yield
