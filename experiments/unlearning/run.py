"""Learn, then forget: what remains of a lesson, by the bundle's own `merge` in LiteRT, and by its Tagger.

python -m experiments.unlearning.run ZIP BUNDLE ...

Each BUNDLE is one of `+experiment=whitened`, int8 or float32. Pictures are taught on top of the bundle's rows, with
wrong tags as well as right ones, and forgotten in another order; 20 times for each number of lessons. Prints tables;
writes results.csv, and figure.png of the first bundle.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.bundles import crop, validation_pictures
from experiments.common.tables import Row, write_csv
from imagetagger.bundle.executor import Executor, embed_image, empty_row, lesson_row, load_executor, merge_rows
from imagetagger.bundle.reader import Rows, read_bundle
from imagetagger.tagger.tagger import Tagger

REPEATS, PICTURES, MOMENTUM = 20, (1, 2, 5, 10, 20, 50, 100), 0.1
TAUGHT, EVALUATED, LESSONS = 1000, 1000, 100
"""Pictures to draw lessons from, further ones to evaluate the Tagger on, and how many lessons the Tagger gets."""

HEADINGS = {
    "forgotten": "learned and forgotten",
    "half_forgotten": "half of a new tag forgotten",
    "reordered": "another order",
    "momentum_undone": "momentum 0.1, undone",
}
COLOURS = dict(zip(HEADINGS, (plots.BLUE, plots.GREEN, plots.PURPLE, plots.ORANGE), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each bundle, print, write."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("zip", type=Path)
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for path in options.bundles:
        bundle = read_bundle(path)
        variant, executor = bundle.manifest.model.variant, load_executor(bundle.files["model.tflite"], bundle.manifest)
        crops = draw_crops(options.zip, bundle.manifest.image.size)
        x = np.stack([embed_image(executor, image) for image in tqdm(crops, "embedding", disable=None)])
        pooled = bundle.rows.m2.sum(0) / bundle.rows.count.sum()
        measured: list[Row] = [
            {
                "variant": variant,
                "pictures": pictures,
                "repeat": repeat,
                **errors(executor, bundle.rows, x[:TAUGHT], pooled, pictures, repeat),
            }
            for pictures in PICTURES
            for repeat in range(REPEATS)
        ]
        print(f"{variant}:", table(measured), compare_predictions(path, crops, x[TAUGHT:]), sep="\n\n")
        rows += measured
    write_csv(rows, options.out / "results.csv")
    draw([row for row in rows if row["variant"] == rows[0]["variant"]], options.out / "figure.png")


def draw_crops(source: Path, size: int) -> list[np.ndarray]:
    """Crop TAUGHT + EVALUATED validation pictures, drawn at random."""
    archive, pictures = validation_pictures(source)
    chosen = np.random.default_rng(0).choice(len(pictures), TAUGHT + EVALUATED, replace=False)
    return [crop(archive, pictures[i], size) for i in chosen]


def errors(
    executor: Executor, rows: Rows, x: np.ndarray, pooled: np.ndarray, pictures: int, repeat: int
) -> dict[str, float]:
    """Errors of one known tag and a new one, after some pictures are taught and forgotten."""
    rng = np.random.default_rng([pictures, repeat])
    tag = int(rng.integers(len(rows.count)))
    known = Rows(*(part[tag : tag + 1] for part in rows))
    empty = empty_row(x.shape[1])
    lessons = x[rng.choice(len(x), 2 * pictures, replace=False)]
    first, shuffled = lessons[:pictures], rng.permutation(lessons[:pictures])
    taught = fold(executor, known, first)
    half = fold(executor, fold(executor, empty, lessons), shuffled, -1)
    mean, variance = known.mean[0].astype(float), known.m2[0].astype(float) / known.count[0]
    mean, variance = undo_momentum(*move_by_momentum(mean, variance, first), shuffled)
    return {
        "forgotten": relative_error(fold(executor, taught, shuffled, -1), known, pooled),
        "half_forgotten": relative_error(half, fold(executor, empty, lessons[pictures:]), pooled),
        "reordered": relative_error(fold(executor, known, shuffled), taught, pooled),
        "momentum_undone": relative_error(
            Rows(known.count, mean[None], (variance * known.count[0])[None]), known, pooled
        ),
    }


def fold(executor: Executor, row: Rows, lessons: np.ndarray, weight: float = 1.0) -> Rows:
    """The row after lessons, each of them one call of the bundle's `merge`."""
    for embedding in lessons:
        row = merge_rows(executor, row, lesson_row(embedding, weight))
    return row


