"""Processes that are killed at every step of writing, and what they leave: `python -m tests.helpers.faults`.

A warm parent without threads forks a child for every step. The child kills itself by SIGKILL before its k-th call that
changes the file system, in the middle of its k-th write, or before or after its k-th fsync or exchange of folders. At
some sizes of files a limit of the system ends it within the write, also in libraries that are not written in Python.
The parent then reads what is there, and runs the next process.
"""

import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from imagetagger.system import atomic_files

CHANGES = {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SIZES = 6
"""Sizes at which files are cut."""


class Scenario(NamedTuple):
    """A change of files that may be killed, in a folder.

    Attributes:
        prepare: makes what is there before.
        act: changes it.
        check: reads what is there after a kill, which is the state before or after `act`; raises if it is neither.
        proceed: does what the next process does, and checks the result.
    """

    prepare: Callable[[Path], None]
    act: Callable[[Path], object]
    check: Callable[[Path], object]
    proceed: Callable[[Path], object]


class Outcome(NamedTuple):
    """What came of a scenario: numbers of processes ended by SIGKILL and by the limit, and every problem in words."""

    kills: int
    limits: int
    problems: list[str]


def run_scenario(scenario: Scenario) -> Outcome:
    """Kill a scenario at each of its steps."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        scenario.prepare(root / "before")
        counts, problems = Counter[int](), []
        for step in _steps(root, scenario):
            folder = root / "now"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(root / "before", folder)
            ended_by = _kill(lambda folder=folder: scenario.act(folder), step)
            if not ended_by:
                continue
            counts[ended_by] += 1
            try:
                scenario.check(folder)
                scenario.proceed(folder)
                assert not (left := leftovers(folder)), f"left over: {left}"
            except Exception as error:
                problems.append(f"{step}: {type(error).__name__}: {error}")
    return Outcome(counts[signal.SIGKILL], counts[signal.SIGXFSZ], problems)


def leftovers(folder: Path) -> list[str]:
    """Files of processes that were killed."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.name.endswith((".partial", ".old"))
        or path.name == "next.zip"
        or (path.suffix == ".json" and path.parent.suffix == ".undo" and not path.with_suffix(".zip").exists())
    ]


def _steps(root: Path, scenario: Scenario) -> Iterator[tuple[str, int]]:
    """Yield the steps at which to kill, as counted and measured in a process that is not killed."""
    folder = root / "counted"
    shutil.copytree(root / "before", folder)
    report = root / "counts.json"

    def count() -> None:
        counts: Counter[str] = Counter()
        _instrument(lambda kind: counts.update([kind]))
        scenario.act(folder)
        report.write_text(json.dumps(dict(counts)))

    assert not _fork(count), "it fails without being killed"
    for kind, number in json.loads(report.read_text()).items():
        yield from ((kind, k) for k in range(number))
    largest = max((path.stat().st_size for path in folder.rglob("*") if path.is_file()), default=0)
    yield from (("size", largest * i // SIZES) for i in range(SIZES))


def _kill(act: Callable[[], object], step: tuple[str, int]) -> int:
    """Kill a process at a step; the signal that ended it, 0 if it did not come to that step."""
    kind, number = step
    left = number

    def note(what: str) -> None:
        nonlocal left
        if what == kind:
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    def child() -> None:
        if kind == "size":
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
        else:
            _instrument(note)
        act()

    status = _fork(child)
    assert status in (0, -signal.SIGKILL, -signal.SIGXFSZ), f"{step}: ended with {status}"
    return -status


def _instrument(note: Callable[[str], None]) -> None:
    """Call `note` with a word at each step: see above."""

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and arguments[2] & WRITING):
            note("change")

    def around(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            note(f"before {kind}")
            result = function(*arguments)
            note(f"after {kind}")
            return result

        return call

    class File(io.FileIO):
        def write(self, data: Any) -> int:
            data = memoryview(data).cast("B")
            done = super().write(data[: len(data) // 2])
            note("write")
            return done + super().write(data[len(data) // 2 :])

    def open_file(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **options: Any) -> Any:
        if "b" not in mode or buffering == 0 or not set(mode) & set("wax+"):
            return open_plainly(file, mode, buffering, *rest, **options)
        raw = File(file, mode.replace("b", ""))
        return io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)

    open_plainly = io.open
    io.open = open_file
    os.fsync = around(os.fsync, "fsync")
    atomic_files._exchange = around(atomic_files._exchange, "exchange")
    sys.addaudithook(audit)


def _fork(act: Callable[[], object]) -> int:
    """Run a function in a child process; its exit code, negative for the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Run the scenarios that are named, or all; print the outcome of each as a line of JSON."""
    from tests.helpers.fault_scenarios import SCENARIOS

    for name in sys.argv[1:] or SCENARIOS:
        print(json.dumps({"scenario": name, **run_scenario(SCENARIOS[name]())._asdict()}), flush=True)


if __name__ == "__main__":
    from tests.helpers.faults import main as main_of_module

    main_of_module()
