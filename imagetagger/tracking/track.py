"""Finished runs into a tracker: what `track=...` and `imagetagger track` share."""

import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from imagetagger.report.comparison.runs import DamagedFile
from imagetagger.report.formatting import count
from imagetagger.system.printable import printable_text
from imagetagger.tracking.mlflow_store import mlflow_location, track_in_mlflow
from imagetagger.tracking.reading import find_tracked_runs
from imagetagger.tracking.tensorboard_events import tensorboard_location, track_in_tensorboard
from imagetagger.tracking.tracked_run import TrackedRun, TrackingStatus
from imagetagger.tracking.wandb_runs import track_in_wandb, wandb_location

log = logging.getLogger("imagetagger")

LOCATIONS: dict[str, Callable[[str | None], str]] = {
    "tensorboard": tensorboard_location,
    "mlflow": mlflow_location,
    "wandb": wandb_location,
}
WRITERS: dict[str, Callable[[Sequence[TrackedRun], str], list[TrackingStatus]]] = {
    "tensorboard": track_in_tensorboard,
    "mlflow": track_in_mlflow,
    "wandb": track_in_wandb,
}


class Tracking(NamedTuple):
    """What was written to a tracker.

    Attributes:
        location: folder or URI of the tracker.
        runs: the runs and what became of each.
        damaged: files that could not be used.
    """

    location: str
    runs: tuple[tuple[TrackedRun, TrackingStatus], ...]
    damaged: tuple[DamagedFile, ...]

    def summary(self) -> str:
        """Return how many runs were written, in words."""
        sweeps = sum(run.is_sweep for run, _ in self.runs)
        counts = [count(len(self.runs) - sweeps, "run")] + ([count(sweeps, "sweep")] if sweeps else [])
        kinds: list[TrackingStatus] = ["tracked", "updated", "unchanged"]
        became = [f"{sum(status == kind for _, status in self.runs)} {kind}" for kind in kinds]
        return f"{' and '.join(counts)} in {self.location}: {', '.join(became)}"


def require_tracker(tracker: str) -> None:
    """End the program with one line where a tracker's library is not installed.

    A folder of that name in the working directory, as TensorBoard and Weights & Biases make them, is no library.
    """
    spec = find_spec(tracker)
    if spec is None or spec.origin is None:
        sys.exit(f"{tracker} is not installed, which track={tracker} needs: pip install 'imagetagger[{tracker}]'")


def track_folders(
    folders: Sequence[Path], tracker: str, track_to: str | None, *, with_bundle: bool = False
) -> Tracking:
    """Write all runs at or below folders to a tracker; those that it has already stay as they are.

    Args:
        folders: of runs, or of many at any depth.
        tracker: its name; its library is installed.
        track_to: folder or URI; None for the tracker's own environment variable, or `tracking`.
        with_bundle: whether bundles are kept with their runs.

    Raises:
        ValueError: there is no usable result.json there.
        Exception: whatever the tracker raises, as where its server is away.
    """
    location = LOCATIONS[tracker](track_to)
    found = find_tracked_runs(folders, with_bundle=with_bundle)
    statuses = WRITERS[tracker](found.runs, location)
    return Tracking(location, tuple(zip(found.runs, statuses, strict=True)), found.damaged)


def track_finished(folder: Path, tracker: str, track_to: str | None) -> None:
    """Write a run or sweep that has just ended to a tracker, whose failure is a warning and costs no run."""
    try:
        log.info("%s: %s", tracker, track_folders([folder], tracker, track_to).summary())
    except Exception as error:
        first_line = printable_text((str(error).splitlines() or [type(error).__name__])[0])
        location = [f"--location={track_to}"] if track_to else []
        command = shlex.join(["imagetagger", "track", str(folder), f"--to={tracker}", *location])
        log.warning("%s failed: %s\nThe run itself is complete. To track it later:\n  %s", tracker, first_line, command)
        log.debug("", exc_info=True)
