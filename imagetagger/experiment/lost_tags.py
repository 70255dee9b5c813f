"""Tags of a folder none of whose pictures can be used are left out: no bundle has a tag without pictures."""

from collections.abc import Sequence

import numpy as np

from imagetagger.data.dataset import BadDataError, Skip, Split, multi_hot, select
from imagetagger.experiment.stages import EmbeddedSplit, Pictures


def find_lost_tags(
    pictures: Pictures, train: EmbeddedSplit, validation: EmbeddedSplit | None = None, *, is_pooled: bool
) -> tuple[int, ...]:
    """Return the tags of a folder that have training pictures, none of which could be embedded.

    Args:
        pictures: of the run.
        train: embeddings of the training pictures.
        validation: likewise.
        is_pooled: whether the bundle learns from the validation pictures too.

    Raises:
        BadDataError: fewer than two tags are left.
    """
    dataset, count = pictures.dataset, len(pictures.dataset.tags)
    if dataset.name != "folder":  # other sets know all tags, whether they have pictures or not
        return ()
    listed = multi_hot(dataset.train.labels, count).any(0)
    usable = multi_hot(dataset.train.labels[train.embeddings.rows], count).any(0)
    if validation is not None and is_pooled:
        usable |= multi_hot(dataset.validation.labels[validation.embeddings.rows], count).any(0)
    lost = tuple(np.flatnonzero(listed & ~usable).tolist())
    if lost and usable.sum() < 2:
        first = describe_lost(pictures, train, validation, tags=lost)[0]
        raise BadDataError(f"fewer than two tags have pictures that can be used: {first}")
    return lost


def describe_lost(
    pictures: Pictures, train: EmbeddedSplit, validation: EmbeddedSplit | None = None, *, tags: Sequence[int]
) -> list[str]:
    """Return a warning for each lost tag, with the first of its pictures."""
    dataset = pictures.dataset
    reasons = {skip.key: skip.reason for skip in _skipped(train, validation)}
    splits = (dataset.train, *(() if dataset.is_split else (dataset.validation,)))
    warnings = []
    for tag in tags:
        keys = [split.keys[row] for split in splits for row in np.flatnonzero((split.labels == tag).any(1))]
        bad = [key for key in keys if key in reasons]
        warnings.append(
            f"the tag {dataset.tags[tag].name!r} is left out: {len(bad)} of its {len(keys)} pictures cannot be used, "
            f"and none is left to learn from; the first: {bad[0]}: {reasons[bad[0]]}"
        )
    return warnings


def without_tags(
    pictures: Pictures, train: EmbeddedSplit, validation: EmbeddedSplit | None = None, *, tags: Sequence[int]
) -> Pictures:
    """Leave out tags, and the pictures that have no other tag; those of them that were skipped stay listed."""
    dataset, test = pictures.dataset, pictures.dataset.test
    rows, validation_rows = _rows_of_others(dataset.train, tags), _rows_of_others(dataset.validation, tags)
    kept = {dataset.train.keys[row] for row in rows} | {dataset.validation.keys[row] for row in validation_rows}
    return pictures._replace(
        dataset=dataset._replace(
            tags=tuple(tag for i, tag in enumerate(dataset.tags) if i not in tags),
            train=_select_others(dataset.train, rows, tags),
            validation=_select_others(dataset.validation, validation_rows, tags),
            test=_select_others(test, _rows_of_others(test, tags), tags) if test is not None else None,
            skipped=(*dataset.skipped, *(skip for skip in _skipped(train, validation) if skip.key not in kept)),
        ),
        rank=pictures.rank[rows],
        groups=pictures.groups[rows],
        validation_groups=pictures.validation_groups[validation_rows],
    )


def _skipped(train: EmbeddedSplit, validation: EmbeddedSplit | None) -> tuple[Skip, ...]:
    return train.embeddings.skipped + (validation.embeddings.skipped if validation else ())


def _rows_of_others(split: Split, tags: Sequence[int]) -> np.ndarray:
    return np.flatnonzero(((split.labels >= 0) & ~np.isin(split.labels, tags)).any(1))


def _select_others(split: Split, rows: np.ndarray, tags: Sequence[int]) -> Split:
    """Return the pictures at `rows`, their labels without `tags` and renumbered."""
    selected = select(split, rows)
    labels = selected.labels
    is_left = (labels >= 0) & ~np.isin(labels, tags)
    count = labels.max(initial=0) + 1
    ordered = np.sort(np.where(is_left, labels - np.searchsorted(np.sort(tags), labels), count), axis=1)
    return selected._replace(labels=np.where(ordered < count, ordered, -1).astype(np.int32))
