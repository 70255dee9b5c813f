"""What Hydra and OmegaConf say of a command line, in one line: what was got, what was expected, and the fix."""

import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

SHOWS_TRACEBACKS = "HYDRA_FULL_ERROR" in os.environ
"""Whether the user asked for tracebacks instead of messages."""


@contextmanager
def explained_errors() -> Iterator[None]:
    """End with one line instead of Hydra's search path or traceback, unless the user asked for tracebacks."""
    if SHOWS_TRACEBACKS:
        yield
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises what it would print
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(explain_hydra(error))
    except OSError as error:
        sys.exit(str(error))
    finally:
        os.environ.pop("HYDRA_FULL_ERROR", None)


def explain_failure(error: Exception) -> str:
    """Message of an error that ends a run: its own if a user can mend it, else that it should be reported."""
    hint = "(HYDRA_FULL_ERROR=1 shows where this was raised.)"
    if isinstance(error, MemoryError):
        return f"The memory of this machine is not enough for this run. {error}\n{hint}"
    if isinstance(error, ValueError | OSError | OverflowError):
        return f"{error}\n{hint}"
    text = " ".join(str(error).split())[:500]
    if any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)):  # as TensorFlow says it
        return f"A file cannot be written: {text}\n{hint}"
    return f"Stopped by an error in the program, {type(error).__name__}: {text}. Please report it.\n{hint}"


def explain_hydra(error: Exception) -> str:
    """One line for an error of Hydra or OmegaConf: choices are listed with the nearest first."""
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"got {group}={name}, expected one of {', '.join(nearest_first(name, error.options))}"
    if isinstance(error, OverrideParseException):
        key, equals, _ = error.override.partition("=")
        if not equals:
            return f"got {error.override!r}, expected KEY=VALUE, as in seed=1"
        return (
            f"got {error.override!r}, which cannot be read: a value with spaces, brackets, commas or other signs needs "
            f"quotes of its own, as in \"{key}='a value (1)'\""
        )
    lines = [line.strip() for line in str(error).splitlines()]
    first = lines[0] if lines else type(error).__name__
    if match := re.fullmatch("Ambiguous value for argument '(.*)'", first):
        return f"got {match[1]}, several values: add -m to run each, or write a list as [a,b] and a text as \"'a,b'\""
    if first.startswith("Could not override 'experiment'"):
        return f"got experiment=..., expected +experiment=...: {lines[-1]}"
    if match := re.match(r"Multiple values for ([\w/@]+)\.", first):
        group = match[1]
        if group == "experiment":
            return "got several experiments, expected one +experiment=..."
        return f"got +{group}=..., expected {group}=... without the plus: it has a choice already"
    said = [line for line in lines if line and not line.startswith(("full_key:", "reference_type=", "object_type="))]
    if isinstance(error.__cause__, OmegaConfBaseException):
        said.append(str(error.__cause__).splitlines()[0])
    return ". ".join(line.rstrip(".") for line in said) or type(error).__name__


def nearest_first(name: str, choices: Sequence[str]) -> list[str]:
    """Return all choices, those that a misspelled name is like first.

    >>> nearest_first("foldr", ["everyday", "folder", "tune"])
    ['folder', 'everyday', 'tune']
    """
    near = get_close_matches(name.lower(), choices, len(choices), cutoff=0.5)
    return [*near, *(choice for choice in choices if choice not in near)]
