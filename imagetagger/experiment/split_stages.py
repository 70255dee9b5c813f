"""The stages that group pictures, hold some out to evaluate on, and afterwards put all of them together again."""

from typing import Any

import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import select
from imagetagger.data.groups import Grouping, group_pictures
from imagetagger.data.splits import assign_folds, ranks_within_tag, validation_mask
from imagetagger.embedding.extract import Embeddings
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import DataSplits, EmbeddedSplit, Pictures
from imagetagger.experiment.variant_stages import embed_pictures, start_model


def divide_pictures(
    runner: StageRunner, s: Experiment, loaded: StageResult[Pictures], backbone: StageResult[Backbone]
) -> StageResult[Pictures]:
    """Group the pictures, and hold out whole groups to evaluate on unless the data set is split already.

    Near twins are found by the float32 embeddings of the network, before any picture has a role. Where all pictures are
    evaluated out of fold, none are held out.
    """
    is_out_of_fold = s.evaluate.split == "out_of_fold"
    if s.data.group_by == "none" and (is_out_of_fold or not is_undivided(loaded.value)):
        return loaded
    embedded: tuple[StageResult[EmbeddedSplit], ...] = ()
    if s.data.group_by in ("auto", "similarity"):
        model = start_model(runner, s, backbone, loaded, "float32")
        embedded = (embed_pictures(runner, s, "embed for groups", loaded, model, "train", label="embedding float32"),)
    grouping = runner.run("group", group_training_pictures, loaded, *embedded, section=s.data)
    return runner.run("divide", divide, loaded, grouping, section=s.data, seed=s.seed, is_out_of_fold=is_out_of_fold)


def is_undivided(pictures: Pictures) -> bool:
    """Whether the pipeline has to hold out the pictures to evaluate on."""
    return not pictures.dataset.is_split and not len(pictures.dataset.validation.ids)


def group_training_pictures(pictures: Pictures, embedded: EmbeddedSplit | None = None, *, group_by: Any) -> Grouping:
    """Group the training pictures; those that could not be embedded are groups of their own."""
    train = pictures.dataset.train
    if embedded is None:
        return group_pictures(train, np.zeros((len(train.ids), 1), np.float32), group_by=group_by)
    rows = embedded.embeddings.rows
    grouping = group_pictures(select(train, rows), embedded.x, group_by=group_by)
    groups = grouping.groups.max(initial=-1) + 1 + np.arange(len(train.ids))
    groups[rows] = grouping.groups
    return grouping._replace(groups=groups)


def divide(
    pictures: Pictures, grouping: Grouping, *, validation_fraction: float, seed: int, is_out_of_fold: bool = False
) -> Pictures:
    """Give the pictures their groups, and hold out a share of the groups if the data set is not split."""
    dataset, train = pictures.dataset, pictures.dataset.train
    if is_out_of_fold or not is_undivided(pictures):
        return pictures._replace(groups=grouping.groups, joined=grouping.joined)
    mask = validation_mask(train.ids, train.labels, grouping.groups, validation_fraction, seed)
    divided = dataset._replace(train=select(train, ~mask), validation=select(train, mask))
    rank = ranks_within_tag(divided.train.ids, divided.train.labels, seed)
    return Pictures(divided, pictures.listed, rank, grouping.groups[~mask], grouping.groups[mask], grouping.joined)


def pool_embeddings(train: EmbeddedSplit, validation: EmbeddedSplit) -> EmbeddedSplit:
    """Join the embeddings of the training and the validation pictures."""
    x = np.concatenate([train.x, validation.x])
    skipped = (*train.embeddings.skipped, *validation.embeddings.skipped)
    return EmbeddedSplit(Embeddings(x, np.arange(len(x)), skipped, 0, 0.0), None)


def pool_splits(splits: DataSplits, *, folds: int, seed: int) -> DataSplits:
    """Return the roles of the pooled pictures: all of them are fitted, in folds of their own."""
    ids = [*splits.ids, *splits.evaluated.ids]
    labels = _stack_labels(splits.labels, splits.evaluated.labels)
    groups = np.concatenate([splits.groups, splits.evaluated_groups + splits.groups.max(initial=-1) + 1])
    is_seen = np.concatenate([splits.is_seen, np.zeros(len(splits.evaluated.ids), bool)])
    folds_of = assign_folds(ids, labels, groups, folds, seed)
    return splits._replace(ids=ids, labels=labels, folds=folds_of, groups=groups, is_seen=is_seen)


def _stack_labels(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Labels (N, L) below labels (M, K), padded with -1 to the wider of both."""
    width = max(a.shape[1], b.shape[1])
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=-1) for part in (a, b)]
    return np.concatenate(padded)
