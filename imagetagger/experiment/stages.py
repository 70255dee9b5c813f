"""What the stages of a run compute: pictures, runtimes, embeddings, and which pictures serve for what.

Each function takes the values of other stages, and by name the settings that it depends on; see stage_cache.py.
"""

from collections.abc import Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.convert.quantize import convert_cached
from imagetagger.data.dataset import BadDataError, Dataset, Skip, Split, multi_hot, select
from imagetagger.data.registry import load_dataset
from imagetagger.data.splits import holdout_count, holdout_mask, ranks_within_tag, subsample_mask
from imagetagger.embedding.extract import Embeddings, extract_embeddings
from imagetagger.embedding.runtime import Runtime, litert_runtime, make_runtime
from imagetagger.options import Variant
from imagetagger.preprocess import BadImageError, preprocess

RAW_RATE_SECONDS = 2.0


class Pictures(NamedTuple):
    """The pictures of a run.

    Attributes:
        dataset: to train on N pictures.
        listed: how many there were before a subset was taken.
        rank: int64 (N,) of each training picture within its tag; see data.splits.
    """

    dataset: Dataset
    listed: int
    rank: np.ndarray


class DataSplits(NamedTuple):
    """Which of the pictures that have embeddings serve for what.

    Attributes:
        labels: int32 (N, L) of the training pictures.
        is_holdout: bool (N,), those that nothing is fitted on.
        calibration_rows: int (K,), those of them that probabilities and thresholds are fitted on.
        tuning_rows: int (M,), those that are evaluated in place of validation pictures; None for validation pictures.
        evaluated: the M pictures that are reported on.
        labels_onehot: bool (M, C), their tags.
    """

    labels: np.ndarray
    is_holdout: np.ndarray
    calibration_rows: np.ndarray
    tuning_rows: np.ndarray | None
    evaluated: Split
    labels_onehot: np.ndarray

    @property
    def train(self) -> int:
        """Number of pictures that the classifier is fitted on."""
        return int((~self.is_holdout).sum())

    @property
    def tags(self) -> int:
        """Number of tags, C."""
        return self.labels_onehot.shape[1]


@wraps(load_dataset, assigned=())  # its parameters, which the runner passes
def load_pictures(**settings: Any) -> Pictures:
    """Load the data set and rank each training picture within its tag."""
    dataset = load_dataset(**settings)
    train, listed = dataset.train, len(dataset.train.ids) + len(dataset.validation.ids)
    return Pictures(dataset, listed, ranks_within_tag(train.ids, train.labels, settings["seed"]))


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
    return Pictures(dataset, pictures.listed, pictures.rank[rows])


def start_runtime(
    network: Backbone, *, resolution: int, runtime: str, batch_size: int, workers: int | None, cache: Path
) -> Runtime:
    """Make the network ready to embed on this machine."""
    return make_runtime(network, resolution, cache, runtime=runtime, batch_size=batch_size, workers=workers)


def start_variant(
    network: Backbone,
    crops: Sequence[np.ndarray] = (),
    *,
    variant: Variant,
    resolution: int,
    workers: int | None,
    cache: Path,
) -> Runtime:
    """Convert the network to a variant, int8 calibrated on `crops`, and make it ready to embed."""
    network = network._replace(net=network.net.clone(dtype=jnp.float32))  # whatever runs without a bundle embed in
    return litert_runtime(convert_cached(network, resolution, cache, variant, crops), workers)


