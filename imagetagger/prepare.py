"""From settings to embeddings: the pictures, the network, what it makes of them, and which of them serve for what.

Each step is remembered between the jobs of a sweep, by all the settings that it depends on; see memory.py.
"""

from collections.abc import Hashable
from dataclasses import asdict, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from imagetagger import measure
from imagetagger.backbone.model import Backbone
from imagetagger.backbone.weights import load_backbone
from imagetagger.config import Experiment
from imagetagger.data.dataset import Dataset, Skip, Split, fingerprint, take
from imagetagger.data.load import load
from imagetagger.data.subset import held_out, held_out_count, keep, ranks
from imagetagger.embed import Embedded, embed
from imagetagger.files import cache_directory
from imagetagger.measure import BadDataError
from imagetagger.memory import Memory, recall
from imagetagger.runtime import Runtime, make_runtime

Splits = dict[str, Embedded]
"""Embeddings of `train` and, unless it is a run that tunes, of `validation`."""


class Pictures(NamedTuple):
    """The pictures of an experiment.

    Attributes:
        dataset: those to train on being the subset that was asked for, N.
        listed: how many there were before a subset was taken.
        rank: int64 (N,) of each training picture within its tag; see data.subset.
        fingerprint: digest of pictures, tags and splits.
    """

    dataset: Dataset
    listed: int
    rank: np.ndarray
    fingerprint: str


class Parts(NamedTuple):
    """Which of the pictures that could be embedded serve for what.

    Attributes:
        labels: int32 (N, L) of the training pictures.
        held: bool (N,) those that nothing is fitted on.
        calibrate: int (K,) those of them that probabilities and limits are set on.
        tuned: int (M,) those that are tried in place of validation pictures; None where the latter are.
        tried: the M pictures that are reported on.
        truth: bool (M, C) their tags.
        fitted: the pictures that are learned from.
    """

    labels: np.ndarray
    held: np.ndarray
    calibrate: np.ndarray
    tuned: np.ndarray | None
    tried: Split
    truth: np.ndarray
    fitted: Split


def load_pictures(settings: Experiment, memory: Memory | None) -> tuple[Pictures, bool]:
    """Return the pictures, and whether they were remembered."""
    data, seed = settings.data, settings.seed
    source = _source(settings)

    def make_all() -> tuple[Dataset, np.ndarray]:
        found = load(
            data.name,
            cache=cache_directory(settings.cache),
            seed=seed,
            path=data.path,
            tfds_name=data.tfds_name,
            train_split=data.train_split,
            validation_split=data.validation_split,
            synthetic_per_class=data.synthetic_per_class,
            validation_fraction=data.validation_fraction,
        )
        return found, ranks(found.train.ids, found.train.labels, seed)

    def make_subset() -> Pictures:
        kept = np.flatnonzero(keep(rank, everything.train.labels, data.fraction, data.per_class))
        subset = everything._replace(train=take(everything.train, kept))
        listed = len(everything.train.ids) + len(everything.validation.ids)
        return Pictures(subset, listed, rank[kept], fingerprint(subset))

    (everything, rank), remembered = recall(memory, "all pictures", source, make_all)
    return recall(memory, "pictures", (source, data.fraction, data.per_class), make_subset)[0], remembered


def load_network(settings: Experiment, memory: Memory | None) -> tuple[tuple[Backbone, Runtime], bool]:
    """Return the network and what executes it, and whether both were remembered."""
    cache, setup = cache_directory(settings.cache), settings.embed

    def make() -> tuple[Backbone, Runtime]:
        shape = asdict(settings.backbone)
        backbone = load_backbone(**shape, cache=cache, dtype=setup.dtype, seed=settings.seed)
        options: Any = {"runtime": setup.runtime, "batch_size": setup.batch_size, "workers": setup.workers}
        return backbone, make_runtime(backbone, settings.backbone.resolution, cache, **options)

    return recall(memory, "network", _network(settings), make)


