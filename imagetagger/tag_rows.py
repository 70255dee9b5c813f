"""The rows in use: statistics of every tag, those of the bundle merged with those of the user's pictures.

They follow from the bundle and the lessons alone: a tag's pictures are merged in the order they were taught, and
whatever was forgotten or undone is left out as if it had never been. So saving and loading, or learning and
forgetting, give the same rows to the last bit. What did not change is taken over.
"""

from collections.abc import Mapping
from functools import reduce
from typing import NamedTuple

import numpy as np

from imagetagger.bundle.execute import Executor, blank, blocks, lesson, merge
from imagetagger.bundle.read import Bundle, Label, Rows
from imagetagger.lessons import Lessons, resolve


class TagRow(NamedTuple):
    """The statistics of one tag, C = 1.

    Attributes:
        base: indices of the bundle's rows in it, several where tags were merged.
        pictures: content ids of the user's pictures in it, in order.
        learned: statistics of these pictures.
        total: those of the bundle and these together.
    """

    base: tuple[int, ...]
    pictures: tuple[str, ...]
    learned: Rows
    total: Rows


class TagRows(NamedTuple):
    """The rows of all tags.

    Attributes:
        by_tag: by id, in the order of the vocabulary.
        blocks: their totals in that order, as `score` takes them, and behind them at least one row of no pictures,
            which scores as the background.
    """

    by_tag: dict[str, TagRow]
    blocks: tuple[Rows, ...]


def advance(
    before: TagRows, bundle: Bundle, lessons: Lessons, vocabulary: Mapping[str, Label], executor: Executor
) -> TagRows:
    """Return the rows of a bundle and lessons, taking over from the rows `before` what is the same.

    Args:
        before: rows of the same bundle and other lessons.
        bundle: its rows come first.
        lessons: whose pictures are of the bundle's embedding space.
        vocabulary: the tags in use.
        executor: merges.
    """
    base: dict[str, list[int]] = {tag: [] for tag in vocabulary}
    for i, label in enumerate(bundle.labels):
        base.get(resolve(label.id, lessons.edits), []).append(i)
    pictures: dict[str, list[str]] = {tag: [] for tag in vocabulary}
    for key, picture in lessons.pictures.items():
        for tag in dict.fromkeys(resolve(own, lessons.edits) for own in picture.tags):
            pictures.get(tag, []).append(key)
    by_tag = {}
    for tag in vocabulary:
        members, taught = tuple(base[tag]), tuple(pictures[tag])
        old = before.by_tag.get(tag)
        same = old is not None and old.base == members and old.pictures == taught
        by_tag[tag] = old if old and same else _row(bundle, lessons, members, taught, old, executor)
    return TagRows(by_tag, _blocks(by_tag, before, executor.block, bundle.manifest.model.features))


def _row(
    bundle: Bundle,
    lessons: Lessons,
    base: tuple[int, ...],
    taught: tuple[str, ...],
    old: TagRow | None,
    executor: Executor,
) -> TagRow:
    if old is not None and taught[:-1] == old.pictures:  # one picture more: go on from what is there
        learned, rest = old.learned, taught[len(old.pictures) :]
    else:
        learned, rest = blank(bundle.manifest.model.features), taught
    for key in rest:
        learned = merge(executor, learned, lesson(lessons.pictures[key].embedding))
    rows = [Rows(*(part[i : i + 1] for part in bundle.rows)) for i in base]
    if taught or not rows:
        rows.append(learned)
    return TagRow(base, taught, learned, reduce(lambda a, b: merge(executor, a, b), rows))


def _blocks(by_tag: dict[str, TagRow], before: TagRows, size: int, features: int) -> tuple[Rows, ...]:
    """Return the totals in blocks; a block whose rows are all taken over is taken over itself."""
    rows, old = list(by_tag.values()), list(before.by_tag.values())
    result = []
    for number, start in enumerate(range(0, len(rows) + 1, size)):
        part, previous = rows[start : start + size], old[start : start + size]
        if (
            number < len(before.blocks)
            and len(part) == len(previous)
            and all(a is b for a, b in zip(part, previous, strict=True))
        ):
            result.append(before.blocks[number])
        elif not part:
            result += blocks(blank(features), size)
        else:
            joined = Rows(*(np.concatenate(column) for column in zip(*(row.total for row in part), strict=True)))
            result += blocks(joined, size)
    return tuple(result)
