"""What a light install leaves out, and the one line that says how to get it."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def extra_needed(extra: str, purpose: str) -> Iterator[None]:
    """End the program with one line where an import of the block, of a package of an extra, is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "imagetagger":
            raise
        sys.exit(_missing(package, extra, purpose))


@contextmanager
def experiments_needed() -> Iterator[None]:
    """End the program with one line where an import of the block is not installed."""
    with extra_needed("experiments", "experiments need"):
        yield


def import_extra(package: str, extra: str, purpose: str) -> ModuleType:
    """Return the package of an extra.

    Args:
        package: to import.
        extra: of this package that brings it.
        purpose: what it does, after "which".

    Raises:
        ImportError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(_missing(package, extra, purpose), name=package) from error


def _missing(package: str, extra: str, purpose: str) -> str:
    return f"{package} is not installed, which {purpose}: pip install 'imagetagger[{extra}]'"
