"""From embeddings of a made-up library to written tags: the promise is kept on new pictures of the same kind."""

from typing import NamedTuple

import numpy as np
import pytest

from imagetagger.archive.promise.decide import decide_tags, summarize
from imagetagger.archive.promise.evidence import find_evidence
from imagetagger.archive.promise.leave_one_out import learn_rows, leave_one_out, with_background
from imagetagger.archive.promise.tag_calibration import fit_tag_calibration, tag_probabilities
from imagetagger.archive.promise.tag_promises import TagPromise, promise_tags, promised_tags
from imagetagger.archive.promise.tag_scores import rival_tags, tag_scores
from imagetagger.bundle.reader import Rows

KINDS, FEATURES, SPREAD = 6, 12, 1.7
"""Kinds of things, of which a picture shows one, and a place beside it in a third of the pictures."""


class World(NamedTuple):
    """Means of kinds, and the shift that a place adds."""

    means: np.ndarray
    place: np.ndarray


def make_world(rng):
    return World(SPREAD * rng.normal(size=(KINDS, FEATURES)), 2 * rng.normal(size=FEATURES))


def draw(world, pictures, rng):
    """Embeddings and tags: some pictures show nothing that has a tag."""
    kind = rng.integers(0, KINDS + 1, pictures)
    has_place = rng.random(pictures) < 1 / 3
    means = np.concatenate([world.means, np.zeros((1, FEATURES))])
    x = means[kind] + has_place[:, None] * world.place + rng.normal(size=(pictures, FEATURES))
    labels = np.concatenate([np.eye(KINDS + 1, dtype=bool)[kind][:, :KINDS], has_place[:, None]], 1)
    return x.astype(np.float32), labels


def score(embedding, rows):
    """Tied variances of 1 and a prior on the means, as a bundle's `score` has them: log likelihoods (C,)."""
    count = rows.count[:, None]
    share = SPREAD**2 / (1 + count * SPREAD**2)
    variance = 1 + share
    squares = np.square(embedding - count * share * rows.mean) / variance + np.log(variance)
    return -0.5 * squares.sum(1)


class Outcome(NamedTuple):
    probability: np.ndarray
    promises: tuple[TagPromise, ...]


def tag_library(x, labels, new, precision, confidence):
    """Learn from the tags of some pictures, and return the probabilities of new ones and what is promised."""
    tags = labels.shape[1]
    base = Rows(np.zeros(tags), np.zeros((tags, FEATURES)), np.zeros((tags, FEATURES)))
    scored = dict(leave_one_out(x, labels, base, score))
    learned = np.stack([scored[picture] for picture in range(len(x))])
    rows = with_background(learn_rows(base, x, labels))
    predicted = np.stack([score(embedding, rows) for embedding in new])
    rivals, log_prior = rival_tags(labels), np.log((labels.sum(0) > 0).astype(float))
    ratios = [tag_scores(part[:, :-1], part[:, -1], log_prior, rivals) for part in (learned, predicted)]
    is_evidence = find_evidence(labels, "all")
    calibration = fit_tag_calibration(ratios[0], labels, is_evidence)
    known, probability = (tag_probabilities(part, calibration) for part in ratios)
    promises = promise_tags(known, labels, is_evidence, precision=precision, confidence=confidence)
    return Outcome(probability, promises)


@pytest.mark.slow
def test_promises_of_a_whole_library_are_kept_and_most_tags_found():
    """About 20 pictures of each kind, too few for promises of their own, and 47 with the place."""
    rng, draws = np.random.default_rng(0), 40
    alone, pooled, recalls = [], [], []
    for _ in range(draws):
        world = make_world(rng)
        x, labels = draw(world, 140, rng)
        new, truth = draw(world, 1000, rng)
        probability, promises = tag_library(x, labels, new, 0.9, 0.9)
        decision = decide_tags(probability, promises, embeddings=new)
        is_right, is_pooled = truth & decision.is_written, np.array([promise.pooled for promise in promises])
        for outcomes, columns in ((alone, ~is_pooled), (pooled, is_pooled)):
            if decision.is_written[:, columns].any():
                outcomes.append(is_right[:, columns].sum() / decision.is_written[:, columns].sum())
        recalls.append(is_right.sum() / truth.sum())
        assert summarize(decision, promises, 0.9).startswith(f"{decision.is_written.sum():,} tags at least 90 % right")
    for precisions in (alone, pooled):
        assert len(precisions) > draws / 2
        assert np.sum(np.array(precisions) < 0.9) <= draws * 0.1 + 2 * np.sqrt(draws * 0.09)
    assert np.mean(recalls) > 0.5


def test_forgotten_tags_make_the_measured_precision_a_lower_bound():
    rng = np.random.default_rng(1)
    world = make_world(rng)
    x, labels = draw(world, 1500, rng)
    new, truth = draw(world, 3000, rng)
    forgotten = labels & (rng.random(labels.shape) >= 0.05)
    probability, promises = tag_library(x, forgotten, new, 0.9, 0.9)
    written = promised_tags(probability, promises)
    for tag in np.flatnonzero(written.any(0)):
        assert truth[written[:, tag], tag].mean() > promises[tag].expected_precision - 0.01
    assert written.any(0).sum() >= 3
