"""Data of the shrunk studies."""

import functools
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.common.embeddings import EmbeddedPictures, embed_tiny_imagenet
from imagetagger.experiment.stage_cache import StageResult
from imagetagger.experiment.stages import EmbeddedSplit
from imagetagger.options import Variant
from tests.helpers.composed import WIDTH, small_weights
from tests.helpers.pictures import COLOURS, encode, noisy, tiny_imagenet_zip

TAGS, FEATURES = 3, 64
OVERRIDES = (
    f"backbone.width={WIDTH}",
    "backbone.resolution=64",
    "embed.workers=2",
    "export.calibration_pictures=4",
    "data.holdout_fraction=0.5",
    "calibrate.coverage=0.75",
)
"""A small network; half of the pictures held out."""


def tiny_imagenet_folder(root: Path, per_tag: int = 20, validation: int = 4) -> Path:
    """A folder of the official layout: three tags, so many pictures of each to train on and to validate."""
    with zipfile.ZipFile(tiny_imagenet_zip(root.with_suffix(".zip"), per_tag, TAGS)) as archive:
        archive.extractall(root)
    folder = root / "tiny-imagenet-200" / "val"
    lines = []
    for tag, colour in enumerate(list(COLOURS.values())[:TAGS]):
        for i in range(validation):
            name = f"val_{tag}_{i}.JPEG"
            (folder / "images" / name).write_bytes(encode(noisy(colour, 5000 + 100 * tag + i), "JPEG"))
            lines.append(f"{name}\tn0000000{tag}\t0\t0\t63\t63")
    (folder / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return root


def arguments(source: Path, out: Path | None = None) -> list[str]:
    """Arguments of a study that embeds."""
    options = [text for override in OVERRIDES for text in ("--override", override)]
    folder = ["--out", str(out)] if out else []
    return [str(source), "--weights", str(small_weights()), *options, *folder]


@functools.cache
def embed(source: Path, variant: Variant) -> EmbeddedPictures:
    return embed_tiny_imagenet(source, str(small_weights()), variant, OVERRIDES)


def embed_few_features(
    source: Path, weights: str, variant: Variant = "float32", overrides: Sequence[str] = ()
) -> EmbeddedPictures:
    """`embed_tiny_imagenet` with the features that vary most: whitening of all takes a minute."""
    order = np.argsort(-embed(source, "float32").x.std(0))[:FEATURES]

    def reduce(stage: StageResult[EmbeddedSplit]) -> StageResult[EmbeddedSplit]:
        split = stage.value
        embeddings = split.embeddings._replace(embeddings=np.ascontiguousarray(split.x[:, order]))
        return StageResult(stage.key, split._replace(embeddings=embeddings))

    embedded = embed(source, variant)
    return embedded._replace(train=reduce(embedded.train), validation=reduce(embedded.validation))
