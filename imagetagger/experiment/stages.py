"""What the stages of a run compute: pictures, runtimes, embeddings, and which pictures serve for what.

Each function takes the values of other stages, and by name the settings that it depends on; see stage_cache.py.
"""

from collections.abc import Mapping, Sequence
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.convert.quantize import convert_cached
from imagetagger.data.dataset import BadDataError, Dataset, Skip, Split, multi_hot, read_listed, select
from imagetagger.data.drawings import DRAWING_TAGS, draw_picture
from imagetagger.data.groups import own_groups
from imagetagger.data.registry import load_dataset
from imagetagger.data.splits import assign_folds, holdout_mask, ranks_within_tag, subsample_mask, validation_mask
from imagetagger.embedding.extract import Embeddings, extract_embeddings
from imagetagger.embedding.runtime import Runtime, litert_runtime, make_runtime
from imagetagger.options import EmbedEngine, Variant
from imagetagger.preprocess import BadImageError, crop_square, preprocess

RAW_RATE_SECONDS = 2.0


class Pictures(NamedTuple):
    """The pictures of a run.

    Attributes:
        dataset: to train on N pictures and evaluate on M.
        listed: how many there were before a subset was taken.
        rank: int64 (N,) of each training picture within its tag; see data.splits.
        groups: int64 (N,) group of each training picture, whose pictures share a fold.
        validation_groups: int64 (M,).
        joined: by clue, how many pictures it joined with others.
        is_seen: bool (N,), training pictures that the network itself was trained on; None if there are none.
    """

    dataset: Dataset
    listed: int
    rank: np.ndarray
    groups: np.ndarray
    validation_groups: np.ndarray
    joined: Mapping[str, int] = MappingProxyType({})
    is_seen: np.ndarray | None = None


class DataSplits(NamedTuple):
    """Which of the pictures that have embeddings serve for what.

    Attributes:
        ids: content ids of the N training pictures.
        labels: int32 (N, L) of them.
        folds: int64 (N,) fold of each for cross-fitting; -1 for those that nothing is fitted on.
        groups: int64 (N,) group of each; the pictures of one share a fold.
        tuning_rows: int (M,), those that are evaluated in place of validation pictures; None for validation pictures.
        evaluated: the M pictures that are reported on.
        evaluated_groups: int64 (M,).
        labels_onehot: bool (M, C), their tags.
        is_seen: bool (N,), training pictures that the network itself was trained on, whose scores prove nothing.
    """

    ids: Sequence[bytes]
    labels: np.ndarray
    folds: np.ndarray
    groups: np.ndarray
    tuning_rows: np.ndarray | None
    evaluated: Split
    evaluated_groups: np.ndarray
    labels_onehot: np.ndarray
    is_seen: np.ndarray

    @property
    def is_holdout(self) -> np.ndarray:
        """Whether nothing is fitted on a picture, bool (N,)."""
        return self.folds < 0

    @property
    def train(self) -> int:
        """Number of pictures that the classifier is fitted on."""
        return int((self.folds >= 0).sum())

    @property
    def tags(self) -> int:
        """Number of tags, C."""
        return self.labels_onehot.shape[1]


@wraps(load_dataset, assigned=())  # its parameters, which the runner passes
def load_pictures(**settings: Any) -> Pictures:
    """Load the data set and rank each training picture within its tag."""
    dataset = load_dataset(**settings)
    train, validation = dataset.train, dataset.validation
    rank = ranks_within_tag(train.ids, train.labels, settings["seed"])
    listed = sum(len(split.ids) for split in (train, validation, dataset.test) if split is not None)
    return Pictures(dataset, listed, rank, own_groups(train), own_groups(validation))


def subsample(pictures: Pictures, *, fraction: float | None, per_class: int | None) -> Pictures:
    """Take the subset of the training pictures that the settings ask for."""
    labels = pictures.dataset.train.labels
    return _with_training_rows(pictures, np.flatnonzero(subsample_mask(pictures.rank, labels, fraction, per_class)))


