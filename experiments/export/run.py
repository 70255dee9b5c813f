"""The variants of one exporting run, side by side.

python -m experiments.export.run RUN_FOLDER

RUN_FOLDER is that of `+experiment=export`. Prints a table; writes results.csv and figure.png.
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.common import plots
from experiments.common.arguments import study_parser
from experiments.common.tables import Column, Row, markdown_table, write_csv
from imagetagger.experiment.record import read_record

COLUMNS = (
    Column("variant", " "),
    Column("bytes", "size", ".2f", 1e-6, " MB"),
    Column("images_per_second", "images/s", ".0f"),
    Column("cosine_to_float", "cosine to float32", ".4f"),
    Column("top1", "top-1", ".2%"),
    Column("top5", "top-5", ".2%"),
    Column("top10", "top-10", ".2%"),
    Column("log_loss", "log loss", ".3f"),
    Column("ece", "ECE", ".4f"),
    Column("coverage", "coverage", ".2%"),
    Column("set_size", "tags per set", ".1f"),
    Column("temperature", "temperature", ".1f"),
)
DRAWN = ("bytes", "images_per_second", "top1")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the record, print the table, write the files."""
    parser = study_parser(__doc__, __file__)
    parser.add_argument("run", type=Path)
    options = parser.parse_args(arguments)
    variants = read_record(options.run / "result.json").variants
    rows = [
        {"variant": name, **{column.key: getattr(variant, column.key) for column in COLUMNS[1:]}}
        for name, variant in variants.items()
        if variant.cosine_to_float is not None
    ]
    print(markdown_table(rows, COLUMNS))
    write_csv(rows, options.out / "results.csv")
    draw(rows, options.out / "figure.png")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw size, rate and top-1 of each variant, one panel each."""
    figure, panels = plots.panels(3, 9, 0.42 * len(rows) + 1.1, sharey=True)
    by_key = {column.key: column for column in COLUMNS}
    names = [row["variant"] for row in rows]
    for axes, key in zip(panels, DRAWN, strict=True):
        values = [float(row[key]) for row in rows]
        plots.bars(axes, names, values, [by_key[key].cell(row) for row in rows], dark="int8")
        axes.set(xlim=(0, 1.35 * max(values)), xticks=[])
        axes.spines[["bottom"]].set_visible(False)
        plots.title(axes, by_key[key].heading)
    plots.save(figure, path)


if __name__ == "__main__":
    main()
