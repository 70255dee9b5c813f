from functools import partial

import numpy as np
import pytest

from imagetagger.archive.promise.leave_one_out import forget_pictures, learn_rows, leave_one_out, with_background
from imagetagger.bundle.executor import empty_row, lesson_row, load_executor, merge_rows, score_rows
from imagetagger.bundle.reader import Rows, check_bundle
from tests.helpers.bundles import WHITENED, bundle_files


@pytest.fixture(scope="module")
def executor():
    bundle = check_bundle(bundle_files(*WHITENED))
    return load_executor(bundle.files["model.tflite"], bundle.manifest)


def made(seed=0, pictures=12, tags=3):
    """Embeddings, several tags a picture, and rows that know the first tag already."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(pictures, 12)).astype(np.float32)
    labels = rng.random((pictures, tags)) < 0.6
    labels[0] = [False, False, True]
    known = rng.random((tags, 12)).astype(np.float32) * np.array([[1], [0], [0]], np.float32)
    return x, labels, Rows(np.array([12, 0, 0], np.float32), known, 5 * known)


def test_learned_rows_are_those_that_the_bundle_merges(executor):
    x, labels, base = made()
    rows = learn_rows(base, x, labels)
    for tag in range(3):
        merged = Rows(*(part[tag : tag + 1] for part in base))
        for embedding in x[labels[:, tag]]:
            merged = merge_rows(executor, merged, lesson_row(embedding))
        for got, expected in zip(rows, merged, strict=True):
            np.testing.assert_allclose(got[tag], expected[0], rtol=1e-4, atol=1e-5)


def test_forgetting_is_the_inverse_of_learning():
    x, labels, base = made()
    forgotten = forget_pictures(learn_rows(base, x, labels), x[:4], labels[:4])
    for got, expected in zip(forgotten, learn_rows(base, x[4:], labels[4:]), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)
    for got, expected in zip(forget_pictures(learn_rows(base, x, labels), x, labels), base, strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)


@pytest.mark.parametrize("grouped", [False, True])
def test_each_picture_is_scored_by_rows_of_the_others_and_beside_the_background(executor, grouped):
    x, labels, base = made()
    groups = np.arange(12) // 3 if grouped else None
    scores = dict(leave_one_out(x, labels, base, partial(score_rows, executor), groups))
    assert sorted(scores) == list(range(12))
    background = score_rows(executor, x[0], empty_row(12))
    assert scores[0][-1] == pytest.approx(float(background[0]), rel=1e-5)
    for picture in range(12):
        others = np.arange(12) // 3 != picture // 3 if grouped else np.arange(12) != picture
        expected = score_rows(executor, x[picture], with_background(learn_rows(base, x[others], labels[others])))
        np.testing.assert_allclose(scores[picture], expected, rtol=1e-4)


def test_the_only_picture_of_a_tag_is_scored_as_the_background(executor):
    x, labels, base = made(pictures=1)
    ((_, scores),) = leave_one_out(x, labels, base, partial(score_rows, executor))
    assert labels[0, 2]
    assert scores[2] == scores[3]
