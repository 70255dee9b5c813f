"""The original's formulas on the original's network: what it evaluated, what its app computed, and what we make of it.

python experiments/reproduction.py ZIP [--weights ../shared/weights/mobilenet_v2_torchvision_relu.safetensors]

Embeds at 256 px in float32 and in int8 of ours; fits the original's statistics on all 500 pictures a tag, ours on 450,
with 50 to calibrate on; reports validation once. Prints a table; writes reproduction.csv and reproduction.png beside
this file. Source of the formulas: github.com/slipnitskaya/image-tagger, utils/evaluate_model.py and
app/.../GaussianNaiveBayes.kt, written out anew.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from embeddings import Embeddings, arguments, embeddings, settings

from imagetagger.classifier.fit import fit_classifier, multi_hot, score_embeddings
from imagetagger.evaluation.evaluate import calibrate_classifier, evaluate_classifier
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.prediction.calibration import log_softmax
from imagetagger.prediction.prediction_sets import prediction_sets

matplotlib.use("agg")
from matplotlib import pyplot as plt

RESOLUTION = 256
THRESHOLD, SHARPNESS = 0.9, 500
"""Of the app: the sum that a set reaches, and the factor before its softmax."""
PUBLISHED = {"float32": 0.5609, "int8": 0.5567}
"""Top-1 by its README: of torchvision's float weights, and of the int8 network that these weights were taken from."""
FIGURES = ("top1", "top5", "top10", "coverage", "set_size", "ece")


def main() -> None:
    """Measure all, print the table, write the files."""
    given = arguments(argparse.ArgumentParser(description=__doc__)).parse_args()
    rows: list[dict[str, Any]] = []
    for variant in ("float32", "int8"):
        found = embeddings(given.zip, given.weights, variant=variant, resolution=RESOLUTION)
        rows.append({"network": variant, "formula": "published", "top1": PUBLISHED[variant]})
        told = {formula: original(found, formula) for formula in ("evaluation", "app")}
        told |= {f"ours, {classifier}": ours(found, classifier) for classifier in ("gnb", "whitened")}
        rows += [{"network": variant, "formula": formula, **figures} for formula, figures in told.items()]
        print(f"{variant}: done", flush=True)
    print(table(rows))
    base = Path(__file__).with_suffix("")
    with base.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(
            file, ["network", "formula", *FIGURES], lineterminator="\n", restval="", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, base.with_suffix(".png"))


def original(found: Embeddings, formula: str) -> dict[str, float]:
    """Return the figures of the original's evaluation, or of its app.

    evaluation: log p_k - 1/2 sum_d [log(2 pi s^2) + (x - m)^2 / s^2], then a softmax.
    app: the same with the standard deviation s in place of the variance s^2, divided by the largest of its absolute
    values, times 500, then a softmax.
    """
    tags = len(found.tags)
    likelihood = np.empty((len(found.validation), tags))
    for tag in range(tags):
        own = found.train[found.labels == tag].astype(np.float64)
        mean, spread = own.mean(0), own.std(0)
        divisor = spread if formula == "app" else spread**2
        squares = np.square(found.validation - mean) / divisor
        likelihood[:, tag] = -0.5 * (np.log(2 * np.pi * divisor).sum() + squares.sum(1)) + np.log(len(own))
    if formula == "app":
        likelihood *= SHARPNESS / np.abs(likelihood).max(1, keepdims=True)
    log_p, truth = log_softmax(likelihood), multi_hot(found.truth[:, None], tags)
    return compute_metrics(
        total_metrics(observe_predictions(log_p, prediction_sets(np.exp(log_p), "cumulative", THRESHOLD), truth))
    )


def ours(found: Embeddings, classifier: str) -> dict[str, float]:
    """Return the figures of one of our classifiers, with calibration and tag sets as shipped."""
    made, tags = settings("+experiment=whitened", f"classifier={classifier}"), len(found.tags)
    fitted = fit_classifier(found.train, found.labels[:, None], found.held, tags, made.classifier)
    kept = multi_hot(found.labels[found.held][:, None], tags)
    decision = calibrate_classifier(score_embeddings(fitted, found.train[found.held]), kept, made.calibrate)
    truth = multi_hot(found.truth[:, None], tags)
    return evaluate_classifier(fitted, decision, found.validation, truth, made.calibrate.coverage).figures


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    headings = ("top-1", "top-5", "top-10", "right tag in the 0.9 set", "tags in it", "ECE")
    forms = ("{:.2%}", "{:.2%}", "{:.2%}", "{:.1%}", "{:.2f}", "{:.3f}")
    lines = [f"| network | formula | {' | '.join(headings)} |", "|---|---|" + "---:|" * len(headings)]
    for row in rows:
        cells = [form.format(row[key]) if key in row else "" for key, form in zip(FIGURES, forms, strict=True)]
        lines.append(f"| {row['network']} | {row['formula']} | {' | '.join(cells).replace('%', ' %')} |")
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw top-1 of every formula, and how often its 0.9 set holds the right tag, for both networks."""
    figure, panels = plt.subplots(1, 2, figsize=(9.5, 3), layout="constrained", sharey=True)
    formulas = list(dict.fromkeys(row["formula"] for row in rows))[::-1]
    for axes, key, title in zip(panels, ("top1", "coverage"), ("top-1, %", "right tag in the 0.9 set, %"), strict=True):
        for shift, network in ((0.2, "float32"), (-0.2, "int8")):
            told = {row["formula"]: row for row in rows if row["network"] == network and key in row}
            places = [(i + shift, 100 * told[formula][key]) for i, formula in enumerate(formulas) if formula in told]
            where, values = zip(*places, strict=True)
            axes.barh(where, values, 0.36, color={"float32": "#a9cbe6", "int8": "#1b6ca8"}[network], label=network)
            for y, value in places:
                axes.text(value, y, f" {value:.1f}", va="center", fontsize=8.5, color="#1f262c")
        axes.set(yticks=range(len(formulas)), yticklabels=formulas, xlim=(0, 108 if key == "coverage" else 72))
        axes.set_title(title, fontsize=10, loc="left")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[1].axvline(90, color="#1f262c", lw=1, ls=(0, (4, 3)))
    panels[0].legend(frameon=False, loc="lower right", fontsize=9)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
