"""Runs in Weights & Biases: offline, for `wandb sync`, unless WANDB_MODE says otherwise; a sweep is a group."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagetagger.system.atomic_files import expand_home
from imagetagger.system.printable import printable_text
from imagetagger.tracking.tracked_run import CurvePoint, TrackedRun, TrackingStatus

DEFAULT_FOLDER = Path("tracking")
DEFAULT_PROJECT = "imagetagger"
DIGEST_FILE = "imagetagger-digest.txt"
"""Beside the copies of a run's files, once it is complete."""


def wandb_location(track_to: str | None) -> str:
    """The folder in which Weights & Biases makes its folder `wandb`."""
    return str(expand_home(track_to or os.environ.get("WANDB_DIR") or DEFAULT_FOLDER))


def track_in_wandb(runs: Sequence[TrackedRun], location: str) -> list[TrackingStatus]:
    """Write every run that the folder lacks, or has with another digest; the status of each.

    Args:
        runs: a sweep before its jobs.
        location: the folder in which Weights & Biases makes its own.
    """
    Path(location).mkdir(parents=True, exist_ok=True)
    sweeps = {run.key: run for run in runs if run.is_sweep}
    statuses: list[TrackingStatus] = []
    written: dict[str, tuple[Path, str]] = {}
    for run in runs:
        earlier = list(Path(location, "wandb").glob(f"*run-*-{run.key}"))
        if any(_digest(folder) == run.digest for folder in earlier):
            statuses.append("unchanged")
            continue
        for folder in earlier:
            shutil.rmtree(folder)
        sweep = run if run.is_sweep else sweeps.get(run.parent or "")
        folder = _write(run, location, f"{sweep.name}-{sweep.key}" if sweep else None)
        statuses.append("updated" if earlier else "tracked")
        written[run.key] = folder / DIGEST_FILE, run.digest
    if written:
        import wandb

        wandb.teardown()  # the process that writes: it may still hold the end of the last run
    for file, digest in written.values():
        file.write_text(digest, "utf-8")
    return statuses


def _digest(folder: Path) -> str | None:
    try:
        return (folder / "files" / DIGEST_FILE).read_text("utf-8")
    except OSError:
        return None


def _write(run: TrackedRun, location: str, group: str | None) -> Path:
    """Write a run; the folder of the copies of its files."""
    import wandb

    # Nothing of the machine that writes, which need not be the one that ran; nor a question, nor a line of its own.
    settings = wandb.Settings(
        console="off",
        disable_code=True,
        disable_git=True,
        silent=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    started = wandb.init(
        project=os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT,
        id=run.key,
        name=run.name,
        group=group,
        job_type="sweep" if run.is_sweep else "job" if run.parent else "run",
        config={**run.params, "run": {**run.tags, "folder": printable_text(str(run.folder))}},
        tags=[run.experiment[:64]],
        mode=os.environ.get("WANDB_MODE", "offline"),
        resume="allow",
        dir=location,
        settings=settings,
    )
    try:
        for step, values in _by_step(run.curves).items():
            started.log(values, step=step)
        started.summary.update(run.metrics)
        folder = Path(started.dir)
        for path in run.artifacts:
            shutil.copyfile(path, folder / path.name)
            started.save(str(folder / path.name), base_path=str(folder), policy="end")
    finally:
        started.finish()
    return folder


def _by_step(curves: dict[str, tuple[CurvePoint, ...]]) -> dict[int, dict[str, Any]]:
    """The values of all curves by step, in order."""
    steps: dict[int, dict[str, Any]] = {}
    for name, points in curves.items():
        for point in points:
            steps.setdefault(point.step, {"epoch": point.step})[name] = point.value
    return dict(sorted(steps.items()))
