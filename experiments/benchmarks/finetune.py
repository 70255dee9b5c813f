"""Images/s of fine-tuning the last blocks of MobileNetV2: ours, plain Flax and Keras on the same machine, side by side.

python -m experiments.benchmarks.finetune [--blocks 3] [--resolution 160] [--batch 128]

All three train the last blocks, the head and a linear classifier of 200 tags on activations, with the settings of
configs/config.yaml: AdamW, clipping, averaged weights, dropout, label smoothing. Keras gets the same layers on
TensorFlow, batch normalisation folded. The limit is the time of a step's matrix products alone, one by one, in XLA.

Each is in a process of its own, as their threads would disturb one another, and they take turns. A run that trains
keeps the memory that it frees; ours is also timed without that, and Keras with it. Prints the median images/s and ratio
of the rounds, with its range. Weights are random, as values do not change the speed.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.arguments import study_parser
from experiments.common.embeddings import compose_settings
from imagetagger.backbones.inverted_residual import ConvUnit, InvertedResidual, InvertedResidualNet
from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import param_shapes
from imagetagger.config.schema import TrainingConfig
from imagetagger.system.memory import keep_freed_memory
from imagetagger.training.objective import LinearHead
from imagetagger.training.optimizer import make_optimizer
from imagetagger.training.state import Batch, Network, Params, init_state, make_step
from imagetagger.training.tail import Tail, apply_tail, last_blocks, list_blocks

STEPS_PER_EPOCH = 1000


class Setting(NamedTuple):
    """What is trained: the last blocks of MobileNetV2 of a width, on pictures of a resolution, to tell tags."""

    blocks: int
    resolution: int
    batch: int
    width: float
    tags: int
    recipe: TrainingConfig


class Product(NamedTuple):
    """A matrix product (rows, inner) @ (inner, columns) of the forward pass, and whether its input has a gradient."""

    rows: int
    inner: int
    columns: int
    is_first: bool


def tail_of(setting: Setting) -> Tail:
    """Return what is trained of the network."""
    return last_blocks(mobilenet_v2(setting.width), setting.blocks)


def input_shape(setting: Setting) -> tuple[int, int, int]:
    """Return the shape (H, W, C) of the activations that are trained on."""
    net = mobilenet_v2(setting.width)
    frozen = list_blocks(net)[: -setting.blocks]
    side = -(-setting.resolution // 2)
    for block in frozen:
        side = -(-side // block.stride)
    return side, side, frozen[-1].features if frozen else net.stem


def products(setting: Setting) -> tuple[list[Product], int]:
    """Return the matrix products of a batch, forward, and the multiply-adds of depthwise convolutions."""
    side, _, channels = input_shape(setting)
    tail = tail_of(setting)
    found: list[Product] = []
    depthwise = 0
    for block in tail.blocks:
        hidden = channels * block.expansion
        if block.expansion > 1:
            found.append(Product(setting.batch * side * side, channels, hidden, not found))
        side = -(-side // block.stride)
        depthwise += setting.batch * side * side * hidden * block.kernel**2
        found.append(Product(setting.batch * side * side, hidden, block.features, not found))
        channels = block.features
    found.append(Product(setting.batch * side * side, channels, tail.net.head, is_first=False))
    found.append(Product(setting.batch, tail.net.head, setting.tags, is_first=False))
    return found, depthwise


def operations(setting: Setting) -> tuple[int, int]:
    """Return the operations of a step, two to a multiply-add: of matrix products, and of depthwise convolutions.

    Backward, each has two gradients of as many operations, but the first has no gradient of its input.
    """
    found, depthwise = products(setting)
    return sum(2 * p.rows * p.inner * p.columns * (2 if p.is_first else 3) for p in found), 2 * 3 * depthwise


def data(setting: Setting) -> Batch:
    """Return a made-up batch."""
    rng = np.random.default_rng(0)
    rows = np.clip(rng.standard_normal((setting.batch, *input_shape(setting))), -6, 6).astype(np.float16)
    return Batch(rows, rng.integers(0, setting.tags, (setting.batch, 1)).astype(np.int32))


def apply_flax(tail: Tail, params: dict[str, Any], x: jax.Array) -> jax.Array:
    """Return the embeddings by the network's own modules."""
    net: InvertedResidualNet = tail.net
    shared: dict[str, Any] = {"activation": net.activation, "padding": net.padding, "dtype": net.dtype}
    y: Any = x.astype(net.dtype)
    for block in tail.blocks:
        module = InvertedResidual(block.features, block.expansion, block.stride, block.kernel, **shared)
        y = module.apply({"params": params[block.name]}, y)
    y = ConvUnit(net.head, **shared).apply({"params": params["head"]}, y)
    embeddings: jax.Array = y.astype(jnp.float32).mean(axis=(1, 2))
    return embeddings


def make_jax(setting: Setting, apply: Callable[..., jax.Array]) -> Callable[[], None]:
    """Return a step in JAX, as `train` compiles it."""
    tail, batch = tail_of(setting), data(setting)
    names = (*(block.name for block in tail.blocks), "head")
    network = Network(names, lambda params, rows: apply(tail, params, rows))
    optimizer = make_optimizer(setting.recipe, names, STEPS_PER_EPOCH).transformation
    step = make_step(network, setting.recipe, setting.tags, optimizer)
    rng, shapes = np.random.default_rng(1), param_shapes(tail.net)

    def draw(shape: jax.ShapeDtypeStruct) -> np.ndarray:
        return (rng.standard_normal(shape.shape) * (2 / np.prod(shape.shape[:3])) ** 0.5).astype(np.float32)

    linear = LinearHead(jnp.zeros((tail.net.head, setting.tags)), jnp.zeros(setting.tags))
    params = Params({name: jax.tree.map(draw, shapes[name]) for name in names}, linear)
    state = init_state(params, None, optimizer, 0)

    def run() -> None:
        nonlocal state
        state = jax.block_until_ready(step(state, batch))

    return run


