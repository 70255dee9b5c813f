"""The runs in folders as trackers get them: sweeps first, each followed by its jobs."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from imagetagger.experiment.record import read_record
from imagetagger.report.comparison.runs import DamagedFile, Run, flat_settings, setting_keys, setting_rank
from imagetagger.tracking.tracked_run import TrackedRun, tracked_run, tracked_sweep

SWEEP_FILE = "multirun.yaml"
"""What Hydra leaves in the folder of a sweep."""


class FoundRuns(NamedTuple):
    """The runs, and the files that could not be used."""

    runs: tuple[TrackedRun, ...]
    damaged: tuple[DamagedFile, ...]


COPY = re.compile(r"/([0-9a-f]{32}/artifacts|(offline-)?run-[0-9]{8}_[0-9]{6}-[^/]+/files)$")
"""Folders in which MLflow and Weights & Biases keep their copies of files."""


def find_tracked_runs(paths: Sequence[Path], *, with_bundle: bool = False) -> FoundRuns:
    """Read every result.json at or below the paths, but for copies that a tracker keeps.

    A run whose folder is in that of a sweep is a job of it. The sweep is described by all of its jobs, also where only
    some are named.

    Args:
        paths: folders of runs, or of many at any depth.
        with_bundle: whether the bundle is an artifact too.

    Raises:
        ValueError: there is no usable result.json there.
    """
    damaged: dict[Path, DamagedFile] = {}
    named: dict[Path, None] = {}
    for path in paths:
        for file in _results(path):
            named.setdefault(file.parent.resolve())
    found: list[TrackedRun] = []
    sweeps = {folder.parent for folder in named if (folder.parent / SWEEP_FILE).is_file()}
    for sweep in sorted(sweeps):
        runs, jobs = _read(sorted(file.parent for file in sweep.glob("*/result.json")), damaged, with_bundle)
        if runs:
            failed = sum(1 for _ in sweep.glob("*/failed.json"))
            artifacts = _existing(sweep, "report.html", "runs.csv")
            parent, *children = tracked_sweep(sweep, runs, jobs, failed=failed, artifacts=artifacts)
            found += [parent, *(child for child in children if child.folder in named)]
    found += _read([folder for folder in named if folder.parent not in sweeps], damaged, with_bundle)[1]
    if not found:
        folders = ", ".join(map(str, paths)) or "no folder"
        reasons = "".join(f"\n{file.path}: {file.reason}" for file in damaged.values())
        raise ValueError(f"got no usable result.json in {folders} and below: name folders of runs{reasons}")
    return FoundRuns(tuple(found), tuple(damaged.values()))


def _results(path: Path) -> list[Path]:
    if not path.exists():
        raise ValueError(f"{path} does not exist: name folders of runs")
    files = sorted(path.rglob("result.json")) if path.is_dir() else [path] * (path.name == "result.json")
    return [file for file in files if file.is_file() and not COPY.search(file.parent.resolve().as_posix())]


def _read(
    folders: Sequence[Path], damaged: dict[Path, DamagedFile], with_bundle: bool
) -> tuple[list[Run], list[TrackedRun]]:
    """The runs of these folders, ordered by settings; files that cannot be used are added to `damaged`."""
    runs: list[Run] = []
    ended: dict[Path, float] = {}
    for folder in folders:
        path = folder / "result.json"
        try:
            record, ended[folder] = read_record(path), path.stat().st_mtime
        except (ValueError, OSError) as error:
            damaged[path] = DamagedFile(path, str(error))
        else:
            runs.append(Run(folder, record, record.choices | flat_settings(record.settings)))
    keys = setting_keys(runs)
    runs.sort(key=lambda run: ([setting_rank(run.settings.get(key)) for key in keys], str(run.folder)))
    names = ("result.json", "report.html", *(["bundle.zip"] if with_bundle else []))
    return runs, [tracked_run(run, ended=ended[run.folder], artifacts=_existing(run.folder, *names)) for run in runs]


def _existing(folder: Path, *names: str) -> tuple[Path, ...]:
    return tuple(path for name in names if (path := folder / name).is_file())
