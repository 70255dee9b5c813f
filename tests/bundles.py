"""A bundle small enough for tests, made by the real export: in place of a network, mean colours of 4 x 4 tiles."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from composed import settings
from made import NO_BACKBONE
from pictures import COLOURS, noisy, picture

from imagetagger import measure
from imagetagger.backbone.model import Backbone
from imagetagger.bundle.manifest import Variant
from imagetagger.bundle.read import Bundle, check
from imagetagger.config import Experiment
from imagetagger.data.dataset import Split, Tag, content_id, pad_labels
from imagetagger.export import gate, ship, variants
from imagetagger.export.quantize import embedding_space
from imagetagger.export.tflite import to_tflite
from imagetagger.files import cache_directory, whole
from imagetagger.preprocess import preprocess

SIZE, FEATURES, BLOCK = 32, 48, 4
PLAIN = ("classifier=gnb", "calibrate.knots=0", "calibrate.rule=cumulative")
"""What every bundle here is made with where overrides do not say otherwise."""

WHITENED = (
    "classifier=whitened",
    "classifier.dimensions=12",
    "classifier.shrinkage=1",
    "calibrate.rule=lac",
    "calibrate.coverage=0.75",
)
"""Overrides for one with a transform, a prior on the means and conformal tag sets, as far as 10 pictures a tag allow.
"""

TAGS = (*(Tag(name, name) for name in COLOURS), Tag("n01", "crimson", ("dark red", "carmine")))


def tiles(image: jax.Array) -> dict[str, jax.Array]:
    """Embed uint8 (1, 32, 32, 3) as the mean colours of 4 x 4 tiles, float32 (1, 48)."""
    x = image.astype(jnp.float32).reshape(1, 4, 8, 4, 8, 3).mean((2, 4)) / 64
    return {"embedding": x.reshape(1, FEATURES)}


@functools.cache
def tiles_model() -> Path:
    path = cache_directory() / "tiles.tflite"
    if not path.exists():
        with whole(path) as partial:
            partial.write_bytes(
                to_tflite({"embed": (tiles, {"image": jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)})})
            )
    return path


def pictures_of(per_tag: int, seed: int = 0) -> Split:
    """Noisy pictures of four colours, `crimson` a darker red."""
    from pictures import encode

    data = [picture(tag, seed + i) for i in range(per_tag) for tag in COLOURS]
    data += [encode(noisy((150, 20, 30), seed + 10_000 + i)) for i in range(per_tag)]
    labels = [i % 3 for i in range(3 * per_tag)] + [3] * per_tag
    keys = [f"{TAGS[label].id}/{i}.png" for i, label in enumerate(labels)]
    return Split(keys, [content_id(d) for d in data], pad_labels([label] for label in labels), data.__getitem__)


def embedded(split: Split) -> np.ndarray:
    crops = [preprocess(split.read(i), SIZE) for i in range(len(split.ids))]
    return np.concatenate([np.zeros((0, FEATURES), np.float32), *(tiles(crop[None])["embedding"] for crop in crops)])


class Ingredients(NamedTuple):
    """What `ship.assemble` makes a bundle of, in its order."""

    settings: Experiment
    result: dict[str, Any]
    backbone: Backbone
    tags: tuple[Tag, ...]
    found: dict[Variant, variants.Measurement]
    validation: Split


@functools.cache
def ingredients(*overrides: str, tags: tuple[Tag, ...] = TAGS, per_tag: int = 4, train: int = 10) -> Ingredients:
    """Four tags fitted on 80 % of `train` pictures each and evaluated on `per_tag`; further ones have no pictures."""
    made = settings(f"backbone.resolution={SIZE}", f"export.block={BLOCK}", "export=float32", *PLAIN, *overrides)
    learned, validation = pictures_of(train), pictures_of(per_tag, seed=500)
    x, labels, held = embedded(learned), learned.labels, np.arange(len(learned.ids)) % 5 == 0
    fitted = measure.fit(x, labels, held, len(tags), made.classifier)
    decision = measure.calibrate(
        measure.score(fitted, x[held]), measure.multi_hot(labels[held], len(tags)), made.calibrate
    )
    truth = measure.multi_hot(validation.labels, len(tags))
    measured = measure.evaluate(fitted, decision, embedded(validation), truth, made.calibrate.coverage)
    space, parity = embedding_space(tiles_model().read_bytes()), gate.Parity(len(truth), 1.0, 0, 0)
    found = {"float32": variants.Measurement(tiles_model(), space, measured, 1000.0, parity if per_tag else None)}
    result = {
        "variants": variants.figures(found),
        "config_digest": "0" * 64,
        "versions": {"imagetagger": "0"},
        "data": {"name": "made", "fingerprint": "f" * 64, "train": 32, "calibration": 8, "validation": 16, "tags": 4},
    }
    return Ingredients(made, result, NO_BACKBONE._replace(architecture="mobilenet_v2"), tags, found, validation)


@functools.cache
def bundle_files(*overrides: str, train: int = 10) -> dict[str, bytes]:
    """The files of the bundle; do not change them, copy them."""
    return ship.assemble(*ingredients(*overrides, train=train))


def bundle(*overrides: str, train: int = 10) -> Bundle:
    return check(bundle_files(*overrides, train=train))
