"""Prediction sets at every target coverage: the runs of a sweep over the rules, side by side.

python -m experiments.thresholds.run SWEEP_FOLDER

SWEEP_FOLDER is that of `+experiment=threshold_sweep`. Prints a table; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.sweeps import sweep_rows
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.report.comparison.table import curve_table

TARGETS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1, 3, 5, 10, 15, 20)
"""Coverages, sums and numbers of tags in the printed table."""

COLUMNS = (
    Column("rule"),
    Column("target", form="g"),
    Column("coverage", form=".1%"),
    Column("set_size", form=".2f"),
    Column("singleton", form=".1%"),
    Column("precision", form=".1%"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the sweep, print the table, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("sweep", type=Path)
    options = parser.parse_args(arguments)
    rows = sweep_rows(options.sweep, curve_table)
    print(markdown_table((row for row in rows if float(row["target"]) in TARGETS), COLUMNS))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the mean size of the sets over how often they hold the right tag, one line per rule."""
    figure, (axes,) = plots.panels(1, 6, 3.8)
    for i, rule in enumerate(dict.fromkeys(row["rule"] for row in rows)):
        points = [row for row in rows if row["rule"] == rule]
        covered, sizes = ([float(row[key]) for row in points] for key in ("coverage", "set_size"))
        marker = "D" if rule == "top_k" else ""
        axes.plot(
            [100 * value for value in covered],
            sizes,
            lw=2,
            color=plots.LINE_COLOURS[i],
            label=rule,
            marker=marker,
            ms=4,
        )
    axes.set(xlabel="sets that hold the right tag, %", ylabel="tags per set, mean", yscale="log")
    plots.ticks(axes, (1, 2, 5, 10, 20, 50, 100), "y")
    plots.legend(axes, loc="upper left")
    plots.save(figure, path)


if __name__ == "__main__":
    main()
