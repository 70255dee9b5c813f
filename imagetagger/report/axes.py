"""What differs between runs: the settings that vary, and names that tell the runs apart."""

from collections import Counter
from pathlib import PurePath
from typing import Any, NamedTuple

from imagetagger.report.runs import Run, rank

SIZES = ("data.per_class", "data.fraction")
"""Settings that say how many pictures there are to learn from."""


class Axis(NamedTuple):
    """A setting that varies.

    Attributes:
        key: dotted.
        name: as short as tells it from the others.
        values: of each run.
        follows: an axis that decides this one; None where nothing does.
    """

    key: str
    name: str
    values: tuple[Any, ...]
    follows: str | None

    @property
    def is_numeric(self) -> bool:
        """Whether it has a place on an axis of a plot."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def find(runs: tuple[Run, ...]) -> tuple[Axis, ...]:
    """Return the settings whose values differ between runs, in the order of the settings, the seed last.

    Some vary only because another does: a choice such as `classifier=gnb,whitened` sets many at once. An axis follows
    from one of names in the same section (or from `experiment`, which may set anything) where each of that one's names
    comes with one value of it; of two that say the same, the first decides.
    """
    keys = sorted(dict.fromkeys(key for run in runs for key in run.settings), key=lambda key: key == "seed")
    columns = {key: tuple(run.settings.get(key) for run in runs) for key in keys}
    varied = [key for key in keys if len(set(columns[key])) > 1]
    named = [key for key in varied if any(isinstance(value, str | tuple) for value in columns[key])]
    decided: dict[str, str] = {}
    for key in varied:
        for other in named:
            if other == key or other in decided or key == "seed" or not _same_section(key, other):
                continue
            if len(set(zip(columns[other], columns[key], strict=True))) == len(set(columns[other])):
                decided[key] = other
                break
    short = names(varied)
    return tuple(Axis(key, short[key], columns[key], decided.get(key)) for key in varied)


def free(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Return the axes that follow from no other."""
    return tuple(axis for axis in axes if axis.follows is None)


def names(keys: list[str]) -> dict[str, str]:
    """Return a short name of each dotted key, unique among them.

    >>> names(["data.name", "backbone.name", "data.calibration_fraction"]).values()
    dict_values(['data', 'backbone', 'calibration fraction'])
    """
    last = {key: (key.rsplit(".", 2)[-2] if key.endswith(".name") else key.rsplit(".", 1)[-1]) for key in keys}
    shared = Counter(last.values())
    return {key: (key if shared[short] > 1 else short.replace("_", " ")) for key, short in last.items()}


def text(value: Any, key: str = "") -> str:
    """Return a setting's value as a reader sees it: short, of a path the last part, of an unlimited size "all".

    >>> text("/data/cats.zip"), text(0.1), text(None, "data.per_class"), text(("int8", "float16"))
    ('cats.zip', '0.1', 'all', 'int8, float16')
    """
    if value is None:
        return "all" if key in SIZES else "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:{'.4g' if abs(value) < 1000 else '.6g'}}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return PurePath(value).name if "/" in value else value


def label(axes: tuple[Axis, ...], run: int) -> str:
    """Return what sets a run apart in words: names as they are, numbers and "none" with their axis."""
    told = ((axis, axis.values[run]) for axis in axes)
    return ", ".join(
        text(value, axis.key) if isinstance(value, str) and value != "none" else f"{axis.name} {text(value, axis.key)}"
        for axis, value in told
    )


def labels(runs: tuple[Run, ...], axes: tuple[Axis, ...]) -> list[str]:
    """Return a name of each run, unique: what sets it apart, and its folder where that is not enough."""
    told = [label(free(axes), i) for i in range(len(runs))]
    seen = Counter(told)
    return [
        said if said and seen[said] == 1 else ", ".join(filter(None, [said, place]))
        for said, place in zip(told, places(runs), strict=True)
    ]


def places(runs: tuple[Run, ...]) -> list[str]:
    """Return the folder of each run below the one that holds them all."""
    parts = [run.folder.resolve().parts for run in runs]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return ["/".join(part[shared:]) for part in parts]


def groups(axes: tuple[Axis, ...], count: int, without: tuple[str, ...]) -> dict[tuple[Any, ...], list[int]]:
    """Return the runs of each combination of the free axes but some, ordered by values."""
    kept = [axis for axis in free(axes) if axis.key not in without]
    found: dict[tuple[Any, ...], list[int]] = {}
    for i in range(count):
        found.setdefault(tuple(axis.values[i] for axis in kept), []).append(i)
    return dict(sorted(found.items(), key=lambda item: [rank(value) for value in item[0]]))


def _same_section(key: str, other: str) -> bool:
    return other == "experiment" or key.split(".")[0] == other.split(".")[0] != key
