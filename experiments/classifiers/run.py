"""Every corner of the Gaussian family on the same embeddings, with RanPAC and a linear probe beside them.

python -m experiments.classifiers.run ZIP [--weights FILE]

Fits on 450 pictures per tag, tunes and calibrates on 50, reports validation once. Prints a table; writes results.csv
and figure.png.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax

from experiments.classifiers.rivals import Classifier, linear_probe, ranpac
from experiments.common import plots
from experiments.common.arguments import data_parser
from experiments.common.classifiers import fit_run, measure
from experiments.common.embeddings import EmbeddedPictures, compose_settings, embed_tiny_imagenet
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.classifier.fit import score_embeddings
from imagetagger.data.dataset import multi_hot
from imagetagger.options import Variant
from imagetagger.prediction.calibration import fit_calibration, log_probabilities

CORNERS = ("gnb", "smoothed_gnb", "tied", "ncm", "lda", "whitened")
NETWORKS: tuple[tuple[str, Variant], ...] = (
    ("mobilenet_v2", "float32"),
    ("mobilenet_v2", "int8"),
    ("efficientnet_lite0", "int8"),
)
BINS = 8
"""Calibration bins of the second ECE."""

COLUMNS = (
    Column("network"),
    Column("classifier"),
    Column("top1", "top-1", ".2%"),
    Column("top5", "top-5", ".2%"),
    Column("log_loss", "log loss", ".3f"),
    Column("ece_temperature", "ECE, temperature", ".4f"),
    Column("ece_bins", "ECE, bins", ".4f"),
    Column("bytes_per_tag", "bytes per tag", ",.0f"),
    Column("fit_s", "fit", ".1f", unit=" s"),
    Column("score_ms", "score per picture", ".3f", unit=" ms"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit all, print the table, write the files."""
    options = data_parser(__doc__, __file__).parse_args(arguments)
    fits: dict[str, Callable[[EmbeddedPictures], Classifier]] = {name: corner(name) for name in CORNERS}
    fits |= {"RanPAC": ranpac, "linear probe": linear_probe}
    rows: list[Row] = []
    for backbone, variant in NETWORKS:
        weights = options.weights if backbone == "mobilenet_v2" else "imagenet"
        embedded = embed_tiny_imagenet(options.zip, weights, variant, [f"backbone={backbone}", *options.override])
        for name, fit in fits.items():
            rows.append({"network": f"{backbone} {variant}", "classifier": name, **evaluate(fit, embedded)})
            print(rows[-1], flush=True)
    print(markdown_table(rows, COLUMNS))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def corner(name: str) -> Callable[[EmbeddedPictures], Classifier]:
    """The classifier of configs/classifier/NAME.yaml."""

    def fit(embedded: EmbeddedPictures) -> Classifier:
        fitted = fit_run(embedded, compose_settings(f"classifier={name}").classifier)
        jax.block_until_ready(fitted.gaussian)
        row_bytes = 4 * (1 + 2 * fitted.statistics.mean.shape[1])
        return Classifier(lambda x: score_embeddings(fitted, x).log_joint, row_bytes)

    return fit


def evaluate(fit: Callable[[EmbeddedPictures], Classifier], embedded: EmbeddedPictures) -> dict[str, float]:
    """Metrics of a classifier, calibrated by one temperature; its ECE with calibration bins as well; what it costs."""
    start = time.perf_counter()
    classifier = fit(embedded)
    fit_seconds = time.perf_counter() - start
    holdout_scores = classifier.score(embedded.x[embedded.is_holdout])
    holdout_labels = multi_hot(embedded.y[embedded.is_holdout, None], embedded.tags)
    classifier.score(embedded.x_validation[:1000])  # compiles
    start = time.perf_counter()
    scores = classifier.score(embedded.x_validation)
    score_seconds = (time.perf_counter() - start) / len(scores)
    by_temperature, by_bins = (
        measure(log_probabilities(scores, fit_calibration(holdout_scores, holdout_labels, bins)), embedded.y_validation)
        for bins in (0, BINS)
    )
    return {
        **{key: by_temperature[key] for key in ("top1", "top5", "log_loss")},
        "ece_temperature": by_temperature["ece"],
        "ece_bins": by_bins["ece"],
        "bytes_per_tag": classifier.bytes_per_tag,
        "fit_s": fit_seconds,
        "score_ms": 1e3 * score_seconds,
    }


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw top-1 of every classifier, one panel per network."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    figure, panels = plots.panels(len(networks), 11, 3.6, sharex=True, sharey=True)
    for axes, network in zip(panels, networks, strict=True):
        shown = [row for row in rows if row["network"] == network]
        values = [100 * float(row["top1"]) for row in shown]
        texts = [f"{value:.1f}" for value in values]
        plots.bars(axes, [row["classifier"] for row in shown], values, texts, dark="whitened")
        axes.set(xlabel="top-1, %")
        plots.title(axes, network)
    panels[0].set_xlim(max(0, min(100 * float(row["top1"]) for row in rows) - 8), None)
    plots.save(figure, path)


if __name__ == "__main__":
    main()
