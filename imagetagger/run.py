"""Run an experiment: `python -m imagetagger.run +experiment=NAME [key=value ...]`, `-m` for a sweep."""

import logging
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagetagger.system.extras import experiments_needed

with experiments_needed():
    import hydra
    import msgspec
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import DictConfig

from imagetagger.bundle.archive import read_files, write_folder, write_zip
from imagetagger.bundle.reader import MAX_BUNDLE_BYTES
from imagetagger.bundle.verify import verify_bundle
from imagetagger.config.explain import SHOWS_TRACEBACKS, explain_failure, explained_errors
from imagetagger.config.overrides import quote_paths
from imagetagger.config.parse import explain_overrides, from_hydra
from imagetagger.config.schema import Experiment
from imagetagger.experiment.console import result_summary
from imagetagger.experiment.record import write_record
from imagetagger.experiment.stage_cache import StageCache
from imagetagger.experiment.sweep import STOP, config_choices, run_job
from imagetagger.system.atomic_files import atomic_write
from imagetagger.system.memory import keep_freed_memory
from imagetagger.system.printable import printable_lines, printable_text

log = logging.getLogger("imagetagger")

_PACKAGE = Path(__file__).parent
CONFIGS = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"
"""In an installed package configs/ lies inside it, in a checkout beside it."""

STAGE_CACHE: StageCache = {}
"""What the jobs of a sweep leave to one another: Hydra calls them one by one and carries nothing between them."""


def job(composed: DictConfig) -> float | None:
    """Run what Hydra composed; a job of a sweep returns the metric that its sweeper may minimise."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir)
    if hydra_config.mode == RunMode.MULTIRUN:
        return run_job(composed, folder, STAGE_CACHE)
    if hydra_config.runtime.choices["hydra/sweeper"] == "basic" and hydra_config.sweeper.params:
        log.warning("This is a single run with defaults: -m runs the sweep that this experiment defines.")
    try:
        _run_alone(from_hydra(composed), folder)
    except Exception as error:
        if SHOWS_TRACEBACKS:
            raise
        sys.exit(printable_lines(explain_failure(error)))
    return None


def _run_alone(settings: Experiment, folder: Path) -> None:
    if settings.training.blocks is not None:
        keep_freed_memory()
    with experiments_needed():
        from imagetagger.experiment.pipeline import run_experiment  # after the config is checked: JAX takes seconds
        from imagetagger.report.run.page import write_run_report
        from imagetagger.tracking.track import require_tracker, track_finished

    if settings.track:
        require_tracker(settings.track)
    start = time.perf_counter()
    output = run_experiment(settings)
    shutil.rmtree(folder / "bundle", ignore_errors=True)  # of an earlier run in this folder
    (folder / "bundle.zip").unlink(missing_ok=True)
    write_record(msgspec.structs.replace(output.record, choices=config_choices()), folder / "result.json")
    write_run_report(output, folder / "report.html", examples=settings.evaluate.examples, seed=settings.seed)
    made = "Result and report"
    weights = folder / "weights.safetensors"
    weights.unlink(missing_ok=True)
    if output.weights is not None:
        with atomic_write(weights) as partial:
            partial.write_bytes(output.weights)
        log.info("Fine-tuned weights, for backbone.weights=FILE: %s", weights)
    if output.reference:
        write_folder(dict(output.reference), folder / "references")
        log.info("Reference statistics in %s", folder / "references")
    if output.bundle:
        write_folder(output.bundle, folder / "bundle")
        write_zip(output.bundle, folder / "bundle.zip")
        verify_bundle(folder / "bundle")
        if read_files(folder / "bundle.zip", MAX_BUNDLE_BYTES) != output.bundle:
            raise OSError(f"{folder / 'bundle.zip'} does not hold what was written: check the disk, and run again")
        made = "Result, report and verified bundle"
    for line in result_summary(output.record).splitlines():
        log.info("%s", line)
    log.info("%.1f s in all. %s in %s", time.perf_counter() - start, made, folder)
    if settings.track:
        track_finished(folder, settings.track, settings.track_to)
    if output.export_error:
        raise output.export_error


def main() -> None:
    """Run what the command line asks for; end with a message, not a traceback, on errors a user can mend."""
    sys.argv[1:] = quote_paths(sys.argv[1:])
    if hints := explain_overrides(sys.argv[1:]):
        sys.exit("\n".join(map(printable_text, hints)))
    with _ending_on_ctrl_c(), explained_errors():
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")(job)()


@contextmanager
def _ending_on_ctrl_c() -> Iterator[None]:
    """End with a message on Ctrl-C, in a job or between two of them."""
    STOP.clear()
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # programs in the background ignore it
    if heard:
        signal.signal(signal.SIGINT, _stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and not STOP.is_set():
            raise
        sys.exit("Stopped. What was embedded is kept, and jobs that finished: the same command goes on from there.")
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(*_: object) -> None:
    """Interrupt, and leave a note of it: callbacks of the garbage collector and OmegaConf lose what is raised."""
    STOP.set()
    raise KeyboardInterrupt


if __name__ == "__main__":
    # As an imported module, so that other processes find `job` and one memory by name instead of copies of them.
    from imagetagger.run import main as main_of_module

    main_of_module()