def quantization_pictures(
    pictures: Pictures, *, holdout_fraction: float, count: int, resolution: int, pixel_limit: int
) -> list[np.ndarray]:
    """Preprocess the pictures that int8 is calibrated on: those of least content id, none of them held out.

    Raises:
        BadDataError: none can be used.
    """
    train = select(pictures.dataset.train, ~holdout_mask(pictures.rank, holdout_fraction))
    crops: list[np.ndarray] = []
    reason = "there are none"
    for i in sorted(range(len(train.ids)), key=train.ids.__getitem__):
        if len(crops) == count:
            break
        try:
            crops.append(preprocess(train.read(i), resolution, pixel_limit))
        except (BadImageError, OSError) as error:  # embedding skips and counts it
            reason = str(error)
    if not crops:
        raise BadDataError(f"none of {len(train.ids)} training pictures can be used to calibrate int8 on: {reason}")
    return crops


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
    role: Literal["train", "validation"],
    label: str,
    resolution: int,
    shard_size: int,
    pixel_limit: int,
    measure_raw_rate: bool,
    cache: Path,
) -> EmbeddedSplit:
    """Embed the pictures of a split, those not in the cache yet; `label` names the progress bar."""
    split = pictures.dataset.train if role == "train" else pictures.dataset.validation
    options: Any = {"shard_size": shard_size, "pixel_limit": pixel_limit, "name": f"{label} {role}"}
    rates = [model.raw_rate(RAW_RATE_SECONDS)] if measure_raw_rate else []
    embeddings = extract_embeddings(split, model, resolution, cache, **options)
    rates += [model.raw_rate(RAW_RATE_SECONDS)] if measure_raw_rate else []
    return EmbeddedSplit(embeddings, float(np.mean(rates)) if rates else None)


def assign_roles(
    pictures: Pictures, train: EmbeddedSplit, validation: EmbeddedSplit | None = None, *, holdout_fraction: float
) -> DataSplits:
    """Decide which pictures serve for what, without those that could not be embedded.

    Without validation pictures, those held out of training are divided: every other one of a tag is evaluated.

    Raises:
        BadDataError: none are left to fit on, or to evaluate.
    """
    dataset, rows = pictures.dataset, train.embeddings.rows
    is_holdout = holdout_mask(pictures.rank[rows], holdout_fraction)
    if is_holdout.all():
        skipped = len(train.embeddings.skipped) + len(dataset.skipped)
        raise BadDataError(f"no pictures to fit on are left: {skipped} were skipped; mend or add some")
    calibration_rows, tuning_rows = np.flatnonzero(is_holdout), None
    if validation is None:
        # By rank within the tag, so that both halves have pictures of every tag that has two.
        is_odd = holdout_count(pictures.rank[rows[calibration_rows]], holdout_fraction) % 2 > 0
        calibration_rows, tuning_rows = calibration_rows[~is_odd], calibration_rows[is_odd]
        if not len(tuning_rows):
            raise BadDataError(
                "tuning evaluates every other held-out picture of a tag, and no tag has two: got "
                f"holdout_fraction={holdout_fraction}, expected more, or more pictures"
            )
        evaluated = select(dataset.train, rows[tuning_rows])
    else:
        evaluated = select(dataset.validation, validation.embeddings.rows)
    labels_onehot = multi_hot(evaluated.labels, len(dataset.tags))
    return DataSplits(dataset.train.labels[rows], is_holdout, calibration_rows, tuning_rows, evaluated, labels_onehot)


def check_skipped(pictures: Pictures, *embedded: EmbeddedSplit, max_bad_fraction: float) -> tuple[Skip, ...]:
    """All skipped pictures, of loading and of embedding.

    Raises:
        BadDataError: the shares of both together exceed `max_bad_fraction`.
    """
    loading = pictures.dataset.skipped
    embedding = tuple(skip for split in embedded for skip in split.embeddings.skipped)
    count = sum(len(split.embeddings.rows) + len(split.embeddings.skipped) for split in embedded)
    share = len(loading) / max(len(loading) + pictures.listed, 1) + len(embedding) / max(count, 1)
    skipped = (*loading, *embedding)
    if share > max_bad_fraction:
        listed = "\n".join(f"  {skip.key}: {skip.reason}" for skip in skipped[:10])
        raise BadDataError(
            f"{len(skipped)} pictures ({100 * share:.1f} %) cannot be used, more than "
            f"max_bad_fraction={max_bad_fraction} allows. The first ones:\n{listed}\n"
            f"Mend or remove them, or set a larger max_bad_fraction=SHARE."
        )
    return skipped
