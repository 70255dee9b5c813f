"""Fuzz pictures, lists, bundles and lessons for some minutes: `python -m tests.fuzz --minutes 60`.

Each target runs in a process of its own, which may crash or hang without ending the others. An input that fails is made
as small as possible, printed, and kept in `.hypothesis`, from where the next start tries it first; one that crashed or
hung is kept in the folder that is printed.
"""

import argparse
import faulthandler
import multiprocessing
import pickle
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import hypothesis

from tests.fuzz.targets import TARGETS, make_target

EXAMPLES = 400
"""Inputs of a target before it is the turn of the next one."""

HANG_SECONDS = 120
MAX_MEMORY = 6 * 2**30


def main() -> int:
    """Fuzz as the command line says; return 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first round; each adds one")
    parser.add_argument("targets", nargs="*", help=f"some of {', '.join(TARGETS)}; all where none is named")
    options = parser.parse_args()
    names = options.targets or TARGETS
    end, seed, failed = time.time() + 60 * options.minutes, options.seed, 0
    folder = Path(tempfile.mkdtemp(prefix="imagetagger-fuzz-"))
    counts = dict.fromkeys(names, 0)
    processes = multiprocessing.get_context("spawn")
    while time.time() < end:
        for name in names:
            current, done = folder / f"{name}-{seed}.pickle", processes.Value("i", 0)
            child = processes.Process(target=fuzz_once, args=(name, seed, current, done))
            child.start()
            child.join()
            counts[name] += done.value
            if child.exitcode == 0:
                current.unlink(missing_ok=True)
            else:
                failed += 1
                print(f"FAILED: {name}, seed {seed}, exit code {child.exitcode}; its last input: {current}", flush=True)
        print(f"seed {seed}: {counts}, {failed} failed", flush=True)
        seed += 1
    return 1 if failed else 0


def fuzz_once(name: str, seed: int, current: Path, done: Any) -> None:
    """Try one round of inputs of a target; raises for the smallest input that fails."""
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", hypothesis.errors.HypothesisWarning)  # that bundles are large
    warnings.filterwarnings("ignore", "Duplicate name")  # of our own .zip
    faulthandler.enable()
    target = make_target(name)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, print_blob=True, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.seed(seed)
    @hypothesis.given(target.inputs)
    def try_input(content: Any) -> None:
        current.write_bytes(pickle.dumps(content))
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        try:
            target.check(content)
        finally:
            faulthandler.cancel_dump_traceback_later()
            done.value += 1

    try_input()
