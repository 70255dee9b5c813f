"""Print some columns and rows of a report's CSV as a Markdown table, to paste into a study.

python experiments/table.py demands.csv rule asked:g coverage:.1% set_size:.2f --where asked=0.8,0.9

A column is a name and, after a colon, how Python formats its numbers. `--where` keeps rows that have one of the values.
"""

import argparse
import csv
from pathlib import Path


def main() -> None:
    """Read the file, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("columns", nargs="+", metavar="COLUMN[:FORMAT]")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE,...")
    given = parser.parse_args()
    with given.file.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for condition in given.where:
        column, _, values = condition.partition("=")
        rows = [row for row in rows if any(equal(row[column], value) for value in values.split(","))]
    columns = [column.partition(":")[::2] for column in given.columns]
    print("| " + " | ".join(name for name, _ in columns) + " |")
    print("|" + "".join("---:|" if form else "---|" for _, form in columns))
    for row in rows:
        print("| " + " | ".join(cell(row[name], form) for name, form in columns) + " |")


def equal(text: str, value: str) -> bool:
    """Return whether a cell is a value, as a number where both are."""
    try:
        return float(text) == float(value)
    except ValueError:
        return text == value


def cell(text: str, form: str) -> str:
    """Return a cell formatted; a dash where it is empty."""
    if not text:
        return "–"
    return f"{float(text):{form}}".replace("%", " %") if form else text


if __name__ == "__main__":
    main()
