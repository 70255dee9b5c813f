"""From a recipe's blocks to the network that is trained, and the rows that it is trained on."""

from pathlib import Path

import numpy as np
from PIL import Image

from imagetagger.backbones.model import Backbone
from imagetagger.config.schema import TrainingConfig
from imagetagger.data.dataset import Split
from imagetagger.embedding.probe import PROBED, draw_probe, embed_drawings
from imagetagger.preprocess import crop_square
from imagetagger.training.activations import ActivationRows, extract_activations, to_rows
from imagetagger.training.networks import tail_network, whole_network
from imagetagger.training.state import Network
from imagetagger.training.tail import last_blocks
from imagetagger.training.trunk import pixel_runtime, start_trunk, trunk_shape
from imagetagger.training.views import VIEWS_VERSION, picture_views


def prepare_training(
    backbone: Backbone,
    split: Split,
    recipe: TrainingConfig,
    resolution: int,
    cache: Path,
    *,
    pixel_limit: int,
    workers: int | None,
) -> tuple[Network, ActivationRows, ActivationRows]:
    """Return the trained part of a network, its rows of the pictures of a split, and those of the probe's drawings.

    Args:
        backbone: to train.
        split: pictures.
        recipe: settings; `blocks` is a number of blocks, or `all`.
        resolution: side S of the network's input.
        cache: the cache directory.
        pixel_limit: larger pictures are skipped.
        workers: threads that decode, and compute activations; None for one per core.

    Raises:
        ValueError: `blocks` is neither, or more than the network has.
        BadImageError: no picture can be used.
    """
    if recipe.blocks == "all":

        def square(image: Image.Image, _: bytes) -> np.ndarray:
            return crop_square(image, resolution)[None]

        rows = extract_activations(
            split,
            pixel_runtime(workers),
            square,
            f"square {resolution}",
            cache,
            shape=(resolution, resolution, 3),
            pixel_limit=pixel_limit,
            name="decoding",
        )
        return whole_network(backbone, recipe.dtype), rows, to_rows(np.stack(draw_probe(resolution)))
    if recipe.blocks is None or not recipe.blocks.isdecimal():
        raise ValueError(f"got blocks={recipe.blocks}, expected a number of blocks, or all")
    tail = last_blocks(backbone.net, int(recipe.blocks))
    trunk, shape = start_trunk(backbone, tail, resolution, cache, workers), trunk_shape(backbone, tail, resolution)
    rows = extract_activations(
        split,
        trunk,
        lambda image, key: picture_views(image, resolution, recipe.crops, key),
        f"views {VIEWS_VERSION}, {recipe.crops} crops, {resolution}",
        cache,
        shape=shape,
        pixel_limit=pixel_limit,
        name="activations",
    )
    probe = embed_drawings(trunk, resolution)
    return tail_network(backbone, tail, recipe.dtype), rows, to_rows(probe.reshape(PROBED, *shape))
