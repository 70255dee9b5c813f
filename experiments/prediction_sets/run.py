"""What a prediction set costs: coverage against size for every rule, by size of the set and by tag; and novelty.

python -m experiments.prediction_sets.run ZIP [--weights FILE]

Fits on 450 pictures per tag, calibrates on 50, reports validation once. Prints tables; writes results.csv and
figure.png.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from experiments.common import plots
from experiments.common.arguments import data_parser
from experiments.common.classifiers import decide, fit_run
from experiments.common.embeddings import EmbeddedPictures, compose_settings, embed_tiny_imagenet
from experiments.common.tables import Column, Row, markdown_table, write_csv
from experiments.prediction_sets.novelty import SCORES, novelty_of_new_tags, novelty_table
from imagetagger.classifier.fit import FittedClassifier, Scores, score_embeddings
from imagetagger.config.schema import CalibrateConfig, ClassifierConfig
from imagetagger.data.dataset import multi_hot
from imagetagger.evaluation.strata import SET_SIZE_STRATA, coverage_by_size, coverage_by_tag
from imagetagger.options import Variant
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.decision import Decision, PredictionSetRule
from imagetagger.prediction.predict import predict

VARIANTS: tuple[Variant, ...] = ("float32", "int8")
TARGETS = (0.8, 0.9, 0.95)
CURVE_TARGETS = np.linspace(0.5, 0.985, 30)
SIZES = (1, 3, 5, 10, 15)
RULES: dict[str, dict[str, Any]] = {  # settings of `calibrate` by name
    "cumulative, raw": {"prediction_set": "cumulative", "calibration_bins": 0},
    "cumulative, temperature": {"prediction_set": "cumulative", "calibration_bins": 0},
    "cumulative, bins": {"prediction_set": "cumulative", "calibration_bins": 8},
    "aps, temperature": {"prediction_set": "aps", "calibration_bins": 0},
    "aps, bins": {"prediction_set": "aps", "calibration_bins": 8},
    "lac, temperature": {"prediction_set": "lac", "calibration_bins": 0},
    "lac, bins": {"prediction_set": "lac", "calibration_bins": 8},
}
DRAWN = ("cumulative, raw", "cumulative, bins", "aps, bins", "lac, bins")
COLOURS = dict(zip(DRAWN, (plots.GREY, plots.ORANGE, plots.PURPLE, plots.BLUE), strict=True))

COLUMNS = (
    Column("variant", " "),
    Column("rule"),
    Column("target", form="g"),
    Column("coverage", form=".2%"),
    Column("size", "tags, mean", ".2f"),
    Column("median", form=".0f"),
    Column("singleton", "one tag only", ".1%"),
    Column("worst_tag", "worst tag", ".1%"),
    Column("tags_within_5", "tags within 5 points", ".1%"),
    *(Column(f"size_{low}", f"size {low}+", ".1%") for low in SET_SIZE_STRATA),
)


class Scored(NamedTuple):
    """A classifier's scores of held-out and validation pictures, and the tags of the latter, bool (M, C)."""

    embedded: EmbeddedPictures
    classifier: FittedClassifier
    holdout: Scores
    validation: Scores
    labels_onehot: np.ndarray


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate all rules, print tables, write the files."""
    options = data_parser(__doc__, __file__).parse_args(arguments)
    settings = compose_settings("+experiment=whitened", *options.override)
    rows: list[Row] = []
    novelty: list[Row] = []
    curves: dict[str, np.ndarray] = {}
    for variant in VARIANTS:
        embedded = embed_tiny_imagenet(options.zip, options.weights, variant, options.override)
        scored = score(embedded, settings.classifier)
        for name in RULES:
            rows += [
                {"variant": variant, "rule": name, "target": target, **set_metrics(sets, scored.labels_onehot)}
                for target in TARGETS
                for sets in [rule_sets(scored, name, target, settings.calibrate)]
            ]
        for size in SIZES:
            metrics = set_metrics(raw_sets(scored, PredictionSetRule("top_k", None, size)), scored.labels_onehot)
            rows.append({"variant": variant, "rule": "top_k", "target": size, **metrics})
        if variant == "int8":
            curves = {name: curve(scored, name, settings.calibrate) for name in DRAWN}
        novelty += [{"variant": variant, **row} for row in novelty_of_new_tags(embedded, settings.classifier)]
    print(markdown_table(rows, COLUMNS), novelty_table(novelty), sep="\n\n")
    write_csv(rows, options.out / "results.csv", [column.key for column in COLUMNS])
    int8 = [row for row in rows if row["variant"] == "int8"]
    draw(curves, int8, [row for row in novelty if row["variant"] == "int8"], options.out / "figure.png")


def score(embedded: EmbeddedPictures, config: ClassifierConfig) -> Scored:
    """Fit the classifier; score held-out and validation pictures."""
    classifier = fit_run(embedded, config)
    holdout, validation = (
        score_embeddings(classifier, x) for x in (embedded.x[embedded.is_holdout], embedded.x_validation)
    )
    return Scored(embedded, classifier, holdout, validation, multi_hot(embedded.y_validation[:, None], embedded.tags))


def rule_sets(scored: Scored, name: str, target: float, base: CalibrateConfig) -> np.ndarray:
    """Prediction sets of one of RULES, bool (M, C)."""
    if name.endswith("raw"):
        return raw_sets(scored, PredictionSetRule("cumulative", None, target))
    calibrate = replace(base, coverage=target, **RULES[name])
    decision = decide(scored.holdout, scored.embedded.splits.value, calibrate)
    return predicted_sets(scored, decision)


def raw_sets(scored: Scored, rule: PredictionSetRule) -> np.ndarray:
    """Prediction sets without calibration, bool (M, C)."""
    return predicted_sets(scored, Decision(Calibration(1.0), rule))


def predicted_sets(scored: Scored, decision: Decision) -> np.ndarray:
    """Prediction sets of a decision, bool (M, C)."""
    return predict(scored.validation.log_joint, None, scored.classifier.log_prior, decision).in_set


def set_metrics(sets: np.ndarray, labels_onehot: np.ndarray) -> dict[str, float]:
    """Coverage and size: of all sets, of the worst tag, by stratum of sizes."""
    size, by_tag = sets.sum(1), coverage_by_tag(sets, labels_onehot)
    coverage = float((sets & labels_onehot).any(1).mean())
    return {
        "coverage": coverage,
        "size": float(size.mean()),
        "median": float(np.median(size)),
        "singleton": float((size == 1).mean()),
        "worst_tag": float(by_tag.min()),
        "tags_within_5": float((np.abs(by_tag - coverage) <= 0.05).mean()),
        **{f"size_{stratum.low}": stratum.coverage for stratum in coverage_by_size(sets, labels_onehot)},
    }


def curve(scored: Scored, name: str, base: CalibrateConfig) -> np.ndarray:
    """Coverage and mean size, (2, T), of one of RULES at CURVE_TARGETS."""
    points = []
    for target in CURVE_TARGETS.tolist():
        sets = rule_sets(scored, name, target, base)
        points.append(((sets & scored.labels_onehot).any(1).mean(), sets.sum(1).mean()))
    return np.array(points).T


def draw(curves: dict[str, np.ndarray], rows: Sequence[Row], novelty: Sequence[Row], path: Path) -> None:
    """Draw size against coverage, coverage by set size at a target of 0.9, and the AUROCs."""
    figure, (left, middle, right) = plots.panels(3, 12, 3.8, width_ratios=(1.2, 1, 1))
    for name, (coverage, size) in curves.items():
        left.plot(100 * coverage, size, color=COLOURS[name], lw=2, label=name.removesuffix(", bins"))
    left.set(xlabel="right tag inside, %", ylabel="tags per set, mean", yscale="log", xlim=(60, 100), ylim=(0.9, 100))
    plots.ticks(left, (1, 2, 5, 10, 20, 50, 100), "y")
    plots.legend(left)
    plots.title(left, "Size at each coverage")
    draw_strata(middle, rows)
    plots.title(middle, "Target 90 %: by size of the set")
    draw_novelty(right, novelty)
    plots.title(right, "Is it unknown?")
    plots.save(figure, path)


def draw_strata(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw how often sets hold the right tag, by their size."""
    for i, name in enumerate(name for name in DRAWN if not name.endswith("raw")):
        row = next(row for row in rows if row["rule"] == name and row["target"] == 0.9)
        covered = [100 * row.get(f"size_{low}", np.nan) for low in SET_SIZE_STRATA]
        axes.bar(np.arange(len(covered)) + 0.27 * (i - 1), covered, 0.25, color=COLOURS[name])
    plots.level(axes, 90)
    ends = pairwise(SET_SIZE_STRATA)
    labels = [f"{low}" if after == low + 1 else f"{low}\u2013{after - 1}" for low, after in ends]
    axes.set_xticks(range(len(SET_SIZE_STRATA)), [*labels, f"{SET_SIZE_STRATA[-1]}+"])
    axes.set(xlabel="tags in the set", ylabel="right tag inside, %", ylim=(40, 100))


def draw_novelty(axes: Axes, novelty: Sequence[Row]) -> None:
    """Draw mean and range of each score's AUROC."""
    means = {name: float(np.mean([row[name] for row in novelty])) for name in SCORES}
    plots.bars(axes, SCORES, list(means.values()), [""] * len(SCORES), dark=SCORES[0])
    for y, name in enumerate(SCORES[::-1]):
        values, mean = [row[name] for row in novelty], means[name]
        axes.errorbar(mean, y, xerr=[[mean - min(values)], [max(values) - mean]], color=plots.INK, lw=1, capsize=3)
        colour = "white" if name == SCORES[0] else plots.INK
        axes.text(0.505, y, f"{mean:.3f}", va="center", fontsize=9, color=colour)
    axes.set(xlim=(0.5, 0.9), xlabel="AUROC, 50 new tags")


if __name__ == "__main__":
    main()
