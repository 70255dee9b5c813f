"""Images/s of the backbone on this machine's devices, and the share of what they could do at most.

python -m experiments.benchmarks.embed [--resolution 224] [--batch 256] [--pictures 4096]

For each dtype that the runtime takes: the network alone, and the complete `embed` stage on encoded pictures (64 x 64
drawings), cold. The limit is a roofline measured in the same run: the rate of a large matrix product in that dtype
and of a large copy, against the operations and bytes that XLA counts for a batch. Weights are random, as
values do not change the speed.
"""

import io
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.arguments import study_parser
from imagetagger.backbones.model import Backbone, forward
from imagetagger.backbones.registry import load_backbone
from imagetagger.data.dataset import Split, content_id, pad_labels
from imagetagger.data.drawings import DRAWING_TAGS, draw_picture
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import make_runtime


def best_seconds(function: Callable[[], jax.Array], repeats: int = 5) -> float:
    """The shortest of several calls after a first one, which compiles."""
    jax.block_until_ready(function())
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function())
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measured_limits(dtype: str, size: int) -> tuple[float, float]:
    """The floating-point operations and the bytes per second that one device reaches at best."""
    a = jnp.ones((size, size), dtype)
    product = jax.jit(lambda a: a @ a)
    vector = jnp.ones(size * size * 4, jnp.float32)
    copy = jax.jit(lambda v: v + 1)
    return 2 * size**3 / best_seconds(lambda: product(a)), 2 * vector.nbytes / best_seconds(lambda: copy(vector))


def roofline(backbone: Backbone, resolution: int, batch: int, dtype: str, size: int) -> float:
    """Images/s that operations and memory traffic allow on all local devices."""
    images = jax.ShapeDtypeStruct((batch, resolution, resolution, 3), np.uint8)
    cost = jax.jit(lambda images: forward(backbone, images)).lower(images).compile().cost_analysis()
    assert cost is not None
    operations, traffic = measured_limits(dtype, size)
    seconds = max(cost["flops"] / operations, cost["bytes accessed"] / traffic)
    return batch / seconds * jax.local_device_count()


def drawings(count: int) -> Split:
    """Drawings as encoded pictures."""
    encoded = []
    for i in range(count):
        buffer = io.BytesIO()
        draw_picture(DRAWING_TAGS[i % len(DRAWING_TAGS)], np.random.default_rng(i), 64).save(buffer, "JPEG")
        encoded.append(buffer.getvalue())
    keys = [str(i) for i in range(count)]
    return Split(keys, [content_id(e) for e in encoded], pad_labels([[0]] * count), encoded.__getitem__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = study_parser(__doc__)
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--pictures", type=int, default=4096)
    parser.add_argument("--matrix", type=int, default=8192, help="side of the matrices that measure the limit")
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of measuring the network alone")
    options = parser.parse_args(arguments)
    on_cpu = jax.default_backend() == "cpu"
    print(f"{jax.local_device_count()} x {jax.devices()[0].device_kind}, {options.resolution} px")
    print(f"{'runtime':10}{'dtype':10}{'network images/s':>18}{'limit':>10}{'share':>8}{'embed images/s':>16}")
    split, side = drawings(options.pictures), options.resolution
    for name, dtype in [("litert", "float32")] * on_cpu + [("jax", "float32"), ("jax", "bfloat16")]:
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            backbone = load_backbone(
                "mobilenet_v2", width=1.0, resolution=side, weights="random", cache=cache, dtype=dtype
            )
            runtime = make_runtime(backbone, side, cache, runtime=name, batch_size=options.batch)
            network_rate = runtime.raw_rate(options.seconds)
            embedded = extract_embeddings(split, runtime, side, cache)
            limit = roofline(backbone, side, options.batch, dtype, options.matrix) if name == "jax" else np.nan
        print(
            f"{name:10}{dtype:10}{network_rate:18,.0f}{limit:10,.0f}{100 * network_rate / limit:7.1f}%"
            f"{embedded.computed / embedded.seconds:16,.0f}"
        )


if __name__ == "__main__":
    main()
