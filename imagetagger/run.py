"""Run an experiment: `python -m imagetagger.run +experiment=NAME [key=value ...]`, `-m` for a sweep."""

import logging
import os
import shutil
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from imagetagger import config

log = logging.getLogger("imagetagger")

_PACKAGE = Path(__file__).parent
CONFIGS = _PACKAGE / "configs" if (_PACKAGE / "configs").is_dir() else _PACKAGE.parent / "configs"
"""In an installed package configs/ lies inside it, in a checkout beside it."""


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="config")
def _run(composed: DictConfig) -> None:
    try:
        _run_job(config.from_hydra(composed))
    except KeyboardInterrupt:
        sys.exit("Stopped. What was embedded is kept: the same command goes on from there.")
    except (ValueError, OSError, OverflowError) as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN or "HYDRA_FULL_ERROR" in os.environ:
            raise
        sys.exit(f"{error}\n(HYDRA_FULL_ERROR=1 shows where this was raised.)")


def _run_job(settings: config.Experiment) -> None:
    from imagetagger import pipeline, result  # after the config is known to be sound: JAX takes seconds
    from imagetagger.bundle import archive, verify

    job = HydraConfig.get()
    folder = Path(job.runtime.output_dir)
    start = time.perf_counter()
    alone = job.mode == RunMode.RUN
    outcome = pipeline.run(settings, bundle=alone)
    shutil.rmtree(folder / "bundle", ignore_errors=True)  # of an earlier run in this folder
    (folder / "bundle.zip").unlink(missing_ok=True)
    result.write(outcome.result, folder / "result.json")
    left = ["Result"]
    if alone:
        from imagetagger.report import html

        html.write(outcome, folder / "report.html", examples=settings.evaluate.examples, seed=settings.seed)
        left.append("report")
    if outcome.bundle:
        archive.write_folder(outcome.bundle, folder / "bundle")
        archive.write_zip(outcome.bundle, folder / "bundle.zip")
        for made in (folder / "bundle", folder / "bundle.zip"):
            verify.verify(made)
        left.append("verified bundle")
    log.info("%s", result.summary(outcome.result))
    said = " and ".join([", ".join(left[:-1]), left[-1]] if left[1:] else left)
    log.info("%.1f s in all. %s in %s", time.perf_counter() - start, said, folder)
    if outcome.refused:
        raise outcome.refused


def main() -> None:
    """Run what the command line asks for; end with a message, not a traceback, on errors a user can mend."""
    if hints := config.explain_overrides(sys.argv[1:]):
        sys.exit("\n".join(hints))
    _run()


if __name__ == "__main__":
    main()
