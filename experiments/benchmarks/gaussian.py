"""Gaussian naive Bayes side by side: ours, scikit-learn's and a loop over classes, on data like embeddings.

python -m experiments.benchmarks.gaussian [--pictures 100000] [--features 1280] [--tags 200]

Prints seconds (medians of `--rounds` rounds in which they take turns), ratios, and whether decisions are equal.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from sklearn.naive_bayes import GaussianNB

from experiments.common.arguments import study_parser
from imagetagger.classifier.fit import BATCH_ROWS, FittedClassifier, score_embeddings
from imagetagger.classifier.naive_bayes import finalize, fit_prior
from imagetagger.classifier.statistics import fit_statistics
from imagetagger.embedding.cache import aligned_empty

SMOOTHING = 1e-9


def embeddings(pictures: int, features: int, tags: int) -> tuple[np.ndarray, np.ndarray]:
    """Made-up embeddings shaped like pooled ReLU6 features, and their labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, tags, pictures)
    x = rng.standard_normal((pictures, features), np.float32)
    x += rng.standard_normal((tags, features), np.float32)[labels] * 0.25
    return np.maximum(x * 0.5 + 0.3, 0, out=aligned_empty(x.shape)), labels.astype(np.int32)


def fit_loop(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit class after class, as in a textbook: means and variances (tags, features)."""
    smallest = SMOOTHING * x.var(0).max()
    groups = [x[labels == k] for k in range(labels.max() + 1)]
    return np.stack([g.mean(0) for g in groups]), np.stack([g.var(0) + smallest for g in groups])


def predict_loop(model: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Score class after class: log joint up to the uniform prior (pictures, tags)."""
    return np.stack(
        [-0.5 * (np.log(2 * np.pi * v) + (x - m) ** 2 / v).sum(1) for m, v in zip(*model, strict=True)], axis=1
    )


def fit_ours(x: np.ndarray, labels: np.ndarray) -> FittedClassifier:
    """Fit as the pipeline does, in batches."""
    tags = int(labels.max()) + 1
    batches = ((x[i : i + BATCH_ROWS], labels[i : i + BATCH_ROWS, None]) for i in range(0, len(x), BATCH_ROWS))
    fitted = fit_statistics(batches, tags, x.shape[1])
    prior = fit_prior(fitted, 0.0, SMOOTHING)
    return jax.block_until_ready(
        FittedClassifier(None, fitted, prior, finalize(fitted, prior), np.zeros(len(fitted.count), np.float32))
    )


def timed(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, Any]]:
    """Each function's median seconds and its value, taking turns; two rounds to warm up are left out."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    values = {}
    for _ in range(rounds + 2):
        for name, function in functions.items():
            start = time.perf_counter()
            values[name] = function()
            seconds[name].append(time.perf_counter() - start)
    return {name: (statistics.median(seconds[name][2:]), values[name]) for name in functions}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time fit and predict, and print the table."""
    parser = study_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--tags", type=int, default=200)
    parser.add_argument("--predict", type=int, default=2000, help="pictures to predict")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    x, labels = embeddings(options.pictures, options.features, options.tags)
    new = x[: options.predict]
    uniform = np.full(options.tags, 1 / options.tags)

    fits = {
        "scikit-learn": lambda: GaussianNB(priors=uniform, var_smoothing=SMOOTHING).fit(x, labels),
        "plain loop": lambda: fit_loop(x, labels),
        "imagetagger": lambda: fit_ours(x, labels),
    }
    fitted = timed(fits, options.rounds)
    predicts: dict[str, Callable[[], np.ndarray]] = {
        "scikit-learn": lambda: fitted["scikit-learn"][1].predict_joint_log_proba(new),
        "plain loop": lambda: predict_loop(fitted["plain loop"][1], new),
        "imagetagger": lambda: score_embeddings(fitted["imagetagger"][1], new).log_joint,
    }
    predicted = timed(predicts, options.rounds)

    reference = predicted["scikit-learn"][1].argmax(1)
    print(f"{options.pictures} x {options.features}, {options.tags} tags; predict {options.predict}")
    print(f"{'':14}{'fit s':>9}{'ratio':>8}{'predict s':>12}{'ratio':>8}   equal decisions")
    for name in fits:
        fit_s, predict_s = fitted[name][0], predicted[name][0]
        equal = (predicted[name][1].argmax(1) == reference).mean()
        print(
            f"{name:14}{fit_s:9.3f}{fitted['scikit-learn'][0] / fit_s:8.1f}"
            f"{predict_s:12.3f}{predicted['scikit-learn'][0] / predict_s:8.1f}   {100 * equal:.2f} %"
        )


if __name__ == "__main__":
    main()
