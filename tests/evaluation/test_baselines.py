import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.svm import LinearSVC

from imagetagger.evaluation.baselines import (
    DEFAULT_C,
    REGULARISATION_GRID,
    balanced_accuracy,
    compare_baseline,
    fit_baseline,
    predict_top1,
)
from imagetagger.options import BASELINES


def clusters(counts, features=40, apart=1.5, seed=0, spread=1.0):
    """Embeddings around one mean per tag, and labels (N, 1); the means depend on the number of tags only."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(len(counts), features)) * apart / np.sqrt(features) * 3
    labels = np.repeat(np.arange(len(counts)), counts)
    x = means[labels] + spread * rng.normal(size=(len(labels), features))
    return (x + 5).astype(np.float32), labels[:, None]


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize("counts", [(12, 12, 12), (60, 40, 20), (10, 10)])
def test_new_pictures_of_separated_tags_are_predicted(kind, counts):
    x, labels = clusters(counts)
    new, truth = clusters((50,) * len(counts), seed=1)
    assert (predict_top1(fit_baseline(kind, x, labels), new) == truth[:, 0]).mean() > 0.9


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize("counts", [(6, 7, 8), (40, 50), (30, 30, 30)])
def test_predictions_are_those_of_scikit_learn_on_the_embeddings_themselves(kind, counts):
    x, labels = clusters(counts, apart=0.8)
    new, _ = clusters((60,) * len(counts), apart=0.8, seed=1)
    fitted = fit_baseline(kind, x, labels)
    scale = np.sqrt(np.square(x - x.mean(0)).sum(1).mean())
    expected = {
        "logistic_regression": LogisticRegression(C=fitted.c or 1, max_iter=5000),
        "linear_svm": LinearSVC(C=fitted.c or 1, max_iter=100_000, tol=1e-4),
        "nearest_centroid": NearestCentroid(),
    }[kind].fit((x - x.mean(0)) / scale, labels[:, 0])
    assert (predict_top1(fitted, new) == expected.predict((new - x.mean(0)) / scale)).mean() > 0.97


@pytest.mark.parametrize("kind", BASELINES)
@pytest.mark.parametrize(
    ("counts", "tags"),
    [((1, 1, 1), {0, 1, 2}), ((1, 1), {0, 1}), ((1,), {0}), ((9,), {0}), ((5, 0, 4), {0, 2}), ((1, 30), {0, 1})],
)
def test_few_pictures_and_tags_without_any_are_survived(kind, counts, tags):
    x, labels = clusters(counts)
    assert set(predict_top1(fit_baseline(kind, x, labels), x).tolist()) <= tags


@pytest.mark.parametrize("kind", BASELINES)
def test_pictures_that_look_alike_to_the_network_are_survived(kind):
    x = np.full((12, 8), 3.0, np.float32)
    assert len(predict_top1(fit_baseline(kind, x, np.arange(12)[:, None] % 3), x)) == 12


@pytest.mark.parametrize("kind", BASELINES)
def test_pictures_without_a_tag_change_nothing(kind):
    x, labels = clusters((9, 9, 9))
    more, unlabelled = np.concatenate([x, x + 9]), np.concatenate([labels, np.full_like(labels, -1)])
    new, _ = clusters((20, 20, 20), seed=1)
    np.testing.assert_array_equal(
        predict_top1(fit_baseline(kind, more, unlabelled), new), predict_top1(fit_baseline(kind, x, labels), new)
    )


def test_no_tag_at_all_is_refused():
    with pytest.raises(ValueError, match="got 3 pictures and no tag, expected at least one"):
        fit_baseline("linear_svm", np.zeros((3, 2)), np.full((3, 1), -1))


@pytest.mark.parametrize("kind", BASELINES)
def test_the_unit_of_embeddings_changes_no_prediction(kind):
    x, labels = clusters((10, 10, 10))
    new, _ = clusters((40, 40, 40), seed=1)
    before = predict_top1(fit_baseline(kind, x, labels), new)
    np.testing.assert_array_equal(predict_top1(fit_baseline(kind, x * 1024, labels), new * 1024), before)


def test_the_strength_of_regularisation_is_tuned():
    x, labels = clusters((40, 40), features=20, apart=0.25)  # tags overlap: little regularisation overfits
    chosen = fit_baseline("logistic_regression", x, labels)
    assert chosen.c in REGULARISATION_GRID
    assert chosen.c < REGULARISATION_GRID[-1]
    assert fit_baseline("logistic_regression", *clusters((1, 1, 1))).c == DEFAULT_C
    assert fit_baseline("nearest_centroid", x, labels).c is None


def test_a_single_burst_per_tag_tunes_nothing():
    x, labels = clusters((40, 40), features=20, apart=0.25)
    assert fit_baseline("logistic_regression", x, labels).c != DEFAULT_C
    assert fit_baseline("logistic_regression", x, labels, groups=labels[:, 0]).c == DEFAULT_C


@pytest.mark.parametrize("kind", BASELINES)
def test_a_picture_of_several_tags_counts_for_its_rarest(kind):
    x, labels = clusters((10, 30))
    several = np.concatenate([labels, np.full_like(labels, -1)], 1)
    several[:10, 1] = 1  # the pictures of tag 0 have tag 1 too
    np.testing.assert_allclose(fit_baseline(kind, x, several).weights, fit_baseline(kind, x, labels).weights)


def test_a_comparison_counts_the_pictures_that_only_one_classifies_correctly():
    labels_onehot = np.eye(3, dtype=bool)[[0, 0, 0, 1, 1, 1]]
    labels_onehot[5, 2] = True  # of a picture's tags any is correct
    is_correct = np.array([True, True, True, True, False, False])
    comparison = compare_baseline("linear_svm", np.array([0, 1, 1, 0, 1, 2]), labels_onehot, is_correct)
    assert (comparison.correct, comparison.pictures, comparison.top1) == (3, 6, 0.5)
    assert (comparison.lost, comparison.won) == (2, 3)
    assert comparison.p_value == pytest.approx(binomtest(2, 5).pvalue)
    assert comparison.balanced_accuracy == pytest.approx((1 / 3 + 2 / 3 + 1) / 3)


def test_without_pictures_a_comparison_knows_nothing():
    nothing = compare_baseline("linear_svm", np.zeros(0, int), np.zeros((0, 3), bool), np.zeros(0, bool))
    assert (nothing.pictures, nothing.lost, nothing.won, nothing.p_value) == (0, 0, 0, 1.0)
    assert np.isnan([nothing.top1, nothing.balanced_accuracy]).all()


def test_every_tag_weighs_the_same_in_balanced_accuracy():
    labels_onehot = np.eye(2, dtype=bool)[[0] * 9 + [1]]
    assert balanced_accuracy(np.arange(10) < 9, labels_onehot) == 0.5
