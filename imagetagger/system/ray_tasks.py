"""A function applied to many items by the tasks of a Ray cluster. A worker that dies costs its item at most.

Ray runs a task again, elsewhere, if its worker or its machine dies. An item whose workers die each time is given up,
and the others go on.
"""

import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import islice
from typing import Any, TypeVar

from imagetagger.system.cpus import cpu_count
from imagetagger.system.extras import extra_needed

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_RETRIES = 2
"""How often a task is run again after its worker died."""
TASKS_PER_CPU = 2
"""One in work, and one that waits on its machine."""
CPUS_SECONDS = 5.0
"""How often the cluster is asked for its CPUs: machines come and go."""
OBJECT_STORE_BYTES = 2**28
"""Memory of a cluster of our own for arguments and results."""
MAX_STARTS = 3
"""Ray gives up a start after 30 seconds, which a busy machine may need."""

_functions: dict[str, Callable[[Any], Any]] = {}
"""In a worker: the last function that was loaded, by the digest of how."""


@contextmanager
def ray_cluster(workers: int | None = None) -> Iterator[Any]:
    """Yield the module `ray`, connected to a cluster; whoever connected also disconnects.

    Args:
        workers: CPUs of a cluster of our own; None for all of this machine.
    """
    if (connected := sys.modules.get("ray")) is not None and connected.is_initialized():
        yield connected
        return
    ray = connect_ray(workers)
    try:
        yield ray
    finally:
        ray.shutdown()


def connect_ray(workers: int | None = None) -> Any:
    """Return the module `ray`, connected to the cluster that RAY_ADDRESS names, or else to one on this machine.

    The connection ends with the process. Nothing is printed to stdout, which belongs to results.

    Raises:
        SystemExit: Ray is not installed.
        Exception: whatever Ray raises where the cluster cannot be reached.
    """
    with extra_needed("ray", "the engine ray needs"):
        import ray
    if ray.is_initialized():
        return ray
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its makers unless it is asked not to
    address = os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {}
    if not address:
        os.environ.setdefault("RAY_worker_niceness", "0")  # as processes without Ray; it is 15 by default
        own = {"num_cpus": workers or cpu_count(), "object_store_memory": OBJECT_STORE_BYTES}
        own["include_dashboard"] = False
    for start in range(1, MAX_STARTS + 1):
        try:
            with redirect_stdout(sys.stderr):
                ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
            break
        except Exception:
            ray.shutdown()
            if address or start == MAX_STARTS:
                raise
    return ray


def map_on_ray(
    load: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    on_death: Callable[[Item, str], Result],
    *,
    workers: int | None = None,
    ordered: bool = False,
) -> Iterator[Result]:
    """Yield a result for every item; items are taken only as they are needed.

    Args:
        load: is called once in each worker and returns the function; must pickle.
        items: must pickle.
        on_death: makes the result of an item whose workers died each time, from what Ray says of that.
        workers: see `ray_cluster`.
        ordered: whether results come in the order of their items, rather than as soon as they are there.

    Raises:
        Exception: what `load` and the function raise.
    """
    with ray_cluster(workers) as ray:
        deaths = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.ObjectLostError,
        )
        pickled = ray.cloudpickle.dumps(load)
        key, stored = hashlib.sha256(pickled).hexdigest(), [ray.put(pickled)]
        task = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(_apply)
        waiting, pending = iter(items), dict[Any, Item]()
        most, asked = 0, -CPUS_SECONDS
        while True:
            if time.monotonic() - asked >= CPUS_SECONDS:
                most, asked = TASKS_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 0))), time.monotonic()
            for item in islice(waiting, max(0, most - len(pending))):
                pending[task.remote(key, stored, item)] = item
            if not pending:
                return
            done = next(iter(pending)) if ordered else ray.wait(list(pending), num_returns=1)[0][0]
            item = pending.pop(done)
            try:
                result = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except deaths as error:
                result = on_death(item, str(error).partition("\n")[0])
            yield result


def _apply(key: str, stored: list[Any], item: Any) -> Any:
    """Run in a worker: apply the function to an item. `stored` is in a list so that Ray does not fetch it each time."""
    if key not in _functions:
        import ray

        _functions.clear()
        _functions[key] = ray.cloudpickle.loads(ray.get(stored[0]))()
    return _functions[key](item)
