"""Mergeable metrics: sums over pictures, divided once at the end (empty, observe, merge, compute)."""

from typing import NamedTuple

import numpy as np

from imagetagger.prediction.prediction_sets import true_label_ranks

RELIABILITY_BINS = 15
"""Equal-width bins of top-1 confidence for the expected calibration error."""


class Metrics(NamedTuple):
    """Sums over pictures; from `observe_predictions` one row per picture, with N as leading axis.

    Attributes:
        count: pictures.
        top1, top5, top10: pictures with a true tag among the k most probable.
        log_loss: summed -log p(true tag), in nats; mean over a picture's true tags.
        covered: share of a picture's true tags that are in its prediction set.
        set_size: tags in its prediction set.
        bin_count, bin_confidence, bin_correct: (RELIABILITY_BINS,) pictures, their top-1 confidence, and how many of
            them are classified correctly, by bin of confidence.
    """

    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count
    top1: np.ndarray
    top5: np.ndarray
    top10: np.ndarray
    log_loss: np.ndarray
    covered: np.ndarray
    set_size: np.ndarray
    bin_count: np.ndarray
    bin_confidence: np.ndarray
    bin_correct: np.ndarray


def empty_metrics() -> Metrics:
    """The metrics of no pictures: the identity of `merge_metrics`."""
    return Metrics(*(np.zeros(RELIABILITY_BINS if name.startswith("bin_") else ()) for name in Metrics._fields))


def observe_predictions(log_p: np.ndarray, in_set: np.ndarray, labels_onehot: np.ndarray) -> Metrics:
    """The contribution of each picture, every field with leading axis N.

    Args:
        log_p: (N, C) log probabilities.
        in_set: bool (N, C) prediction sets.
        labels_onehot: bool (N, C) true tags, at least one per picture.
    """
    covered = (labels_onehot & in_set).sum(1) / labels_onehot.sum(1)
    observed = observe_probabilities(log_p, labels_onehot)
    return observed._replace(covered=covered, set_size=in_set.sum(1).astype(float))


def observe_probabilities(log_p: np.ndarray, labels_onehot: np.ndarray) -> Metrics:
    """The contribution of each picture with an empty prediction set; the arguments are as in `observe_predictions`."""
    pictures, _, ranks = true_label_ranks(log_p, labels_onehot)
    best = np.full(len(log_p), labels_onehot.shape[1])
    np.minimum.at(best, pictures, ranks)
    confidence, correct = np.exp(log_p.max(1, initial=-np.inf)), (best < 1).astype(float)
    # Bins (0, 1/15], ..., (14/15, 1]; a confidence on an edge belongs to the bin below it.
    bins = np.eye(RELIABILITY_BINS)[
        np.clip(np.ceil(confidence * RELIABILITY_BINS) - 1, 0, RELIABILITY_BINS - 1).astype(int)
    ]
    return Metrics(
        count=np.ones(len(log_p)),
        top1=correct,
        top5=(best < 5).astype(float),
        top10=(best < 10).astype(float),
        log_loss=-np.where(labels_onehot, log_p, 0).sum(1) / labels_onehot.sum(1),
        covered=np.zeros(len(log_p)),
        set_size=np.zeros(len(log_p)),
        bin_count=bins,
        bin_confidence=bins * confidence[:, None],
        bin_correct=bins * correct[:, None],
    )


def total_metrics(observed: Metrics, weights: np.ndarray | None = None) -> Metrics:
    """Sum the contributions of N pictures, each times its weight (N,), or 1 for None."""
    return Metrics(*(field.sum(0) if weights is None else weights @ field for field in observed))


def merge_metrics(a: Metrics, b: Metrics) -> Metrics:
    """The metrics of two collections of pictures together."""
    return Metrics(*(x + y for x, y in zip(a, b, strict=True)))


def compute_metrics(metrics: Metrics) -> dict[str, float]:
    """Shares, mean log loss in nats, mean set size and expected calibration error; NaN without pictures.

    ECE = sum over bins of n_bin / n |accuracy_bin - confidence_bin|.

    Source of ECE: Guo et al. 2017, On calibration of modern neural networks, section 2.
    """
    n = metrics.count if metrics.count > 0 else np.nan
    gap = np.abs(metrics.bin_correct - metrics.bin_confidence).sum()
    return {
        "top1": float(metrics.top1 / n),
        "top5": float(metrics.top5 / n),
        "top10": float(metrics.top10 / n),
        "log_loss": float(metrics.log_loss / n),
        "ece": float(gap / n),
        "coverage": float(metrics.covered / n),
        "set_size": float(metrics.set_size / n),
    }


def reliability_bins(total: Metrics) -> dict[str, list[float]]:
    """The number of pictures, their summed confidence and how many are correct, by bin of confidence."""
    return {name.removeprefix("bin_"): getattr(total, name).tolist() for name in total._fields[-3:]}