def make_keras(setting: Setting) -> Callable[[], None]:
    """Return a step in Keras on TensorFlow, without XLA, whose convolutions are slow."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    tail, batch, recipe = tail_of(setting), data(setting), setting.recipe
    layers = keras.layers
    x = inputs = keras.Input(batch.rows.shape[1:])
    for block in tail.blocks:
        y = x
        if block.expansion > 1:
            y = layers.ReLU(6.0)(layers.Conv2D(x.shape[-1] * block.expansion, 1)(x))
        y = layers.ReLU(6.0)(layers.DepthwiseConv2D(block.kernel, block.stride, padding="same")(y))
        y = layers.Conv2D(block.features, 1)(y)
        x = layers.Add()([x, y]) if block.stride == 1 and y.shape == x.shape else y
    x = layers.GlobalAveragePooling2D()(layers.ReLU(6.0)(layers.Conv2D(tail.net.head, 1)(x)))
    model = keras.Model(inputs, layers.Dense(setting.tags)(layers.Dropout(recipe.dropout)(x)))
    optimizer = keras.optimizers.AdamW(
        recipe.learning_rate,
        recipe.weight_decay,
        global_clipnorm=recipe.clip_norm,
        use_ema=True,
        ema_momentum=recipe.ema_decay,
        ema_overwrite_frequency=None,
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, jit_compile=False)
    rows, targets = batch.rows.astype(np.float32), np.eye(setting.tags, dtype=np.float32)[batch.labels[:, 0]]

    def run() -> None:
        model.train_on_batch(rows, targets)

    return run


def make_products(setting: Setting) -> Callable[[], None]:
    """Return the matrix products of a step, forward and backward, one by one."""
    arrays = [
        (p, jnp.ones((p.rows, p.inner)), jnp.ones((p.inner, p.columns)), jnp.ones((p.rows, p.columns)))
        for p in products(setting)[0]
    ]
    forward, of_weights, of_input = (
        jax.jit(jnp.matmul), jax.jit(lambda x, g: x.T @ g), jax.jit(lambda g, w: g @ w.T)
    )  # fmt: skip

    def run() -> None:
        for product, x, weights, gradient in arrays:
            jax.block_until_ready(forward(x, weights))
            jax.block_until_ready(of_weights(x, gradient))
            if not product.is_first:
                jax.block_until_ready(of_input(gradient, weights))

    return run


MAKERS: dict[str, Callable[[Setting], Callable[[], None]]] = {
    "imagetagger": lambda setting: make_jax(setting, apply_tail),
    "imagetagger-returned": lambda setting: make_jax(setting, apply_tail),
    "Flax": lambda setting: make_jax(setting, apply_flax),
    "Keras": make_keras,
    "Keras-kept": make_keras,
    "products": make_products,
}
KEEP_MEMORY = ("imagetagger", "Keras-kept", "products")
"""Processes that keep the memory that they free (system/memory.py), as a run that trains does, and Keras does not."""

_steps: list[Callable[[], None]] = []
"""Of this process."""


def prepare(name: str, setting: Setting) -> None:
    """Make a step in this process, and run it twice: the first time compiles."""
    if name in KEEP_MEMORY:  # before JAX or TensorFlow starts threads
        keep_freed_memory()
    _steps.append(MAKERS[name](setting))
    run_steps(2)


def run_steps(count: int) -> float:
    """Return the seconds of some steps in this process."""
    start = time.perf_counter()
    for _ in range(count):
        _steps[0]()
    return time.perf_counter() - start


def measure(setting: Setting, rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Return images/s of each by round; each runs for about `seconds` a round."""
    context = multiprocessing.get_context("spawn")
    pools = {name: ProcessPoolExecutor(1, context) for name in MAKERS}
    try:
        for name, pool in pools.items():
            pool.submit(prepare, name, setting).result()
        counts = {name: max(1, round(seconds / pool.submit(run_steps, 1).result())) for name, pool in pools.items()}
        rates: dict[str, list[float]] = {name: [] for name in pools}
        for _ in range(rounds):
            for name, pool in pools.items():
                took = pool.submit(run_steps, counts[name]).result()
                rates[name].append(setting.batch * counts[name] / took)
    finally:
        for pool in pools.values():
            pool.shutdown()
    return {name: np.array(rate) for name, rate in rates.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    parser = study_parser(__doc__)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=160)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--tags", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each in a round")
    options = parser.parse_args(arguments)
    recipe = compose_settings("backbone=mobilenet_v2").training
    setting = Setting(options.blocks, options.resolution, options.batch, options.width, options.tags, recipe)
    shape, (matrix, depthwise) = input_shape(setting), operations(setting)
    rates = measure(setting, options.rounds, options.seconds)
    print(f"last {setting.blocks} blocks on {shape}, batch {setting.batch}, {options.rounds} rounds")
    print(f"{(matrix + depthwise) / setting.batch / 1e6:.1f} million operations a picture, "
          f"{100 * matrix / (matrix + depthwise):.1f} % of them in matrix products")  # fmt: skip
    print(f"{'':21}{'images/s':>10}{'GFLOP/s':>10}   imagetagger is so many times as fast")
    for name, rate in rates.items():
        work = matrix if name == "products" else matrix + depthwise
        ratio = rates["imagetagger"] / rate
        print(
            f"{name:21}{np.median(rate):10.1f}{np.median(rate) * work / setting.batch / 1e9:10.1f}"
            f"   {np.median(ratio):.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
        )


if __name__ == "__main__":
    main()
