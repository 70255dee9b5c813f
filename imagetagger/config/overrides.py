"""Overrides of the command line before Hydra parses them: paths are quoted, so that any path can be given as it is.

Hydra's grammar takes spaces, umlauts, brackets, commas, `=`, `#`, quotes and `~` for syntax, and OmegaConf `${`.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import MISSING

from imagetagger.config.schema import Experiment
from imagetagger.system.atomic_files import expand_home

OVERRIDE = re.compile(r"(\+{0,2})([\w.]+)=(.*)", re.DOTALL)
FUNCTION = re.compile(r"(choice|range|interval|glob|sort|shuffle|tag)\s*\(.*\)\s*", re.DOTALL)
"""What Hydra calls in a sweep."""

HYDRA_FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")
"""Folders in which `${...}` is meant, as in ${now:%Y}."""

SWEEP_PART = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|.""", re.DOTALL)
"""A text in quotes, or a character."""


def path_settings(section: Any = Experiment, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of the settings that name a file or folder.

    >>> list(path_settings())
    ['cache', 'track_to', 'data.path', 'data.test', 'backbone.weights']
    """
    hints = get_type_hints(section)
    for field in fields(section):
        if is_dataclass(hints[field.name]):
            yield from path_settings(hints[field.name], f"{prefix}{field.name}.")
        elif "is_path" in field.metadata:
            yield f"{prefix}{field.name}"


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Quote the paths among the arguments of a command line for Hydra, as `data.path=Photos (2024)`.

    `null`, nothing, and what the user has quoted stay as Hydra reads them. In a sweep (`-m`), commas separate values
    unless the whole text is an existing path, and functions such as `choice(a,b)` are Hydra's.

    >>> quote_paths(["+experiment=folder", "data.path=Photos (2024)", "seed=1"])
    ['+experiment=folder', "data.path='Photos (2024)'", 'seed=1']
    """
    keys = set(path_settings())
    is_sweep = any(_asks_for_sweep(argument) for argument in arguments)
    quoted = []
    for argument in arguments:
        prefix, key, value = match.groups() if (match := OVERRIDE.fullmatch(argument)) else ("", "", "")
        if key in keys:
            values = _sweep_values(value) if is_sweep else [_quote(value)]
            argument = f"{prefix}{key}={','.join(values)}"
        elif key in HYDRA_FOLDERS and not _is_quoted(value):
            folder = str(expand_home(value))
            argument = f"{prefix}{key}={QuotedString(folder, Quote.single).with_quotes()}"
        quoted.append(argument)
    return quoted


def _asks_for_sweep(argument: str) -> bool:
    is_flag = len(argument) > len("--m") and "--multirun".startswith(argument)  # argparse takes beginnings
    return is_flag or argument in ("-m", "hydra.mode=MULTIRUN")


def _sweep_values(value: str) -> list[str]:
    """Split a text at the commas outside quotes; one that Hydra reads as a function is one value, as is a path."""
    if os.path.lexists(expand_home(value)):
        return [_quote(value)]
    if FUNCTION.fullmatch(value):
        return [value]
    values = [""]
    for part in SWEEP_PART.findall(value):
        if part == ",":
            values.append("")
        else:
            values[-1] += part
    return [_quote(part.strip()) for part in values]


def _quote(value: str) -> str:
    if value.lower() in ("", "null") or _is_quoted(value):
        return value
    if value == MISSING:
        value = f"./{value}"
    literal = re.sub(r"(\\*)\$\{", r"\1\1\\${", value)  # OmegaConf reads ${...} in quotes too
    return QuotedString(literal, Quote.single).with_quotes()


def _is_quoted(value: str) -> bool:
    """Whether Hydra reads a value as one text in quotes."""
    if value[:1] not in ("'", '"'):
        return False
    try:
        return isinstance(OverridesParser.create().parse_override(f"key={value}")._value, QuotedString)
    except HydraException:
        return False
