"""Taggers from few pictures: how good they are, what lessons of a new tag do to them, and whether they know it.

python -m experiments.few_pictures.run ZIP --folders FOLDER [--backbone NAME --weights FILE] [--variant int8]

FOLDER holds waste/ and animals/, unpacked. Small data sets are drawn from these and from Tiny ImageNet, with ten seeds
each. Prints tables; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.embeddings import compose_settings
from experiments.common.tables import Column, Row, markdown_table, write_csv
from experiments.few_pictures.draws import Draw, draws, embed_data
from experiments.few_pictures.methods import Fitted, Scorer, fit_before, fit_tagger, score_refits, score_taught
from imagetagger.classifier.fit import score_embeddings
from imagetagger.config.schema import CalibrateConfig
from imagetagger.data.dataset import multi_hot
from imagetagger.evaluation.guarantee import coverage_interval
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.options import VARIANTS
from imagetagger.prediction.calibration import fit_calibration
from imagetagger.prediction.decision import fit_decision
from imagetagger.prediction.predict import Prediction, predict
from imagetagger.system.atomic_files import cache_directory

AFTER, BEFORE = "imagetagger", "imagetagger before"
LESSONS = (1, 3, 5, 10)
OTHERS = 400
"""Pictures of each other data set that should be called unknown."""


@threadpool_limits.wrap(limits=1, user_api="blas")  # threads that wait for a busy core take ten times as long
def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, fit, teach, print tables, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("zip", type=Path, help="Tiny ImageNet's official zip")
    parser.add_argument("--folders", type=Path, required=True, help="folder of waste/ and animals/")
    parser.add_argument("--backbone", choices=("efficientnet_lite0", "mobilenet_v2"), default="efficientnet_lite0")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--variant", choices=VARIANTS, default="int8")
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args(arguments)
    settings = compose_settings("+experiment=whitened")
    data = embed_data(
        options.folders,
        options.zip,
        cache_directory(),
        options.backbone,
        options.weights,
        options.variant,
        settings.classifier,
    )
    rows: list[Row] = []
    for name, tags, pictures, seed, draw in tqdm(draws(data, options.seeds), "small data sets", disable=None):
        key = {"data": name, "tags": tags, "pictures": pictures, "seed": seed}
        fitted = fit_tagger(draw, settings.classifier, seed)
        before = fit_before(draw, settings.classifier, seed)
        scorers = {AFTER: score_taught(fitted.classifier, draw), BEFORE: score_taught(before, draw)}
        for method, scorer in (scorers | score_refits(draw)).items():
            row = key | {"method": method} | accuracies(draw, scorer)
            if method == AFTER:
                row |= certainty(draw, fitted, settings.calibrate, [data[other].x for other in data if other != name])
                row["strength"] = fitted.crossed.strength
            rows.append(row)
    print(accuracy_table(rows), certainty_table(rows), sep="\n\n")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    write_csv(
        [{column: _short(row.get(column, "")) for column in columns} for row in rows], options.out / "results.csv"
    )
    draw_figure(rows, options.out / "figure.png")


def accuracies(draw: Draw, scorer: Scorer) -> dict[str, float]:
    """Balanced accuracy on the known tags, and after lessons recall of the new tag and accuracy on the known ones."""
    tags = int(draw.y.max()) + 1
    values = {"accuracy": balanced(scorer(0)[0], draw.y_test)}
    for taught in LESSONS:
        known, new = scorer(taught)
        values[f"new_{taught}"] = float((new.argmax(1) == tags).mean())
        values[f"old_{taught}"] = balanced(known, draw.y_test)
    return values


def balanced(scores: np.ndarray, y: np.ndarray) -> float:
    """Mean over the tags of the share of their pictures that are predicted correctly."""
    is_correct = scores.argmax(1) == y
    return float(np.mean([is_correct[y == tag].mean() for tag in np.unique(y)]))


def certainty(draw: Draw, fitted: Fitted, calibrate: CalibrateConfig, others: Sequence[np.ndarray]) -> dict[str, float]:
    """Calibration error, coverage, set size and novelty on outside pictures, with the decision of a bundle."""
    crossed, classifier = fitted.crossed, fitted.classifier
    prior = draw.reference.log_temperature if draw.reference else None
    calibration = fit_calibration(crossed.scores.log_joint, crossed.labels_onehot, calibrate.calibration_bins, prior)
    decision = fit_decision(
        crossed.scores.log_joint,
        crossed.labels_onehot,
        crossed.novelty,
        calibration,
        prediction_set=calibrate.prediction_set,  # type: ignore[arg-type]  # checked by config
        coverage=calibrate.coverage,
        novelty_fpr=calibrate.novelty_fpr,
    )

    def predicted(x: np.ndarray) -> Prediction:
        scores = score_embeddings(classifier, x)
        return predict(scores.log_joint, scores.background, classifier.log_prior, decision)

    known = predicted(draw.x_test)
    strangers = predicted(np.concatenate([x[:: max(len(x) // OTHERS, 1)][:OTHERS] for x in others]))
    left_out = predicted(np.concatenate([draw.x_new, draw.x_new_test]))
    onehot = multi_hot(draw.y_test[:, None], int(draw.y.max()) + 1)
    metrics = compute_metrics(total_metrics(observe_predictions(known.log_probability, known.in_set, onehot)))
    low, high = coverage_interval(len(crossed.rows), calibrate.coverage) or (np.nan, np.nan)
    return {
        "ece": metrics["ece"],
        "coverage": metrics["coverage"],
        "set_size": metrics["set_size"],
        "coverage_low": low,
        "coverage_high": high,
        "temperature": calibration.temperature,
        "unknown_known": float(known.is_novel.mean()),
        "unknown_others": float(strangers.is_novel.mean()),
        "unknown_left_out": float(left_out.is_novel.mean()),
        "auroc_others": auroc(known.novelty_score, strangers.novelty_score),
        "auroc_left_out": auroc(known.novelty_score, left_out.novelty_score),
    }


def auroc(known: np.ndarray | None, unknown: np.ndarray | None) -> float:
    """Chance that an unknown picture scores higher than a known one; NaN without a background."""
    if known is None or unknown is None:
        return float("nan")
    return float((unknown[:, None] > known).mean() + (unknown[:, None] == known).mean() / 2)


def mean_rows(rows: Sequence[Row], by: Sequence[str]) -> list[Row]:
    """Means over the rows of equal values of `by`, in order of appearance."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in by), []).append(row)
    means: list[Row] = []
    for key, members in groups.items():
        numbers = [name for name in members[0] if isinstance(members[0][name], float)]
        averages = {name: np.nanmean([row[name] for row in members]) for name in numbers}
        means.append({**dict(zip(by, key, strict=True)), **averages})
    return means


