"""Baselines: well-known linear classifiers, fitted and evaluated on the same pictures as the run's classifier.

All three are linear: a tag's score is embedding . weights + intercept, and the tag with the highest score is predicted.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from imagetagger.data.splits import rarest_tag
from imagetagger.evaluation.mcnemar import mcnemar_test
from imagetagger.options import Baseline

REGULARISATION_GRID = np.logspace(-1, 3, 5)
"""Candidates for C, for embeddings of root mean square length 1."""
DEFAULT_C = 10.0
"""C where no tag has pictures of two groups, so that nothing can be tuned."""
TUNING_FOLDS = 5
MAX_ITERATIONS = 300
"""Of the solvers. Separable pictures never converge at a large C, though predictions no longer change."""


class LinearClassifier(NamedTuple):
    """A linear classifier of T tags.

    Attributes:
        weights: float64 (D, T).
        intercept: float64 (T,).
        tags: int (T,), those that have training pictures.
        c: the inverse strength of the regularisation that was chosen; None without one.
    """

    weights: np.ndarray
    intercept: np.ndarray
    tags: np.ndarray
    c: float | None


class BaselineComparison(NamedTuple):
    """A baseline beside the run's classifier, both evaluated on the same pictures.

    Attributes:
        name: of the baseline.
        correct: pictures that it classifies correctly.
        pictures: that were evaluated.
        top1: share of them; NaN without pictures.
        balanced_accuracy: mean of the accuracies on each tag's pictures.
        lost: pictures that only the baseline classifies correctly.
        won: pictures that only the run's classifier does.
        p_value: of the exact paired test; see mcnemar.py.
    """

    name: Baseline
    correct: int
    pictures: int
    top1: float
    balanced_accuracy: float
    lost: int
    won: int
    p_value: float


def fit_baseline(
    kind: Baseline, embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None, *, seed: int = 0
) -> LinearClassifier:
    """Fit a baseline to the pictures that have a tag.

    Embeddings are centred and divided by their root mean square length. Logistic regression and the linear SVM (one tag
    against the others) choose C by the accuracy on stratified folds; of equally good values the middle one.

    Args:
        kind: which baseline.
        embeddings: (N, D).
        labels: int (N, L), padded with -1. A picture with several tags counts for the rarest of them; one without
            any is left out.
        groups: (N,), pictures of equal values stay in one fold, as those of a burst must; None for one picture each.
        seed: of folds and solvers.

    Raises:
        ValueError: no picture has a tag.

    Source: Cox 1958, The regression analysis of binary sequences; Fan et al. 2008, LIBLINEAR.
    """
    y = rarest_tag(labels)
    if not (y >= 0).any():
        raise ValueError(f"got {len(y)} pictures and no tag, expected at least one picture with a tag")
    groups = np.arange(len(y)) if groups is None else groups
    x, y, groups = np.asarray(embeddings[y >= 0], np.float64), y[y >= 0], groups[y >= 0]
    centre = x.mean(0)
    scale = np.sqrt(np.square(x - centre).sum(1).mean()) or 1.0
    x = (x - centre) / scale
    # Weights are sums of training embeddings: in the span of N < D of them, the same problem is smaller.
    basis = np.linalg.svd(x, full_matrices=False)[2].T if len(x) < x.shape[1] else None
    x = x if basis is None else x @ basis
    c = None if kind == "nearest_centroid" else tune_regularisation(kind, x, y, groups, seed)
    fitted = _fit(kind, x, y, c, seed)
    weights = (fitted.weights if basis is None else basis @ fitted.weights) / scale
    return LinearClassifier(weights, fitted.intercept - centre @ weights, fitted.tags, c)


def predict_top1(classifier: LinearClassifier, embeddings: np.ndarray) -> np.ndarray:
    """The most probable tag of each embedding (M, D), int (M,)."""
    return classifier.tags[(embeddings @ classifier.weights + classifier.intercept).argmax(1)]


def compare_baseline(
    name: Baseline, predicted: np.ndarray, labels_onehot: np.ndarray, is_correct: np.ndarray
) -> BaselineComparison:
    """Compare a baseline with the run's classifier.

    Args:
        name: of the baseline.
        predicted: int (M,), its first predictions.
        labels_onehot: bool (M, C), true tags; any of a picture's tags is correct.
        is_correct: bool (M,), whether the first prediction of the run's classifier is.
    """
    pictures = len(predicted)
    baseline_correct = labels_onehot[np.arange(pictures), predicted]
    return BaselineComparison(
        name=name,
        correct=int(baseline_correct.sum()),
        pictures=pictures,
        top1=float(baseline_correct.mean()) if pictures else float("nan"),
        balanced_accuracy=balanced_accuracy(baseline_correct, labels_onehot),
        **mcnemar_test(baseline_correct, is_correct)._asdict(),
    )


def balanced_accuracy(is_correct: np.ndarray, labels_onehot: np.ndarray) -> float:
    """Mean over the tags that have pictures of the share of their pictures that are classified correctly, or NaN.

    >>> balanced_accuracy(np.array([True, True, False]), np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], bool))
    0.5
    """
    pictures = labels_onehot.sum(0)
    correct = labels_onehot[is_correct].sum(0)
    return float((correct / np.maximum(pictures, 1))[pictures > 0].mean()) if pictures.any() else float("nan")


def tune_regularisation(kind: Baseline, x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> float:
    """The C of REGULARISATION_GRID with the best accuracy on stratified folds of whole groups.

    Args:
        kind: `logistic_regression` or `linear_svm`.
        x: (N, D).
        y: int (N,), tags.
        groups: (N,).
        seed: of folds and solver.
    """
    groups_per_tag = [len(np.unique(groups[y == tag])) for tag in np.unique(y)]
    folds = min(TUNING_FOLDS, max(groups_per_tag))
    if folds < 2 or len(groups_per_tag) < 2:
        return DEFAULT_C
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    correct = np.zeros(len(REGULARISATION_GRID))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a tag of fewer pictures than folds
        splits = [(train, test) for train, test in splitter.split(x, y, groups) if len(train) and len(test)]
    for train, test in splits:
        for i, c in enumerate(REGULARISATION_GRID):
            correct[i] += (predict_top1(_fit(kind, x[train], y[train], c, seed), x[test]) == y[test]).sum()
    best = REGULARISATION_GRID[correct == correct.max()]
    return float(best[len(best) // 2])


def _fit(kind: Baseline, x: np.ndarray, y: np.ndarray, c: float | None, seed: int) -> LinearClassifier:
    """Fit a linear classifier of the tags in y to embeddings as they are."""
    tags, index = np.unique(y, return_inverse=True)
    if kind == "nearest_centroid" or len(tags) < 2:
        # |x - m|^2 is least where x . m - |m|^2 / 2 is highest.
        means = np.zeros((len(tags), x.shape[1]))
        np.add.at(means, index, x)
        means /= np.bincount(index)[:, None]
        return LinearClassifier(means.T, -np.square(means).sum(1) / 2, tags, None)
    if kind == "logistic_regression":
        model = LogisticRegression(C=c, max_iter=MAX_ITERATIONS, random_state=seed)
    else:
        model = LinearSVC(C=c, dual=True, tol=1e-2, max_iter=MAX_ITERATIONS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    weights, intercept = model.coef_.T, model.intercept_
    if len(tags) == 2:  # scikit-learn gives the score of the second tag only, whose sign decides
        weights, intercept = np.concatenate([0 * weights, weights], 1), np.concatenate([0 * intercept, intercept])
    return LinearClassifier(weights, intercept, tags, c)
