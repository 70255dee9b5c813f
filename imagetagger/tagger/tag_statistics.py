"""The rows in use: statistics of every tag, those of the bundle merged with those of the user's pictures.

They follow from the bundle and the lessons alone: a tag's pictures are merged in the order they were taught, and
whatever was forgotten or undone is left out as if it had never been taught. So saving and loading, or learning and
forgetting, give the same rows to the last bit. Unchanged rows are reused.
"""

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

import numpy as np

from imagetagger.bundle.executor import Executor, empty_row, lesson_row, merge_rows, split_blocks
from imagetagger.bundle.labels import Label
from imagetagger.bundle.reader import Bundle, Rows
from imagetagger.tagger.lessons import Lessons, final_tags


class TagRow(NamedTuple):
    """The statistics of one tag, C = 1.

    Attributes:
        base: indices of the bundle's rows in it, several for merged tags.
        pictures: ids of the user's pictures in it, in order.
        learned: statistics of these pictures.
        total: those of the bundle and these together.
        score_offset: that of the bundle's rows together; 0 without any.
    """

    base: tuple[int, ...]
    pictures: tuple[str, ...]
    learned: Rows
    total: Rows
    score_offset: float


class TagRows(NamedTuple):
    """The rows of all tags.

    Attributes:
        by_tag: by id, in the order of the vocabulary.
        blocks: their totals in that order, as `score` takes them, followed by at least one row without pictures,
            which scores as the background.
    """

    by_tag: dict[str, TagRow]
    blocks: tuple[Rows, ...]

    @property
    def score_offset(self) -> np.ndarray:
        """What is added to the score of each tag, float32 (C,)."""
        return np.array([row.score_offset for row in self.by_tag.values()], np.float32)


def update_rows(
    before: TagRows, bundle: Bundle, lessons: Lessons, vocabulary: Mapping[str, Label], executor: Executor
) -> TagRows:
    """Compute the rows of a bundle and lessons, reusing unchanged ones.

    Args:
        before: rows of the same bundle and other lessons.
        bundle: its rows come first.
        lessons: whose pictures are of the bundle's embedding space.
        vocabulary: the tags in use.
        executor: merges.
    """
    final = final_tags(lessons.edits.merged)
    base: dict[str, list[int]] = {tag: [] for tag in vocabulary}
    for i, label in enumerate(bundle.labels):
        base.get(final.get(label.id, label.id), []).append(i)
    pictures: dict[str, list[str]] = {tag: [] for tag in vocabulary}
    for key, picture in lessons.pictures.items():
        for tag in dict.fromkeys(final.get(stored, stored) for stored in picture.tags):
            pictures.get(tag, []).append(key)
    empty, by_tag = empty_row(bundle.manifest.model.features), {}
    nothing = TagRow((), (), empty, empty, 0.0)
    for tag in vocabulary:
        indices, keys, old = tuple(base[tag]), tuple(pictures[tag]), before.by_tag.get(tag)
        unchanged = old is not None and old.base == indices and old.pictures == keys
        if old and unchanged:
            by_tag[tag] = old
        elif indices or keys:
            by_tag[tag] = _tag_row(bundle, lessons, indices, keys, old, executor)
        else:
            by_tag[tag] = nothing  # one for all of them
    return TagRows(by_tag, _join_blocks(by_tag, before, executor.block, bundle.manifest.model.features))


def _tag_row(
    bundle: Bundle,
    lessons: Lessons,
    base: tuple[int, ...],
    pictures: tuple[str, ...],
    old: TagRow | None,
    executor: Executor,
) -> TagRow:
    if old is not None and pictures[:-1] == old.pictures:  # one picture more: continue from the old row
        learned, new = old.learned, pictures[len(old.pictures) :]
    else:
        learned, new = empty_row(bundle.manifest.model.features), pictures
    for key in new:
        learned = merge_rows(executor, learned, lesson_row(lessons.pictures[key].embedding))
    rows = [Rows(*(part[i : i + 1] for part in bundle.rows)) for i in base]
    if pictures or not rows:
        rows.append(learned)
    offset = float(np.logaddexp.reduce(bundle.score_offset[list(base)])) if base else 0.0
    return TagRow(base, pictures, learned, reduce(lambda a, b: merge_rows(executor, a, b), rows), offset)


def _join_blocks(by_tag: dict[str, TagRow], before: TagRows, size: int, features: int) -> tuple[Rows, ...]:
    """Totals in blocks; a block of reused rows only is itself reused."""
    rows, old_rows = list(by_tag.values()), list(before.by_tag.values())
    blocks: list[Rows] = []
    for start in range(0, len(rows) + 1, size):
        part, old = rows[start : start + size], old_rows[start : start + size]
        reused = len(part) == len(old) and all(a is b for a, b in zip(part, old, strict=True))
        if reused and len(blocks) < len(before.blocks):
            blocks.append(before.blocks[len(blocks)])
        elif not part:
            blocks += split_blocks(empty_row(features), size)
        else:
            joined = Rows(*(np.concatenate(column) for column in zip(*(row.total for row in part), strict=True)))
            blocks += split_blocks(joined, size)
    return tuple(blocks)
