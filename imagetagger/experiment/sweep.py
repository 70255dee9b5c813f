"""The jobs of a sweep: a folder each, named by its config. What has finished stays; what fails costs no other.

`hydra.sweep.dir` is one folder per experiment, so a sweep that is started again, with the same settings or others,
finds what is there already.
"""

import json
import logging
import math
import time
import traceback
from pathlib import Path
from threading import Event

import msgspec
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from imagetagger.config.digest import config_digest, recorded_settings
from imagetagger.config.parse import ConfigError, from_hydra
from imagetagger.config.schema import Experiment
from imagetagger.experiment.console import result_line
from imagetagger.experiment.record import Record, read_record, write_record
from imagetagger.experiment.stage_cache import StageCache
from imagetagger.options import HIGHER_IS_BETTER
from imagetagger.system.atomic_files import atomic_write
from imagetagger.system.memory import keep_freed_memory

TUNING_RESULTS = "optimization_results.yaml"
"""What Hydra's sweeper that tunes leaves."""

STOP = Event()
"""Set by Ctrl-C, for the case that its exception gets lost."""

log = logging.getLogger("imagetagger")


def job_name(*, _root_: DictConfig) -> str:
    """Name of a job's folder: the start of its config's digest; see config/digest.py."""
    composed = OmegaConf.masked_copy(_root_, [str(key) for key in _root_ if key != "hydra"])
    try:
        return config_digest(from_hydra(composed))[:16]
    except ConfigError:  # reported by the job itself, which needs a folder for that
        return config_digest(OmegaConf.to_container(composed))[:16]


OmegaConf.register_new_resolver("job_name", job_name, replace=True)


def run_job(composed: DictConfig, folder: Path, cache: StageCache) -> float | None:
    """Run one job, unless it has finished before, and leave result.json, or failed.json where it fails.

    Args:
        composed: its config.
        folder: its own.
        cache: what other jobs of the process have left.

    Returns:
        The metric that a sweeper may minimise, negative where higher is better. None where it is not finite or the job
        failed: a sweeper that asks for it takes that for a failure, and goes on.
    """
    start = time.perf_counter()
    if STOP.is_set():
        raise KeyboardInterrupt
    try:
        settings = from_hydra(composed)
        if not settings.force and (finished := finished_record(folder, config_digest(settings))):
            log.info("  finished before")
            return minimised_metric(finished, settings.optimized_metric)
        if settings.training.blocks is not None:
            keep_freed_memory()
        from imagetagger.experiment import pipeline  # after the config is checked: JAX takes seconds

        rivals = rival_curves(folder, settings) if settings.training.prune else []
        record = pipeline.run_experiment(settings, assemble=False, cache=cache, rivals=rivals).record
        write_record(msgspec.structs.replace(record, choices=config_choices()), folder / "result.json")
    except Exception as error:  # whatever befalls one job must not cost the others
        if STOP.is_set():
            raise KeyboardInterrupt from error
        log.error("  failed: %s", error)
        log.debug("", exc_info=True)
        _write_failure(error, composed, folder)
        return None
    (folder / "failed.json").unlink(missing_ok=True)
    log.info("  %s  in %.2f s", result_line(record), time.perf_counter() - start)
    return minimised_metric(record, settings.optimized_metric)


def rival_curves(folder: Path, settings: Experiment) -> list[list[float]]:
    """Return the tuning losses, epoch by epoch, of the complete trainings of a job's sweep on the same pictures."""
    curves = []
    for path in sorted(folder.parent.glob("*/result.json")):
        try:
            record = read_record(path)
        except (OSError, ValueError):
            continue
        training = record.training
        if training is None or training.is_pruned or not training.epochs:
            continue
        is_alike = record.settings["data"] == recorded_settings(settings)["data"] and record.seed == settings.seed
        losses = [epoch.tuning_loss for epoch in training.epochs if epoch.tuning_loss is not None]
        if is_alike and losses:  # one that ended early would not have become better
            curves.append(losses + losses[-1:] * (int(training.recipe["epochs"]) - len(losses)))
    return curves


def config_choices() -> dict[str, str]:
    """The option chosen of each of our config groups."""
    chosen = HydraConfig.get().runtime.choices
    return {group: chosen[group] for group in chosen if "/" not in group and group != "experiment"}


def finished_record(folder: Path, digest: str) -> Record | None:
    """The record of a job that has finished with a config of this digest; None if no report could use it."""
    try:
        record = read_record(folder / "result.json")
    except (OSError, ValueError):
        return None
    return record if record.config_digest == digest else None


def minimised_metric(record: Record, name: str) -> float | None:
    """What a sweeper minimises: a metric, negative where higher is better; None where it is not finite."""
    value = getattr(record.calibration.after, name)
    if value is None or not math.isfinite(value):
        return None
    return -value if name in HIGHER_IS_BETTER else value


def _write_failure(error: Exception, composed: DictConfig, folder: Path) -> None:
    failure = {
        "experiment": composed.get("experiment"),
        "config_digest": job_name(_root_=composed),
        "overrides": list(HydraConfig.get().overrides.task),
        "kind": type(error).__name__,
        "error": str(error),
        "traceback": traceback.format_exception(error),
    }
    with atomic_write(folder / "failed.json") as partial:
        partial.write_text(json.dumps(failure, indent=1, ensure_ascii=False, default=str) + "\n", "utf-8", "replace")
