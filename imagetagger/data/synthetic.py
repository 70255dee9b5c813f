"""Drawings made by code: a small, friendly data set that needs no download."""

import io

import numpy as np

from imagetagger.data.dataset import Dataset, Split, Tag, content_ids, pad_labels
from imagetagger.data.drawings import TAGS, draw
from imagetagger.data.subset import divide


def load(per_class: int, validation_fraction: float, seed: int, size: int = 96) -> Dataset:
    """Draw `per_class` pictures of each tag, PNG of size x size pixels; the seed draws all of them."""
    seeds = np.random.SeedSequence(seed).spawn(per_class * len(TAGS))
    labels = np.arange(len(seeds)) % len(TAGS)
    pictures = [_draw_png(TAGS[label], np.random.default_rng(s), size) for label, s in zip(labels, seeds, strict=True)]
    split = Split(
        keys=[f"{TAGS[label]}/{i // len(TAGS):03d}.png" for i, label in enumerate(labels)],
        ids=content_ids(pictures.__getitem__, len(pictures), "drawings"),
        labels=pad_labels([int(label)] for label in labels),
        read=pictures.__getitem__,
    )
    train, validation = divide(split, validation_fraction, seed)
    return Dataset("synthetic", tuple(Tag(name, name) for name in TAGS), train, validation)


def _draw_png(tag: str, rng: np.random.Generator, size: int) -> bytes:
    buffer = io.BytesIO()
    draw(tag, rng, size).save(buffer, "PNG")
    return buffer.getvalue()
