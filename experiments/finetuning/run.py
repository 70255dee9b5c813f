"""Fine-tuning on Tiny ImageNet: recipes side by side, each beside the frozen network on the same pictures.

python -m experiments.finetuning.run LABEL=RUN_FOLDER ...

Prints a table of the runs; writes results.csv and figure.png, the curves of the tuning pictures.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.accuracy import read_labelled
from experiments.common.arguments import study_parser
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.experiment.record import Record

COLUMNS = (
    Column("run", " "),
    Column("frozen", "top-1, frozen", ".2%"),
    Column("top1", "top-1, tuned", ".2%"),
    Column("top5", "top-5", ".2%"),
    Column("coverage", "coverage", ".2%"),
    Column("set_size", "tags per set", ".3g"),
    Column("minutes", "minutes", ".0f"),
    Column("images_per_second", "images/s", ".0f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the records of the runs, print the table, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("runs", nargs="+", metavar="LABEL=RUN_FOLDER")
    options = parser.parse_args(arguments)
    records = read_labelled(options.runs)
    rows = epoch_rows(records)
    print(markdown_table(summaries(records), COLUMNS))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def summaries(records: Mapping[str, Record]) -> list[Row]:
    """One row per run: its metrics, those of the frozen network, and what training cost."""
    rows: list[Row] = []
    for label, record in records.items():
        training = record.training
        row = {"run": label, **{key: getattr(record.calibration.after, key) for key in METRICS}}
        if training is not None and training.epochs:
            rates = [epoch.images_per_second for epoch in training.epochs if epoch.images_per_second]
            row |= {
                "frozen": training.frozen.top1 if training.frozen else None,
                "minutes": training.seconds / 60,
                "images_per_second": sum(rates) / len(rates),
            }
        rows.append(row)
    return rows


METRICS = ("top1", "top5", "coverage", "set_size")


def epoch_rows(records: Mapping[str, Record]) -> list[Row]:
    """One row per run and epoch."""
    return [
        {
            "run": label,
            "epoch": epoch.epoch,
            "loss": epoch.loss,
            "tuning_loss": epoch.tuning_loss,
            "tuning_top1": epoch.tuning_top1,
            "top1": record.calibration.after.top1,
        }
        for label, record in records.items()
        for epoch in (record.training.epochs if record.training else [])
    ]


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the top-1 of the tuning pictures over the epochs, a line for each run, from `epoch_rows`."""
    figure, (axes,) = plots.panels(1, 7, 4)
    for label in dict.fromkeys(row["run"] for row in rows):
        own = [row for row in rows if row["run"] == label and row["tuning_top1"] not in ("", None)]
        axes.plot([row["epoch"] for row in own], [100 * float(row["tuning_top1"]) for row in own], "o-", label=label)
    axes.set(xlabel="epoch", ylabel="top-1 of the tuning pictures, %")
    plots.legend(axes)
    plots.save(figure, path)


if __name__ == "__main__":
    main()
