"""The report of a sweep, written when its jobs are done; Hydra calls it, see configs/config.yaml."""

import logging
import shlex
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from imagetagger.experiment.sweep import TUNING_RESULTS
from imagetagger.report.comparison.runs import read_failure, read_runs
from imagetagger.report.formatting import count
from imagetagger.system.printable import printable_text

log = logging.getLogger("imagetagger")


class SweepReport(Callback):
    """Writes a sweep's report when its jobs are done, and ends the program with exit code 1 if some failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember the files of earlier sweeps: clocks of other machines cannot date them."""
        folder = Path(config.hydra.sweep.dir)
        for path in folder.glob("*/failed.json"):  # of an earlier sweep: a job that still fails writes it again
            path.unlink()
        names = ("*/.hydra/overrides.yaml", "*/result.json", TUNING_RESULTS)
        self.before = {path: self._state(path) for name in names for path in folder.glob(name)}

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the report of all runs in the sweep's folder, and summarise its jobs."""
        folder = Path(config.hydra.sweep.dir)
        jobs = [path.parents[1] for path in folder.glob("*/.hydra/overrides.yaml") if self._is_new(path)]
        failed = [path for job in jobs if self._is_new(path := job / "failed.json")]
        problems = []
        if any(folder.glob("*/result.json")):
            done = sum(self._is_new(job / "result.json") for job in jobs)
            summary = count(done, "job") + " done"
            if before := max(0, len(jobs) - done - len(failed)):
                summary += f", {before} had finished before (force=true runs them again)"
            try:
                from imagetagger.report.comparison.page import write_comparison  # matplotlib takes a second

                write_comparison(read_runs([folder]), folder)
                log.info("%s. Report in %s", summary, folder / "report.html")
            except Exception as error:  # Hydra would turn it into a warning, and lose the failures and the exit code
                log.info("%s", summary)
                problems.append(f"The report could not be written: {printable_text(str(error))}")
        if self._is_new(best := folder / TUNING_RESULTS):
            log.info("The best of them, on validation pictures unseen by all:\n  %s", _validation_command(config, best))
        if failed:
            failures = map(read_failure, sorted(failed, key=lambda path: path.stat().st_mtime_ns))
            lines = [
                f"  {printable_text(' '.join(failure.overrides))}\n    {printable_text(failure.error)}"
                for failure in failures
            ]
            problems.append(f"{len(failed)} of {len(jobs)} jobs failed:\n" + "\n".join(lines))
        if problems:
            sys.exit("\n".join(problems))

    def _is_new(self, path: Path) -> bool:
        return path.exists() and self._state(path) != self.before.get(path)

    @staticmethod
    def _state(path: Path) -> tuple[int, int]:
        stat = path.stat()
        return stat.st_mtime_ns, stat.st_ino


def _validation_command(config: DictConfig, best: Path) -> str:
    """The command that evaluates the best settings of a tuning sweep on validation pictures."""
    tuned = OmegaConf.select(OmegaConf.load(best), "best_params")
    fixed = [word for word in config.hydra.overrides.task if word.split("=")[0] not in tuned]
    words = [*fixed, *(f"{key}={value}" for key, value in tuned.items())]
    return f"python -m imagetagger.run {shlex.join(words)} evaluate.split=validation"
