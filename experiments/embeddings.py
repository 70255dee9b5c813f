"""Tiny ImageNet's embeddings, from the cache or computed, for the studies beside this file; alone it fills the cache.

python experiments/embeddings.py ZIP [--weights FILE] [--backbone mobilenet_v2] [--variant int8]
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import hydra
import numpy as np

from imagetagger.backbone.weights import load_backbone
from imagetagger.bundle.manifest import VARIANTS
from imagetagger.config import Experiment, from_hydra
from imagetagger.data.dataset import Split, Tag, take
from imagetagger.data.subset import held_out, ranks
from imagetagger.data.tiny_imagenet import load
from imagetagger.embed import embed
from imagetagger.export.quantize import convert_cached
from imagetagger.export.variants import calibration_pictures
from imagetagger.files import cache_directory
from imagetagger.run import CONFIGS
from imagetagger.runtime import litert_runtime


class Embeddings(NamedTuple):
    """Of one network. `held` marks the training pictures kept back to tune and calibrate on.

    Attributes:
        train: float32 (N, D).
        labels: int32 (N,).
        held: bool (N,), 50 pictures a tag.
        validation: float32 (M, D).
        truth: int32 (M,).
        tags: C of them.
        split: the M validation pictures themselves.
    """

    train: np.ndarray
    labels: np.ndarray
    held: np.ndarray
    validation: np.ndarray
    truth: np.ndarray
    tags: tuple[Tag, ...]
    split: Split


def settings(*overrides: str) -> Experiment:
    """Return the settings that a command line with these overrides would give."""
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return from_hydra(hydra.compose("config", list(overrides)))


def embeddings(
    source: Path, weights: str, backbone: str = "mobilenet_v2", variant: str = "float32", resolution: int = 224
) -> Embeddings:
    """Embed all pictures as `+experiment=whitened` does, so that both share the cache."""
    network = (f"backbone={backbone}", f"backbone.weights={weights}", f"backbone.resolution={resolution}")
    made = settings("+experiment=whitened", *network)
    cache, size, limit = cache_directory(), made.backbone.resolution, made.data.pixel_limit
    data = load(source, cache)
    held = held_out(ranks(data.train.ids, data.train.labels, made.seed), made.data.calibration_fraction)
    network = load_backbone(backbone, width=1.0, resolution=size, weights=weights, cache=cache)
    calibration = calibration_pictures(take(data.train, np.flatnonzero(~held)), size, made.export, limit)
    runtime = litert_runtime(convert_cached(network, size, cache, variant, calibration))
    train, validation = (embed(split, runtime, size, cache, name=variant) for split in (data.train, data.validation))
    if train.skipped or validation.skipped:
        raise ValueError(f"{len(train.skipped) + len(validation.skipped)} pictures of {source} cannot be used")
    labels, truth = data.train.labels[:, 0], data.validation.labels[:, 0]
    return Embeddings(train.embeddings, labels, held, validation.embeddings, truth, data.tags, data.validation)


def arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what every study needs."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("zip", type=Path, help="Tiny ImageNet's official zip")
    parser.add_argument("--weights", default="imagenet", help="of MobileNetV2: a file, or imagenet to download them")
    return parser


def main() -> None:
    """Fill the cache."""
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--backbone", choices=("mobilenet_v2", "efficientnet_lite0"), default="mobilenet_v2")
    parser.add_argument("--variant", choices=VARIANTS, default="float32")
    given = parser.parse_args()
    found = embeddings(given.zip, given.weights, given.backbone, given.variant)
    print(f"{given.backbone}, {given.variant}: {found.train.shape} to fit, {found.validation.shape} to evaluate")


if __name__ == "__main__":
    main()
