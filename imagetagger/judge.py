"""What the rows in use say of an embedding: probabilities, a tag set, and whether anything fits."""

from typing import NamedTuple

import numpy as np

from imagetagger import conformal, unknown
from imagetagger.bundle import execute
from imagetagger.bundle.execute import Executor
from imagetagger.bundle.manifest import Manifest
from imagetagger.decide import TagSet, decide
from imagetagger.lessons import Lessons
from imagetagger.tag_rows import TagRows


class Judgement(NamedTuple):
    """Of one embedding under C tags.

    Attributes:
        probability: float64 (C,), calibrated; 0 for tags that were never taught.
        member: bool (C,), the tag set, which holds no tag that was never taught.
        fit: how well the best tag fits, in nats above the background; None for a bundle without one, or without a tag
            that was taught.
        unknown: whether that is too little.
    """

    probability: np.ndarray
    member: np.ndarray
    fit: float | None
    unknown: bool


def judge(
    embedding: np.ndarray, rows: TagRows, manifest: Manifest, executor: Executor, coverage: float | None
) -> Judgement:
    """Judge an embedding, float32 (D,).

    Args:
        embedding: of a picture.
        rows: of all tags.
        manifest: of the bundle.
        executor: scores.
        coverage: of the tag set; None for the bundle's.

    Raises:
        ValueError: a coverage was asked for that the bundle's rule cannot promise.
    """
    scores = np.concatenate([execute.score(executor, embedding, block) for block in rows.blocks])
    count = counts(rows)
    seen, limit = count > 0, manifest.decision.unknown
    joint = np.where(seen, scores[: len(seen)], -np.inf)
    fit = None
    if limit and seen.any():
        prior = np.log(np.maximum(count, 1)) if manifest.classifier.class_prior == "counts" else 0.0
        fit = float(unknown.fit_of((joint - prior)[None], scores[None, len(seen)])[0])
    strange = limit is not None and (fit is None or fit < limit.threshold)
    if not seen.any():
        return Judgement(np.zeros(len(seen)), seen, fit, strange)
    (log_p,), (member,) = decide(joint[None], manifest.decision, coverage)
    return Judgement(np.exp(log_p), member & seen, fit, strange)


def counts(rows: TagRows) -> np.ndarray:
    """Return how many pictures taught each tag, float32 (C,)."""
    return np.concatenate([block.count for block in rows.blocks])[: len(rows.by_tag)]


def wanted_coverage(lessons: Lessons, tag_set: TagSet) -> float | None:
    """Return the coverage to ask for so that the promised one is kept, after what the lessons say of misses."""
    missed = [picture.missed for picture in lessons.pictures.values() if picture.missed is not None]
    return tag_set.coverage and conformal.adapt(tag_set.coverage, missed, tag_set.adapt_rate)


def share_missed(member: np.ndarray, rows: TagRows, tags: tuple[str, ...]) -> float | None:
    """Return the share of a picture's tags, by id, that its set (C,) lacks; None where none was taught yet."""
    index = {key: i for i, key in enumerate(rows.by_tag)}
    could = [index[key] for key in tags if rows.by_tag[key].total.count[0] > 0]
    return float(1 - member[could].mean()) if could else None
