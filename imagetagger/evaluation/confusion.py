"""Which tags are hard, what they are taken for, and how such pictures look."""

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagetagger.data.dataset import Split
from imagetagger.prediction.prediction_sets import true_label_ranks
from imagetagger.preprocess import crop_square, decode_image

THUMBNAIL_SIDE = 128
"""Pixels across a thumbnail, fewer where the picture has fewer."""
EXAMPLES_PER_CONFUSION = 3
"""Pictures of a confusion."""


class TagAccuracy(NamedTuple):
    """How many of a tag's pictures were recognised."""

    name: str
    right: int
    pictures: int


class Confusion(NamedTuple):
    """How many of a tag's pictures were taken for another.

    Attributes:
        true: the name of the tag they have.
        said: the name of the tag they were taken for.
        pictures: how many.
        of: all pictures of the tag.
        rows: a few of them, the most confident mistakes first.
    """

    true: str
    said: str
    pictures: int
    of: int
    rows: tuple[int, ...]


def thumbnail(split: Split, row: int, side: int = THUMBNAIL_SIDE) -> str | None:
    """Return the centre square that the network saw as a data URI; None where it cannot be read any more."""
    try:
        image = decode_image(split.read(row))
        pixels = crop_square(image, min(side, *image.size))
    except Exception:  # whatever became of one picture since it was embedded must not cost the report
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def accuracy_per_tag(probabilities: np.ndarray, truth: np.ndarray, names: list[str]) -> list[TagAccuracy]:
    """Return the accuracy of every tag that has pictures, the worst first.

    A picture of n tags counts as right for those of them that are among its n most probable tags.
    """
    rows, tags, place = true_label_ranks(probabilities, truth)
    right = np.bincount(tags[place < truth.sum(1)[rows]], minlength=len(names))
    pictures = truth.sum(0)
    found = [TagAccuracy(names[t], int(right[t]), int(pictures[t])) for t in np.flatnonzero(pictures)]
    return sorted(found, key=lambda tag: (tag.right / tag.pictures, -tag.pictures))


def top_confusions(probabilities: np.ndarray, truth: np.ndarray, names: list[str], listed: int) -> list[Confusion]:
    """Return which tags were most often taken for which other, at most `listed` pairs."""
    first = probabilities.argmax(1)
    rows, true = np.nonzero(truth & ~truth[np.arange(len(truth)), first][:, None])
    pairs, pair, counts = np.unique(np.stack([true, first[rows]], 1), axis=0, return_inverse=True, return_counts=True)
    of = truth.sum(0)

    def confusion(i: int) -> Confusion:
        t, said = pairs[i]
        some = rows[pair.ravel() == i]
        sure = some[np.argsort(-probabilities[some, said], kind="stable")][:EXAMPLES_PER_CONFUSION]
        return Confusion(names[t], names[said], int(counts[i]), int(of[t]), tuple(sure.tolist()))

    return [confusion(i) for i in np.argsort(-counts, kind="stable")[:listed]]
