"""The runs in a set of folders: what each left, read and checked, ordered by settings."""

import base64
import binascii
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imagetagger.metrics import FIGURES

SCHEMA = 1
"""Of result.json, as in result.SCHEMA, which is not imported because it imports JAX."""
NEEDED = {
    "settings": (),
    "data": ("name", "fingerprint", "train", "calibration", "validation", "tags", "skipped"),
    "calibration": ("before", "after", "wanted"),
    "stages": (),
    "variants": (),
    "confidence_intervals": (),
    "reliability": ("before", "after"),
    "demands": ("rule", "own", "asked", "coverage", "set_size", "single", "precision"),
    "pictures": ("count", "fingerprint", "top1"),
    "versions": (),
}
"""What a report reads of result.json: objects, and keys inside them."""
LISTS = ("tags", "confusions")


class Run(NamedTuple):
    """A run that has finished.

    Attributes:
        folder: where its result.json lies.
        result: what is in it; see result.build.
        settings: the options chosen of config groups, and all settings by dotted key.
    """

    folder: Path
    result: dict[str, Any]
    settings: dict[str, Any]

    @property
    def figures(self) -> dict[str, float | None]:
        """What was measured on the pictures it was tried on; None where not finite."""
        return self.result["calibration"]["after"]


class Failure(NamedTuple):
    """A job that failed.

    Attributes:
        folder: where its failed.json lies.
        overrides: what distinguished it on the command line.
        kind: of error.
        error: its message.
        mended: whether a result of the same settings is among the runs all the same, from before.
    """

    folder: Path
    overrides: tuple[str, ...]
    kind: str
    error: str
    mended: bool


class Damaged(NamedTuple):
    """A file that could not be used, and why."""

    path: Path
    reason: str


class Runs(NamedTuple):
    """What was found.

    Attributes:
        runs: ordered by settings, the seed last.
        failed: jobs that left a message in place of figures.
        damaged: files that could not be used.
        repeated: folders of runs that are among `runs` already: settings, code, data and every figure agree.
    """

    runs: tuple[Run, ...]
    failed: tuple[Failure, ...] = ()
    damaged: tuple[Damaged, ...] = ()
    repeated: tuple[Path, ...] = ()


def read(paths: Sequence[Path]) -> Runs:
    """Read every result.json and failed.json at or below the paths.

    Runs of the same settings are kept side by side where their code, packages, data or figures differ; where nothing
    does, the run is the same and counts once.

    Args:
        paths: folders, or files of these names.

    Raises:
        ValueError: there is no usable result.json there.
    """
    damaged: list[Damaged] = []
    found: list[Run] = []
    for path in _files(paths, "result.json"):
        try:
            result = _load(path)
            if reason := problem(result):
                raise ValueError(reason)
        except (ValueError, OSError) as error:
            damaged.append(Damaged(path, str(error)))
        else:
            found.append(Run(path.parent, result, (result.get("choices") or {}) | flat(result["settings"])))
    if not found:
        where = ", ".join(str(path) for path in paths) or "no folder"
        bad = "".join(f"\n{one.path}: {one.reason}" for one in damaged)
        raise ValueError(f"looked for result.json in {where} and below, found none to use: name folders of runs{bad}")
    keys = sorted(dict.fromkeys(key for run in found for key in run.settings), key=lambda key: key == "seed")
    found.sort(key=lambda run: ([rank(run.settings.get(key)) for key in keys], str(run.folder)))
    kept: dict[str, Run] = {}
    for run in found:
        kept.setdefault(_identity(run.result), run)
    once = {run.folder for run in kept.values()}
    digests = [run.result["config_digest"] for run in found]
    failed = []
    for path in _files(paths, "failed.json"):
        try:
            failed.append(_failure(path, digests))
        except (ValueError, OSError) as error:
            damaged.append(Damaged(path, str(error)))
    repeated = tuple(run.folder for run in found if run.folder not in once)
    return Runs(tuple(kept.values()), tuple(failed), tuple(damaged), repeated)


