"""Pictures that were predicted correctly and wrongly, each with its tag set."""

from typing import NamedTuple

import numpy as np

from imagetagger.data.dataset import DatasetTag, Split
from imagetagger.evaluation.confusion import thumbnail
from imagetagger.prediction.prediction_sets import ranked_tags

SHOWN_TAGS = 5
"""Most probable tags that are shown of a set."""
SHOWN_TRUE_TAGS = 3
"""Tags shown beyond these, for true tags further down."""


class Chip(NamedTuple):
    """A tag shown with a picture: its rank, 1 for the most probable, and whether the tag set has it."""

    name: str
    rank: int
    probability: float
    is_true: bool
    in_set: bool


class ExamplePicture(NamedTuple):
    """A picture and its prediction.

    Attributes:
        key: its source.
        thumbnail: a data URI; None where the picture cannot be shown.
        names: of its true tags.
        predicted: the most probable tag.
        true: the most probable true tag among the chips; None without one.
        chips: the most probable tags of its set, and after them the true ones further down.
        size: tags in its set.
    """

    key: str
    thumbnail: str | None
    names: tuple[str, ...]
    predicted: str
    true: Chip | None
    chips: tuple[Chip, ...]
    size: int


def confident_count(count: int) -> int:
    """How many of `count` wrong examples are the most confident mistakes."""
    return (count + 1) // 2


def choose_examples(confidence: np.ndarray, is_correct: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Rows of up to `count` pictures that are correct, and of as many that are wrong.

    The correct ones are drawn at random. Of the wrong ones half are the most confident mistakes.

    Args:
        confidence: (N,) probability of the most probable tag.
        is_correct: bool (N,) that tag is right.
        count: of each kind.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    correct = rng.permutation(np.flatnonzero(is_correct))[:count]
    wrong = np.flatnonzero(~is_correct)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    confident = wrong[: confident_count(count)]
    return correct, np.concatenate([confident, rng.permutation(wrong[len(confident) :])[: count - len(confident)]])


def describe_examples(
    rows: np.ndarray,
    tags: tuple[DatasetTag, ...],
    split: Split,
    probabilities: np.ndarray,
    labels_onehot: np.ndarray,
    in_set: np.ndarray,
) -> list[ExamplePicture]:
    """The examples at `rows`.

    Args:
        rows: (E,) of the pictures.
        tags: C tags.
        split: N pictures.
        probabilities: (N, C).
        labels_onehot: bool (N, C).
        in_set: bool (N, C), the prediction sets.
    """
    orders = ranked_tags(probabilities[rows])

    def example(row: int, order: np.ndarray) -> ExamplePicture:
        p, is_true, is_in_set = probabilities[row], labels_onehot[row], in_set[row]
        is_first = np.arange(len(order)) < SHOWN_TAGS
        ranks = np.flatnonzero((is_first & is_in_set[order]) | is_true[order])[: SHOWN_TAGS + SHOWN_TRUE_TAGS]
        chips = [
            Chip(tags[t].name, rank + 1, float(p[t]), bool(is_true[t]), bool(is_in_set[t]))
            for rank, t in zip(ranks.tolist(), order[ranks], strict=True)
        ]
        return ExamplePicture(
            key=str(split.keys[row]),
            thumbnail=thumbnail(split, row),
            names=tuple(tags[t].name for t in np.flatnonzero(is_true)),
            predicted=tags[order[0]].name,
            true=next((chip for chip in chips if chip.is_true), None),
            chips=tuple(chips),
            size=int(is_in_set.sum()),
        )

    return [example(int(row), order) for row, order in zip(rows, orders, strict=True)]
