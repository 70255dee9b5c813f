"""Which tags are hard, which others are predicted in their place, and how such pictures look."""

import base64
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from imagetagger.data.dataset import Split
from imagetagger.prediction.prediction_sets import true_label_ranks
from imagetagger.preprocess import crop_square, decode_image

THUMBNAIL_SIDE = 128
"""Side of a thumbnail in pixels; smaller for smaller pictures."""
EXAMPLES_PER_CONFUSION = 3
"""Pictures listed per confusion."""


class TagAccuracy(NamedTuple):
    """How many of a tag's pictures were classified correctly."""

    name: str
    correct: int
    pictures: int


class Confusion(NamedTuple):
    """Pictures of one tag that were taken for another.

    Attributes:
        true: name of the tag that they have.
        predicted: name of the tag that they were taken for.
        pictures: how many they are.
        total: number of all pictures of the true tag.
        rows: some of them, the most confident mistakes first.
    """

    true: str
    predicted: str
    pictures: int
    total: int
    rows: tuple[int, ...]


def thumbnail(split: Split, row: int, side: int = THUMBNAIL_SIDE) -> str | None:
    """The centre square that the network saw, as a data URI; None if the picture can no longer be read."""
    try:
        image = decode_image(split.read(row))
        pixels = crop_square(image, min(side, *image.size))
    except Exception:  # whatever happened to a picture since it was embedded must not fail the report
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def accuracy_per_tag(probabilities: np.ndarray, labels_onehot: np.ndarray, names: list[str]) -> list[TagAccuracy]:
    """The accuracy of every tag that has pictures, the worst first.

    A picture of n tags counts as correct for those of them that are among its n most probable tags.

    Args:
        probabilities: (N, C), or their logarithms.
        labels_onehot: bool (N, C), at least one true tag per picture.
        names: of the C tags.
    """
    rows, tags, ranks = true_label_ranks(probabilities, labels_onehot)
    correct = np.bincount(tags[ranks < labels_onehot.sum(1)[rows]], minlength=len(names))
    pictures = labels_onehot.sum(0)
    accuracies = [TagAccuracy(names[t], int(correct[t]), int(pictures[t])) for t in np.flatnonzero(pictures)]
    return sorted(accuracies, key=lambda tag: (tag.correct / tag.pictures, -tag.pictures))


def top_confusions(
    probabilities: np.ndarray, labels_onehot: np.ndarray, names: list[str], listed: int
) -> list[Confusion]:
    """The most frequent confusions, at most `listed`; the other arguments are as in `accuracy_per_tag`."""
    top1 = probabilities.argmax(1)
    is_wrong = ~labels_onehot[np.arange(len(labels_onehot)), top1]
    rows, tags = np.nonzero(labels_onehot & is_wrong[:, None])
    pairs, pair, counts = np.unique(np.stack([tags, top1[rows]], 1), axis=0, return_inverse=True, return_counts=True)
    totals = labels_onehot.sum(0)

    def confusion(i: int) -> Confusion:
        true, predicted = pairs[i]
        mistakes = rows[pair.ravel() == i]
        most_confident = mistakes[np.argsort(-probabilities[mistakes, predicted], kind="stable")]
        examples = tuple(most_confident[:EXAMPLES_PER_CONFUSION].tolist())
        return Confusion(names[true], names[predicted], int(counts[i]), int(totals[true]), examples)

    return [confusion(i) for i in np.argsort(-counts, kind="stable")[:listed]]
