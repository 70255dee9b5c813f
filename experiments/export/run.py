"""Lay the variants of one exporting run side by side: a table to paste into a study, NAME.csv and NAME.png beside it.

python experiments/variants.py NAME RUN_FOLDER
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

COLUMNS = {  # of result.json: heading, factor, format
    "bytes": ("size", 1e-6, "{:.2f} MB"),
    "images_per_second": ("images/s", 1, "{:.0f}"),
    "cosine_to_float": ("cosine to float", 1, "{:.4f}"),
    "top1": ("top-1", 100, "{:.2f} %"),
    "top5": ("top-5", 100, "{:.2f} %"),
    "top10": ("top-10", 100, "{:.2f} %"),
    "log_loss": ("log loss", 1, "{:.3f}"),
    "ece": ("ECE", 1, "{:.4f}"),
    "coverage": ("coverage", 100, "{:.2f} %"),
    "set_size": ("tags in a set", 1, "{:.1f}"),
    "temperature": ("temperature", 1, "{:.1f}"),
}


def main() -> None:
    """Read the result, print the table, write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER")
    arguments = parser.parse_args()
    measured = json.loads((arguments.run / "result.json").read_text())["variants"]
    variants = {name: one for name, one in measured.items() if one["cosine_to_float"] is not None}
    base = Path(__file__).parent / arguments.name
    print(table(variants))
    with base.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["variant", *COLUMNS])
        writer.writerows([name, *(one[column] for column in COLUMNS)] for name, one in variants.items())
    plot(variants, base.with_suffix(".png"))


def table(variants: dict[str, Any]) -> str:
    """Return the variants as a Markdown table."""
    lines = [f"| | {' | '.join(heading for heading, *_ in COLUMNS.values())} |", "|---|" + "---:|" * len(COLUMNS)]
    for name, one in variants.items():
        cells = [form.format(factor * one[column]) for column, (_, factor, form) in COLUMNS.items()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(variants: dict[str, Any], path: Path) -> None:
    """Draw size, rate and top-1 of each variant, a panel each."""
    figure, panels = plt.subplots(1, 3, figsize=(9, 0.42 * len(variants) + 1.1), layout="constrained", sharey=True)
    names = list(variants)[::-1]
    for axes, column in zip(panels, ("bytes", "images_per_second", "top1"), strict=True):
        heading, factor, form = COLUMNS[column]
        values = [factor * variants[name][column] for name in names]
        axes.barh(names, values, 0.6, color=["#1b6ca8" if name == "int8" else "#a9cbe6" for name in names])
        for row, value in enumerate(values):
            axes.text(value, row, f" {form.format(value)}", va="center", fontsize=9, color="#1f262c")
        axes.set(title=heading, xlim=(0, 1.35 * max(values)), xticks=[])
        axes.title.set(fontsize=10, ha="left", position=(0, 1))
        axes.spines[["top", "right", "bottom", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
