"""Every corner of the Gaussian family on the same embeddings, with RanPAC and a linear probe beside them.

python experiments/classifiers.py ZIP [--weights FILE]

Fits on 450 pictures a tag, tunes and calibrates on 50, reports validation once. Prints a table; writes classifiers.csv
and classifiers.png beside this file.
"""

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
from embeddings import Embeddings, arguments, embeddings, settings

from imagetagger.classifier.fit import BATCH_ROWS, fit_classifier, multi_hot, score_embeddings
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.prediction.calibration import fit_calibration, log_probabilities

matplotlib.use("agg")
from matplotlib import pyplot as plt

CORNERS = ("gnb", "smoothed_gnb", "tied", "ncm", "lda", "whitened")
NETWORKS = (("mobilenet_v2", "float32"), ("mobilenet_v2", "int8"), ("efficientnet_lite0", "int8"))
PROJECTIONS = 3000
RIDGES = 10.0 ** np.arange(0, 10)
EPOCHS, STEP, RATE, DECAY = 20, 1024, 1e-3, 1e-2
FIELDS = ("top1", "top5", "log_loss", "ece_temperature", "ece_knots", "bytes_per_tag", "fit_s", "score_ms")

Score = Callable[[np.ndarray], np.ndarray]


class Model(NamedTuple):
    """What a rival learned: a function of embeddings (N, D) that scores them (N, C), and its bytes a tag."""

    score: Score
    bytes_per_tag: int


def main() -> None:
    """Fit all, print the table, write the files."""
    given = arguments(argparse.ArgumentParser(description=__doc__)).parse_args()
    rows = []
    for backbone, variant in NETWORKS:
        found = embeddings(given.zip, given.weights if backbone == "mobilenet_v2" else "imagenet", backbone, variant)
        models: dict[str, Callable[[Embeddings], Model]] = {name: corner(name) for name in CORNERS}
        models |= {"RanPAC": ranpac, "linear probe": linear_probe}
        for name, fit in models.items():
            rows.append({"network": f"{backbone} {variant}", "classifier": name, **figures(fit, found)})
            print(rows[-1], flush=True)
    print(table(rows))
    base = Path(__file__).with_suffix("")
    with base.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["network", "classifier", *FIELDS], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, base.with_suffix(".png"))


def figures(fit: Callable[[Embeddings], Model], found: Embeddings) -> dict[str, float]:
    """Return the figures of a classifier, calibrated by one temperature, and its ECE with calibration_bins as well."""
    start = time.perf_counter()
    model = fit(found)
    seconds = time.perf_counter() - start
    tags = len(found.tags)
    kept, truth = model.score(found.train[found.held]), multi_hot(found.labels[found.held, None], tags)
    model.score(found.validation[:1000])  # compiles
    start = time.perf_counter()
    scores = model.score(found.validation)
    scoring = (time.perf_counter() - start) / len(scores)
    one, several = (fit_calibration(kept, truth, calibration_bins) for calibration_bins in (0, 8))
    computed = []
    for fitted in (one, several):
        log_p = log_probabilities(scores, fitted)
        true = multi_hot(found.truth[:, None], tags)
        computed.append(compute_metrics(total_metrics(observe_predictions(log_p, np.ones_like(true), true))))
    return {
        **{key: computed[0][key] for key in ("top1", "top5", "log_loss")},
        "ece_temperature": computed[0]["ece"],
        "ece_knots": computed[1]["ece"],
        "bytes_per_tag": model.bytes_per_tag,
        "fit_s": seconds,
        "score_ms": 1e3 * scoring,
    }


def corner(name: str) -> Callable[[Embeddings], Model]:
    """Return the classifier of configs/classifier/NAME.yaml."""

    def fit(found: Embeddings) -> Model:
        classifier = settings(f"classifier={name}").classifier
        fitted = fit_classifier(found.train, found.labels[:, None], found.held, len(found.tags), classifier)
        jax.block_until_ready(fitted.gaussian)
        row = 4 * (1 + 2 * fitted.statistics.mean.shape[1])
        return Model(lambda x: score_embeddings(fitted, x).log_joint, row)

    return fit


