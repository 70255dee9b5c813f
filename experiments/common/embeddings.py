"""Embeddings of Tiny ImageNet, from the cache or computed, for the studies; alone it fills the cache.

python -m experiments.common.embeddings ZIP [--weights FILE] [--backbone mobilenet_v2] [--variant int8]
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import hydra
import numpy as np

from experiments.common.arguments import data_parser
from imagetagger.backbones.registry import load_backbone
from imagetagger.classifier.head import Knowledge
from imagetagger.config.parse import from_hydra
from imagetagger.config.schema import Experiment
from imagetagger.data.splits import holdout_mask
from imagetagger.experiment.reference_stages import find_reference
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import (
    DataSplits,
    EmbeddedSplit,
    Pictures,
    assign_roles,
    check_skipped,
    load_pictures,
    subsample,
)
from imagetagger.experiment.variant_stages import embed_pictures, start_model
from imagetagger.options import VARIANTS, Variant
from imagetagger.run import CONFIGS
from imagetagger.system.atomic_files import cache_directory

ROLES: tuple[Literal["train", "validation"], ...] = ("train", "validation")


class EmbeddedPictures(NamedTuple):
    """The pictures of a data set as one network embeds them.

    Attributes:
        train: embeddings of N training pictures.
        validation: embeddings of M validation pictures.
        splits: which of the training pictures are held out: nothing is fitted on them.
        reference: statistics of the network; None if there are none, or the settings ask for none.
    """

    train: StageResult[EmbeddedSplit]
    validation: StageResult[EmbeddedSplit]
    splits: StageResult[DataSplits]
    reference: StageResult[Knowledge]

    @property
    def x(self) -> np.ndarray:
        """Embeddings of the training pictures, float32 (N, D)."""
        return self.train.value.x

    @property
    def y(self) -> np.ndarray:
        """Tags of the training pictures, int32 (N,)."""
        return self.splits.value.labels[:, 0]

    @property
    def is_holdout(self) -> np.ndarray:
        """Training pictures that nothing is fitted on, bool (N,)."""
        return self.splits.value.is_holdout

    @property
    def x_validation(self) -> np.ndarray:
        """Embeddings of the validation pictures, float32 (M, D)."""
        return self.validation.value.x

    @property
    def y_validation(self) -> np.ndarray:
        """Tags of the validation pictures, int32 (M,)."""
        return self.splits.value.evaluated.labels[:, 0]

    @property
    def tags(self) -> int:
        """Number of tags, C."""
        return self.splits.value.tags


def compose_settings(*overrides: str) -> Experiment:
    """Compose the settings that a command line with these overrides gives."""
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return from_hydra(hydra.compose("config", list(overrides)))


def embed_tiny_imagenet(
    source: Path, weights: str, variant: Variant = "float32", overrides: Sequence[str] = ()
) -> EmbeddedPictures:
    """Embed all pictures as `+experiment=whitened` does, so that both share the cache.

    Unlike in a run, a share `data.holdout_fraction` of the training pictures is held out, so that any classifier can be
    tuned and calibrated on the same ones.

    Args:
        source: Tiny ImageNet's official zip, or its folder.
        weights: of the network: a file, or `imagenet` to download them.
        variant: arithmetic of the network.
        overrides: further settings, such as `backbone=efficientnet_lite0`.

    Raises:
        BadDataError: a picture cannot be used.
    """
    composed = compose_settings("+experiment=whitened", *overrides)
    s = replace(  # no overrides: Hydra's grammar refuses some paths
        composed,
        data=replace(composed.data, path=str(source), max_bad_fraction=0.0),
        backbone=replace(composed.backbone, weights=weights),
    )
    run, cache = StageRunner(), cache_directory(s.cache)
    loaded = run.run("load", load_pictures, section=s.data, seed=s.seed, cache=cache)
    pictures = run.run("subset", subsample, loaded, section=s.data)
    backbone = run.run("backbone", load_backbone, section=s.backbone, dtype=s.embed.dtype, seed=s.seed, cache=cache)
    model = start_model(run, s, backbone, pictures, variant)
    resolution = s.backbone.resolution
    reference = run.run(
        "reference",
        find_reference,
        backbone,
        model,
        section=s.classifier,
        resolution=resolution,
        data=loaded.value.dataset.name,
    )

    train, validation = (
        embed_pictures(run, s, f"embed {role}", pictures, model, role, label=variant) for role in ROLES
    )
    run.run("check", check_skipped, pictures, train, validation, section=s.data)
    splits = run.run(
        "split", assign_roles, pictures, train, validation, section=s.data, folds=s.calibrate.folds, seed=s.seed
    )
    splits = run.run("hold out", hold_out, pictures, train, splits, section=s.data)
    return EmbeddedPictures(train, validation, splits, reference)


def hold_out(pictures: Pictures, train: EmbeddedSplit, splits: DataSplits, *, holdout_fraction: float) -> DataSplits:
    """Take a share of each tag's training pictures out of the folds."""
    is_holdout = holdout_mask(pictures.rank[train.embeddings.rows], holdout_fraction)
    return splits._replace(folds=np.where(is_holdout, -1, splits.folds))


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the cache."""
    parser = data_parser(__doc__)
    parser.add_argument("--backbone", choices=("mobilenet_v2", "efficientnet_lite0"), default="mobilenet_v2")
    parser.add_argument("--variant", choices=VARIANTS, default="float32")
    options = parser.parse_args(arguments)
    overrides = [f"backbone={options.backbone}", *options.override]
    embedded = embed_tiny_imagenet(options.zip, options.weights, options.variant, overrides)
    print(
        f"{options.backbone}, {options.variant}: {embedded.x.shape} to fit, {embedded.x_validation.shape} to evaluate"
    )


if __name__ == "__main__":
    main()
