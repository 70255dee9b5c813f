"""One draw of labelled pictures: scores of them and of the rest, and what each rule writes."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from imagetagger.archive.promise.decide import decide_tags
from imagetagger.archive.promise.evidence import find_evidence
from imagetagger.archive.promise.leave_one_out import Score, learn_rows, leave_one_out, with_background
from imagetagger.archive.promise.precision_threshold import MIN_THRESHOLD
from imagetagger.archive.promise.tag_calibration import TagCalibration, fit_tag_calibration, tag_probabilities
from imagetagger.archive.promise.tag_promises import TagPromise, promise_tags
from imagetagger.archive.promise.tag_scores import rival_tags, tag_scores
from imagetagger.bundle.reader import Rows


class Draw(NamedTuple):
    """Scores under C tags and the background, (N, C + 1), and tags, bool (N, C).

    Attributes:
        labelled: scores of labelled pictures by tags learned without them.
        labels: what was set for them.
        rest: scores of the rest.
        truth: tags of the rest.
        others: scores of pictures that show no tag.
        rest_embeddings: (N, D) of the rest.
    """

    labelled: np.ndarray
    labels: np.ndarray
    rest: np.ndarray
    truth: np.ndarray
    others: np.ndarray
    rest_embeddings: np.ndarray


class Probabilities(NamedTuple):
    """Probabilities (N, C) of the labelled pictures, of the rest and of the others."""

    labelled: np.ndarray
    rest: np.ndarray
    others: np.ndarray


Rule = Callable[[Draw, Probabilities, float], tuple[TagPromise, ...]]


def score_draw(
    x: np.ndarray, truth: np.ndarray, is_labelled: np.ndarray, labels: np.ndarray, others: np.ndarray, score: Score
) -> Draw:
    """Learn tags from the labelled pictures and score all.

    Args:
        x: (N, D) embeddings.
        truth: bool (N, C).
        is_labelled: bool (N,).
        labels: bool (N, C), what was set; read where pictures are labelled.
        others: (M, D) embeddings of pictures that show no tag.
        score: of an embedding under rows.
    """
    tags, features = truth.shape[1], x.shape[1]
    base = Rows(np.zeros(tags), np.zeros((tags, features)), np.zeros((tags, features)))
    known, known_labels = x[is_labelled], labels[is_labelled]
    scored = dict(leave_one_out(known, known_labels, base, score))
    rows = with_background(learn_rows(base, known, known_labels))
    return Draw(
        np.stack([scored[picture] for picture in range(len(known))]),
        known_labels,
        np.stack([score(embedding, rows) for embedding in x[~is_labelled]]),
        truth[~is_labelled],
        np.array([score(embedding, rows) for embedding in others]).reshape(-1, tags + 1),
        x[~is_labelled],
    )


def probabilities(draw: Draw, *, with_rivals: bool = True) -> Probabilities:
    """Calibrate the scores against the background, and against rival tags if asked for."""
    rivals = rival_tags(draw.labels) if with_rivals else None
    log_prior = np.where(draw.labels.any(0), 0.0, -np.inf)
    labelled, rest, others = (
        tag_scores(scores[:, :-1], scores[:, -1], log_prior, rivals)
        for scores in (draw.labelled, draw.rest, draw.others)
    )
    calibration: TagCalibration = fit_tag_calibration(labelled, draw.labels, find_evidence(draw.labels))
    return Probabilities(*(tag_probabilities(part, calibration) for part in (labelled, rest, others)))


def promised(draw: Draw, p: Probabilities, precision: float) -> tuple[TagPromise, ...]:
    """Promise the precision with a confidence of 95 %."""
    return promise_tags(p.labelled, draw.labels, find_evidence(draw.labels), precision=precision)


def observed(draw: Draw, p: Probabilities, precision: float) -> tuple[TagPromise, ...]:
    """Take for each tag the lowest threshold at which the labelled pictures have the precision, untested."""
    return tuple(_untested(_lowest(p.labelled[:, tag], right, precision)) for tag, right in enumerate(draw.labels.T))


def believed(draw: Draw, p: Probabilities, precision: float) -> tuple[TagPromise, ...]:
    """Take the calibrated probability at its word."""
    return (_untested(precision),) * draw.labels.shape[1]


def _lowest(probability: np.ndarray, is_right: np.ndarray, precision: float) -> float | None:
    thresholds = [float(t) for t in np.unique(probability) if t >= MIN_THRESHOLD]
    return next((t for t in thresholds if is_right[probability >= t].mean() >= precision), None)


def _untested(threshold: float | None) -> TagPromise:
    return TagPromise(threshold, 0, None, None, False, 0)


def measure(draw: Draw, p: Probabilities, promises: tuple[TagPromise, ...]) -> dict[str, float]:
    """What is written for the rest, whether it is right there and with the others beside it, and what wants a look."""
    decision = decide_tags(p.rest, promises, embeddings=draw.rest_embeddings)
    written, right = decision.is_written.sum(), (decision.is_written & draw.truth).sum()
    is_pooled = np.array([promise.pooled for promise in promises])
    has_own = np.array([promise.threshold is not None for promise in promises]) & ~is_pooled
    looks = [draw.truth[group.pictures, group.tag] for group in decision.looks]
    measured = {
        "own": float(has_own.sum()),
        "pooled": float(is_pooled.sum()),
        "written": float(written),
        "precision": float(right / written) if written else 1.0,
        "recall": float(right / draw.truth.sum()),
        "looks": float(sum(map(len, looks))),
        "looks_right": float(np.concatenate(looks).mean()) if looks else 1.0,
    }
    if len(p.others):
        total = written + decide_tags(p.others, promises).is_written.sum()
        measured["beside_others"] = float(right / total) if total else 1.0
    return measured
