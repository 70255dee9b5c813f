"""Every setting of the schema, with its type and limits."""

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple, get_args, get_type_hints

from imagetagger.config.schema import Experiment


class Setting(NamedTuple):
    """A setting: its type without null, of the items for a list; the choices or the range that it has."""

    kind: type
    choices: tuple[str | None, ...] | None
    range: tuple[float, float] | None


def leaves(node: Any = Experiment, prefix: str = "") -> Iterator[tuple[str, Setting]]:
    """Every setting below a section by its dotted key."""
    hints = get_type_hints(node)
    for field in fields(node):
        kind = hints[field.name]
        if is_dataclass(kind):
            yield from leaves(kind, f"{prefix}{field.name}.")
        else:
            not_null = next(arg for arg in (*get_args(kind), kind) if arg is not types.NoneType)
            yield f"{prefix}{field.name}", Setting(not_null, field.metadata.get("choices"), field.metadata.get("range"))


SETTINGS = dict(leaves())
CHOICES = {key: setting.choices for key, setting in SETTINGS.items() if setting.choices}
RANGES = {key: setting.range for key, setting in SETTINGS.items() if setting.range}
LISTS = ("export.variants", "evaluate.baselines")