def ranpac(found: Embeddings) -> Model:
    """Random projections, a ReLU and ridge regression. Source: McDonnell et al. 2023, arXiv 2307.02251.

    The ridge is chosen as in the paper, on a fifth of the training pictures.
    """
    features, tags = found.train.shape[1], len(found.tags)
    projection = np.random.default_rng(0).normal(size=(features, PROJECTIONS)).astype(np.float32)
    hidden = jax.jit(lambda x: jax.nn.relu(x @ projection))
    rows = np.flatnonzero(~found.held)
    parts = rows[np.arange(len(rows)) % 5 != 0], rows[np.arange(len(rows)) % 5 == 0]
    sums = []
    for part in parts:
        gram, cross = np.zeros((PROJECTIONS, PROJECTIONS)), np.zeros((PROJECTIONS, tags))
        for some in np.array_split(part, 1 + len(part) // BATCH_ROWS):
            h, y = hidden(found.train[some]), jax.nn.one_hot(found.labels[some], tags)
            gram += np.asarray(h.T @ h)
            cross += np.asarray(h.T @ y)
        sums.append((gram, cross))

    def solve(gram: np.ndarray, cross: np.ndarray, ridge: float) -> jax.Array:
        return jnp.asarray(np.linalg.solve(gram + ridge * np.eye(PROJECTIONS), cross), jnp.float32)

    aside, wanted = hidden(found.train[parts[1]]), found.labels[parts[1]]
    errors = [float(jnp.mean((aside @ solve(*sums[0], ridge)).argmax(1) != wanted)) for ridge in RIDGES]
    total = (sums[0][0] + sums[1][0], sums[0][1] + sums[1][1])
    weights = solve(*total, RIDGES[int(np.argmin(errors))])
    # A temperature is not sought below 1, and scores near 0 and 1 would need one of 0.1.
    return Model(lambda x: np.asarray(1000 * (hidden(x) @ weights)), 4 * PROJECTIONS)


def linear_probe(found: Embeddings) -> Model:
    """Multinomial logistic regression on standardised embeddings, by AdamW: the discriminative rival."""
    rows, tags = np.flatnonzero(~found.held), len(found.tags)
    mean, deviation = found.train[rows].mean(0), found.train[rows].std(0) + 1e-6
    x, y = (found.train[rows] - mean) / deviation, found.labels[rows]
    schedule = optax.cosine_decay_schedule(RATE, EPOCHS * (len(rows) // STEP))
    optimiser = optax.adamw(schedule, weight_decay=DECAY)
    params: Any = {"w": jnp.zeros((x.shape[1], tags)), "b": jnp.zeros(tags)}
    state = optimiser.init(params)

    @jax.jit
    def step(params: Any, state: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any]:
        def loss(params: Any) -> jax.Array:
            return optax.softmax_cross_entropy_with_integer_labels(x @ params["w"] + params["b"], y).mean()

        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - STEP + 1, STEP):
            some = order[start : start + STEP]
            params, state = step(params, state, x[some], y[some])
    weights = {key: np.asarray(value) for key, value in params.items()}

    def score(x: np.ndarray) -> np.ndarray:
        logits: np.ndarray = (x - mean) / deviation @ weights["w"] + weights["b"]
        return 1000 * logits  # see RanPAC

    return Model(score, 4 * (x.shape[1] + 1))


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    headings = ("top-1", "top-5", "log loss", "ECE, temperature", "ECE, calibration_bins", "bytes a tag", "fit", "score a picture")
    lines = [f"| network | classifier | {' | '.join(headings)} |", "|---|---|" + "---:|" * len(headings)]
    for row in rows:
        cells = [f"{100 * row['top1']:.2f} %", f"{100 * row['top5']:.2f} %", f"{row['log_loss']:.3f}"]
        cells += [f"{row['ece_temperature']:.4f}", f"{row['ece_knots']:.4f}", f"{row['bytes_per_tag']:,}"]
        cells += [f"{row['fit_s']:.1f} s", f"{row['score_ms']:.3f} ms"]
        lines.append(f"| {row['network']} | {row['classifier']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw top-1 of every classifier, a panel a network."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure, panels = plt.subplots(1, len(networks), figsize=(11, 3.6), layout="constrained", sharey=True, sharex=True)
    for axes, network in zip(panels, networks, strict=True):
        some = [row for row in rows if row["network"] == network][::-1]
        colours = ["#1b6ca8" if row["classifier"] == "whitened" else "#a9cbe6" for row in some]
        axes.barh([row["classifier"] for row in some], [100 * row["top1"] for row in some], 0.66, color=colours)
        for i, row in enumerate(some):
            axes.text(100 * row["top1"] - 0.3, i, f"{100 * row['top1']:.1f}", va="center", ha="right", fontsize=9,
                      color="white" if row["classifier"] == "whitened" else "#1f262c")  # fmt: skip
        axes.set(title=network, xlim=(45, 74), xlabel="top-1, %")
        axes.title.set(fontsize=10)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
