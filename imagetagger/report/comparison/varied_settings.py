"""What differs between runs: the settings that vary, and labels that distinguish the runs."""

from collections import Counter
from pathlib import PurePath
from typing import Any, NamedTuple

from imagetagger.report.comparison.runs import BLOCKS, Run, setting_keys, setting_rank

SIZE_SETTINGS = ("data.per_class", "data.fraction")
"""Settings of the number of training pictures."""


class VariedSetting(NamedTuple):
    """A setting that varies.

    Attributes:
        key: dotted.
        name: as short as distinguishes it from the others.
        values: of each run.
        follows: key of the setting that decides this one; None if it is independent.
    """

    key: str
    name: str
    values: tuple[Any, ...]
    follows: str | None

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, so that a plot can have it as an axis."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def varied_settings(runs: tuple[Run, ...]) -> tuple[VariedSetting, ...]:
    """The settings whose values differ between runs, in the order of the settings, the seed last.

    Some vary only because another does: a choice such as `classifier=gnb,whitened` sets many at once. A setting follows
    from one of names in the same section (or from `experiment`, which may set anything) if each of that one's names
    comes with one value of it; of two that follow from each other, the first decides.
    """
    columns = {key: tuple(run.settings.get(key) for run in runs) for key in setting_keys(runs)}
    varied = [key for key in columns if len(set(columns[key])) > 1]
    named = [key for key in varied if any(isinstance(value, str | tuple) for value in columns[key])]
    decided: dict[str, str] = {}
    for key in varied:
        for other in named:
            if other == key or other in decided or key == "seed" or not _same_section(key, other):
                continue
            pairs = len(set(zip(columns[other], columns[key], strict=True)))
            is_first = varied.index(key) < varied.index(other) and key in named and pairs == len(set(columns[key]))
            if pairs == len(set(columns[other])) and not is_first:
                decided[key] = other
                break
    short = short_names(varied)
    return tuple(VariedSetting(key, short[key], columns[key], decided.get(key)) for key in varied)


def independent(settings: tuple[VariedSetting, ...]) -> tuple[VariedSetting, ...]:
    """The settings that follow from no other."""
    return tuple(setting for setting in settings if setting.follows is None)


def short_names(keys: list[str]) -> dict[str, str]:
    """A short name of each dotted key, unique among them.

    >>> short_names(["data.name", "backbone.name", "data.holdout_fraction"]).values()
    dict_values(['data', 'backbone', 'holdout fraction'])
    """
    last = {key: (key.rsplit(".", 2)[-2] if key.endswith(".name") else key.rsplit(".", 1)[-1]) for key in keys}
    shared = Counter(last.values())
    return {key: (key if shared[short] > 1 else short.replace("_", " ")) for key, short in last.items()}


def setting_text(value: Any, key: str = "") -> str:
    """A setting's value as text: short, of a path the last part, of an unlimited size "all".

    >>> setting_text("/data/cats.zip"), setting_text(0.1), setting_text(None, "data.per_class")
    ('cats.zip', '0.1', 'all')
    >>> setting_text(("int8", "float16"))
    'int8, float16'
    """
    if value is None:
        return "all" if key in SIZE_SETTINGS else "none" if key == BLOCKS else "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:{'.4g' if abs(value) < 1000 else '.6g'}}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return PurePath(value).name if "/" in value else value


def run_label(settings: tuple[VariedSetting, ...], run: int) -> str:
    """The values that distinguish a run: names as they are; numbers, blocks and "none" with the setting's name."""
    return ", ".join(
        text if isinstance(value, str) and value != "none" and setting.key != BLOCKS else f"{setting.name} {text}"
        for setting in settings
        for value in [setting.values[run]]
        for text in [setting_text(value, setting.key)]
    )


def run_labels(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> list[str]:
    """A unique label of each run: the values that distinguish it, and its folder if others have the same."""
    labels = [run_label(independent(settings), i) for i in range(len(runs))]
    uses = Counter(labels)
    return [
        label if label and uses[label] == 1 else ", ".join(filter(None, [label, folder]))
        for label, folder in zip(labels, relative_folders(runs), strict=True)
    ]


def relative_folders(runs: tuple[Run, ...]) -> list[str]:
    """The folder of each run below the one that holds them all."""
    parts = [run.folder.resolve().parts for run in runs]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    return ["/".join(part[shared:]) for part in parts]


def setting_groups(
    settings: tuple[VariedSetting, ...], count: int, without: tuple[str, ...]
) -> dict[tuple[Any, ...], list[int]]:
    """The rows of `count` runs for each combination of the independent settings except some, ordered by values."""
    combined = [setting for setting in independent(settings) if setting.key not in without]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i in range(count):
        groups.setdefault(tuple(setting.values[i] for setting in combined), []).append(i)
    return dict(sorted(groups.items(), key=lambda item: [setting_rank(value) for value in item[0]]))


def seed_groups(runs: tuple[Run, ...], settings: tuple[VariedSetting, ...]) -> list[list[int]]:
    """The rows of runs that differ in nothing but the seed, a group per setting; those of one seed stay apart."""
    groups = setting_groups(settings, len(runs), ("seed",)).values()
    return [part for rows in groups for part in of_different_seeds(runs, rows)]


def of_different_seeds(runs: tuple[Run, ...], rows: list[int]) -> list[list[int]]:
    """Divide runs so that no part has a seed twice: runs of one seed differ in their code, not in chance."""
    seen: Counter[Any] = Counter()
    parts: dict[int, list[int]] = {}
    for i in rows:
        seed = runs[i].settings.get("seed")
        parts.setdefault(seen[seed], []).append(i)
        seen[seed] += 1
    return list(parts.values())


def group_label(labels: list[str], settings: tuple[VariedSetting, ...], rows: list[int]) -> str:
    """The label of runs that differ by seed: that of the run if it is one, else what they share."""
    if len(rows) == 1:
        return labels[rows[0]]
    shared = run_label(tuple(setting for setting in independent(settings) if setting.key != "seed"), rows[0])
    return ", ".join(filter(None, [shared, f"{len(rows)} seeds"]))


def _same_section(key: str, other: str) -> bool:
    return other == "experiment" or key.split(".")[0] == other.split(".")[0] != key
