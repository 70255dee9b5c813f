"""Execution of the backbone: LiteRT on CPUs, here or on the machines of a Ray cluster, JAX on GPUs and TPUs.

A runtime's `run` takes a function that loads picture i (uint8 (S, S, 3), or raises BadImageError) and the indices to
embed. It yields their embeddings in order, a BadImageError in place of each bad picture, and loads pictures while
others are computed. LiteRT's also takes several views of a picture, uint8 (V, S, S, 3), and yields as many embeddings.
"""

import functools
import logging
import queue
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, count, islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from imagetagger.backbones.model import Backbone, forward, space_digest
from imagetagger.convert.quantize import convert_cached, embedding_space
from imagetagger.embedding.litert import embed_views, start_batch_embedder, start_runner
from imagetagger.options import EmbedEngine
from imagetagger.preprocess import BadImageError
from imagetagger.system.cpus import cpu_count
from imagetagger.system.ray_tasks import connect_ray, map_on_ray

log = logging.getLogger(__name__)

PREFETCH = 256
"""Embeddings computed ahead of the consumer: keeps cores busy while a shard is written."""
RAY_BATCH = 8
"""Pictures in a task of Ray: 1.2 MB at 224 pixels."""

LoadImage = Callable[[int], np.ndarray]
EmbeddingOrError = np.ndarray | BadImageError


class Runtime(NamedTuple):
    """A backbone ready to run.

    Attributes:
        name: `litert` or `jax`.
        space: digest of the embedding space.
        run: see the module's docstring.
        raw_rate: measures the images/s of the network alone, on one image repeatedly, for so many seconds.
        model: contents of the .tflite file, so that what happens to the file later does not matter; None for JAX.
    """

    name: str
    space: str
    run: Callable[[LoadImage, Sequence[int]], Iterator[EmbeddingOrError]]
    raw_rate: Callable[[float], float]
    model: bytes | None

    def __repr__(self) -> str:
        return f"Runtime({self.name}, space={self.space[:12]})"

    @property
    def model_bytes(self) -> int | None:
        """Size of the .tflite file; None for JAX."""
        return None if self.model is None else len(self.model)


def make_runtime(
    backbone: Backbone,
    resolution: int,
    cache: Path,
    *,
    runtime: str = "auto",
    engine: EmbedEngine = "local",
    batch_size: int = 256,
    workers: int | None = None,
) -> Runtime:
    """Return a runtime for a backbone.

    Args:
        backbone: network and weights.
        resolution: side S of the input.
        cache: the cache directory, which keeps the converted model.
        runtime: `litert`, `jax`, or `auto`: LiteRT if JAX finds only a CPU.
        engine: `local`, or `ray`: LiteRT embeds on a Ray cluster, to the same numbers; this machine decodes.
        batch_size: of the JAX runtime; LiteRT is fastest one image at a time.
        workers: threads that decode, and with LiteRT also embed; None for one per core.

    Raises:
        ValueError: an unknown runtime, or one that does not support the backbone's dtype or the engine.
    """
    if runtime not in ("auto", "jax", "litert"):
        raise ValueError(f"got runtime={runtime}, expected auto, jax or litert")
    workers = workers or cpu_count()
    dtype = np.dtype(backbone.net.dtype).name
    if runtime == "auto" and engine == "ray":
        runtime = "litert"
    if runtime == "auto":
        runtime = "litert" if jax.default_backend() == "cpu" and dtype == "float32" else "jax"
    if dtype != "float32" and jax.default_backend() == "cpu":
        log.warning("dtype=%s on a CPU is many times slower than float32, which runs on litert", dtype)
    if runtime == "litert" and dtype != "float32":
        fix = "engine=local" if engine == "ray" else "runtime=jax"  # Ray's workers have no JAX
        raise ValueError(f"got dtype={dtype} with runtime=litert, expected float32, or {fix}")
    if runtime == "jax" and engine == "ray":
        raise ValueError("got engine=ray with runtime=jax, expected runtime=litert, or engine=local")
    if runtime == "jax":
        return _jax_runtime(
            backbone, resolution, space_digest(backbone, resolution, runtime, dtype), batch_size, workers
        )
    return litert_runtime(convert_cached(backbone, resolution, cache), workers, engine)


