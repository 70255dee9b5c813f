"""How many tags of an archive can be written with a promised precision, after a third of it was tagged by a person?

python -m experiments.archive_promise.run PICTURES OTHERS [--bundle BUNDLE] [--draws 20]

PICTURES is a folder with one sub-folder per tag, OTHERS one of pictures that show none of these tags. A random share of
the pictures is labelled; the tags are learned from it by a bundle, promises are made from leave-one-out scores, and the
rest is tagged. Prints tables; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from experiments.archive_promise.draws import Rule, believed, measure, observed, probabilities, promised, score_draw
from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.tables import Column, Row, markdown_table, write_csv
from experiments.everyday.run import Model, embed_all
from imagetagger.bundle.executor import load_executor, score_rows
from imagetagger.bundle.reader import read_bundle
from imagetagger.data.dataset import multi_hot
from imagetagger.data.folder import load_folder
from imagetagger.everyday import EVERYDAY_BUNDLE

BROADER = {
    "bird": {"chicken", "duck", "eagle", "turkey"},
    "mammal": {"ape", "bear", "bison", "cat", "cow", "deer", "dog"}
    | {"dolphin", "horse", "lion", "pig", "rabbit", "wolf"},
}
"""Broader terms of the folders' names: a picture then has two tags."""

TARGETS = (0.9, 0.95)


class Setting(NamedTuple):
    """What a person set: for a share of the pictures; broader terms too, a share of which was forgotten."""

    name: str
    share: float
    broader: bool = False
    forgotten: float = 0.0


SETTINGS = (
    Setting("names, a third", 1 / 3),
    Setting("and broader terms", 1 / 3, broader=True),
    Setting("a tenth of those not set", 1 / 3, broader=True, forgotten=0.1),
    Setting("names and broader terms, two thirds", 2 / 3, broader=True),
)

RULES: dict[str, tuple[Rule, bool]] = {
    "promised": (promised, True),
    "promised, against the background alone": (promised, False),
    "observed precision, not tested": (observed, True),
    "probability at its word": (believed, True),
}
"""By name: the rule, and whether scores are against rival tags too."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Embed, draw, tag, print tables, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("others", type=Path)
    parser.add_argument("--bundle", type=Path, default=EVERYDAY_BUNDLE)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args(arguments)
    bundle = read_bundle(options.bundle)
    model = Model(bundle, load_executor(bundle.files["model.tflite"], bundle.manifest))
    folder = load_folder(options.pictures)
    names = [tag.name for tag in folder.tags]
    truth = multi_hot(folder.train.labels, len(names)).astype(bool)
    x, others = embed_all(model, folder.train), embed_all(model, load_folder(options.others).train)
    score = partial(score_rows, model.executor)
    rows: list[Row] = []
    for setting in SETTINGS:
        tags = np.concatenate([truth, broader_terms(truth, names)], 1) if setting.broader else truth
        for seed in tqdm(range(options.draws), setting.name, disable=None):
            rng = np.random.default_rng(seed)
            is_labelled = rng.permutation(len(x)) < round(setting.share * len(x))
            is_forgotten = rng.random(tags.shape) < setting.forgotten
            is_forgotten[:, : len(names)] = False
            beside = others if setting is SETTINGS[0] else others[:0]
            draw = score_draw(x, tags, is_labelled, tags & ~is_forgotten, beside, score)
            p = {with_rivals: probabilities(draw, with_rivals=with_rivals) for with_rivals in (True, False)}
            for name, (rule, with_rivals) in RULES.items():
                for target in TARGETS:
                    key = {"setting": setting.name, "rule": name, "target": target, "seed": seed}
                    promises = rule(draw, p[with_rivals], target)
                    rows.append(key | measure(draw, p[with_rivals], promises))
    print(promise_table(rows), rule_table(rows), sep="\n\n")
    write_csv(rows, options.out / "results.csv")
    draw_figure(rows, options.out / "figure.png")


def broader_terms(truth: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return which broader terms pictures have, bool (N, number of terms)."""
    return np.stack([truth[:, [name in below for name in names]].any(1) for below in BROADER.values()], 1)


def chosen_rows(rows: Sequence[Row], **key: object) -> list[Row]:
    """Return the rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in key.items())]


def summary_row(rows: Sequence[Row], target: float) -> dict[str, float]:
    """Return means over the draws, in how many the precision was reached, and its least."""
    keys = ("own", "pooled", "written", "precision", "recall", "beside_others", "looks", "looks_right")
    means = {key: float(np.mean([row[key] for row in rows])) for key in keys if key in rows[0]}
    precisions = [row["precision"] for row in rows]
    return means | {"reached": float(np.mean([p >= target for p in precisions])), "least": float(min(precisions))}


OUTCOME = [
    Column("target", "promised", ".0%"),
    Column("written", "tags written", ".0f"),
    Column("precision", "of them right", ".1%"),
    Column("least", "worst draw", ".1%"),
    Column("reached", "draws that reach it", ".0%"),
    Column("recall", "of all tags found", ".1%"),
]


def promise_table(rows: Sequence[Row]) -> str:
    """What is promised and found in each setting."""
    columns = [
        Column("setting", "a person set"),
        *OUTCOME,
        Column("own", "tags promised alone", ".1f"),
        Column("pooled", "together", ".1f"),
        Column("looks", "want a look", ".0f"),
        Column("looks_right", "of these right", ".0%"),
    ]
    return markdown_table(
        [
            {"setting": setting.name, "target": target}
            | summary_row(chosen_rows(rows, setting=setting.name, rule="promised", target=target), target)
            for setting in SETTINGS
            for target in TARGETS
        ],
        columns,
    )


def rule_table(rows: Sequence[Row]) -> str:
    """Other rules on the first setting, and what becomes of the precision among pictures that show nothing known."""
    columns = [Column("rule"), *OUTCOME, Column("beside_others", "right beside the others", ".1%")]
    first = SETTINGS[0].name
    return markdown_table(
        [
            {"rule": name, "target": target}
            | summary_row(chosen_rows(rows, setting=first, rule=name, target=target), target)
            for name in RULES
            for target in TARGETS
        ],
        columns,
    )


def draw_figure(rows: Sequence[Row], path: Path) -> None:
    """Draw precision and recall of each draw, by rule."""
    figure, panels = plots.panels(len(TARGETS), 9, 3.6)
    for axes, target in zip(panels, TARGETS, strict=True):
        for (name, _), colour in zip(RULES.items(), plots.LINE_COLOURS, strict=False):
            draws = chosen_rows(rows, setting=SETTINGS[0].name, rule=name, target=target)
            recall, precision = ([100 * row[key] for row in draws] for key in ("recall", "precision"))
            axes.plot(recall, precision, "o", ms=4, color=colour, label=name)
        plots.level(axes, 100 * target)
        axes.set(xlabel="of all tags found, %", ylabel="of written tags right, %", ylim=(100 * target - 5, 100))
        plots.title(axes, f"Promised: {target:.0%}".replace("%", " %"))
    plots.legend(panels[0], loc="lower left")
    plots.save(figure, path)


if __name__ == "__main__":
    main()