def problem(result: Any) -> str | None:
    """Return why the contents of a result.json cannot be used; None where they can."""
    if not isinstance(result, dict):
        return f"holds a {type(result).__name__}, expected an object"
    if result.get("schema") != SCHEMA:
        return f"has schema {result.get('schema')!r}, expected {SCHEMA}: run it again with this version"
    for key, inside in NEEDED.items():
        if not isinstance(result.get(key), dict):
            return f"has no {key!r}, as earlier versions had none: run it again with this version"
        if lacking := [name for name in inside if name not in result[key]]:
            return f"has no {key}.{lacking[0]}, as earlier versions had none: run it again with this version"
    if lacking := [key for key in LISTS if not isinstance(result.get(key), list)]:
        return f"has no list {lacking[0]!r}, as earlier versions had none: run it again with this version"
    told = {"revision": result.get("revision"), "machine": result.get("machine"), "choices": result.get("choices")}
    told |= {f"stages.{name}": stage for name, stage in result["stages"].items()}
    told |= {f"variants.{name}": one for name, one in result["variants"].items()}
    if wrong := [name for name, one in told.items() if one is not None and not isinstance(one, dict)]:
        return f"has no object as {wrong[0]}"
    listed = {"tags": ("name", "right", "pictures"), "confusions": ("true", "said", "pictures", "of", "rows")}
    for name, inside in listed.items():
        if any(not isinstance(one, dict) or not set(inside) <= set(one) for one in result[name]):
            return f"has {name} without {', '.join(inside)}"
    if any(not isinstance(pair, list) or len(pair) != 2 for pair in result["confidence_intervals"].values()):
        return "has confidence_intervals of other than two numbers"
    texts = [result.get("experiment"), result.get("config_digest"), result["data"]["name"]]
    if not all(isinstance(text, str) for text in texts):
        return "names no experiment, config_digest or data"
    after = result["calibration"]["after"]
    wrong = [name for name in FIGURES if not _is_figure(after.get(name, "") if isinstance(after, dict) else "")]
    if wrong:
        return f"gives no number as {wrong[0]}"
    try:
        bits = base64.b64decode(result["pictures"]["top1"], validate=True)
        if len(bits) != -(-result["pictures"]["count"] // 8):
            return f"tells of {8 * len(bits)} pictures, expected {result['pictures']['count']}: it is damaged"
    except (binascii.Error, TypeError, ValueError):
        return "tells not which pictures were right: pictures.top1 is no base64"
    return None


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted key, lists as tuples.

    >>> flat({"seed": 0, "data": {"per_class": 4, "splits": ["a"]}})
    {'seed': 0, 'data.per_class': 4, 'data.splits': ('a',)}
    """
    out: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            out |= flat(value, f"{prefix}{key}.")
        else:
            value = math.inf if value == "Infinity" else value  # JSON has no number for it
            out[f"{prefix}{key}"] = tuple(map(str, value)) if isinstance(value, list) else value
    return out


def rank(value: Any) -> tuple[int, float, str]:
    """Return what a setting's values are ordered by: numbers, then texts, then null, which stands for all."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (2, 0.0, "") if value is None else (1, 0.0, str(value))


def _identity(result: dict[str, Any]) -> str:
    same = ("config_digest", "data", "calibration", "pictures", "versions", "revision")
    return json.dumps([result.get(key) for key in same], sort_keys=True)


def _is_figure(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _files(paths: Sequence[Path], name: str) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path} does not exist: name folders of runs")
        for file in sorted(path.rglob(name)) if path.is_dir() else [path] * (path.name == name):
            if file.is_file():
                found.setdefault(file.resolve(), file)
    return list(found.values())


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f"is no JSON: {error}") from error


def _failure(path: Path, digests: list[str]) -> Failure:
    told = _load(path)
    if not isinstance(told, dict) or "error" not in told:
        raise ValueError("has no 'error', expected what a failed job leaves")
    overrides = told.get("overrides")
    digest = told.get("config_digest")  # the whole of it or its start
    return Failure(
        folder=path.parent,
        overrides=tuple(map(str, overrides)) if isinstance(overrides, list) else (),
        kind=str(told.get("kind") or "error"),
        error=str(told["error"]),
        mended=isinstance(digest, str) and digest != "" and any(one.startswith(digest) for one in digests),
    )
