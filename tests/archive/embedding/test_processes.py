"""A function applied to many items by processes that may be killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from imagetagger.archive.embedding.processes import MAX_ITEMS, map_unordered
from tests.helpers.process_jobs import (
    at_second_attempt,
    died,
    load_deadly,
    load_never,
    load_slow,
    load_square,
    load_wrongly,
)

PATIENCE = 300
"""Seconds that processes of a busy machine may take to end."""


def has_ended(process: int) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(("items", "processes"), [(0, 2), (1, 3), (9, 1), (40, 2)])
def test_every_item_gives_one_result(items, processes):
    results = list(map_unordered(load_square, range(items), processes, died))
    assert sorted(square for square, _ in results) == [item * item for item in range(items)]
    assert len({process for _, process in results}) <= min(items, processes)


def test_items_are_taken_only_as_they_are_needed():
    taken = []
    results = map_unordered(load_square, (taken.append(i) or i for i in range(100)), 2, died)
    for count in range(1, 30):
        next(results)
        assert len(taken) <= count + 2 * MAX_ITEMS
    results.close()
    assert len(taken) < 40


def test_a_process_that_dies_costs_its_item_only():
    results = dict(map_unordered(load_deadly, range(20), 2, died))
    lost = {3: "was killed by SIGKILL", 7: "ended with exit code 5"}
    assert results == {item: lost.get(item % 10, "") for item in range(20)}


def test_the_last_process_may_die_too():
    assert dict(map_unordered(load_deadly, [3, 13], 1, died)) == dict.fromkeys([3, 13], "was killed by SIGKILL")


def test_what_loading_raises_is_raised():
    with pytest.raises(ValueError, match="no such bundle"):
        list(map_unordered(load_wrongly, range(3), 2, died))


def test_processes_that_never_get_ready_are_an_error():
    with pytest.raises(RuntimeError, match="3 processes ended with exit code 4 before they were ready"):
        list(map_unordered(load_never, range(30), 2, died))


def test_a_process_that_dies_before_it_is_ready_costs_nothing(tmp_path):
    results = list(map_unordered(at_second_attempt(tmp_path / "attempt"), range(6), 1, died))
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16, 25]


def test_closing_kills_all_processes_at_once():
    results = map_unordered(load_slow, [0, 0, 0, 600, 600, 600], 2, died)
    processes = {next(results) for _ in range(3)}
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < PATIENCE
    assert all(has_ended(process) for process in processes)


@pytest.fixture
def parent():
    """A process of a terminal whose two workers sleep for so many seconds an item, after a first one."""

    def start(seconds: float) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, "-m", "tests.helpers.process_jobs", str(seconds)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, **streams, start_new_session=True)
        return process, int(process.stdout.readline())

    return start


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups that get signals")
def test_ctrl_c_ends_all_processes_at_once(parent):
    process, worker = parent(600)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, printed = process.communicate(timeout=PATIENCE)  # which waits for all that have the stream
    assert process.returncode == -signal.SIGINT
    assert has_ended(worker)
    assert printed.count("KeyboardInterrupt") == 1


def test_the_processes_of_a_killed_parent_end_after_their_item(parent):
    process, worker = parent(0.2)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert has_ended(worker)
