"""Taggers with the small bundle, pictures for them, and all that one can see of their state."""

import functools
from pathlib import Path

import numpy as np
from bundles import SIZE, bundle, bundle_files
from pictures import COLOURS

from imagetagger.bundle import execute
from imagetagger.bundle.archive import write_folder
from imagetagger.bundle.execute import Executor
from imagetagger.files import cache_directory
from imagetagger.tagger import Tagger

FAST = "export.onnx=false"
CRIMSON = (150, 20, 30)


@functools.cache
def executor(*overrides: str) -> Executor:
    made = bundle(FAST, *overrides)
    return execute.load(made.files["model.tflite"], made.manifest)


def tagger(*overrides: str) -> Tagger:
    return Tagger(bundle(FAST, *overrides), executor(*overrides))


@functools.cache
def folder() -> Path:
    """The bundle on disk."""
    path = cache_directory() / "taught-bundle"
    write_folder(bundle_files(FAST), path)
    return path


def pixels(colour: str | tuple[int, int, int], seed: int, size: int = SIZE) -> np.ndarray:
    """A picture, uint8 (size, size, 3), of one colour under noise; no two seeds alike."""
    noise = np.random.default_rng(seed).normal(0, 25, (size, size, 3))
    return (np.array(COLOURS.get(colour, colour)) + noise).clip(0, 255).astype(np.uint8)


@functools.cache
def doubtful() -> np.ndarray:
    """A picture between red and crimson, about which the bundle is in doubt."""
    made, red = tagger(), np.array(COLOURS["red"])
    between = [pixels(tuple(red + (np.array(CRIMSON) - red) * i / 400), 77) for i in range(401)]
    chances = np.array([made.probabilities(execute.embed(executor(), crop)) for crop in between])
    return between[int(np.abs(chances[:, 2] - 0.5).argmin())]


def seen(tagger: Tagger) -> object:
    """The tags, every bit of every row, and what is said of a doubtful picture."""
    rows = tagger._state.rows
    bits = {key: (row.pictures, *(part.tobytes() for part in row.total)) for key, row in rows.by_tag.items()}
    blocks = [tuple(part.tobytes() for part in block) for block in rows.blocks]
    return tagger.tags, bits, blocks, tagger.tag(doubtful(), top_k=9), tagger.tag(doubtful())
