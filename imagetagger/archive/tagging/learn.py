"""Learning the tags that people set: their statistics, calibrated probabilities, and what can be promised."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from imagetagger.archive.keywords.fields import Keyword
from imagetagger.archive.promise.evidence import find_evidence
from imagetagger.archive.promise.leave_one_out import learn_rows, leave_one_out, merge_tag_rows, with_background
from imagetagger.archive.promise.tag_calibration import TagCalibration, fit_tag_calibration, tag_probabilities
from imagetagger.archive.promise.tag_promises import TagPromise, promise_tags
from imagetagger.archive.promise.tag_scores import rival_tags, tag_scores
from imagetagger.archive.tagging.labelled import LabelledPictures
from imagetagger.bundle.executor import Executor, score_rows
from imagetagger.bundle.names import name_key
from imagetagger.bundle.reader import Bundle, Rows
from imagetagger.prediction.predict import log_class_prior

FOUND = 0.5
"""Probability from which on a tag counts as found in a report."""


class TagReport(NamedTuple):
    """How well a tag is found, by pictures that it was learned without.

    Attributes:
        keyword: the tag.
        pictures: that people gave it.
        precision: share of right ones among the pictures where it is more probable than not; None without any. A tag
            that people did not set counts as wrong.
        recall: share of its pictures among these.
        confused_with: the tag that most of its wrong pictures have, if there is one.
        promise: what can be promised.
    """

    keyword: Keyword
    pictures: int
    precision: float | None
    recall: float
    confused_with: Keyword | None
    promise: TagPromise


class LearnedTags(NamedTuple):
    """C tags that were learned from an archive, and all that predicts them.

    Attributes:
        keywords: the tags.
        rows: statistics of all their pictures, with those of the bundle's tags of the same name, float32.
        rivals: bool (C, C), which tags exclude each other.
        calibration: of the probabilities.
        promises: of each tag.
        precision: that was promised.
        bundle: digest of the bundle that they extend.
        space: embedding space of the rows.
        reports: of each tag.
    """

    keywords: tuple[Keyword, ...]
    rows: Rows
    rivals: np.ndarray
    calibration: TagCalibration
    promises: tuple[TagPromise, ...]
    precision: float
    bundle: str
    space: str
    reports: tuple[TagReport, ...]


class LearnError(ValueError):
    """An archive from which nothing can be learned; the message says why, and what to do."""


def learn_tags(
    bundle: Bundle,
    executor: Executor,
    pictures: LabelledPictures,
    embeddings: np.ndarray,
    space: str,
    *,
    precision: float = 0.95,
    groups: np.ndarray | None = None,
    others: Rows | None = None,
    progress: Callable[[], object] = lambda: None,
) -> LearnedTags:
    """Learn the tags of pictures. A tag of the bundle's of the same name is where one begins.

    Args:
        bundle: whose model scores rows; its background and its prior on the means are those of all tags.
        executor: of the bundle.
        pictures: with their tags.
        embeddings: float32 (N, D) of them.
        space: of the embeddings.
        precision: to promise.
        groups: (N,), equal for pictures of one burst; None if there are none.
        others: statistics of other pictures of the tags, which count but are not predicted; None if there are none.
        progress: is called after each picture.

    Raises:
        LearnError: no tag has enough pictures, or the bundle has no background that tags are compared with.
    """
    labels = pictures.labels
    if not bundle.manifest.classifier.mean_prior:
        raise LearnError(
            f"got the bundle {bundle.manifest.name}, which has no background that tags are compared with: expected one "
            "made with classifier=whitened, or the everyday one"
        )
    if not pictures.keywords:
        raise LearnError(
            "got no tag with enough pictures: tag at least three pictures of each kind, in digiKam or Lightroom say"
        )
    base = base_rows(bundle, pictures.keywords)
    base = base if others is None else merge_tag_rows(base, others)
    rows = with_background(learn_rows(base, embeddings, labels))
    log_prior = log_class_prior(rows.count[:-1], bundle.manifest.classifier.class_prior)
    log_joint = np.empty((len(labels), len(pictures.keywords) + 1))
    for picture, scores in leave_one_out(embeddings, labels, base, _score(executor), groups):
        log_joint[picture] = scores
        progress()
    rivals = rival_tags(labels)
    scores = tag_scores(log_joint[:, :-1], log_joint[:, -1], log_prior, rivals)
    is_evidence = find_evidence(labels) | pictures.is_withdrawn
    calibration = fit_tag_calibration(scores, labels, is_evidence)
    probability = tag_probabilities(scores, calibration)
    promises = promise_tags(probability, labels, is_evidence, precision=precision, groups=groups)
    reports = _reports(pictures, probability, is_evidence, promises)
    return LearnedTags(
        pictures.keywords,
        Rows(*(part[:-1] for part in rows)),
        rivals,
        calibration,
        promises,
        precision,
        bundle.manifest.digest,
        space,
        reports,
    )


def predict_learned(
    learned: LearnedTags, bundle: Bundle, executor: Executor, embeddings: Iterable[np.ndarray]
) -> np.ndarray:
    """Return the probability of each tag for embeddings, (D,) each, float64 (N, C)."""
    rows = with_background(learned.rows)
    log_joint = np.array([score_rows(executor, embedding, rows) for embedding in embeddings], np.float32)
    log_joint = log_joint.reshape(-1, len(rows.count))
    log_prior = log_class_prior(learned.rows.count, bundle.manifest.classifier.class_prior)
    scores = tag_scores(log_joint[:, :-1], log_joint[:, -1], log_prior, learned.rivals)
    return tag_probabilities(scores, learned.calibration)


def base_rows(bundle: Bundle, keywords: tuple[Keyword, ...]) -> Rows:
    """Return the bundle's statistics of each tag: of the one tag of that name or synonym, or of no picture."""
    index: dict[str, set[int]] = {}
    for i, label in enumerate(bundle.labels):
        for name in (label.name, *label.synonyms):
            index.setdefault(name_key(name), set()).add(i)
    features = bundle.rows.mean.shape[1]
    count, mean, m2 = (np.zeros((len(keywords), *shape), np.float32) for shape in ((), (features,), (features,)))
    for row, keyword in enumerate(keywords):
        matches = index.get(name_key(keyword[-1]), set())
        if len(matches) == 1:
            (match,) = matches
            count[row], mean[row], m2[row] = (part[match] for part in bundle.rows)
    return Rows(count, mean, m2)


def _score(executor: Executor) -> Callable[[np.ndarray, Rows], np.ndarray]:
    return lambda embedding, rows: score_rows(executor, embedding, rows)


def _reports(
    pictures: LabelledPictures, probability: np.ndarray, is_evidence: np.ndarray, promises: tuple[TagPromise, ...]
) -> tuple[TagReport, ...]:
    found = (probability >= FOUND) & is_evidence
    reports = []
    for tag, keyword in enumerate(pictures.keywords):
        has, finds = pictures.labels[:, tag], found[:, tag]
        right, wrong = int((has & finds).sum()), finds & ~has
        others = pictures.labels[wrong].sum(0)
        confused = pictures.keywords[int(others.argmax())] if others.any() else None
        precision = right / int(finds.sum()) if finds.any() else None
        reports.append(TagReport(keyword, int(has.sum()), precision, right / int(has.sum()), confused, promises[tag]))
    return tuple(reports)
