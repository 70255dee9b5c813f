"""Probabilities of tags for the pictures of a catalogue: of those learned from it, or of a tagger's own."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from imagetagger.archive.keywords.fields import Keyword
from imagetagger.archive.promise.tag_promises import TagPromise
from imagetagger.archive.tagging.everyday import estimated_promises, everyday_tags, predict_everyday
from imagetagger.archive.tagging.learn import LearnedTags, predict_learned
from imagetagger.bundle.executor import load_executor
from imagetagger.bundle.reader import Bundle
from imagetagger.tagger.tagger import Tagger


class Predictions(NamedTuple):
    """Predictions for N pictures under C tags.

    Attributes:
        keywords: the tags.
        probability: float64 (N, C).
        promises: of each tag.
        is_learned: whether they were learned from the archive, so that their precision was measured there.
    """

    keywords: tuple[Keyword, ...]
    probability: np.ndarray
    promises: tuple[TagPromise, ...]
    is_learned: bool


def predict_pictures(
    embeddings: Iterable[np.ndarray], bundle: Bundle, tags: LearnedTags | Tagger, precision: float
) -> Predictions:
    """Predict the tags of pictures.

    Args:
        embeddings: float32 (D,) of each.
        bundle: whose model scores rows.
        tags: those that were learned and extend the bundle, or a tagger of the bundle for its own.
        precision: least probability of a tagger's own tags: an estimate that nobody has checked on these pictures.
    """
    if isinstance(tags, LearnedTags):
        executor = load_executor(bundle.files["model.tflite"], bundle.manifest)
        probability = predict_learned(tags, bundle, executor, embeddings)
        return Predictions(tags.keywords, probability, tags.promises, True)
    words = everyday_tags(tags, bundle.labels, bundle.terms)
    rows = [predict_everyday(tags, words, embedding) for embedding in embeddings]
    count = len(words.keywords)
    probability = np.array(rows, np.float64).reshape(len(rows), count)
    return Predictions(words.keywords, probability, estimated_promises(count, precision), False)