def move_by_momentum(mean: np.ndarray, variance: np.ndarray, lessons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move mean and variance a tenth of the way to each picture, as the original app does."""
    for x in lessons:
        variance = variance + MOMENTUM * ((x - mean) ** 2 - variance)
        mean = mean + MOMENTUM * (x - mean)
    return mean, variance


def undo_momentum(mean: np.ndarray, variance: np.ndarray, lessons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Invert a step of `move_by_momentum` for each picture."""
    for x in lessons:
        mean = (mean - MOMENTUM * x) / (1 - MOMENTUM)
        variance = (variance - MOMENTUM * (x - mean) ** 2) / (1 - MOMENTUM)
    return mean, variance


def relative_error(got: Rows, expected: Rows, pooled: np.ndarray) -> float:
    """The larger error of mean and scatter, in norm, relative to the pooled ones of as many pictures."""
    if got.count[0] != expected.count[0]:
        return float("inf")
    mean = np.linalg.norm(got.mean.astype(float) - expected.mean) / np.linalg.norm(np.sqrt(pooled))
    scatter = np.linalg.norm(got.m2.astype(float) - expected.m2) / np.linalg.norm(pooled * max(expected.count[0], 1))
    return float(max(mean, scatter))


def compare_predictions(bundle: Path, crops: Sequence[np.ndarray], x: np.ndarray) -> str:
    """Teach LESSONS pictures through the Tagger and forget them all; return in words what changed.

    Args:
        bundle: of the Tagger.
        crops: pictures to teach, the first of them.
        x: embeddings to predict the tags of.
    """
    tagger = Tagger.load(bundle)
    tags = [tag.id for tag in tagger.tags]

    def rows_in_use() -> list[bytes]:
        return [part.tobytes() for row in tagger._state.rows.by_tag.values() for part in row.total]

    def first_predictions() -> np.ndarray:
        return np.array([tagger.probabilities(embedding)[: len(tags)].argmax() for embedding in x])

    rows_before, before = rows_in_use(), first_predictions()
    new = tagger.add_tag("something new")
    rng = np.random.default_rng(0)
    taught = [(i, [new, tags[rng.integers(len(tags))]]) for i in range(LESSONS)]
    for i, names in taught:
        tagger.learn(crops[i], names)
    changed = float((first_predictions() != before).mean())
    for j in rng.permutation(len(taught)):
        i, names = taught[j]
        tagger.forget(crops[i], names)
    tagger.remove_tag(new)
    same = "the same to the last bit" if rows_in_use() == rows_before else "NOT the same"
    equal = float((first_predictions() == before).mean())
    return (
        f"Tagger: {LESSONS} pictures taught with a new tag and a wrong one changed {100 * changed:.1f} % of {len(x)} "
        f"first predictions; forgotten in another order, the rows are {same}, and {100 * equal:.1f} % of the "
        "predictions are those of before."
    )


def largest(rows: Sequence[Row], key: str, pictures: int) -> float:
    """The largest error of all repeats."""
    return max(float(row[key]) for row in rows if int(row["pictures"]) == pictures)


def table(rows: Sequence[Row]) -> str:
    """Lay out the largest errors of all repeats as a Markdown table."""
    lines = [f"| pictures | {' | '.join(HEADINGS.values())} |", "|---:|" + "---:|" * len(HEADINGS)]
    lines += [
        f"| {pictures} | {' | '.join(f'{largest(rows, key, pictures):.1e}' for key in HEADINGS)} |"
        for pictures in PICTURES
    ]
    return "\n".join(lines)


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the largest errors over the number of pictures."""
    figure, (axes,) = plots.panels(1, 7.5, 3.8)
    for key, heading in HEADINGS.items():
        worst = [max(largest(rows, key, pictures), 1e-9) for pictures in PICTURES]
        axes.plot(PICTURES, worst, "o-", ms=4, lw=2, color=COLOURS[key], label=heading)
    plots.level(axes, 1e-5)
    axes.set(xscale="log", yscale="log", xlabel="pictures taught and forgotten", ylabel="largest error, relative")
    plots.ticks(axes, PICTURES)
    plots.legend(axes, loc="upper left", bbox_to_anchor=(1, 1))
    plots.save(figure, path)


if __name__ == "__main__":
    main()
