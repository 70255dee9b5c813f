"""The runs in a set of folders: their records, ordered by settings, and the jobs that failed."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from imagetagger.experiment.record import MetricValues, Record, read_record

BLOCKS = "training.blocks"
"""Setting of the number of trained blocks: a number, "all", or None."""


class Run(NamedTuple):
    """A run that has finished.

    Attributes:
        folder: of its result.json.
        record: the contents of result.json.
        settings: the options chosen of config groups, and all settings by dotted key.
    """

    folder: Path
    record: Record
    settings: dict[str, Any]

    @property
    def metrics(self) -> MetricValues:
        """Calibrated metrics of the variant that leads."""
        return self.record.calibration.after


class JobFailure(msgspec.Struct, frozen=True):
    """The contents of failed.json; `config_digest` is the digest or its start."""

    error: str
    kind: str = "error"
    overrides: tuple[str, ...] = ()
    config_digest: str = ""


class FailedJob(NamedTuple):
    """A job that failed; `is_mended` if a result of the same settings, from another time, is among the runs."""

    folder: Path
    failure: JobFailure
    is_mended: bool


class DamagedFile(NamedTuple):
    """A file that could not be used, and why."""

    path: Path
    reason: str


class Runs(NamedTuple):
    """The runs and what else is in their folders.

    Attributes:
        runs: ordered by settings, the seed last.
        failed: jobs that left a message in place of a record.
        damaged: files that could not be used.
        repeated: folders of runs that are among `runs` already: settings, code, data and every metric agree.
    """

    runs: tuple[Run, ...]
    failed: tuple[FailedJob, ...] = ()
    damaged: tuple[DamagedFile, ...] = ()
    repeated: tuple[Path, ...] = ()


def read_runs(paths: Sequence[Path]) -> Runs:
    """Read every result.json and failed.json at or below the paths.

    Runs of the same settings stay side by side if their code, packages, data or metrics differ; otherwise they count
    once.

    Args:
        paths: folders, or files of these names.

    Raises:
        ValueError: there is no usable result.json there.
    """
    damaged: list[DamagedFile] = []
    runs: list[Run] = []
    for path in _files(paths, "result.json"):
        try:
            record = read_record(path)
        except (ValueError, OSError) as error:
            damaged.append(DamagedFile(path, str(error)))
        else:
            runs.append(Run(path.parent, record, record.choices | flat_settings(record.settings)))
    if not runs:
        folders = ", ".join(map(str, paths)) or "no folder"
        reasons = "".join(f"\n{file.path}: {file.reason}" for file in damaged)
        raise ValueError(f"got no usable result.json in {folders} and below: name folders of runs{reasons}")
    keys = setting_keys(runs)
    runs.sort(key=lambda run: ([setting_rank(run.settings.get(key)) for key in keys], str(run.folder)))
    distinct: dict[bytes, Run] = {}
    for run in runs:
        distinct.setdefault(_identity(run.record), run)
    folders_used = {run.folder for run in distinct.values()}
    failed = []
    for path in _files(paths, "failed.json"):
        try:
            failure = read_failure(path)
        except (ValueError, OSError) as error:
            damaged.append(DamagedFile(path, str(error)))
        else:
            digest = failure.config_digest
            is_mended = digest != "" and any(run.record.config_digest.startswith(digest) for run in runs)
            failed.append(FailedJob(path.parent, failure, is_mended))
    repeated = tuple(run.folder for run in runs if run.folder not in folders_used)
    return Runs(tuple(distinct.values()), tuple(failed), tuple(damaged), repeated)


def read_failure(path: Path) -> JobFailure:
    """Read failed.json.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=JobFailure)
    except ValueError as error:
        raise ValueError(f"is damaged: {error}; run the job again") from error


def flat_settings(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key, lists as tuples.

    >>> flat_settings({"seed": 0, "data": {"per_class": 4, "splits": ["a"]}})
    {'seed': 0, 'data.per_class': 4, 'data.splits': ('a',)}
    >>> flat_settings({"training": {"blocks": "3"}})
    {'training.blocks': 3}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            value = math.inf if value == "Infinity" else value  # JSON has no number for it
            if f"{prefix}{key}" == BLOCKS and isinstance(value, str) and value.isdecimal():
                value = int(value)  # a text, as it may also be "all"
            flat[f"{prefix}{key}"] = tuple(map(str, value)) if isinstance(value, list) else value
    return flat


def setting_keys(runs: Iterable[Run]) -> list[str]:
    """The keys of all runs' settings, in order of appearance, the seed last."""
    return sorted(dict.fromkeys(key for run in runs for key in run.settings), key=lambda key: key == "seed")


def setting_rank(value: Any) -> tuple[int, float, str]:
    """Sort key of a setting's values: numbers, then texts, then null, which stands for all."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (2, 0.0, "") if value is None else (1, 0.0, str(value))


def _identity(record: Record) -> bytes:
    """Equal for runs of the same settings, code and data with the same results."""
    r = record
    parts = [r.config_digest, r.data, r.calibration, r.pictures, r.versions, r.revision]
    return msgspec.json.encode(parts, order="deterministic")


def _files(paths: Sequence[Path], name: str) -> list[Path]:
    files: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise ValueError(f"{path} does not exist: name folders of runs")
        for file in sorted(path.rglob(name)) if path.is_dir() else [path] * (path.name == name):
            if file.is_file():
                files.setdefault(file.resolve(), file)
    return list(files.values())
