"""Taggers with the small bundle, pictures for them, and their complete state."""

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from imagetagger.bundle.archive import write_folder
from imagetagger.bundle.executor import Executor, embed_image, load_executor
from imagetagger.bundle.reader import Bundle, check_bundle
from imagetagger.prediction.conformal import COVERAGE_LEVELS
from imagetagger.system.atomic_files import cache_directory
from imagetagger.tagger.tagger import Tag, Tagger
from tests.helpers.bundles import SIZE, bundle_files
from tests.helpers.pictures import COLOURS
from tests.helpers.sealing import reseal

CRIMSON = (150, 20, 30)


@functools.cache
def files(*overrides: str) -> dict[str, bytes]:
    """The small bundle for few pictures per tag, so hot that no probability rounds to 0 or 1; do not change them.

    If it guarantees a coverage, sets of coverage c have the tags of probability 1 - c and more. If it has a background,
    a picture is novel that fits it by far better than any tag.
    """
    made = bundle_files("export.onnx=false", "classifier.variance_prior_strength=20", *overrides)

    def edit(manifest: dict[str, Any]) -> None:
        decision = manifest["decision"]
        decision["calibration"]["temperature"] = 50.0
        if decision["novelty"]:
            decision["novelty"]["threshold"] = 1000.0
        if decision["prediction_set"]["thresholds"]:
            decision["calibration"]["temperature"] = 5000.0  # whitened tags are further apart
            decision["prediction_set"] |= {
                "thresholds": COVERAGE_LEVELS.tolist(),
                "threshold": decision["prediction_set"]["coverage"],
            }

    return reseal(made, edit=edit)


@functools.cache
def bundle(*overrides: str) -> Bundle:
    return check_bundle(files(*overrides))


@functools.cache
def executor(*overrides: str) -> Executor:
    return load_executor(files(*overrides)["model.tflite"], bundle(*overrides).manifest)


def tagger(*overrides: str) -> Tagger:
    return Tagger(bundle(*overrides), executor(*overrides))


@functools.cache
def folder(*overrides: str) -> Path:
    """The bundle on disk."""
    made = files(*overrides)
    path = Path(tempfile.mkdtemp(dir=cache_directory())) / "taught-bundle"
    write_folder(made, path)
    return path


def pixels(colour: str | tuple[int, int, int], seed: int, size: int = SIZE) -> np.ndarray:
    """A picture, uint8 (size, size, 3), of one colour under noise; no two seeds alike."""
    noise = np.random.default_rng(seed).normal(0, 25, (size, size, 3))
    return (np.array(COLOURS.get(colour, colour)) + noise).clip(0, 255).astype(np.uint8)


@functools.cache
def doubtful(*overrides: str) -> np.ndarray:
    """A picture between red and crimson, about which the bundle is in doubt."""
    made, red = tagger(*overrides), np.array(COLOURS["red"])
    between = [pixels(tuple(red + (np.array(CRIMSON) - red) * i / 400), 77) for i in range(401)]
    chances = np.array([made.probabilities(embed_image(executor(*overrides), crop)) for crop in between])
    return between[int(np.abs(chances[:, 2] - 0.6).argmin())]


def seen(tagger: Tagger) -> object:
    """The tags, every bit of every row, and the predictions for a doubtful picture."""
    rows = tagger._state.rows
    bits = {key: (row.pictures, *(part.tobytes() for part in row.total)) for key, row in rows.by_tag.items()}
    blocks = [tuple(part.tobytes() for part in block) for block in rows.blocks]
    return tagger.tags, bits, blocks, tagger.tag(doubtful(), top_k=9), tagger.tag(doubtful())


YELLOW = (220, 210, 40)


def started() -> Tagger:
    """A tagger that learned a little."""
    made = tagger()
    made.add_tag("lemon")
    made.learn(pixels(YELLOW, 1), ["lemon"])
    for seed in (1, 2, 3):
        made.learn(pixels("red", seed), ["red"])
    return made


def counts(tagger: Tagger) -> dict[str, tuple[int, int]]:
    """Pictures of every tag by name: all of them, and the user's."""
    return {tag.name: (tag.pictures, tag.taught) for tag in tagger.tags}


def names(tags: list[Tag]) -> list[str]:
    return [tag.name for tag in tags]
