"""How large must the network's input be? The runs of a sweep over resolutions, side by side.

python -m experiments.backbones.run SWEEP_FOLDER

SWEEP_FOLDER is that of `+experiment=resolution_sweep`. Prints a table; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.sweeps import sweep_rows
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.report.comparison.table import run_table

COLUMNS = (
    Column("backbone.resolution", form=".0f"),
    Column("top1", form=".2%"),
    Column("top1_low", form=".1%"),
    Column("top1_high", form=".1%"),
    Column("top5", form=".2%"),
    Column("size_at_90", form=".2f"),
    Column("ece", form=".4f"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the sweep, print the table, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("sweep", type=Path)
    options = parser.parse_args(arguments)
    rows = sweep_rows(options.sweep, run_table)
    print(markdown_table(rows, COLUMNS))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw top-1 over the resolution, with its 95 % interval."""
    figure, (axes,) = plots.panels(1, 6, 3.6)
    resolution = [int(row["backbone.resolution"]) for row in rows]
    top1, low, high = ([100 * float(row[key]) for row in rows] for key in ("top1", "top1_low", "top1_high"))
    plots.line_with_band(axes, resolution, top1, low, high)
    axes.set(xlabel="resolution, pixels", ylabel="top-1, %")
    plots.ticks(axes, resolution)
    plots.save(figure, path)


if __name__ == "__main__":
    main()
