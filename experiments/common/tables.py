"""Rows of results as CSV and as Markdown tables."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Row = Mapping[str, Any]
"""One line of results.csv by column."""

MISSING = "–"


class Column(NamedTuple):
    """A column of a Markdown table.

    Attributes:
        key: of the rows.
        heading: what readers see; empty for the key.
        form: of Python's format(), for numbers; empty for text. An empty cell is for a row without the key.
        factor: multiplies the numbers.
        unit: follows the numbers.
    """

    key: str
    heading: str = ""
    form: str = ""
    factor: float = 1
    unit: str = ""

    def cell(self, row: Row) -> str:
        """Format a row's value.

        >>> Column("top1", form=".1%").cell({"top1": "0.525"}), Column("top1").cell({})
        ('52.5 %', '–')
        """
        value = row.get(self.key, "")
        if value in ("", None):
            return MISSING
        if not self.form:
            return str(value)
        return f"{self.factor * float(value):{self.form}}".replace("%", " %") + self.unit


def write_csv(rows: Sequence[Row], path: Path, columns: Sequence[str] = ()) -> None:
    """Write rows as CSV; cells are empty for a row without the column. By default, columns are those of the rows."""
    columns = columns or list(dict.fromkeys(key for row in rows for key in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def markdown_table(rows: Iterable[Row], columns: Sequence[Column]) -> str:
    """Lay out rows as a Markdown table; numbers to the right."""
    lines = [[column.heading or column.key for column in columns]]
    lines += [[column.cell(row) for column in columns] for row in rows]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    rule = "|" + "".join("---:|" if column.form else "---|" for column in columns)
    return "\n".join([text[0], rule, *text[1:]])
