"""What does each arithmetic cost? The variants of a sweep over int8's calibration pictures, side by side.

python -m experiments.quantization.run SWEEP_FOLDER

SWEEP_FOLDER is that of `+experiment=quantization_sweep`. Prints tables; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.sweeps import sweep_rows
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.report.comparison.table import variant_table

PICTURES = "export.calibration_pictures"
LISTED = "100"
"""Calibration pictures of the table of variants."""

COLUMNS = (
    Column("variant"),
    Column("bytes", form=",.0f"),
    Column("images_per_second", form=".0f"),
    Column("cosine_to_float", form=".4f"),
    Column("top1", form=".2%"),
    Column("top5", form=".2%"),
    Column("log_loss", form=".3f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the sweep, print the tables, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("sweep", type=Path)
    options = parser.parse_args(arguments)
    rows = sweep_rows(options.sweep, variant_table)
    print(markdown_table((row for row in rows if row[PICTURES] == LISTED), COLUMNS))
    int8 = [row for row in rows if row["variant"] == "int8"]
    print(markdown_table(int8, (Column(PICTURES, form=".0f"), *COLUMNS[3:])))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw top-1 of each variant over the number of calibration pictures."""
    figure, (axes,) = plots.panels(1, 6, 3.8)
    for i, variant in enumerate(dict.fromkeys(row["variant"] for row in rows)):
        points = [row for row in rows if row["variant"] == variant]
        pictures, top1 = [int(row[PICTURES]) for row in points], [100 * float(row["top1"]) for row in points]
        axes.plot(pictures, top1, "o-", lw=2, color=plots.LINE_COLOURS[i], label=variant)
    axes.set(xscale="log", xlabel="calibration pictures of int8", ylabel="top-1, %")
    plots.ticks(axes, sorted({int(row[PICTURES]) for row in rows}))
    plots.legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    plots.save(figure, path)


if __name__ == "__main__":
    main()
