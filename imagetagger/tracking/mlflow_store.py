"""Runs in MLflow: a server's, a database's or a folder's; a sweep is the parent of its jobs."""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagetagger.system.atomic_files import expand_home
from imagetagger.system.printable import printable_text
from imagetagger.tracking.tracked_run import TrackedRun, TrackingStatus

DEFAULT_FOLDER = Path("tracking")
KEY, DIGEST, PARENT = "imagetagger.key", "imagetagger.digest", "mlflow.parentRunId"

COPIES = "mlflow-artifacts"
"""Folder of the runs' files, beside a database of ours."""

MAX_BATCH = 100
"""Parameters or tags that a server takes at once."""

MAX_METRICS = 1000
MAX_TEXT = 5000
"""Letters of a tag; a parameter may have more."""

SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",  # newest versions refuse `file:` otherwise, which is only used where asked for
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # 7 take minutes where a server is away
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""Of MLflow, unless the user has set them."""


def mlflow_location(track_to: str | None) -> str:
    """The URI of the store: a folder has a database in it, as MLflow no longer takes plain folders by itself."""
    asked = track_to or os.environ.get("MLFLOW_TRACKING_URI") or str(DEFAULT_FOLDER)
    is_uri = ":" in asked and not Path(asked).is_absolute()
    return asked if is_uri or asked == "databricks" else f"sqlite:///{expand_home(asked).absolute() / 'mlflow.db'}"


def track_in_mlflow(runs: Sequence[TrackedRun], location: str) -> list[TrackingStatus]:
    """Write every run that the store lacks, or has with another digest; the status of each.

    Args:
        runs: a sweep before its jobs.
        location: URI of the store.
    """
    with _quiet_mlflow():
        from mlflow.tracking import MlflowClient

        if location.startswith("sqlite:///"):
            Path(location.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        client = MlflowClient(tracking_uri=location)
        ids: dict[str | None, str] = {}
        statuses: list[TrackingStatus] = []
        for run in runs:
            experiment = _experiment_id(client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or run.experiment, location)
            run_id, status = _track(client, experiment, run, ids.get(run.parent))
            ids[run.key] = run_id
            statuses.append(status)
        return statuses


@contextmanager
def _quiet_mlflow() -> Iterator[None]:
    """MLflow without telemetry, news and warnings about its own insides."""
    own = SETTINGS.keys() - os.environ.keys()
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            os.environ.update({name: SETTINGS[name] for name in own})
            import mlflow  # sets the level of its logger

            assert mlflow
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for name in own:
                os.environ.pop(name, None)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _experiment_id(client: Any, name: str, location: str) -> str:
    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    artifacts = None
    if location.startswith("sqlite:///"):  # MLflow would put them into ./mlruns
        artifacts = (Path(location.removeprefix("sqlite:///")).absolute().parent / COPIES / name).as_uri()
    return str(client.create_experiment(name, artifact_location=artifacts))


def _track(client: Any, experiment: str, run: TrackedRun, parent: str | None) -> tuple[str, TrackingStatus]:
    """Write a run unless it is there; its id in the store, and its status.

    A run with another digest is deleted and written again, as parameters never change and metrics only grow. A sweep
    keeps its id, which its jobs name.
    """
    there = client.search_runs([experiment], f"tags.`{KEY}` = '{run.key}'")
    for found in there:
        if found.data.tags.get(DIGEST) == run.digest:
            if found.info.run_name != run.name:
                client.update_run(found.info.run_id, name=run.name)
            if parent and found.data.tags.get(PARENT) != parent:
                client.set_tag(found.info.run_id, PARENT, parent)
            return str(found.info.run_id), "unchanged"
    if there and run.is_sweep:
        run_id = there[0].info.run_id
    else:
        for found in there:
            client.delete_run(found.info.run_id)
        run_id = client.create_run(
            experiment, start_time=_milliseconds(run.started), run_name=run.name, tags={KEY: run.key}
        ).info.run_id
    _write(client, run_id, run, parent)
    return str(run_id), "updated" if there else "tracked"


def _write(client: Any, run_id: str, run: TrackedRun, parent: str | None) -> None:
    from mlflow.entities import Metric, Param, RunTag

    tags = run.tags | {"folder": printable_text(str(run.folder)), "mlflow.source.name": "imagetagger"}
    tags |= {"mlflow.source.git.commit": run.tags["git_commit"]} if "git_commit" in run.tags else {}
    tags |= {PARENT: parent} if parent else {}
    ended = _milliseconds(run.ended)
    metrics = [Metric(name, value, ended, 0) for name, value in run.metrics.items()]
    metrics += [
        Metric(name, point.value, _milliseconds(run.started + point.seconds), point.step)
        for name, points in run.curves.items()
        for point in points
    ]
    params = [Param(name, str(value)[:MAX_TEXT]) for name, value in run.params.items()]
    for start in range(0, len(metrics), MAX_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MAX_METRICS])
    for start in range(0, len(params), MAX_BATCH):
        client.log_batch(run_id, params=params[start : start + MAX_BATCH])
    for start in range(0, len(tags), MAX_BATCH):
        some = [RunTag(name, value[:MAX_TEXT]) for name, value in list(tags.items())[start : start + MAX_BATCH]]
        client.log_batch(run_id, tags=some)
    for path in run.artifacts:
        client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, "FINISHED", ended)
    client.set_tag(run_id, DIGEST, run.digest)  # last: a run that was interrupted is written again


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
