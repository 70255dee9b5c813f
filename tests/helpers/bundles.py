"""A bundle small enough for tests, made by the real export: in place of a network, mean colours of 4 x 4 tiles."""

import functools
from dataclasses import asdict
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from imagetagger.bundle.reader import Bundle, check_bundle
from imagetagger.config.schema import ClassifierConfig, ExportConfig
from imagetagger.convert.tflite import to_tflite
from imagetagger.data.dataset import DatasetTag, Split, content_id, multi_hot, pad_labels
from imagetagger.data.splits import assign_folds
from imagetagger.embedding.extract import Embeddings
from imagetagger.experiment.evaluation_stages import evaluate_embeddings, fit_model
from imagetagger.experiment.record import finite_json
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import DataSplits, EmbeddedSplit
from imagetagger.export.assemble import BundleOrigin, assemble_bundle
from imagetagger.export.parity import Parity
from imagetagger.export.variants import VariantEvaluation
from imagetagger.options import Variant
from imagetagger.preprocess import preprocess
from imagetagger.system.atomic_files import atomic_write, cache_directory
from tests.helpers.composed import settings
from tests.helpers.pictures import COLOURS, encode, noisy, picture

SIZE, FEATURES, BLOCK = 32, 48, 4
PLAIN = ("classifier=gnb", "calibrate.calibration_bins=0", "calibrate.prediction_set=cumulative")
"""What every bundle here is made with where overrides do not say otherwise."""

WHITENED = (
    "classifier=whitened",
    "classifier.dimensions=12",
    "classifier.shrinkage=1",
    "calibrate.prediction_set=lac",
    "calibrate.coverage=0.75",
)
"""Overrides for one with a transform, a prior on the means and conformal tag sets, as far as 8 pictures a tag allow."""

TAGS = (*(DatasetTag(name, name) for name in COLOURS), DatasetTag("n01", "crimson", ("dark red", "carmine")))


def tiles(image: jax.Array) -> dict[str, jax.Array]:
    """Embed uint8 (1, 32, 32, 3) as the mean colours of 4 x 4 tiles, float32 (1, 48)."""
    x = image.astype(jnp.float32).reshape(1, 4, 8, 4, 8, 3).mean((2, 4)) / 64
    return {"embedding": x.reshape(1, FEATURES)}


@functools.cache
def tiles_model() -> bytes:
    path = cache_directory() / "tiles.tflite"
    if not path.exists():
        with atomic_write(path) as partial:
            partial.write_bytes(
                to_tflite({"embed": (tiles, {"image": jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), np.uint8)})})
            )
    return path.read_bytes()


def pictures_of(per_tag: int, seed: int = 0) -> Split:
    """Noisy pictures of four colours, `crimson` a darker red."""
    data = [picture(tag, seed + i) for i in range(per_tag) for tag in COLOURS]
    data += [encode(noisy((150, 20, 30), seed + 10_000 + i)) for i in range(per_tag)]
    labels = [i % 3 for i in range(3 * per_tag)] + [3] * per_tag
    keys = [f"{TAGS[label].id}/{i}.png" for i, label in enumerate(labels)]
    return Split(keys, [content_id(d) for d in data], pad_labels([label] for label in labels), data.__getitem__)


def embedded_split(split: Split) -> EmbeddedSplit:
    return EmbeddedSplit(Embeddings(embedded(split), np.arange(len(split.ids)), (), 0, 0.0), None)


def embedded(split: Split) -> np.ndarray:
    crops = [preprocess(split.read(i), SIZE) for i in range(len(split.ids))]
    return np.concatenate([np.zeros((0, FEATURES), np.float32), *(tiles(crop[None])["embedding"] for crop in crops)])


class Ingredients(NamedTuple):
    """The arguments of `assemble_bundle`, in its order."""

    export: ExportConfig
    classifier: ClassifierConfig
    description: BundleOrigin
    tags: tuple[DatasetTag, ...]
    variants: dict[Variant, VariantEvaluation]
    validation: Split


@functools.cache
def ingredients(*overrides: str, tags: tuple[DatasetTag, ...] = TAGS, per_tag: int = 4, train: int = 8) -> Ingredients:
    """Four tags fitted on `train` pictures each and evaluated on `per_tag`; further ones have no pictures."""
    made = settings(f"backbone.resolution={SIZE}", f"export.block={BLOCK}", "export=float32", *PLAIN, *overrides)
    learned, validation = pictures_of(train), pictures_of(per_tag, seed=500)
    n, m = len(learned.ids), len(validation.ids)
    labels_onehot = multi_hot(validation.labels, len(tags))
    folds = assign_folds(learned.ids, learned.labels, np.arange(n), made.calibrate.folds, made.seed)
    splits = StageResult(
        "splits",
        DataSplits(
            learned.ids,
            learned.labels,
            folds,
            np.arange(n),
            None,
            validation,
            np.arange(m) + n,
            labels_onehot,
            np.zeros(n, bool),
        ),
    )
    embedded = [
        StageResult(key, embedded_split(split)) for key, split in (("train", learned), ("validation", validation))
    ]
    runner, no_reference = StageRunner(), StageResult("reference", None)
    model = fit_model(runner, made, no_reference, splits, embedded[0], suffix="")
    evaluation = evaluate_embeddings(runner, made, model, splits, *embedded, suffix="")
    parity = Parity(32, len(labels_onehot), 1.0, 0, 0)
    variants = {"float32": VariantEvaluation(tiles_model(), evaluation.value, 1000.0, parity if per_tag else None)}
    metrics = {
        "float32": {**evaluation.value.metrics, "train": 32, "cosine_to_float": 1.0} if per_tag else {"coverage": None}
    }
    provenance = {
        "config": finite_json(asdict(made)),
        "config_digest": "0" * 64,
        "versions": {"imagetagger": "0"},
        "backbone": {
            "name": "mobilenet_v2",
            "weights": {"name": "none", "sha256": None, "licence": None},
            "width": 1.0,
        },
        "data": {"name": "made", "fingerprint": "f" * 64, "train": 32, "calibration": 32, "validation": 16, "tags": 4},
    }
    description = BundleOrigin(made.experiment, SIZE, made.data.pixel_limit, metrics if per_tag else {}, provenance)
    return Ingredients(made.export, made.classifier, description, tags, variants, validation)


@functools.cache
def bundle_files(*overrides: str, train: int = 8) -> dict[str, bytes]:
    """The files of the bundle; do not change them, copy them."""
    return assemble_bundle(*ingredients(*overrides, train=train))


def bundle(*overrides: str, train: int = 8) -> Bundle:
    return check_bundle(bundle_files(*overrides, train=train))
