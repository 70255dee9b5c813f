"""The original's formulas on the original's network: what it evaluated, what its app computed, and our classifiers.

python -m experiments.reproduction.run ZIP [--weights ../shared/weights/mobilenet_v2_torchvision_relu.safetensors]

Embeds at 256 px in float32 and in our int8; fits the original's statistics on all 500 pictures per tag, ours on 450,
calibrated out of fold; reports validation once. Prints a table; writes results.csv and figure.png. Source of the
formulas, which are written out again here: github.com/slipnitskaya/image-tagger, utils/evaluate_model.py and
app/.../GaussianNaiveBayes.kt.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.common import plots
from experiments.common.arguments import data_parser
from experiments.common.classifiers import evaluate_run, measure
from experiments.common.embeddings import EmbeddedPictures, compose_settings, embed_tiny_imagenet
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.options import Variant
from imagetagger.prediction.calibration import log_softmax
from imagetagger.prediction.prediction_sets import prediction_sets

VARIANTS: tuple[Variant, ...] = ("float32", "int8")
RESOLUTION = 256
THRESHOLD, SHARPNESS = 0.9, 500
"""Of the app: the sum that a set reaches, and the factor before its softmax."""
PUBLISHED = {"float32": 0.5609, "int8": 0.5567}
"""Top-1 by its README: of torchvision's float weights, and of the int8 network that these weights come from."""
METRICS = ("top1", "top5", "top10", "coverage", "set_size", "ece")
COLUMNS = (
    Column("network"),
    Column("formula"),
    Column("top1", "top-1", ".2%"),
    Column("top5", "top-5", ".2%"),
    Column("top10", "top-10", ".2%"),
    Column("coverage", "right tag in the 0.9 set", ".1%"),
    Column("set_size", "tags per set", ".2f"),
    Column("ece", "ECE", ".3f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate all, print the table, write the files."""
    options = data_parser(__doc__, __file__).parse_args(arguments)
    overrides = [f"backbone.resolution={RESOLUTION}", *options.override]
    rows: list[Row] = []
    for variant in VARIANTS:
        embedded = embed_tiny_imagenet(options.zip, options.weights, variant, overrides)
        metrics = {formula: evaluate_original(embedded, formula) for formula in ("evaluation", "app")}
        for classifier in ("gnb", "whitened"):
            settings = compose_settings("+experiment=whitened", f"classifier={classifier}", *options.override)
            metrics[f"ours, {classifier}"] = evaluate_run(settings, embedded).metrics
        rows.append({"network": variant, "formula": "published", "top1": PUBLISHED[variant]})
        rows += [
            {"network": variant, "formula": formula, **{key: values[key] for key in METRICS}}
            for formula, values in metrics.items()
        ]
        print(f"{variant}: done", flush=True)
    print(markdown_table(rows, COLUMNS))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def evaluate_original(embedded: EmbeddedPictures, formula: str) -> dict[str, float]:
    """Metrics of the original's evaluation, or of its app.

    evaluation: log p_k - 1/2 sum_d [log(2 pi s^2) + (x - m)^2 / s^2], then a softmax.
    app: the same with the standard deviation s in place of the variance s^2, divided by the largest of its absolute
    values, times 500, then a softmax.
    """
    likelihood = np.empty((len(embedded.x_validation), embedded.tags))
    for tag in range(embedded.tags):
        x = embedded.x[embedded.y == tag].astype(np.float64)
        mean, deviation = x.mean(0), x.std(0)
        divisor = deviation if formula == "app" else deviation**2
        squares = np.square(embedded.x_validation - mean) / divisor
        likelihood[:, tag] = -0.5 * (np.log(2 * np.pi * divisor).sum() + squares.sum(1)) + np.log(len(x))
    if formula == "app":
        likelihood *= SHARPNESS / np.abs(likelihood).max(1, keepdims=True)
    log_p = log_softmax(likelihood)
    return measure(log_p, embedded.y_validation, prediction_sets(np.exp(log_p), "cumulative", THRESHOLD))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw top-1 of every formula, and how often its 0.9 set holds the right tag, for both networks."""
    figure, panels = plots.panels(2, 9.5, 3, sharey=True)
    formulas = list(dict.fromkeys(row["formula"] for row in rows))[::-1]
    for axes, key, title in zip(panels, ("top1", "coverage"), ("top-1, %", "right tag in the 0.9 set, %"), strict=True):
        for shift, network, colour in ((0.2, "float32", plots.PALE_BLUE), (-0.2, "int8", plots.BLUE)):
            values = {
                row["formula"]: 100 * float(row[key])
                for row in rows
                if row["network"] == network and row.get(key) not in (None, "")
            }
            y = [formulas.index(formula) + shift for formula in values]
            axes.barh(y, list(values.values()), 0.36, color=colour, label=network)
            for place, value in zip(y, values.values(), strict=True):
                axes.text(value, place, f" {value:.1f}", va="center", fontsize=8.5, color=plots.INK)
        axes.set(yticks=range(len(formulas)), yticklabels=formulas, xlim=(0, 108 if key == "coverage" else 85))
        plots.title(axes, title)
        axes.spines[["left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    plots.level(panels[1], 90, vertical=True)
    plots.legend(panels[0], loc="upper right")
    plots.save(figure, path)


if __name__ == "__main__":
    main()
