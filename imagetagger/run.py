"""Run an experiment: `python -m imagetagger.run +experiment=NAME [key=value ...]`, `-m` for a sweep."""

import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from imagetagger import config, sweep
from imagetagger.memory import Memory

log = logging.getLogger("imagetagger")

_PACKAGE = Path(__file__).parent
CONFIGS = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"
"""In an installed package configs/ lies inside it, in a checkout beside it."""

MEMORY: Memory = {}
"""What the jobs of a sweep leave to one another: Hydra calls them one by one and carries nothing between them."""


def job(composed: DictConfig) -> float | None:
    """Run what Hydra composed; a job of a sweep returns the figure that its sweeper may look at."""
    at_work = HydraConfig.get()
    folder = Path(at_work.runtime.output_dir)
    if at_work.mode == RunMode.MULTIRUN:
        return sweep.run_job(composed, folder, MEMORY)
    if at_work.runtime.choices["hydra/sweeper"] == "basic" and at_work.sweeper.params:
        log.warning("This is one run of its defaults: -m runs the axes that this experiment holds.")
    try:
        _run_alone(config.from_hydra(composed), folder)
    except (ValueError, OSError, OverflowError) as error:
        if "HYDRA_FULL_ERROR" in os.environ:
            raise
        sys.exit(f"{error}\n(HYDRA_FULL_ERROR=1 shows where this was raised.)")
    return None


def _run_alone(settings: config.Experiment, folder: Path) -> None:
    from imagetagger import pipeline, result  # after the config is known to be sound: JAX takes seconds
    from imagetagger.bundle import archive, verify
    from imagetagger.report import html

    start = time.perf_counter()
    outcome = pipeline.run(settings)
    shutil.rmtree(folder / "bundle", ignore_errors=True)  # of an earlier run in this folder
    (folder / "bundle.zip").unlink(missing_ok=True)
    result.write(outcome.result | {"choices": sweep.choices()}, folder / "result.json")
    html.write(outcome, folder / "report.html", examples=settings.evaluate.examples, seed=settings.seed)
    left = ["Result", "report"]
    if outcome.bundle:
        archive.write_folder(outcome.bundle, folder / "bundle")
        archive.write_zip(outcome.bundle, folder / "bundle.zip")
        for made in (folder / "bundle", folder / "bundle.zip"):
            verify.verify(made)
        left.append("verified bundle")
    log.info("%s", result.summary(outcome.result))
    said = " and ".join([", ".join(left[:-1]), left[-1]])
    log.info("%.1f s in all. %s in %s", time.perf_counter() - start, said, folder)
    if outcome.refused:
        raise outcome.refused


def main() -> None:
    """Run what the command line asks for; end with a message, not a traceback, on errors a user can mend."""
    if hints := config.explain_overrides(sys.argv[1:]):
        sys.exit("\n".join(hints))
    with _ending_on_ctrl_c():
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")(job)()


@contextmanager
def _ending_on_ctrl_c() -> Iterator[None]:
    """End with a message on Ctrl-C, in a job or between two of them."""
    sweep.STOP.clear()
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # programs in the background ignore it
    if heard:
        signal.signal(signal.SIGINT, _stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and not sweep.STOP.is_set():
            raise
        sys.exit("Stopped. What was embedded is kept, and jobs that finished: the same command goes on from there.")
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(*_: object) -> None:
    """Interrupt, and leave a note of it: callbacks of the garbage collector and OmegaConf lose what is raised."""
    sweep.STOP.set()
    raise KeyboardInterrupt


if __name__ == "__main__":
    # As an imported module, so that other processes find `job` and one memory by name instead of copies of them.
    from imagetagger.run import main as main_of_module

    main_of_module()
