"""The jobs of a sweep: a folder each, named by its config. What has finished stays; what fails costs no other.

`hydra.sweep.dir` is one folder an experiment, so a sweep that is started again, with the same axes or with others,
finds what is there already.
"""

import json
import logging
import math
import shlex
import sys
import time
import traceback
from pathlib import Path
from threading import Event
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from imagetagger import config
from imagetagger.digest import config_digest
from imagetagger.files import whole
from imagetagger.memory import Memory
from imagetagger.metrics import MORE_IS_BETTER
from imagetagger.report import runs
from imagetagger.report.words import count

BEST = "optimization_results.yaml"
"""What Hydra's sweeper that tunes leaves."""

STOP = Event()
"""Set by Ctrl-C, for the case that its exception gets lost."""

log = logging.getLogger("imagetagger")


def job_name(*, _root_: DictConfig) -> str:
    """Return the name of a job's folder: the start of its config's digest; see digest.py."""
    composed = OmegaConf.masked_copy(_root_, [str(key) for key in _root_ if key != "hydra"])
    try:
        return config_digest(config.from_hydra(composed))[:16]
    except config.ConfigError:  # told by the job itself, which needs a folder for that
        return config_digest(OmegaConf.to_container(composed))[:16]


OmegaConf.register_new_resolver("job_name", job_name, replace=True)


def run_job(composed: DictConfig, folder: Path, memory: Memory) -> float | None:
    """Run one job, unless it has finished before, and leave result.json, or failed.json where it fails.

    Args:
        composed: its config.
        folder: its own.
        memory: what other jobs of the process have left.

    Returns:
        The figure that a sweeper may look at to choose the next job, negative where more is better. None where it is
        not finite or the job failed: a sweeper that asks for it takes that for a failure, and goes on.
    """
    start = time.perf_counter()
    if STOP.is_set():
        raise KeyboardInterrupt
    try:
        settings = config.from_hydra(composed)
        if not settings.rerun and (before := finished(folder, config_digest(settings))):
            log.info("  finished before")
            return _figure(before, settings.objective)
        from imagetagger import pipeline, result  # after the config is known to be sound: JAX takes seconds

        found = pipeline.run(settings, bundle=False, memory=memory).result | {"choices": choices()}
        result.write(found, folder / "result.json")
    except Exception as error:  # whatever befalls one job must not cost the others
        if STOP.is_set():
            raise KeyboardInterrupt from error
        log.error("  failed: %s", error)
        log.debug("", exc_info=True)
        _write_failure(error, composed, folder)
        return None
    (folder / "failed.json").unlink(missing_ok=True)
    log.info("  %s  in %.2f s", result.line(found), time.perf_counter() - start)
    return _figure(found, settings.objective)


def choices() -> dict[str, str]:
    """Return which option of each of our config groups was chosen."""
    chosen = HydraConfig.get().runtime.choices
    return {group: chosen[group] for group in chosen if "/" not in group and group != "experiment"}


def finished(folder: Path, digest: str) -> dict[str, Any] | None:
    """Return the result of a job that has finished with a config of this digest; None where no report could use it."""
    try:
        found = json.loads((folder / "result.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return None if runs.problem(found) or found["config_digest"] != digest else found


def _figure(found: dict[str, Any], name: str) -> float | None:
    figure = found["calibration"]["after"][name]
    if figure is None or not math.isfinite(figure):
        return None
    return -figure if name in MORE_IS_BETTER else figure


def _write_failure(error: Exception, composed: DictConfig, folder: Path) -> None:
    told = {
        "experiment": composed.get("experiment"),
        "config_digest": job_name(_root_=composed),
        "overrides": list(HydraConfig.get().overrides.task),
        "kind": type(error).__name__,
        "error": str(error),
        "traceback": traceback.format_exception(error),
    }
    with whole(folder / "failed.json") as partial:
        partial.write_text(json.dumps(told, indent=1, ensure_ascii=False, default=str) + "\n", "utf-8", "replace")


class Report(Callback):
    """Leaves a sweep's report when its jobs are done, and ends the program with exit code 1 if some have failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember what was there before; clocks of other machines would not tell."""
        folder = Path(config.hydra.sweep.dir)
        for path in folder.glob("*/failed.json"):  # of an earlier sweep: what still fails will say so
            path.unlink()
        names = ("*/.hydra/overrides.yaml", "*/result.json", BEST)
        self.before = {path: self._state(path) for name in names for path in folder.glob(name)}

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the report of all that the sweep's folder holds, and tell what came of the jobs."""
        folder = Path(config.hydra.sweep.dir)
        jobs = [path.parents[1] for path in folder.glob("*/.hydra/overrides.yaml") if self._is_new(path)]
        failures = [job / "failed.json" for job in jobs if self._is_new(job / "failed.json")]
        failures.sort(key=lambda path: path.stat().st_mtime_ns)
        problems = []
        new = sum(self._is_new(job / "result.json") for job in jobs)
        if any(folder.glob("*/result.json")):
            before = len(jobs) - new - len(failures)
            said = count(new, "job") + " done"
            if before > 0:  # whatever has become of pictures, weights and code since
                said += f", {before} had finished before (rerun=true runs them again)"
            try:
                from imagetagger.report import many

                many.write(runs.read([folder]), folder)
                log.info("%s. Report in %s", said, folder / "report.html")
            except Exception as error:  # Hydra would make a warning of it, and forget the rest and the exit code
                log.info("%s", said)
                problems.append(f"The report could not be written: {error}")
        if self._is_new(best := folder / BEST):
            found = OmegaConf.select(OmegaConf.load(best), "best_params")
            given = [word for word in config.hydra.overrides.task if word.split("=")[0] not in found]
            words = [*given, *(f"{key}={value}" for key, value in found.items())]
            command = f"python -m imagetagger.run {shlex.join(words)} evaluate.split=validation"
            log.info("The best of them, on validation pictures that none has seen:\n  %s", command)
        if failures:
            told = [json.loads(path.read_text("utf-8")) for path in failures]
            lines = [f"  {' '.join(one['overrides'])}\n    {one['error']}" for one in told]
            problems.append(f"{len(failures)} of {len(jobs)} jobs failed:\n" + "\n".join(lines))
        if problems:
            sys.exit("\n".join(problems))

    def _is_new(self, path: Path) -> bool:
        return path.exists() and self._state(path) != self.before.get(path)

    @staticmethod
    def _state(path: Path) -> tuple[int, int]:
        found = path.stat()
        return found.st_mtime_ns, found.st_ino
