"""What a tracker gets of a run or of a sweep: settings, metrics, curves and tags, all from its record."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from imagetagger.experiment.record import Record
from imagetagger.report.comparison.run_metrics import objective_metric, sort_key, total_seconds
from imagetagger.report.comparison.runs import Run, flat_settings
from imagetagger.report.comparison.varied_settings import independent, run_labels, varied_settings
from imagetagger.system.printable import printable_text

TrackingStatus = Literal["tracked", "updated", "unchanged"]
"""What became of a run: new to the tracker, written again as its result differs, or there already."""

Parameter = bool | int | float | str


class CurvePoint(NamedTuple):
    """A metric after an epoch, which counts from 1; `seconds` of training until then."""

    step: int
    value: float
    seconds: float


class TrackedRun(NamedTuple):
    """A run, or a sweep as the parent of its jobs.

    Attributes:
        key: identifies the run in a tracker: a digest of its config and its folder.
        digest: of what is tracked; a run whose digest is in the tracker is not written again.
        experiment: the experiment's name.
        name: of the run; of a job, the settings that distinguish it.
        folder: of the run.
        params: settings by dotted key.
        metrics: final metrics, with the names and units of result.json; `/` separates groups.
        curves: metrics of the epochs, where a network was trained.
        tags: texts that say what the run was made from and with.
        started: seconds since 1970.
        ended: seconds since 1970.
        artifacts: files that are kept with the run.
        parent: key of the sweep that the run is a job of.
        is_sweep: whether it is a sweep.
        varied: the settings that differ between the jobs of a sweep, each with its values in order.
    """

    key: str
    digest: str
    experiment: str
    name: str
    folder: Path
    params: dict[str, Parameter]
    metrics: dict[str, float]
    curves: dict[str, tuple[CurvePoint, ...]]
    tags: dict[str, str]
    started: float
    ended: float
    artifacts: tuple[Path, ...] = ()
    parent: str | None = None
    is_sweep: bool = False
    varied: Mapping[str, tuple[Parameter, ...]] = MappingProxyType({})


def tracked_run(run: Run, *, ended: float, artifacts: tuple[Path, ...] = ()) -> TrackedRun:
    """What a tracker gets of one run.

    Args:
        run: its folder and its record.
        ended: when it ended, in seconds since 1970.
        artifacts: files to keep with it.
    """
    record = run.record
    content = msgspec.json.encode([record, sorted(path.name for path in artifacts)], order="deterministic")
    return TrackedRun(
        key=_key(record.config_digest, run.folder),
        digest=_short_digest(content),
        experiment=record.experiment,
        name=printable_text(run.folder.resolve().name),
        folder=run.folder,
        params=_parameters(run.settings),
        metrics=_finite(_metrics(record) | {"seconds": total_seconds(run)}),
        curves=_curves(record),
        tags=_tags(record),
        started=ended - total_seconds(run),
        ended=ended,
        artifacts=artifacts,
    )


def tracked_sweep(
    folder: Path, runs: Sequence[Run], jobs: Sequence[TrackedRun], *, failed: int = 0, artifacts: tuple[Path, ...] = ()
) -> tuple[TrackedRun, ...]:
    """A sweep as a run, followed by its jobs with their parent and with names that distinguish them.

    The sweep has the number of jobs, and the metrics of the best one, which every new job may change.

    Args:
        folder: of the sweep.
        runs: the jobs that have finished, at least one.
        jobs: the same jobs as `tracked_run` makes them.
        failed: number of jobs that failed.
        artifacts: files to keep with the sweep.
    """
    settings = varied_settings(tuple(runs))
    objective = objective_metric(tuple(runs))
    best = min(range(len(runs)), key=lambda i: sort_key(runs[i], objective))
    names = run_labels(tuple(runs), settings) if len(runs) > 1 else [jobs[0].name]
    best_metrics = {f"best/{name}": value for name, value in jobs[best].metrics.items() if "/" not in name}
    content = msgspec.json.encode([[job.digest for job in jobs], failed, sorted(path.name for path in artifacts)])
    key = _key(jobs[0].experiment, folder)
    parent = TrackedRun(
        key=key,
        digest=_short_digest(content),
        experiment=jobs[0].experiment,
        name=printable_text(folder.resolve().name),
        folder=folder,
        params={},
        metrics={"jobs": float(len(jobs)), "failed": float(failed), **best_metrics},
        curves={},
        tags={
            "experiment": jobs[0].experiment,
            "varied": ", ".join(setting.key for setting in settings),
            "best": names[best],
            "best_metric": objective.key,
            "best_folder": printable_text(str(jobs[best].folder)),
        },
        started=min(job.started for job in jobs),
        ended=max(job.ended for job in jobs),
        artifacts=artifacts,
        is_sweep=True,
        varied={
            setting.key: tuple(dict.fromkeys(job.params[setting.key] for job in jobs if setting.key in job.params))
            for setting in independent(settings)
        },
    )
    named = [job._replace(parent=key, name=name) for job, name in zip(jobs, names, strict=True)]
    return (parent, *named)


def _key(identity: str, folder: Path) -> str:
    return _short_digest(f"{identity}\0{folder.resolve()}".encode("utf-8", "surrogateescape"))


def _short_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _parameters(settings: Mapping[str, Any]) -> dict[str, Parameter]:
    """Settings as parameters: a list becomes one text, nothing becomes "null"."""

    def parameter(value: Any) -> Parameter:
        if isinstance(value, tuple):
            return ", ".join(map(str, value))
        return value if isinstance(value, bool | int | float | str) else "null" if value is None else str(value)

    return {key: parameter(value) for key, value in settings.items()}


def _metrics(record: Record) -> dict[str, Any]:
    """Final metrics of the variant that leads, and what it is compared with."""
    variants = {name: msgspec.structs.asdict(variant) for name, variant in record.variants.items()}
    nested: dict[str, Any] = {
        **msgspec.to_builtins(record.calibration.after),
        **{f"{name}_low": low for name, (low, _) in record.confidence_intervals.items()},
        **{f"{name}_high": high for name, (_, high) in record.confidence_intervals.items()},
        "temperature": record.calibration.temperature,
        "peak_memory_bytes": record.peak_memory_bytes,
        "uncalibrated": msgspec.to_builtins(record.calibration.before),
        "pictures": {
            name: getattr(record.data, name) for name in ("train", "calibration", "validation", "tags", "skipped")
        },
        "stages": {name: {"seconds": stage.seconds} for name, stage in record.stages.items()},
        "variants": variants,
        "baselines": {line.name: {"top1": line.top1, "p_value": line.p_value} for line in record.baselines},
    }
    for name in ("out_of_fold", "parity", "training"):
        if (part := getattr(record, name)) is not None:
            nested[name] = msgspec.to_builtins(part)
    if record.test:
        nested["test"] = msgspec.to_builtins(record.test.metrics)
    return flat_settings(nested)


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers among values by dotted key, which trackers group by `/`.

    >>> _finite({"top1": 1, "variants.int8.top1": 0.5, "training.recipe.blocks": 3, "parity.reference": "float32"})
    {'top1': 1.0, 'variants/int8/top1': 0.5}
    """
    return {
        key.replace(".", "/"): float(value)
        for key, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value) and not key.startswith("training.recipe.")
    }


