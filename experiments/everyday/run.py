"""The everyday bundle: how well it tags photographs, in tags and in broader terms, and what lessons do to it.

python -m experiments.everyday.run PHOTOGRAPHS WASTE [--bundle BUNDLE]

PHOTOGRAPHS is a folder or .zip of pictures of ImageNet's classes, named WNID_NAME.jpg; WASTE a folder with one
sub-folder per tag. Everything goes through the bundle's own model in LiteRT. What the bundle was calibrated on is
evaluated out of fold: probabilities and sets of each tenth are fitted on the others. Prints tables; writes
results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.bundle.executor import (
    Executor,
    embed_image,
    empty_row,
    lesson_row,
    load_executor,
    merge_rows,
    score_rows,
)
from imagetagger.bundle.reader import Bundle, Rows, read_bundle
from imagetagger.data.dataset import Split, multi_hot
from imagetagger.data.folder import load_folder
from imagetagger.data.imagenet_photographs import load_imagenet_photographs
from imagetagger.evaluation.metrics import compute_metrics, observe_predictions, total_metrics
from imagetagger.everyday import EVERYDAY_BUNDLE
from imagetagger.prediction.calibration import fit_calibration
from imagetagger.prediction.decision import Decision, fit_decision
from imagetagger.prediction.predict import predict, sets_at
from imagetagger.preprocess import preprocess
from imagetagger.tagger.description import Words, describe_picture, find_words
from imagetagger.tagger.lessons import NO_LESSONS
from imagetagger.tagger.state import TERM_COVERAGE
from imagetagger.tagger.tag_names import vocabulary

FOLDS, SEEDS, LESSONS = 10, 5, (1, 5, 20)


class Model(NamedTuple):
    """A bundle and its functions."""

    bundle: Bundle
    executor: Executor


def main(arguments: Sequence[str] | None = None) -> None:
    """Embed, score, teach, print tables, write the file."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("waste", type=Path)
    parser.add_argument("--bundle", type=Path, default=EVERYDAY_BUNDLE)
    options = parser.parse_args(arguments)
    bundle = read_bundle(options.bundle)
    model = Model(bundle, load_executor(bundle.files["model.tflite"], bundle.manifest))
    known = load_imagenet_photographs(options.photographs).train
    x, labels = embed_all(model, known), known.labels[:, 0]
    scores = np.stack([score_rows(model.executor, one, bundle.rows) for one in tqdm(x, "scoring", disable=None)])
    scores += bundle.score_offset
    rows: list[Row] = [{"part": "photographs"} | evaluate_out_of_fold(model, scores, labels)]
    folder = load_folder(options.waste)
    waste = embed_all(model, folder.train)
    for pictures in LESSONS:
        for seed in range(SEEDS):
            taught = teach(model, scores, x, labels, waste, folder.train.labels[:, 0], pictures, seed)
            rows.append({"part": "lessons", "pictures": pictures, "seed": seed} | taught)
    print(accuracy_table(rows), lesson_table(rows), sep="\n\n")
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def embed_all(model: Model, split: Split) -> np.ndarray:
    """Embed the pictures of a split by the bundle, float32 (N, D)."""
    size = model.bundle.manifest.image.size
    crops = (preprocess(split.read(i), size) for i in tqdm(range(len(split.ids)), "embedding", disable=None))
    return np.stack([embed_image(model.executor, crop) for crop in crops])


