"""A program: a Ray cluster of two machines on this one, work on it, and one of the machines killed in the middle.

python -m tests.helpers.ray_nodes FOLDER

FOLDER has `bundle`, `shards`, `pictures` and `crops.npy`. What the cluster computes goes there too; see
tests/system/test_ray_tasks.py. Ray forks processes, which the tests' own process, with JAX in it, should not.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

from imagetagger.archive.embedding.ray_files import embed_files_on_ray
from imagetagger.archive.shards.learn import embed_shards, learn_shards
from imagetagger.archive.tagging.learned_file import encode_learned
from imagetagger.bundle.reader import read_bundle
from imagetagger.preprocess import BadImageError
from imagetagger.system.ray_tasks import map_on_ray, ray_cluster

NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
MORE = 20
"""Items after a machine was killed."""
POISON = 3
STARTS = 3


def again(start: Callable[[], Any]) -> Any:
    """Start something, again if Ray gives up after 30 seconds, which a busy machine may need."""
    for _ in range(STARTS - 1):
        try:
            return start()
        except Exception as error:
            print(error, file=sys.stderr)
    return start()


def load_node() -> Callable[[int], tuple[int, str]]:
    def node(item: int) -> tuple[int, str]:
        """The square, and the machine that computed it; one item kills its worker."""
        if item == POISON:
            os._exit(1)
        return item * item, ray.get_runtime_context().get_node_id()

    return node


def died(item: int, ending: str) -> tuple[int, str]:
    return item * item, "died"


def load_modules() -> Callable[[int], bool]:
    return lambda _: "jax" in sys.modules


def kill_in_the_middle(cluster: Cluster, node: Any, first: int) -> list[tuple[int, str]]:
    """Results of items from `first` on until the machine gave one, then it is killed, and of some more."""
    killed: list[int] = []

    def items() -> Iterator[int]:
        numbers = itertools.count(first)
        while not killed:
            yield next(numbers)
        yield from itertools.islice(numbers, MORE)

    results = []
    for square, where in map_on_ray(load_node, items(), died):
        results.append((square, where))
        if where == node.node_id and not killed:
            cluster.remove_node(node, allow_graceful=False)
            killed.append(square)
    return results


def wait_for(node: Any) -> None:
    """Return when a machine has given a result."""
    results = map_on_ray(load_node, itertools.count(100), died)
    next(where for _, where in results if where == node.node_id)
    results.close()  # type: ignore[attr-defined]


def main(folder: Path) -> None:
    cluster = again(lambda: Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False}))
    second = again(lambda: cluster.add_node(**NODE))
    os.environ["RAY_ADDRESS"] = cluster.address
    bundle, out = read_bundle(folder / "bundle"), folder / "out"
    with ray_cluster():
        killed = kill_in_the_middle(cluster, second, 0)
        ordered = list(map_on_ray(load_node, range(10, 40), died, ordered=True))
        third = again(lambda: cluster.add_node(**NODE))
        wait_for(third)

        shards, reports = sorted((folder / "shards").iterdir()), []
        for report in embed_shards(shards, bundle, out, False, "ray", None):
            if not reports:
                cluster.remove_node(third, allow_graceful=False)
            reports.append(report)
        settings = {"exact": False, "engine": "ray", "workers": None, "sample": 1000, "precision": 0.9}
        (folder / "learned").write_bytes(encode_learned(learn_shards(shards, bundle, out, **settings)))

        embedded = {
            one.path.name: one for one in embed_files_on_ray((folder / "pictures").iterdir(), folder / "bundle")
        }
        good = {name: one.embedding for name, one in embedded.items() if one.embedding is not None}
        np.savez(folder / "files.npz", **good)

        from imagetagger.embedding.runtime import litert_runtime

        crops = np.load(folder / "crops.npy")

        def load(i: int) -> np.ndarray:
            if i < 0:
                raise BadImageError(f"number {i}")
            return crops[i] if i else crops[:2]  # views of a picture

        runtime = litert_runtime(bundle.files["model.tflite"], 2, "ray")
        results = list(runtime.run(load, [*range(len(crops)), -1, 1]))
        np.savez(folder / "runtime.npz", *[one for one in results if not isinstance(one, BadImageError)])
        rate = runtime.raw_rate(0.1)
        worker_has_jax = list(map_on_ray(load_modules, range(4), died))
    found = {
        "killed": killed,
        "second": second.node_id,
        "ordered": [square for square, _ in ordered],
        "reports": [[one.shard.name, one.pictures, one.problem] for one in reports],
        "problems": {name: one.problem for name, one in embedded.items() if one.problem},
        "errors": {i: str(one) for i, one in enumerate(results) if isinstance(one, BadImageError)},
        "runtime": [runtime.name, runtime.space],
        "rate": rate,
        "worker has jax": worker_has_jax,
        "is connected": ray.is_initialized(),
    }
    (folder / "found.json").write_text(json.dumps(found))
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