def first_by_rank(pictures: Pictures, *, reference_pictures: int) -> Pictures:
    """Take at most so many training pictures, as many of each tag as of any other."""
    order = np.argsort(pictures.rank, kind="stable")[:reference_pictures]
    return _with_training_rows(pictures, np.sort(order))


def _with_training_rows(pictures: Pictures, rows: np.ndarray) -> Pictures:
    dataset = pictures.dataset._replace(train=select(pictures.dataset.train, rows))
    is_seen = None if pictures.is_seen is None else pictures.is_seen[rows]
    return pictures._replace(dataset=dataset, rank=pictures.rank[rows], groups=pictures.groups[rows], is_seen=is_seen)


def start_runtime(
    network: Backbone,
    *,
    resolution: int,
    runtime: str,
    engine: EmbedEngine,
    batch_size: int,
    workers: int | None,
    cache: Path,
) -> Runtime:
    """Make the network ready to embed, on this machine or on a cluster."""
    return make_runtime(
        network, resolution, cache, runtime=runtime, engine=engine, batch_size=batch_size, workers=workers
    )


def start_variant(
    network: Backbone,
    crops: Sequence[np.ndarray] = (),
    *,
    variant: Variant,
    resolution: int,
    engine: EmbedEngine,
    workers: int | None,
    cache: Path,
) -> Runtime:
    """Convert the network to a variant, int8 calibrated on `crops`, and make it ready to embed."""
    network = network._replace(net=network.net.clone(dtype=jnp.float32))  # whatever runs without a bundle embed in
    return litert_runtime(convert_cached(network, resolution, cache, variant, crops), workers, engine)


def quantization_pictures(pictures: Pictures, *, count: int, resolution: int, pixel_limit: int) -> list[np.ndarray]:
    """Preprocess the pictures that int8 is calibrated on: the training pictures of least content id.

    Raises:
        BadDataError: none can be used.
    """
    train = pictures.dataset.train
    crops: list[np.ndarray] = []
    reason = "there are none"
    for i in sorted(range(len(train.ids)), key=train.ids.__getitem__):
        if len(crops) == count:
            break
        try:
            crops.append(preprocess(read_listed(train, i), resolution, pixel_limit))
        except BadImageError as error:  # embedding skips and counts it
            reason = str(error)
    if not crops:
        raise BadDataError(f"none of {len(train.ids)} training pictures can be used to calibrate int8 on: {reason}")
    return crops


def quantization_drawings(*, count: int, resolution: int) -> list[np.ndarray]:
    """Draw the pictures that int8 is calibrated on, where that must not depend on any data."""
    tags = [DRAWING_TAGS[i % len(DRAWING_TAGS)] for i in range(count)]
    size = max(resolution, 64)
    return [crop_square(draw_picture(tag, np.random.default_rng(i), size), resolution) for i, tag in enumerate(tags)]


class EmbeddedSplit(NamedTuple):
    """Embeddings of one split, and the images/s of the bare network where they were measured."""

    embeddings: Embeddings
    raw_rate: float | None

    @property
    def x(self) -> np.ndarray:
        """Embeddings, float32 (N, D)."""
        return self.embeddings.embeddings


def embed_split(
    pictures: Pictures,
    model: Runtime,
    *,
    role: Literal["train", "validation", "test"],
    label: str,
    resolution: int,
    shard_size: int,
    pixel_limit: int,
    measure_raw_rate: bool,
    cache: Path,
) -> EmbeddedSplit:
    """Embed the pictures of a split, those not in the cache yet; `label` names the progress bar."""
    split = getattr(pictures.dataset, role)
    options: Any = {"shard_size": shard_size, "pixel_limit": pixel_limit, "name": f"{label} {role}"}
    rates = [model.raw_rate(RAW_RATE_SECONDS)] if measure_raw_rate else []
    embeddings = extract_embeddings(split, model, resolution, cache, **options)
    rates += [model.raw_rate(RAW_RATE_SECONDS)] if measure_raw_rate else []
    return EmbeddedSplit(embeddings, float(np.mean(rates)) if rates else None)


