"""Collect the results of some runs: a table to paste into a study, NAME.csv and NAME.png beside it.

python experiments/collect.py NAME "LABEL=RUN_FOLDER" ...
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot as plt

FIGURES = ("top1", "top5", "top10", "log_loss", "ece", "coverage", "set_size")
PERCENT = {"top1", "top5", "top10", "coverage"}
HEADINGS = ("top-1", "top-5", "top-10", "log loss", "ECE", "coverage", "tags in a set")


def main() -> None:
    """Read the results, print the table, write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("runs", nargs="+", metavar="LABEL=RUN_FOLDER")
    arguments = parser.parse_args()
    pairs = (run.rpartition("=") for run in arguments.runs)
    results = {label: json.loads((Path(folder) / "result.json").read_text()) for label, _, folder in pairs}
    base = Path(__file__).parent / arguments.name
    print(table(results))
    write_csv(results, base.with_suffix(".csv"))
    plot(results, base.with_suffix(".png"))


def table(results: dict[str, Any]) -> str:
    """Return the figures of each run as a Markdown table."""
    lines = [f"| | {' | '.join(HEADINGS)} | temperature |", "|---|" + "---:|" * (len(HEADINGS) + 1)]
    for label, result in results.items():
        figures = result["calibration"]["after"]
        cells = [f"{100 * figures[f]:.2f} %" if f in PERCENT else f"{figures[f]:.3g}" for f in FIGURES]
        lines.append(f"| {label} | {' | '.join(cells)} | {result['calibration']['temperature']:.1f} |")
    return "\n".join(lines)


def write_csv(results: dict[str, Any], path: Path) -> None:
    """Write each figure of each run with its 95 % interval, one a line."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "figure", "value", "low", "high"])
        for label, result in results.items():
            for figure in FIGURES:
                low, high = result["confidence_intervals"].get(figure, ("", ""))
                writer.writerow([label, figure, result["calibration"]["after"][figure], low, high])


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw top-1 and top-5 accuracy of each run with their 95 % intervals."""
    figure, axes = plt.subplots(figsize=(7, 0.75 * len(results) + 1.1), layout="constrained")
    labels = list(results)[::-1]
    for name, colour, heading in (("top5", "#a9cbe6", "top-5"), ("top1", "#1b6ca8", "top-1")):
        for row, label in enumerate(labels):
            value = 100 * results[label]["calibration"]["after"][name]
            low, high = (100 * bound for bound in results[label]["confidence_intervals"][name])
            axes.barh(row, value, 0.6, color=colour, label=heading if row == 0 else None)
            axes.errorbar(value, row, xerr=[[value - low], [high - value]], color="#1f262c", lw=1, capsize=3)
            inside = {"x": low - 1, "ha": "right", "color": "white"} if name == "top1" else {"x": high + 1}
            axes.text(y=row, s=f"{value:.1f}", va="center", fontsize=9, **inside)
    axes.set(yticks=range(len(labels)), yticklabels=labels, xlabel="accuracy on validation, %", xlim=(0, 100))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
