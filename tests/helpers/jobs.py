"""Sweeps as the command line starts them, in this process or in a new one, and the numbers they leave."""

import csv
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import msgspec

from imagetagger import run
from imagetagger.experiment.record import finite_json

NOT_NUMBERS = ("seconds", "images_per_second", "stages", "peak_memory_bytes", "revision")
"""Where two runs of the same config may differ: times, memory, and a commit between them."""
TIMES = ("seconds", "training_seconds", "images_per_second", "peak_memory_bytes", "commit", "changed")
"""Where their rows of runs.csv may differ."""


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


def start(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run a sweep in a new process."""
    command, options = _command(folder, arguments, environment)
    return _ended(subprocess.run(command, **options, capture_output=True, text=True))


def alone(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run one experiment, without a sweep, in a new process."""
    command = [sys.executable, "-m", "imagetagger.run", *arguments, f"hydra.run.dir={folder}"]
    return _ended(subprocess.run(command, env=os.environ | environment, capture_output=True, text=True))


def _ended(done: subprocess.CompletedProcess[str]) -> Done:
    return Done(done.returncode, done.stdout, done.stderr)


@contextmanager
def ctrl_c_heeded() -> Iterator[None]:
    """Let Ctrl-C reach what is started inside: tests in the background ignore it, and what they start inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def started(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a sweep that Ctrl-C can reach, as the leader of a new group; what is left of it is killed."""
    command, options = _command(folder, arguments, environment)
    with ctrl_c_heeded(), (folder.parent / "out").open("wb") as out:
        process = subprocess.Popen(command, **options, stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command(folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[list[str], dict[str, Any]]:
    command = [sys.executable, "-m", "imagetagger.run", "-m", *arguments, f"hydra.sweep.dir={folder}"]
    return command, {"cwd": folder.parent, "env": os.environ | environment}


def sweep(folder: Path, *arguments: str) -> Done:
    """Run a sweep in this process, whose compiled functions are warm."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["run", "-m", *arguments, f"hydra.sweep.dir={folder}"]
    code: Any = 0
    with mock.patch.object(sys, "argv", argv), _own_logging(), redirect_stdout(out), redirect_stderr(err):
        try:
            run.main()
        except SystemExit as ended:
            code = ended.code or 0
    return Done(code, out.getvalue(), err.getvalue()) if isinstance(code, int) else Done(1, out.getvalue(), f"{code}\n")


def numbers(result: Any) -> Any:
    """All of a record that the same command reproduces, as JSON."""
    if isinstance(result, msgspec.Struct):
        result = msgspec.to_builtins(result)
    if isinstance(result, dict):
        return {key: numbers(value) for key, value in result.items() if key not in NOT_NUMBERS}
    return [numbers(item) for item in result] if isinstance(result, list | tuple) else finite_json(result)


def result_of(folder: Path) -> Any:
    """The numbers of one run."""
    return numbers(json.loads((folder / "result.json").read_text("utf-8")))


def results(folder: Path) -> dict[str, Any]:
    """The numbers of each job, by its folder."""
    return {path.parent.name: result_of(path.parent) for path in folder.glob("*/result.json")}


def table(folder: Path) -> list[dict[str, str]]:
    """The rows of the sweep's table without times and memory."""
    with (folder / "runs.csv").open(newline="", encoding="utf-8") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


def written(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of each job's result, by its folder."""
    return {path.parent.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("*/result.json")}


@contextmanager
def _own_logging() -> Iterator[None]:
    """Undo what Hydra sets up, and hide other handlers from it, as it closes all that it sees."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with mock.patch.object(logging, "_handlerList", []) as own:
        try:
            yield
        finally:
            logging.shutdown(own)
            root.handlers[:] = handlers
            root.setLevel(level)
