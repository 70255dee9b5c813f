"""How many pictures per tag does it take? The runs of a sweep over data set sizes, seeds averaged.

python -m experiments.dataset_size.run SWEEP_FOLDER

SWEEP_FOLDER is that of `+experiment=dataset_size_sweep`. Prints tables; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.sweeps import sweep_rows
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.report.comparison.table import setting_curve_table

TOP1, SIZE = "top1", "size_at_90"
SHARE_COLUMNS = (
    Column("line", "classifier"),
    Column("x", "pictures to fit on", ",.0f"),
    Column("mean", form=".1%"),
    Column("low", form=".1%"),
    Column("high", form=".1%"),
)
SIZE_COLUMNS = tuple(column._replace(form=column.form.replace("%", "f")) for column in SHARE_COLUMNS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the sweep, print the tables, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("sweep", type=Path)
    options = parser.parse_args(arguments)
    rows = sweep_rows(options.sweep, setting_curve_table)
    for metric, columns in ((TOP1, SHARE_COLUMNS), (SIZE, SIZE_COLUMNS)):
        print(f"{metric}:\n\n{markdown_table((row for row in rows if row['metric'] == metric), columns)}\n")
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw top-1 over the number of pictures to fit on, one line per classifier, with 95 % bands."""
    figure, (axes,) = plots.panels(1, 6, 3.8)
    shown = [row for row in rows if row["metric"] == TOP1]
    for i, line in enumerate(dict.fromkeys(row["line"] for row in shown)):
        points = [row for row in shown if row["line"] == line]
        top1, low, high = ([100 * float(row[key] or row["mean"]) for row in points] for key in ("mean", "low", "high"))
        pictures = [float(row["x"]) for row in points]
        plots.line_with_band(axes, pictures, top1, low, high, label=line, color=plots.LINE_COLOURS[i])
    axes.set(xscale="log", xlabel="pictures to fit on", ylabel="top-1, %", ylim=(0, None))
    plots.legend(axes, loc="lower right")
    plots.save(figure, path)


if __name__ == "__main__":
    main()
