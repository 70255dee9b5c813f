"""What the study compares: taggers that learn a new tag by a merge, and classifiers that are fitted again each time.

A method gets a draw and returns a function (pictures taught of the new tag) -> scores (known test pictures, pictures of
the new tag), each (N, C + 1), or (N, C) before the first lesson.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from experiments.few_pictures.draws import Draw, as_split
from imagetagger.classifier.cross_fit import CrossFit, cross_fit
from imagetagger.classifier.fit import FittedClassifier, fit_classifier
from imagetagger.classifier.naive_bayes import finalize, log_joint
from imagetagger.classifier.statistics import merge_statistics, statistics_from_batch
from imagetagger.classifier.whitening import apply_transform
from imagetagger.config.schema import ClassifierConfig
from imagetagger.data.splits import assign_folds, holdout_mask, ranks_within_tag

FOLDS = 10
GRID = (0.1, 1.0, 10.0, 100.0)
NEIGHBOURS = 5

Scorer = Callable[[int], tuple[np.ndarray, np.ndarray]]


class Fitted(NamedTuple):
    """A tagger fitted on a draw, and its out-of-fold scores."""

    classifier: FittedClassifier
    crossed: CrossFit


def fit_tagger(draw: Draw, config: ClassifierConfig, seed: int) -> Fitted:
    """Fit on every picture of the draw, as a run does for its bundle."""
    labels, tags = draw.y[:, None].astype(np.int32), draw.y.max() + 1
    folds = assign_folds(as_split(len(labels)), labels, np.arange(len(labels)), FOLDS, seed)
    crossed = cross_fit(draw.x, labels, folds, tags, config, draw.reference)
    nothing = np.zeros(len(labels), bool)
    strength = crossed.strength or 0.0
    return Fitted(fit_classifier(draw.x, labels, nothing, tags, config, draw.reference, strength), crossed)


def fit_before(draw: Draw, config: ClassifierConfig, seed: int) -> FittedClassifier:
    """Fit as commit 517ae52 did: a fifth to evaluate and a tenth of the rest to calibrate never reach the bundle."""
    labels, tags = draw.y[:, None].astype(np.int32), draw.y.max() + 1
    ids = as_split(len(labels))
    is_out = holdout_mask(ranks_within_tag(ids, labels, seed), 0.2)
    rank = np.full(len(labels), -1)
    inside = np.flatnonzero(~is_out)
    rank[inside] = ranks_within_tag([ids[i] for i in inside], labels[inside], seed)
    is_out[inside] = holdout_mask(rank[inside], 0.1)
    return fit_classifier(draw.x, labels, is_out, tags, config)


def score_taught(classifier: FittedClassifier, draw: Draw) -> Scorer:
    """Teach the new tag by merging its pictures' statistics, transform and prior unchanged."""
    known = classifier.statistics
    tags = len(known.mean)
    transform = partial(apply_transform, classifier.transform)
    new = transform(jax.device_put(draw.x_new))

    def score(taught: int) -> tuple[np.ndarray, np.ndarray]:
        statistics = known
        if taught:
            padded = jax.tree.map(lambda a: jax.numpy.concatenate([a, jax.numpy.zeros_like(a[:1])]), known)
            lesson = statistics_from_batch(new[:taught], jax.numpy.full(taught, tags), tags + 1)
            statistics = merge_statistics(padded, lesson)
        gaussian = finalize(statistics, classifier.prior)
        parts = (draw.x_test, draw.x_new_test)
        return tuple(np.asarray(log_joint(gaussian, transform(jax.device_put(x)))) for x in parts)  # type: ignore[return-value]

    return score


def score_refits(draw: Draw) -> dict[str, Scorer]:
    """Classifiers fitted again from scratch with the same pictures, tags balanced; C is tuned on the known tags."""
    centre = draw.x.mean(0)
    scale = np.sqrt(np.square(draw.x - centre).sum(1).mean())
    both = (np.concatenate([draw.x, draw.x_new]) - centre) / scale
    basis = np.linalg.svd(both, full_matrices=False)[2].T  # fits of pictures need their span only
    x, new, test, new_test = (
        (part - centre) / scale @ basis for part in (draw.x, draw.x_new, draw.x_test, draw.x_new_test)
    )
    makers = {
        "logistic regression": lambda c: LogisticRegression(C=c, class_weight="balanced", max_iter=300),
        "linear SVM": lambda c: LinearSVC(C=c, class_weight="balanced", tol=1e-2, max_iter=300),
    }

    def refit(fit: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]) -> Scorer:
        def score(taught: int) -> tuple[np.ndarray, np.ndarray]:
            y = np.concatenate([draw.y, np.full(taught, draw.y.max() + 1)])
            scorer = fit(np.concatenate([x, new[:taught]]), y)
            return scorer(test), scorer(new_test)

        return score

    scorers = {name: refit(partial(_fit_linear, maker, tune(maker, x, draw.y))) for name, maker in makers.items()}
    return scorers | {
        "LDA (Ledoit-Wolf)": refit(_fit_lda),
        "nearest centroid": refit(_fit_centroid),
        "kNN": refit(_fit_neighbours),
    }


def tune(maker: Callable[[float], LogisticRegression | LinearSVC], x: np.ndarray, y: np.ndarray) -> float:
    """The C of GRID with the best accuracy on three stratified folds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        splits = list(StratifiedKFold(3, shuffle=True, random_state=0).split(x, y))
        accuracy = [np.mean([maker(c).fit(x[a], y[a]).score(x[b], y[b]) for a, b in splits]) for c in GRID]
    return GRID[int(np.argmax(accuracy))]


def _fit_linear(
    maker: Callable[[float], LogisticRegression | LinearSVC], c: float, x: np.ndarray, y: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return maker(c).fit(x, y).decision_function


def _fit_lda(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    means = np.stack([x[y == tag].mean(0) for tag in np.unique(y)])
    residual = x - means[y]
    shrinkage = ledoit_wolf_shrinkage(residual, assume_centered=True)
    covariance = residual.T @ residual / len(x)
    # The mean variance of all 1,280 features, of which only the span is kept.
    covariance = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / len(covariance) * np.eye(x.shape[1])
    weights = np.linalg.solve(covariance, means.T)
    return lambda part: part @ weights - 0.5 * (means.T * weights).sum(0)


def _fit_centroid(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    means = np.stack([x[y == tag].mean(0) for tag in np.unique(y)])
    return lambda part: part @ means.T - 0.5 * np.square(means).sum(1)


def _fit_neighbours(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return KNeighborsClassifier(min(NEIGHBOURS, len(x)), weights="distance").fit(x, y).predict_proba
