"""Scores of the pictures that tags were learned from, each by tags that were learned without it."""

from collections.abc import Callable, Iterator

import numpy as np

from imagetagger.bundle.reader import Rows

Score = Callable[[np.ndarray, Rows], np.ndarray]
"""Log joint (C,) of an embedding (D,) under rows: `bundle.executor.score_rows` with its executor."""


def learn_rows(base: Rows, embeddings: np.ndarray, labels: np.ndarray) -> Rows:
    """Return the statistics of a bundle's rows and of pictures together, float64.

    Args:
        base: rows of C tags; count 0 for those that the bundle does not know.
        embeddings: (N, D).
        labels: bool (N, C); a picture may have several tags.
    """
    count, mean, m2 = (np.array(part, np.float64) for part in base)
    for tag in np.flatnonzero(labels.any(0)):
        x = embeddings[labels[:, tag]].astype(np.float64)
        own, total = x.mean(0), count[tag] + len(x)
        shift = own - mean[tag]
        m2[tag] += np.square(x - own).sum(0) + np.square(shift) * count[tag] * len(x) / total
        mean[tag] += shift * len(x) / total
        count[tag] = total
    return Rows(count, mean, m2)


def merge_tag_rows(a: Rows, b: Rows) -> Rows:
    """Return the statistics of two collections of pictures together, float64; b's own where a has no picture.

    See `classifier.statistics.merge_statistics` for the formula.
    """
    n_a, n_b = (np.asarray(rows.count, np.float64)[:, None] for rows in (a, b))
    share = n_b / np.maximum(n_a + n_b, 1)
    delta = np.where(n_a == 0, 0, b.mean - a.mean.astype(np.float64))
    mean = np.where(n_a == 0, b.mean, a.mean + delta * share)
    return Rows((n_a + n_b)[:, 0], mean, a.m2 + b.m2.astype(np.float64) + np.square(delta) * n_a * share)


def forget_pictures(rows: Rows, embeddings: np.ndarray, labels: np.ndarray) -> Rows:
    """Return rows, float64, without some of the pictures that they were learned from; the inverse of `learn_rows`."""
    count, mean, m2 = (part.copy() for part in rows)
    for embedding, tags in zip(embeddings.astype(np.float64), labels, strict=True):
        for tag in np.flatnonzero(tags):
            before = embedding - mean[tag]
            count[tag] -= 1
            mean[tag] = mean[tag] - before / count[tag] if count[tag] > 0 else 0
            m2[tag] = np.maximum(m2[tag] - before * (embedding - mean[tag]), 0) if count[tag] > 0 else 0
    return Rows(count, mean, m2)


def leave_one_out(
    embeddings: np.ndarray, labels: np.ndarray, base: Rows, score: Score, groups: np.ndarray | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each picture's index and its scores (C + 1,) by rows learned without its group; the last is the background.

    Exact, by the algebra of merging with weight -1: no classifier is fitted again.

    Args:
        embeddings: (N, D) of the pictures that people tagged.
        labels: bool (N, C).
        base: rows of the C tags before; count 0 for those that the bundle does not know.
        score: of an embedding under rows; the prior on the means and the background are the bundle's.
        groups: (N,), equal for pictures that are not independent, such as those of a burst; None if all are.
    """
    rows = learn_rows(base, embeddings, labels)
    index = np.arange(len(embeddings)) if groups is None else np.unique(groups, return_inverse=True)[1]
    order = np.argsort(index, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(index[order])) + 1):
        others = with_background(forget_pictures(rows, embeddings[members], labels[members]))
        for picture in members.tolist():
            yield picture, score(embeddings[picture], others)


def with_background(rows: Rows) -> Rows:
    """Return rows as a bundle's model takes them, float32, and one more without pictures, which is the background."""
    return Rows(*(np.concatenate([part, np.zeros_like(part[:1])]).astype(np.float32) for part in rows))
