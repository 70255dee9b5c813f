"""A function applied to many items by processes, in any order. A process that dies costs one item.

Each process has a pipe of its own, so that one that is killed in the middle of a message leaves no lock locked and
spoils no other's messages. `concurrent.futures` would give up all items when a process dies.
"""

import itertools
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

READY = object()
"""Stands before a process's items until it has loaded the function."""
MAX_ITEMS = 2
"""Items that a process has: one in work, and one to begin with while the consumer uses the last result."""
MAX_FAILED_STARTS = 3
"""Processes in succession that end before they are ready: more are not started."""


class Worker(NamedTuple):
    """A process, our end of its pipe, and the items that it has given no result for, the one in work first."""

    process: BaseProcess
    connection: Connection
    items: deque[Any]


def map_unordered(
    load: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    processes: int,
    on_death: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """Yield a result for every item, as soon as it is there.

    Items are taken only as they are needed. When the iterator is closed, or an exception such as KeyboardInterrupt
    leaves it, all processes are killed.

    Args:
        load: is called once in each process and returns the function; must pickle.
        items: must pickle.
        processes: as many at most, and no more than there are items.
        on_death: makes the result of the item in work when its process died, from how that ended.

    Raises:
        RuntimeError: processes end before they are ready.
        Exception: what `load` raises.
    """
    waiting, returned = iter(items), deque[Item]()  # from processes that died before they began with them
    workers: dict[Connection, Worker] = {}
    failed_starts = 0
    try:
        while True:
            while _has_room(workers, processes):
                if not (taken := [returned.popleft()] if returned else list(itertools.islice(waiting, 1))):
                    break
                _send(_least_busy(workers, processes, load), taken[0])
            if not any(worker.items for worker in workers.values()):
                return
            for connection in wait(list(workers)):
                worker = workers[connection]  # type: ignore[index]  # wait also takes sockets and handles
                try:
                    answer = worker.connection.recv()
                except (EOFError, OSError):
                    ending = _ending(workers.pop(worker.connection).process)
                    if worker.items:
                        in_work = worker.items.popleft()
                        returned.extend(worker.items)
                        if in_work is not READY:
                            yield on_death(in_work, ending)
                        elif (failed_starts := failed_starts + 1) == MAX_FAILED_STARTS:
                            raise RuntimeError(f"{failed_starts} processes {ending} before they were ready") from None
                    continue
                if worker.items.popleft() is not READY:
                    yield answer
                elif answer is None:
                    failed_starts = 0
                else:
                    raise answer
    finally:
        _kill(workers.values())


def _has_room(workers: dict[Connection, Worker], processes: int) -> bool:
    return len(workers) < processes or any(len(worker.items) < MAX_ITEMS for worker in workers.values())


def _least_busy(workers: dict[Connection, Worker], processes: int, load: Callable[[], Any]) -> Worker:
    """Return an idle process, a new one, or the one with the fewest items."""
    worker = min(workers.values(), key=lambda worker: len(worker.items), default=None)
    if worker is None or (worker.items and len(workers) < processes):
        worker = _start(load)
        workers[worker.connection] = worker
    return worker


def _start(load: Callable[[], Any]) -> Worker:
    context = multiprocessing.get_context("spawn")  # fork copies locks that other threads hold
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, load), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return Worker(process, ours, deque([READY]))


def _send(worker: Worker, item: Any) -> None:
    worker.items.append(item)
    with suppress(OSError):  # it died, as reading its pipe will show
        worker.connection.send(item)


def _work(connection: Connection, load: Callable[[], Callable[[Any], Any]]) -> None:
    """Answer items with results, until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches all processes of a terminal; ours is killed
    try:
        function = load()
    except Exception as error:
        connection.send(error)
        return
    connection.send(None)
    with suppress(EOFError, OSError):
        while True:
            connection.send(function(connection.recv()))


def _ending(process: BaseProcess) -> str:
    """Return how a process ended, after "it"."""
    process.join()
    code = process.exitcode or 0
    return f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"


def _kill(workers: Iterable[Worker]) -> None:
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.join()
        worker.connection.close()