def assign_roles(
    pictures: Pictures,
    train: EmbeddedSplit,
    validation: EmbeddedSplit | None = None,
    *,
    holdout_fraction: float,
    folds: int,
    seed: int,
    is_out_of_fold: bool = False,
) -> DataSplits:
    """Decide which pictures serve for what, without those that could not be embedded.

    Without validation pictures, all training pictures are evaluated out of fold, or a share of them is held out and
    evaluated.

    Raises:
        BadDataError: none are left to fit on, or to evaluate.
    """
    dataset, rows = pictures.dataset, train.embeddings.rows
    ids, labels, groups = [dataset.train.ids[i] for i in rows], dataset.train.labels[rows], pictures.groups[rows]
    is_seen = np.zeros(len(rows), bool) if pictures.is_seen is None else pictures.is_seen[rows]
    is_holdout, tuning_rows = np.zeros(len(rows), bool), None
    if is_out_of_fold:
        evaluated, evaluated_groups = select(dataset.train, rows), groups
    elif validation is None:
        is_holdout = held_out_mask(pictures, holdout_fraction, seed)[rows]
        tuning_rows = np.flatnonzero(is_holdout)
        if not len(tuning_rows):
            raise BadDataError(
                "tuning evaluates held-out training pictures, and none are held out: got "
                f"holdout_fraction={holdout_fraction}, expected more, or more pictures"
            )
        evaluated, evaluated_groups = select(dataset.train, rows[tuning_rows]), pictures.groups[rows[tuning_rows]]
    else:
        evaluated_rows = validation.embeddings.rows
        evaluated = select(dataset.validation, evaluated_rows)
        evaluated_groups = pictures.validation_groups[evaluated_rows]
    if is_holdout.all():
        skipped = len(train.embeddings.skipped) + len(dataset.skipped)
        raise BadDataError(f"no pictures to fit on are left: {skipped} were skipped; mend or add some")
    fold = np.where(is_holdout, -1, assign_folds(ids, labels, groups, folds, seed))
    labels_onehot = multi_hot(evaluated.labels, len(dataset.tags))
    return DataSplits(ids, labels, fold, groups, tuning_rows, evaluated, evaluated_groups, labels_onehot, is_seen)


def held_out_mask(pictures: Pictures, fraction: float, seed: int) -> np.ndarray:
    """Return which of the training pictures are held out, bool (N,): whole groups of them."""
    train, groups = pictures.dataset.train, pictures.groups
    if len(np.unique(groups)) == len(groups):  # by rank, smaller subsets hold out some of what larger ones do
        return holdout_mask(pictures.rank, fraction)
    return validation_mask(list(train.ids), train.labels, groups, fraction, seed)


def check_skipped(pictures: Pictures, *embedded: EmbeddedSplit, max_bad_fraction: float) -> tuple[Skip, ...]:
    """All skipped pictures, of loading and of embedding.

    Raises:
        BadDataError: the shares of both together exceed `max_bad_fraction`; one picture may do so unless that is zero.
    """
    loading = pictures.dataset.skipped
    embedding = tuple(skip for split in embedded for skip in split.embeddings.skipped)
    count = sum(len(split.embeddings.rows) + len(split.embeddings.skipped) for split in embedded)
    share = len(loading) / max(len(loading) + pictures.listed, 1) + len(embedding) / max(count, 1)
    skipped = (*loading, *embedding)
    if share > max_bad_fraction and (len(skipped) > 1 or not max_bad_fraction):
        listed = "\n".join(f"  {skip.key}: {skip.reason}" for skip in skipped[:10])
        raise BadDataError(
            f"{len(skipped)} pictures ({100 * share:.1f} %) cannot be used, more than "
            f"max_bad_fraction={max_bad_fraction} allows. The first ones:\n{listed}\n"
            f"Mend or remove them, or set a larger max_bad_fraction=SHARE."
        )
    return skipped
