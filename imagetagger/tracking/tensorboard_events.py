"""Runs as event files of TensorBoard: a folder each, of a job below its sweep's; neither TensorFlow nor a thread.

The name of a file holds the digest of its run, so that a run that is there already is found without reading, and a file
is complete or not there.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imagetagger.system.atomic_files import atomic_write, expand_home
from imagetagger.tracking.tracked_run import Parameter, TrackedRun, TrackingStatus

DEFAULT_FOLDER = Path("tracking", "tensorboard")

SHOWN_METRICS = ("top1", "top5", "log_loss", "ece", "coverage", "set_size", "seconds")
"""Columns of the table of a sweep's jobs."""


def tensorboard_location(track_to: str | None) -> str:
    """The folder of all event files."""
    return str(expand_home(track_to.removeprefix("file:")) if track_to else DEFAULT_FOLDER)


def track_in_tensorboard(runs: Sequence[TrackedRun], location: str) -> list[TrackingStatus]:
    """Write the event file of every run; the status of each.

    Args:
        runs: a sweep before its jobs.
        location: the folder of all event files.
    """
    folders: dict[str, Path] = {}
    statuses: list[TrackingStatus] = []
    for run in runs:
        above = folders[run.parent] if run.parent in folders else Path(location, _file_name(run.experiment))
        folders[run.key] = folder = _free_folder(above, run)
        file = folder / f"events.out.tfevents.{run.key}.{run.digest}"
        earlier = [path for path in folder.glob(f"events.out.tfevents.{run.key}.*") if path != file]
        statuses.append("unchanged" if file.is_file() else "updated" if earlier else "tracked")
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _write_events(run, file)
        for path in earlier:
            path.unlink(missing_ok=True)
    return statuses


def _free_folder(above: Path, run: TrackedRun) -> Path:
    """The folder named like the run's, unless another run has it: TensorBoard takes all files of a folder for one."""
    folder = above / _file_name(run.folder.resolve().name)
    keys = {path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*.*")}
    return folder if keys <= {run.key} else folder.with_name(f"{folder.name}-{run.key}")


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".") or "run"


def _write_events(run: TrackedRun, file: Path) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    with atomic_write(file) as partial, partial.open("wb") as stream:
        writer = RecordWriter(stream)
        for event in _events(run):
            writer.write(event.SerializeToString())


def _events(run: TrackedRun) -> Iterator[Any]:
    """The events of a run: its settings, its metrics at step 0, its curves, and its tags as a table."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    yield Event(wall_time=run.started, file_version="brain.Event:2")
    if run.is_sweep:
        yield Event(wall_time=run.started, summary=_table_of_jobs(run))
    else:
        settings = hparams.hparams_pb(run.params, trial_id=run.key, start_time_secs=run.started)
        yield Event(wall_time=run.started, summary=settings)
    rows = [f"| {key} | {str(value).replace('|', chr(92) + '|')} |" for key, value in (run.tags | run.params).items()]
    table = "\n".join(["| | |", "| --- | --- |", *rows])
    yield Event(wall_time=run.ended, summary=text_pb("run", table))
    for name, points in run.curves.items():
        for point in points:
            summary = scalar_pb(name, np.float32(point.value))
            yield Event(wall_time=run.started + point.seconds, step=point.step, summary=summary)
    for name, value in run.metrics.items():
        yield Event(wall_time=run.ended, step=0, summary=scalar_pb(name, np.float32(value)))


def _table_of_jobs(sweep: TrackedRun) -> Any:
    """The columns of a sweep's table: the settings that differ between jobs, and the first metrics, instead of all."""
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    def column(name: str, values: tuple[Parameter, ...]) -> Any:
        return hparams.HParam(name, hparams.Discrete(values) if len(set(map(type, values))) == 1 else None)

    columns = [column(name, values) for name, values in sweep.varied.items()]
    summary = hparams.hparams_config_pb(columns, [hparams.Metric(name) for name in SHOWN_METRICS], sweep.started)
    content = HParamsPluginData.FromString(summary.value[0].metadata.plugin_data.content)
    for info in content.experiment.hparam_infos:
        info.differs = True  # which decides whether it is shown, and has no argument above
    summary.value[0].metadata.plugin_data.content = content.SerializeToString()
    return summary