def evaluate_out_of_fold(model: Model, scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Metrics of tags, sets and descriptions, with a decision of the other folds for each tenth of the pictures."""
    tags = len(model.bundle.labels)
    onehot, fold = multi_hot(labels[:, None], tags), np.random.default_rng(0).permutation(len(labels)) % FOLDS
    words = find_words(vocabulary(model.bundle.labels, NO_LESSONS), model.bundle.terms, NO_LESSONS.edits)
    log_p, in_set = np.zeros(scores.shape), np.zeros(scores.shape, bool)
    described: list[tuple[bool, int]] = []
    everything, log_prior = np.ones(tags, bool), np.zeros(tags, np.float32)
    for part in range(FOLDS):
        decision = fit_rule(scores[fold != part], onehot[fold != part])
        for row in np.flatnonzero(fold == part):
            prediction = predict(scores[row : row + 1], None, log_prior, decision)
            wider = sets_at(prediction.log_probability, decision.prediction_set, TERM_COVERAGE)
            log_p[row], in_set[row] = prediction.log_probability[0], prediction.in_set[0]
            terms = describe_picture(words, prediction, wider[0], everything).terms
            described.append((any(holds(words, term.id, labels[row]) for term in terms), len(terms)))
    metrics = compute_metrics(total_metrics(observe_predictions(log_p, in_set, onehot)))
    wanted = {key: metrics[key] for key in ("top1", "top5", "ece", "coverage", "set_size")}
    right, count = np.mean(described, 0)
    return wanted | {"described": float(right), "words": float(count)}


def holds(words: Words, key: str, tag: int) -> bool:
    """Whether a tag or term of a description is the true tag, or above it."""
    tags, terms, graph = words.tags, words.terms, words.graph
    return bool(graph.below[terms.index(key), tag]) if key in terms else tags[tag] == key


def fit_rule(scores: np.ndarray, onehot: np.ndarray) -> Decision:
    """Fit probabilities and sets as `+experiment=everyday` does: one temperature, `lac` sets of 90 %."""
    calibration = fit_calibration(scores, onehot)
    return fit_decision(scores, onehot, None, calibration, prediction_set="lac", coverage=0.9, novelty_fpr=0.05)


def teach(
    model: Model,
    scores: np.ndarray,
    x: np.ndarray,
    labels: np.ndarray,
    waste: np.ndarray,
    waste_labels: np.ndarray,
    pictures: int,
    seed: int,
) -> dict[str, float]:
    """Teach every tag of a folder with some pictures, and predict the others and the photographs."""
    rng = np.random.default_rng(seed)
    tags = int(waste_labels.max()) + 1
    lessons = [rng.choice(np.flatnonzero(waste_labels == tag), pictures, replace=False) for tag in range(tags)]
    rows = []
    for chosen in lessons:
        row = empty_row(waste.shape[1])
        for one in chosen:
            row = merge_rows(model.executor, row, lesson_row(waste[one]))
        rows.append(row)
    taught = Rows(*(np.concatenate(column) for column in zip(*rows, strict=True)))
    rest = np.setdiff1d(np.arange(len(waste)), np.concatenate(lessons))

    def score(embeddings: np.ndarray, of: Rows) -> np.ndarray:
        return np.stack([score_rows(model.executor, one, of) for one in embeddings])

    new, known = score(waste[rest], taught), score(waste[rest], model.bundle.rows) + model.bundle.score_offset
    beside = np.concatenate([known, new], 1).argmax(1) - known.shape[1]
    after = np.concatenate([scores, score(x, taught)], 1).argmax(1)
    return {
        "alone": float((new.argmax(1) == waste_labels[rest]).mean()),
        "beside": float((beside == waste_labels[rest]).mean()),
        "before": float((scores.argmax(1) == labels).mean()),
        "after": float((after == labels).mean()),
    }


def accuracy_table(rows: Sequence[Row]) -> str:
    """The metrics on the photographs."""
    columns = [
        Column("top1", "top-1", ".1%"),
        Column("top5", "top-5", ".1%"),
        Column("ece", "calibration error", ".3f"),
        Column("coverage", "sets that hold the right tag", ".1%"),
        Column("set_size", "tags in a set", ".2f"),
        Column("described", "descriptions that are right", ".1%"),
        Column("words", "words in one", ".2f"),
    ]
    return markdown_table([row for row in rows if row["part"] == "photographs"], columns)


def lesson_table(rows: Sequence[Row]) -> str:
    """Means over the seeds: pictures of the new tags found alone and beside all others, and the photographs' top-1."""
    columns = [
        Column("pictures", "pictures of each new tag", ".0f"),
        Column("alone", "found among the new tags", ".1%"),
        Column("beside", "found among all tags", ".1%"),
        Column("before", "top-1 before", ".1%"),
        Column("after", "top-1 after", ".1%"),
    ]
    names = ("alone", "beside", "before", "after")
    means: list[Row] = []
    for pictures in LESSONS:
        chosen = [row for row in rows if row.get("pictures") == pictures]
        means.append({"pictures": pictures} | {name: float(np.mean([row[name] for row in chosen])) for name in names})
    return markdown_table(means, columns)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw how often new tags are found, alone and beside all others, and what the photographs lose."""
    figure, (found, kept) = plots.panels(2, 9, 3.6)
    for key, label, colour in (("alone", "among the new tags", plots.GREY), ("beside", "among all tags", plots.BLUE)):
        found.plot(LESSONS, mean_by_lessons(rows, key), "o-", ms=5, lw=2, color=colour, label=label)
    found.set(xscale="log", ylim=(0, 100), xlabel="pictures of each new tag", ylabel="found, %")
    kept.plot(LESSONS, mean_by_lessons(rows, "after"), "o-", ms=5, lw=2, color=plots.BLUE, label="after the lessons")
    plots.level(kept, mean_by_lessons(rows, "before")[0])
    kept.set(xscale="log", ylim=(75, 90), xlabel="pictures of each new tag", ylabel="top-1 on photographs, %")
    plots.title(found, "Six new tags")
    plots.title(kept, "The 1,000 known ones")
    for axes in (found, kept):
        plots.ticks(axes, LESSONS)
    plots.legend(found, loc="lower right")
    plots.save(figure, path)


def mean_by_lessons(rows: Sequence[Row], key: str) -> list[float]:
    """Mean over the seeds at each number of lessons, in per cent."""
    return [100 * float(np.mean([row[key] for row in rows if row.get("pictures") == count])) for count in LESSONS]


if __name__ == "__main__":
    main()