def in_order(
    pool: ThreadPoolExecutor, function: Callable[[int], EmbeddingOrError], indices: Iterable[int], prefetch: int
) -> Iterator[EmbeddingOrError]:
    """Yield function(index) in order, at most `prefetch` of them started ahead of the consumer: bounds memory."""
    pending: deque[Future[EmbeddingOrError]] = deque()
    for index in indices:
        pending.append(pool.submit(function, index))
        if len(pending) > prefetch:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def load_or_error(load: LoadImage, index: int) -> EmbeddingOrError:
    """Load a picture, or return why it cannot be used."""
    try:
        return load(index)
    except BadImageError as error:
        return error


def litert_runtime(model: bytes, workers: int | None = None, engine: EmbedEngine = "local") -> Runtime:
    """Return a runtime for the contents of a .tflite file with signature `embed`.

    Each worker has one single-threaded interpreter: as fast as one interpreter on all cores, and decoding overlaps.
    """
    workers = workers or cpu_count()
    if engine == "ray":
        return _ray_runtime(model, workers)
    runners = [start_runner(model) for _ in range(workers)]
    shape = runners[0].get_input_details()["image"]["shape"]
    idle_runners: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for runner in runners:
        idle_runners.put(runner)

    def embed_one(load: LoadImage, index: int) -> EmbeddingOrError:
        image = load_or_error(load, index)
        if isinstance(image, BadImageError):
            return image
        runner = idle_runners.get()
        try:
            return embed_views(runner, image)
        finally:
            idle_runners.put(runner)

    def run(load: LoadImage, indices: Sequence[int]) -> Iterator[EmbeddingOrError]:
        with ThreadPoolExecutor(workers) as pool:
            yield from in_order(pool, lambda index: embed_one(load, index), indices, PREFETCH)

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

    return Runtime("litert", embedding_space(model), run, raw_rate, model)


def _ray_runtime(model: bytes, workers: int) -> Runtime:
    """Return a runtime whose pictures are decoded by threads here and embedded by a Ray cluster, to LiteRT's numbers.

    Workers get batches and the model, and need neither the pictures nor JAX. The process stays connected until it ends.
    """
    connect_ray()
    shape = start_runner(model).get_input_details()["image"]["shape"][1:]

    def fail(batch: Sequence[EmbeddingOrError], ending: str) -> list[EmbeddingOrError]:
        raise RuntimeError(
            f"workers of the Ray cluster died again and again while {len(batch)} pictures were embedded: {ending}"
        )

    def run(load: LoadImage, indices: Iterable[int]) -> Iterator[EmbeddingOrError]:
        start = functools.partial(start_batch_embedder, model)
        with ThreadPoolExecutor(workers) as pool:
            loaded = in_order(pool, lambda index: load_or_error(load, index), indices, PREFETCH)
            batches = iter(lambda: list(islice(loaded, RAY_BATCH)), [])
            for embedded in map_on_ray(start, batches, fail, ordered=True):
                yield from embedded

    def raw_rate(seconds: float) -> float:
        image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        list(run(lambda _: image, range(PREFETCH)))  # workers start
        start = time.perf_counter()
        indices = chain((0,), takewhile(lambda _: time.perf_counter() - start < seconds, count()))
        return sum(1 for _ in run(lambda _: image, indices)) / (time.perf_counter() - start)

    return Runtime("litert", embedding_space(model), run, raw_rate, model)


def _jax_runtime(backbone: Backbone, resolution: int, space: str, batch_size: int, workers: int) -> Runtime:
    """Return a runtime of batches sharded over the local devices; the next batch is decoded while they compute."""
    devices = jax.local_devices()
    batch_size = -(-batch_size // len(devices)) * len(devices)
    mesh = Mesh(np.array(devices), ("batch",))
    by_batch, everywhere = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    params = jax.device_put(backbone.params, everywhere)
    compute = jax.jit(lambda params, images: forward(backbone._replace(params=params), images), out_shardings=by_batch)

    def finish(loaded: Sequence[EmbeddingOrError], computed: jax.Array) -> Iterator[EmbeddingOrError]:
        rows = iter(np.asarray(computed))
        for item in loaded:
            yield item if isinstance(item, BadImageError) else next(rows)

    def run(load: LoadImage, indices: Sequence[int]) -> Iterator[EmbeddingOrError]:
        pending: deque[tuple[Sequence[EmbeddingOrError], jax.Array]] = deque()
        with ThreadPoolExecutor(workers) as pool:
            results = in_order(pool, lambda index: load_or_error(load, index), indices, 2 * batch_size)
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