def _curves(record: Record) -> dict[str, tuple[CurvePoint, ...]]:
    """Every metric of the epochs, by name; an unknown value is left out."""
    curves: dict[str, list[CurvePoint]] = {}
    seconds = 0.0
    for epoch in record.training.epochs if record.training else []:
        values = msgspec.structs.asdict(epoch)
        step, seconds = values.pop("epoch"), seconds + epoch.seconds
        for name, value in values.items():
            if value is not None and math.isfinite(value):
                curves.setdefault(f"epochs/{name}", []).append(CurvePoint(step, float(value), seconds))
    return {name: tuple(points) for name, points in curves.items()}


def _tags(record: Record) -> dict[str, str]:
    """What the run was made from and with; unknown values are left out."""
    training = record.training
    values = {
        "experiment": record.experiment,
        "config_digest": record.config_digest,
        "variant": record.variant,
        "bundled_variant": record.bundled_variant,
        "data": record.data.name,
        "data_fingerprint": record.data.fingerprint,
        "backbone": record.backbone.name,
        "weights_sha256": record.backbone.weights_sha256,
        "trained_from_sha256": training.parent_sha256 if training else None,
        "git_commit": record.revision.commit if record.revision else None,
        "git_changed": str(record.revision.changed).lower() if record.revision else None,
        "machine": record.machine.system,
        "processor": record.machine.processor,
        "cores": str(record.machine.cores),
        **{f"version.{name}": version for name, version in record.versions.items()},
    }
    return {name: value for name, value in values.items() if value}
