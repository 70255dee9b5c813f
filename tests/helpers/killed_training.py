"""Trains in child processes that are killed: `python -m tests.helpers.killed_training FOLDER KILLS SEED`.

A child is forked after the imports, before JAX starts: what costs seconds is paid once. Each step writes a checkpoint,
and each child says when it begins a step; it is killed at a random moment soon after one of the next. The result of the
last child is FOLDER/killed.npz, that of one that ran in peace FOLDER/peace.npz.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint  # noqa: F401  # takes seconds

from imagetagger.training import train as train_module
from imagetagger.training.state import Batch, TrainState
from tests.helpers.training import TAGS, recipe, tiny_network, tiny_params, tiny_pictures

SETTINGS = recipe(epochs=6, ema_decay=0.9, clip_norm=1.0, dropout=0.2, weight_decay=0.02, patience=5)
MOST_STEPS, MOST_SECONDS = 3, 0.2
"""A child's life after the first step that it begins."""


def train_to(result: Path, checkpoints: Path | None, said: int) -> None:
    """Train, and write the curve and the parameters."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_disable_most_optimizations", True)
    train_module.CHECKPOINT_SECONDS = 0.0
    make_step = train_module.make_step

    def make_telling_step(*arguments: Any) -> train_module.Step:
        step = make_step(*arguments)

        def tell(state: TrainState, batch: Batch) -> TrainState:
            os.write(said, b".")
            return step(state, batch)

        return tell

    train_module.make_step = make_telling_step
    tuning = tiny_pictures(240, seed=1, noise=2.0)
    trained = train_module.train(
        tiny_network(), tiny_params(), tiny_pictures(64), SETTINGS, TAGS, seed=3, tuning=tuning, checkpoints=checkpoints
    )
    curve = np.array([epoch[:6] for epoch in trained.epochs])
    leaves = {str(i): leaf for i, leaf in enumerate(jax.tree.leaves(trained.params))}
    np.savez(result, curve=curve, best=trained.best_epoch, **leaves)


def start(result: Path, checkpoints: Path | None) -> tuple[int, int]:
    """Fork a child that trains; return its process id and what it says its steps to."""
    listen, said = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(listen)
        code = 1
        try:
            train_to(result, checkpoints, said)
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(said)
    return child, listen


def main(folder: Path, kills: int, seed: int) -> int:
    """Return the number of children that were killed before they had finished."""
    child, listen = start(folder / "peace.npz", None)
    while os.read(listen, 100):
        pass
    assert os.waitpid(child, 0)[1] == 0
    killed, rng = 0, random.Random(seed)
    for attempt in range(kills + 1):
        child, listen = start(folder / "killed.npz", folder / "checkpoints")
        steps = rng.randint(1, MOST_STEPS) if attempt < kills else -1
        while steps and os.read(listen, 1):
            steps -= 1
        if attempt < kills:
            time.sleep(rng.uniform(0, MOST_SECONDS))
            os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        os.close(listen)
    return killed


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))}\n")
