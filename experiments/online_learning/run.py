"""A user teaches: 50 new tags, learned beside 150 known ones, picture by picture.

python -m experiments.online_learning.run ZIP [--weights FILE] [--variant int8]

The transform, the prior and the 150 known tags come from 450 pictures per tag. Each new tag is taught with 1, 2, 5, 10,
20 and all 500 of its training pictures, 20 times, with other new tags and another order of arrival each time; then all
validation pictures are classified among 200 tags. Prints tables; int8 writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from tqdm import tqdm

from experiments.common import plots
from experiments.common.arguments import data_parser
from experiments.common.embeddings import EmbeddedPictures, compose_settings, embed_tiny_imagenet
from experiments.common.tables import Row, write_csv
from experiments.online_learning import methods
from experiments.online_learning.methods import ALL_METHODS, Task
from experiments.online_learning.stream import TARGETS, compare_litert, stream, stream_table
from imagetagger.config.schema import ClassifierConfig

PICTURES = (1, 2, 5, 10, 20, 500)
SPLITS, COSTLY_SPLITS = 20, 4
BATCH = "batch of 200"
MOVING_WINDOW = 300
COLOURS = dict(
    zip(ALL_METHODS, (plots.BLUE, "#8fb8d8", plots.ORANGE, plots.PURPLE, plots.GREEN, plots.INK), strict=True)
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Teach, print tables, write the files."""
    parser = data_parser(__doc__, __file__)
    parser.add_argument("--variant", choices=("float32", "int8"), default="int8")
    parser.add_argument("--splits", type=int, default=SPLITS, help="draws of new tags; a few do the costly parts")
    options = parser.parse_args(arguments)
    embedded = embed_tiny_imagenet(options.zip, options.weights, options.variant, options.override)
    settings = compose_settings("+experiment=whitened", *options.override)
    rows: list[Row] = []
    streams, agreement = [], ""
    batch_scores = methods.score_refit(embedded, settings.classifier, ~embedded.is_holdout)
    for split in tqdm(range(options.splits), "draws of new tags", disable=None):
        task = methods.make_task(embedded, settings.classifier, split)
        rows.append({"split": split, "pictures": "all", "method": BATCH, **accuracy(task, batch_scores)})
        rows += teach(task, embedded, settings.classifier, split)
        if split < COSTLY_SPLITS:
            streams.append(stream(task, embedded.x, settings.calibrate, split))
        if split == 0:
            agreement = compare_litert(task)
    print(table(rows), stream_table(streams), agreement, sep="\n\n")
    if options.variant == "int8":
        write_csv(rows, options.out / "results.csv")
        draw(rows, streams, options.out / "figure.png")


def teach(task: Task, embedded: EmbeddedPictures, config: ClassifierConfig, split: int) -> list[Row]:
    """Accuracy of every method and number of pictures."""
    rows: list[Row] = []
    known = methods.nearest_known(task)
    lessons = np.random.default_rng(split).permutation(np.flatnonzero(task.is_new[task.y]))
    rank = methods.arrival_ranks(task, lessons)
    for pictures in PICTURES:
        taught = lessons[rank < pictures]
        scores = {name: method(task, taught) for name, method in methods.METHODS.items()}
        scores[methods.KNN] = methods.score_neighbours(task, taught, known)
        if split < COSTLY_SPLITS:
            is_used = ~task.is_holdout & ~task.is_new[task.y]
            is_used[taught] = True
            scores[methods.REFIT] = methods.score_refit(embedded, config, is_used)
        rows += [
            {"split": split, "pictures": pictures, "method": method, **accuracy(task, values)}
            for method, values in scores.items()
        ]
    return rows


def accuracy(task: Task, scores: np.ndarray) -> dict[str, float]:
    """Top-1 among all tags: on pictures of new tags, of old ones, and on both."""
    is_correct, is_new = scores.argmax(1) == task.y_validation, task.is_new[task.y_validation]
    return {
        "new": float(is_correct[is_new].mean()),
        "old": float(is_correct[~is_new].mean()),
        "all": float(is_correct.mean()),
    }


def table(rows: Sequence[Row]) -> str:
    """Lay out mean and standard deviation over the draws as a Markdown table."""
    lines = ["| method | pictures per tag | new tags | old tags | all |", "|---|---:|---:|---:|---:|"]
    for method, pictures in dict.fromkeys(sorted(((row["method"], row["pictures"]) for row in rows), key=_order)):
        chosen = [row for row in rows if (row["method"], row["pictures"]) == (method, pictures)]
        values = [np.array([100 * row[key] for row in chosen]) for key in ("new", "old", "all")]
        cells = [f"{column.mean():.2f} \u00b1 {column.std():.2f} %" for column in values]
        lines.append(f"| {method} | {pictures} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _order(key: tuple[str, int | str]) -> tuple[int, int]:
    method, pictures = key
    return (-1, 0) if isinstance(pictures, str) else (ALL_METHODS.index(method), pictures)


def draw(rows: Sequence[Row], streams: Sequence[dict[str, np.ndarray]], path: Path) -> None:
    """Draw accuracy on new and old tags over pictures per tag, and coverage in the stream."""
    figure, panels = plots.panels(3, 12, 4, width_ratios=(1.1, 1.1, 1))
    for axes, key, title in zip(panels, ("new", "old"), ("New tags", "Old tags"), strict=False):
        draw_accuracy(axes, rows, key)
        plots.title(axes, title)
    panels[0].set(ylim=(0, 70))
    panels[1].set(ylim=(30, 70))
    plots.legend(panels[1], loc="lower left")
    draw_coverage(panels[2], streams)
    plots.title(panels[2], "Sets of 90 % while a user teaches")
    plots.legend(panels[2], loc="lower right")
    plots.save(figure, path)


def draw_accuracy(axes: Axes, rows: Sequence[Row], key: str) -> None:
    """Draw top-1 of each method over the number of pictures."""
    for method in ALL_METHODS:
        means = [
            np.mean([100 * row[key] for row in rows if (row["method"], row["pictures"]) == (method, pictures)])
            for pictures in PICTURES
        ]
        style = {"ls": plots.DASHED, "lw": 1.4} if method == methods.REFIT else {"lw": 2}
        axes.plot(PICTURES, means, marker="o", ms=3.5, color=COLOURS[method], label=method, **style)
    axes.set(xscale="log", xlabel="pictures per tag", ylabel="top-1 among 200 tags, %")
    plots.ticks(axes, PICTURES)


def draw_coverage(axes: Axes, streams: Sequence[dict[str, np.ndarray]]) -> None:
    """Draw the moving coverage of fixed and adapted sets, averaged over the streams."""
    for target, colour in zip(TARGETS, (plots.GREY, plots.BLUE), strict=True):
        shortest = min(len(missed[target]) for missed in streams)
        width = min(MOVING_WINDOW, shortest)
        missed = np.mean([stream[target][:shortest] for stream in streams], 0)
        covered = 100 * (1 - np.convolve(missed, np.ones(width) / width, "valid"))
        axes.plot(np.arange(len(covered)) + width, covered, color=colour, lw=2, label=target)
    plots.level(axes, 90)
    axes.set(xlabel="lessons", ylabel=f"right tag inside, last {MOVING_WINDOW} lessons, %", ylim=(60, 100))


if __name__ == "__main__":
    main()
