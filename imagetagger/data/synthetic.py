"""A small data set of procedural drawings, which needs no download."""

import io

import numpy as np

from imagetagger.data.dataset import Dataset, DatasetTag, Split, content_ids, pad_labels
from imagetagger.data.drawings import DRAWING_TAGS, draw_picture
from imagetagger.data.splits import train_validation_split


def load_synthetic(per_class: int, validation_fraction: float, seed: int, size: int = 96) -> Dataset:
    """Draw `per_class` pictures of each tag, PNG of size x size pixels, and split them, all by one seed."""
    seeds = np.random.SeedSequence(seed).spawn(per_class * len(DRAWING_TAGS))
    labels = np.arange(len(seeds)) % len(DRAWING_TAGS)
    pictures = [
        _draw_png(DRAWING_TAGS[label], np.random.default_rng(s), size) for label, s in zip(labels, seeds, strict=True)
    ]
    split = Split(
        keys=[f"{DRAWING_TAGS[label]}/{i // len(DRAWING_TAGS):03d}.png" for i, label in enumerate(labels)],
        ids=content_ids(pictures.__getitem__, len(pictures), "drawings"),
        labels=pad_labels([int(label)] for label in labels),
        read=pictures.__getitem__,
    )
    train, validation = train_validation_split(split, validation_fraction, seed)
    tags = tuple(DatasetTag(name, name) for name in DRAWING_TAGS)
    return Dataset("synthetic", tags, train, validation, is_split=False)


def _draw_png(tag: str, rng: np.random.Generator, size: int) -> bytes:
    buffer = io.BytesIO()
    draw_picture(tag, rng, size).save(buffer, "PNG")
    return buffer.getvalue()