def embed_pictures(
    settings: Experiment,
    dataset: Dataset,
    runtime: Runtime,
    stage: dict[str, Any],
    memory: Memory | None,
    name: str = "",
) -> Splits:
    """Return the embeddings of all pictures that the run looks at.

    Args:
        settings: of the run; one that tunes looks at no validation picture.
        dataset: its pictures.
        runtime: what embeds.
        stage: is told how fast that was.
        memory: see memory.py.
        name: of a variant, for progress bars.
    """
    data = settings.data
    source, network = _source(settings), _network(settings)
    keys: dict[str, Hashable] = {"train": (source, data.fraction, data.per_class)}
    if not tunes(settings):
        keys["validation"] = source
    splits = {"train": dataset.train, "validation": dataset.validation}
    options: Any = {"shard_size": settings.embed.shard_size, "pixel_limit": data.pixel_limit}
    found, computed, seconds = {}, 0, 0.0
    for split, key in keys.items():
        said = " ".join(["embedding", *name.split(), split])
        place = (splits[split], runtime, settings.backbone.resolution, cache_directory(settings.cache))
        make = partial(embed, *place, name=said, **options)
        found[split], remembered = recall(memory, f"embed {split}", (key, network, data.pixel_limit), make)
        computed += 0 if remembered else found[split].computed
        seconds += 0 if remembered else found[split].seconds
    stage |= {"images_per_second": computed / seconds if computed else None, "cached": computed == 0}
    return found


def part(settings: Experiment, pictures: Pictures, embedded: Splits) -> Parts:
    """Return which pictures serve for what, those left out that could not be embedded.

    A run that tunes parts the pictures that are held out of training: of each tag, every other one is tried.

    Raises:
        BadDataError: none are left to learn from, or to tune on.
    """
    dataset, rows = pictures.dataset, embedded["train"].rows
    held = held_out(pictures.rank[rows], settings.data.calibration_fraction)
    if held.all():
        skipped = sum(len(split.skipped) for split in embedded.values())
        raise BadDataError(f"no pictures to learn from are left: {skipped + len(dataset.skipped)} were skipped")
    aside = np.flatnonzero(held)
    if tunes(settings):
        # By place among those of its tag, so that both parts have pictures of every tag that has two.
        odd = held_out_count(pictures.rank[rows[aside]], settings.data.calibration_fraction) % 2 > 0
        calibrate, tuned = aside[~odd], aside[odd]
        if not len(tuned):
            raise BadDataError(
                f"evaluate.split=tuning tries every other picture that is held out of a tag, and no tag has two: got "
                f"data.calibration_fraction={settings.data.calibration_fraction}, raise it or give more pictures"
            )
        tried = take(dataset.train, rows[tuned])
    else:
        calibrate, tuned = aside, None
        tried = take(dataset.validation, embedded["validation"].rows)
    truth, fitted = measure.multi_hot(tried.labels, len(dataset.tags)), take(dataset.train, rows[~held])
    return Parts(dataset.train.labels[rows], held, calibrate, tuned, tried, truth, fitted)


def check_bad(
    unlisted: tuple[Skip, ...], listed: int, unreadable: tuple[Skip, ...], embedded: int, max_bad_fraction: float
) -> tuple[Skip, ...]:
    """Return all skipped pictures, or raise BadDataError where they are too many to go on.

    Args:
        unlisted: skipped while loading.
        listed: pictures that loading kept, before a subset was taken.
        unreadable: skipped while embedding.
        embedded: pictures that were to be embedded.
        max_bad_fraction: largest sum of both shares.
    """
    skipped = (*unlisted, *unreadable)
    share = len(unlisted) / max(len(unlisted) + listed, 1) + len(unreadable) / max(embedded, 1)
    if share > max_bad_fraction:
        shown = "\n".join(f"  {skip.key}: {skip.reason}" for skip in skipped[:10])
        raise BadDataError(
            f"{len(skipped)} pictures ({100 * share:.1f} %) cannot be used, more than "
            f"data.max_bad_fraction={max_bad_fraction} allows. The first ones:\n{shown}\n"
            "Mend or remove them, or raise data.max_bad_fraction."
        )
    return skipped


def tunes(settings: Experiment) -> bool:
    """Return whether a run reports on pictures held out of training, so that validation stays unseen."""
    return settings.evaluate.split == "tuning"


def fitted_on(settings: Experiment) -> Hashable:
    """Return all that decides which embeddings a classifier is fitted and tried on."""
    data = settings.data
    subset = (data.fraction, data.per_class, data.calibration_fraction, data.pixel_limit)
    return _source(settings), _network(settings), subset, settings.evaluate.split


def _source(settings: Experiment) -> Hashable:
    """Return all that decides which pictures there are, before any are left out or put aside."""
    data: Any = {
        "fraction": None,
        "per_class": None,
        "calibration_fraction": 0,
        "max_bad_fraction": 0,
        "pixel_limit": 0,
    }
    return settings.cache, settings.seed, replace(settings.data, **data)


def _network(settings: Experiment) -> Hashable:
    return settings.cache, settings.seed, settings.backbone, settings.embed