def accuracy_table(rows: Sequence[Row]) -> str:
    """Lay out accuracy, recall of the new tag and accuracy on the old ones, averaged over the seeds."""
    worst: dict[str, float] = {}
    for row in rows:
        drop = row["old_5"] - row["accuracy"]
        worst[row["method"]] = min(worst.get(row["method"], 0.0), drop)
    columns = [
        Column("method"),
        Column("size", "tags x pictures"),
        Column("accuracy", form=".1f", factor=100),
        *(Column(f"{kind}_{taught}", f"{kind}, {taught}", ".1f", 100) for taught in LESSONS for kind in ("new", "old")),
        Column("worst", "worst loss at 5", ".1f", 100),
    ]
    lines: list[Row] = [
        {**row, "size": "all", "worst": worst[row["method"]]} for row in mean_rows(_by_size(rows), ("method",))
    ]
    lines += [
        {**row, "size": f"{row['data']} {row['tags']} x {row['pictures']}"}
        for row in mean_rows(rows, ("data", "tags", "pictures", "method"))
    ]
    return markdown_table(lines, columns)


def certainty_table(rows: Sequence[Row]) -> str:
    """Lay out calibration, coverage and novelty of the tagger, averaged over the seeds."""
    own = [row for row in rows if row["method"] == AFTER]
    inside: dict[tuple[str, int, int], list[bool]] = {}
    for row in own:
        key = (row["data"], row["tags"], row["pictures"])
        inside.setdefault(key, []).append(row["coverage"] >= row["coverage_low"])
    lines: list[Row] = [
        {
            **row,
            "size": f"{row['data']} {row['tags']} x {row['pictures']}",
            "reached": float(np.mean(inside[row["data"], row["tags"], row["pictures"]])),
        }
        for row in mean_rows(own, ("data", "tags", "pictures"))
    ]
    lines.append({**mean_rows([{**row, "all": "all"} for row in lines], ("all",))[0], "size": "all"})
    columns = [
        Column("size", "tags x pictures"),
        Column("ece", "ECE", ".3f"),
        Column("coverage", "coverage", ".1f", 100),
        Column("reached", "not below the stated interval", ".0f", 100),
        Column("set_size", "set size", ".2f"),
        Column("unknown_known", "known called unknown", ".1f", 100),
        Column("unknown_others", "other data called unknown", ".1f", 100),
        Column("unknown_left_out", "left-out tag called unknown", ".1f", 100),
        Column("auroc_others", "AUROC, other data", ".3f"),
        Column("auroc_left_out", "AUROC, left-out tag", ".3f"),
    ]
    return markdown_table(lines, columns)


def draw_figure(rows: Sequence[Row], path: Path) -> None:
    """Draw accuracy on old and new tags while the new one is taught, averaged over all small data sets."""
    figure, panels = plots.panels(2, 9, 3.8)
    means = mean_rows(_by_size(rows), ("method",))
    colours = dict(
        zip(
            [row["method"] for row in means],
            (plots.BLUE, plots.PALE_BLUE, plots.ORANGE, plots.PURPLE, plots.GREEN, plots.GREY, plots.INK),
            strict=False,
        )
    )
    for axes, kind, title in zip(
        panels, ("new", "old"), ("Recall of the new tag", "Accuracy on the old tags"), strict=True
    ):
        for row in means:
            x, y = list(LESSONS), [100 * row[f"{kind}_{taught}"] for taught in LESSONS]
            if kind == "old":
                x, y = [0, *x], [100 * row["accuracy"], *y]
            axes.plot(x, y, marker="o", ms=3.5, lw=2, color=colours[row["method"]], label=row["method"])
        axes.set(xlabel="pictures taught of the new tag", ylabel="%", ylim=(0, 102))
        plots.title(axes, title)
    plots.legend(panels[0], loc="lower right")
    plots.save(figure, path)


def _by_size(rows: Sequence[Row]) -> list[Row]:
    """Means over the seeds, so that every data set and size counts once."""
    return mean_rows(rows, ("data", "tags", "pictures", "method"))


def _short(value: object) -> object:
    return f"{value:.5g}" if isinstance(value, float) else value


if __name__ == "__main__":
    main()
