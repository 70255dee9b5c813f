"""What executes the backbone: LiteRT on CPUs, JAX on GPUs and TPUs.

A runtime's `run` takes a function that loads picture i (uint8 (S, S, 3), or raises BadImageError) and the
indices to embed, and yields their embeddings in order, a BadImageError in place of each bad picture. Loading
goes on in parallel with computing.
"""

import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from imagetagger.backbone.model import Backbone, forward, space_digest
from imagetagger.cores import cores
from imagetagger.export.quantize import convert_cached, embedding_space
from imagetagger.preprocess import BadImageError
from imagetagger.quiet import quiet

log = logging.getLogger(__name__)

AHEAD = 256
"""Embeddings computed before they are wanted: keeps cores busy while a shard is written."""

Load = Callable[[int], np.ndarray]
Result = np.ndarray | BadImageError


class Runtime(NamedTuple):
    """A backbone ready to run.

    Attributes:
        name: `litert` or `jax`.
        space: digest of the embedding space it maps to.
        run: see the module's docstring.
        raw_rate: images/s of the network alone, on one image over and over, measured for some seconds.
        model_bytes: size of the .tflite file; None for JAX.
    """

    name: str
    space: str
    run: Callable[[Load, Sequence[int]], Iterator[Result]]
    raw_rate: Callable[[float], float]
    model_bytes: int | None


def make_runtime(
    backbone: Backbone,
    resolution: int,
    cache: Path,
    *,
    runtime: str = "auto",
    batch_size: int = 256,
    workers: int | None = None,
) -> Runtime:
    """Make a backbone ready to run.

    Args:
        backbone: network and weights.
        resolution: side S of the input.
        cache: the cache directory; keeps the converted model.
        runtime: `litert`, `jax`, or `auto`: LiteRT where JAX finds nothing but a CPU.
        batch_size: of the JAX runtime; LiteRT is fastest one image at a time.
        workers: threads that decode, and with LiteRT embed; None for one a core.

    Raises:
        ValueError: an unknown runtime, or one that the backbone's dtype does not run on.
    """
    if runtime not in ("auto", "jax", "litert"):
        raise ValueError(f"got embed.runtime={runtime}, expected auto, jax or litert")
    workers = workers or cores()
    dtype = np.dtype(backbone.net.dtype).name
    if runtime == "auto":
        runtime = "litert" if jax.default_backend() == "cpu" and dtype == "float32" else "jax"
    if dtype != "float32" and jax.default_backend() == "cpu":
        log.warning("embed.dtype=%s on a CPU is many times slower than float32, which runs on litert", dtype)
    if runtime == "litert" and dtype != "float32":
        raise ValueError(f"got embed.dtype={dtype} with runtime litert: choose float32, or runtime jax")
    if runtime == "jax":
        return _jax_runtime(
            backbone, resolution, space_digest(backbone, resolution, runtime, dtype), batch_size, workers
        )
    return litert_runtime(convert_cached(backbone, resolution, cache), workers)


def _in_order(
    pool: ThreadPoolExecutor, function: Callable[[int], Result], indices: Sequence[int], ahead: int
) -> Iterator[Result]:
    """Yield function(index) in order, at most `ahead` of them begun before they are wanted: bounds memory."""
    begun: deque[Future[Result]] = deque()
    for index in indices:
        begun.append(pool.submit(function, index))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def litert_runtime(path: Path, workers: int | None = None) -> Runtime:
    """Make a .tflite file with signature `embed` ready to run.

    One single-threaded interpreter a worker: as fast as one on all cores, and decoding overlaps by itself.
    """
    from ai_edge_litert.interpreter import Interpreter

    workers = workers or cores()
    runners = [Interpreter(str(path), num_threads=1).get_signature_runner("embed") for _ in range(workers)]
    shape = runners[0].get_input_details()["image"]["shape"]
    with quiet():  # a first call makes the delegate, and says so
        for runner in runners:
            runner(image=np.zeros(shape, np.uint8))
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for runner in runners:
        free.put(runner)

    def embed_one(load: Load, index: int) -> Result:
        try:
            image = load(index)
        except BadImageError as error:
            return error
        runner = free.get()
        try:
            return runner(image=image[None])["embedding"][0].copy()
        finally:
            free.put(runner)

    def run(load: Load, indices: Sequence[int]) -> Iterator[Result]:
        with ThreadPoolExecutor(workers) as pool:
            yield from _in_order(pool, lambda index: embed_one(load, index), indices, AHEAD)

    def raw_rate(seconds: float) -> float:
        image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

        def repeat(runner: Any) -> float:
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                runner(image=image)
                count += 1
            return count / (time.perf_counter() - start)

        with ThreadPoolExecutor(workers) as pool:
            return sum(pool.map(repeat, runners))

    return Runtime("litert", embedding_space(path.read_bytes()), run, raw_rate, path.stat().st_size)


def _jax_runtime(backbone: Backbone, resolution: int, space: str, batch_size: int, workers: int) -> Runtime:
    """Batches sharded over the local devices, the next one decoded while the devices compute."""
    devices = jax.local_devices()
    batch_size = -(-batch_size // len(devices)) * len(devices)
    mesh = Mesh(np.array(devices), ("batch",))
    by_batch, everywhere = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    params = jax.device_put(backbone.params, everywhere)
    compute = jax.jit(lambda params, images: forward(backbone._replace(params=params), images), out_shardings=by_batch)

    def load_one(load: Load, index: int) -> Result:
        try:
            return load(index)
        except BadImageError as error:
            return error

    def finish(loaded: Sequence[Result], computed: jax.Array) -> Iterator[Result]:
        rows = iter(np.asarray(computed))
        for item in loaded:
            yield item if isinstance(item, BadImageError) else next(rows)

    def run(load: Load, indices: Sequence[int]) -> Iterator[Result]:
        pending: deque[tuple[Sequence[Result], jax.Array]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            results = _in_order(pool, lambda index: load_one(load, index), indices, 2 * batch_size)
            while loaded := list(islice(results, batch_size)):
                images = np.zeros((batch_size, resolution, resolution, 3), np.uint8)
                good = [item for item in loaded if not isinstance(item, BadImageError)]
                if good:
                    images[: len(good)] = good
                pending.append((loaded, compute(params, jax.device_put(images, by_batch))))
                if len(pending) > 1:
                    yield from finish(*pending.popleft())
            while pending:
                yield from finish(*pending.popleft())

    def raw_rate(seconds: float) -> float:
        images = jax.device_put(np.zeros((batch_size, resolution, resolution, 3), np.uint8), by_batch)
        compute(params, images).block_until_ready()
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            compute(params, images).block_until_ready()
            count += batch_size
        return count / (time.perf_counter() - start)

    return Runtime("jax", space, run, raw_rate, None)
