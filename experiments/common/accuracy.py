"""Accuracy of some runs side by side: a table, results.csv and figure.png."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.experiment.record import Record, read_record

METRICS = ("top1", "top5", "top10", "log_loss", "ece", "coverage", "set_size")
COLUMNS = (
    Column("run", " "),
    Column("top1", "top-1", ".2%"),
    Column("top5", "top-5", ".2%"),
    Column("top10", "top-10", ".2%"),
    Column("log_loss", "log loss", ".3g"),
    Column("ece", "ECE", ".3g"),
    Column("coverage", "coverage", ".2%"),
    Column("set_size", "tags per set", ".3g"),
    Column("temperature", "temperature", ".1f"),
)


def compare_accuracy(description: str | None, script: str, arguments: Sequence[str] | None) -> None:
    """Read the records of runs, print the table and write the files: the main function of a study.

    Args:
        description: of the study, for --help.
        script: its file.
        arguments: of the command line.
    """
    parser = study_parser(description, script)
    parser.add_argument("runs", nargs="+", metavar="LABEL=RUN_FOLDER")
    options = parser.parse_args(arguments)
    records = read_labelled(options.runs)
    print(markdown_table(table_rows(records), COLUMNS))
    rows = metric_rows(records)
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def read_labelled(runs: Sequence[str]) -> dict[str, Record]:
    """Read the records of runs that are given as LABEL=RUN_FOLDER, by label."""
    labelled = (run.rpartition("=") for run in runs)
    return {label: read_record(Path(folder) / "result.json") for label, _, folder in labelled}


def table_rows(records: Mapping[str, Record]) -> list[Row]:
    """Metrics and temperature, one row per run."""
    return [
        {
            "run": label,
            "temperature": record.calibration.temperature,
            **{metric: getattr(record.calibration.after, metric) for metric in METRICS},
        }
        for label, record in records.items()
    ]


def metric_rows(records: Mapping[str, Record]) -> list[Row]:
    """Each metric with its 95 % interval, one row per run and metric."""
    rows: list[Row] = []
    for label, record in records.items():
        for metric in METRICS:
            low, high = record.confidence_intervals.get(metric, ("", ""))
            value = getattr(record.calibration.after, metric)
            rows.append({"run": label, "metric": metric, "value": value, "low": low, "high": high})
    return rows


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw top-1 and top-5 accuracy of each run with their 95 % intervals, from `metric_rows`."""
    labels = list(dict.fromkeys(row["run"] for row in rows))[::-1]
    percents = {
        (row["run"], row["metric"]): [100 * float(row[key] or row["value"]) for key in ("value", "low", "high")]
        for row in rows
        if row["metric"] in ("top1", "top5")
    }
    figure, (axes,) = plots.panels(1, 7, 0.75 * len(labels) + 1.1)
    for metric, colour, heading in (("top5", plots.PALE_BLUE, "top-5"), ("top1", plots.BLUE, "top-1")):
        for y, label in enumerate(labels):
            value, low, high = percents[label, metric]
            axes.barh(y, value, 0.6, color=colour, label=heading if y == 0 else None)
            axes.errorbar(value, y, xerr=[[value - low], [high - value]], color=plots.INK, lw=1, capsize=3)
            if metric == "top1":
                axes.text(low - 1, y, f"{value:.1f}", va="center", ha="right", fontsize=9, color="white")
            else:
                axes.text(high + 1, y, f"{value:.1f}", va="center", fontsize=9)
    axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel="accuracy on validation, %", xlim=(0, 100))
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    plots.legend(axes, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    plots.save(figure, path)
