"""Distillation: what a larger network thinks of the training pictures, as soft labels for a smaller one.

Source: Hinton, Vinyals and Dean 2015, Distilling the knowledge in a neural network (arXiv 1503.02531).
"""

from typing import NamedTuple

import numpy as np

from imagetagger.classifier.cross_fit import cross_fit
from imagetagger.classifier.fit import fit_classifier, score_embeddings
from imagetagger.config.schema import ClassifierConfig
from imagetagger.prediction.calibration import fit_temperature, log_softmax

FOLDS = 5


class Teacher(NamedTuple):
    """The embeddings of N pictures by a larger network, float32 (N, D), and the digest of their space."""

    space: str
    embeddings: np.ndarray


def teach_probabilities(
    embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray, tags: int, classifier: ClassifierConfig
) -> np.ndarray:
    """Return the teacher's probabilities of pictures that it was fitted on, float16 (N, C).

    They are calibrated on scores out of fold.

    Args:
        embeddings: float32 (N, D), of the teacher's network.
        labels: int32 (N, L), padded with -1.
        groups: int (N,); the pictures of one share a fold.
        tags: C.
        classifier: settings.
    """
    crossed = cross_fit(embeddings, labels, groups % FOLDS, tags, classifier)
    fitted = fit_classifier(embeddings, labels, np.zeros(len(labels), bool), tags, classifier)
    log_joint = score_embeddings(fitted, embeddings).log_joint
    temperature = fit_temperature(crossed.scores.log_joint, crossed.labels_onehot) if len(crossed.rows) else 1.0
    probabilities: np.ndarray = np.exp(log_softmax(log_joint / temperature)).astype(np.float16)
    return probabilities
