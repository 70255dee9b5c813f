"""The classifier of the project this one comes from, written out plainly, on embeddings of real pictures."""

import numpy as np
import pytest

from imagetagger.backbones.registry import load_backbone
from imagetagger.classifier.fit import fit_classifier, score_embeddings
from imagetagger.data.dataset import Split, content_ids, pad_labels
from imagetagger.data.tiny_imagenet import open_archive, read_examples
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import make_runtime
from tests.helpers.composed import settings

TAGS, PER_TAG = 5, 30
SMOOTHING = 1e-9
PLAIN = ("classifier=gnb", f"classifier.var_smoothing={SMOOTHING}")


@pytest.fixture(scope="module")
def real_embeddings(real_zip, cache):
    archive = open_archive(real_zip)
    examples = [e for t in range(TAGS) for e in read_examples(archive, "train")[500 * t : 500 * t + PER_TAG]]
    split = Split(
        keys=[e.file for e in examples],
        ids=content_ids(lambda i: archive.read(examples[i].file), len(examples), "test"),
        labels=pad_labels([i // PER_TAG] for i in range(len(examples))),
        read=lambda i: archive.read(examples[i].file),
    )
    backbone = load_backbone("efficientnet_lite0", width=1.0, resolution=96, weights="imagenet", cache=cache)
    return extract_embeddings(split, make_runtime(backbone, 96, cache), 96, cache).embeddings, split.labels


@pytest.mark.slow
def test_scores_equal_the_plain_formula_on_real_embeddings(real_embeddings):
    x, labels = real_embeddings
    fitted = fit_classifier(x, labels, np.zeros(len(x), bool), TAGS, settings(*PLAIN).classifier)
    scores = score_embeddings(fitted, x).log_joint

    x = x.astype(np.float64)
    floor = SMOOTHING * x.var(0).max()
    expected = np.empty((len(x), TAGS))
    for tag in range(TAGS):
        own = x[labels[:, 0] == tag]
        mean, variance = own.mean(0), own.var(0) + floor
        density = np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        with np.errstate(divide="ignore"):  # far off, a density is 0 in float64 too
            logs = np.log(density)
        logs = np.where(density == 0, -((x - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2, logs)
        expected[:, tag] = np.log(1 / TAGS) + logs.sum(1)
    np.testing.assert_array_equal(scores.argmax(1), expected.argmax(1))
    np.testing.assert_allclose(scores, expected, rtol=2e-4)
