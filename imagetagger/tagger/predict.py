"""Predictions of the rows in use: those of the bundle together with the user's lessons."""

import numpy as np

from imagetagger.bundle.executor import Executor, score_block
from imagetagger.bundle.manifest import Manifest
from imagetagger.prediction.conformal import adapt_coverage
from imagetagger.prediction.decision import PredictionSetRule
from imagetagger.prediction.predict import Prediction, PredictionError, log_class_prior, predict
from imagetagger.tagger.lessons import Lessons
from imagetagger.tagger.tag_statistics import TagRows


def predict_embedding(
    embedding: np.ndarray, rows: TagRows, manifest: Manifest, executor: Executor, coverage: float | None
) -> Prediction:
    """Predict the tags of one embedding, float32 (D,): N = 1.

    Args:
        embedding: of a picture.
        rows: of all C tags.
        manifest: of the bundle.
        executor: scores.
        coverage: of the prediction set; None for the bundle's.

    Raises:
        ValueError: a coverage is given that the bundle's rule cannot guarantee.
        PredictionError: a score is not finite.
    """
    scores = np.concatenate([score_block(executor, embedding, block) for block in rows.blocks])[None]
    count = tag_counts(rows)
    background = scores[:, len(count)] if manifest.decision.novelty else None
    log_prior = log_class_prior(count, manifest.classifier.class_prior)
    scores = scores[:, : len(count)] + rows.score_offset
    try:
        return predict(scores, background, log_prior, manifest.decision, coverage)
    except PredictionError as error:
        key = "" if error.tag is None else f" of the tag {list(rows.by_tag)[error.tag]!r}"
        raise PredictionError(f"{error}{key}: the bundle or the lessons cannot be used", error.tag) from error


def checked_arguments(top_k: object, coverage: object) -> tuple[int | None, float | None]:
    """Return a number of tags and a coverage as Python's own, NumPy's too; None as it is.

    Raises:
        ValueError: either is something else, or out of range.
    """
    if top_k is not None and (not isinstance(top_k, int | np.integer) or isinstance(top_k, bool) or top_k < 1):
        raise ValueError(f"got top_k={top_k!r}, expected a whole number of at least 1, or None for the tag set")
    if coverage is not None and (
        not isinstance(coverage, int | float | np.integer | np.floating)
        or isinstance(coverage, bool)
        or not 0 < coverage < 1
    ):
        raise ValueError(f"got coverage={coverage!r}, expected a number above 0 and below 1, such as 0.9")
    return None if top_k is None else int(top_k), None if coverage is None else float(coverage)


def tag_counts(rows: TagRows) -> np.ndarray:
    """Number of pictures of each tag, float32 (C,)."""
    return np.concatenate([block.count for block in rows.blocks])[: len(rows.by_tag)]


def adapted_coverage(lessons: Lessons, rule: PredictionSetRule) -> float | None:
    """Coverage to predict with, so that the target is kept given what the lessons' sets missed; None without one."""
    missed = [picture.missed for picture in lessons.pictures.values() if picture.missed is not None]
    return rule.coverage and adapt_coverage(rule.coverage, missed, rule.aci_step_size)


def missed_share(in_set: np.ndarray, rows: TagRows, tags: tuple[str, ...]) -> float | None:
    """Share of a picture's tags, by id, that its set (C,) lacks; None if none of them had pictures yet."""
    index = {key: i for i, key in enumerate(rows.by_tag)}
    # A broader term that was never taught has no row.
    with_pictures = [index[key] for key in tags if key in index and rows.by_tag[key].total.count[0] > 0]
    return float(1 - in_set[with_pictures].mean()) if with_pictures else None
