"""What a tag set costs: coverage against size for every rule, by size of the set and by tag; and the unknown.

python experiments/tag_sets.py ZIP [--weights FILE]

Fits on 450 pictures a tag, calibrates on 50, reports validation once. Prints tables; writes tag_sets.csv and
tag_sets.png beside this file.
"""

import argparse
import csv
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from embeddings import Embeddings, arguments, embeddings, settings

from imagetagger.classifier.fit import Scores, fit_classifier, multi_hot, score_embeddings
from imagetagger.config.schema import CalibrateConfig
from imagetagger.prediction.calibration import fit_calibration, log_probabilities, log_softmax
from imagetagger.prediction.conformal import SET_SIZE_STRATA, coverage_by_size, coverage_by_tag
from imagetagger.prediction.decision import apply_decision, fit_decision
from imagetagger.prediction.novelty import auroc, novelty_threshold
from imagetagger.prediction.prediction_sets import prediction_sets

matplotlib.use("agg")
from matplotlib import pyplot as plt

LEVELS = (0.8, 0.9, 0.95)
RULES = {  # name: settings of `calibrate`
    "cumulative, raw": {"rule": "cumulative", "calibration_bins": 0},
    "cumulative, temperature": {"rule": "cumulative", "calibration_bins": 0},
    "cumulative, calibration_bins": {"rule": "cumulative", "calibration_bins": 8},
    "aps, temperature": {"rule": "aps", "calibration_bins": 0},
    "aps, calibration_bins": {"rule": "aps", "calibration_bins": 8},
    "lac, temperature": {"rule": "lac", "calibration_bins": 0},
    "lac, calibration_bins": {"rule": "lac", "calibration_bins": 8},
}
FIELDS = (
    "coverage",
    "size",
    "median",
    "single",
    "worst_tag",
    "tags_within_5",
    *(f"size_{low}" for low in SET_SIZE_STRATA),
)
SPLITS, NEW = 5, 50


def main() -> None:
    """Measure all, print tables, write the files."""
    given = arguments(argparse.ArgumentParser(description=__doc__)).parse_args()
    rows, curves, strangers = [], {}, []
    for variant in ("float32", "int8"):
        found = embeddings(given.zip, given.weights, variant=variant)
        made = settings("+experiment=whitened")
        fitted = fit_classifier(found.train, found.labels[:, None], found.held, len(found.tags), made.classifier)
        kept, told = (score_embeddings(fitted, x) for x in (found.train[found.held], found.validation))
        truths = [multi_hot(y[:, None], len(found.tags)) for y in (found.labels[found.held], found.truth)]
        for name, options in RULES.items():
            for level in LEVELS:
                setup = replace(made.calibrate, coverage=level, **options)
                members = sets(setup, kept, truths[0], told, raw="raw" in name)
                rows.append({"variant": variant, "rule": name, "level": level, **figures(members, truths[1])})
        for k in (1, 3, 5, 10, 15):
            members = prediction_sets(np.exp(log_softmax(told.log_joint)), "top_k", k)
            rows.append({"variant": variant, "rule": "top_k", "level": k, **figures(members, truths[1])})
        if variant == "int8":
            curves = {name: curve(made.calibrate, options, kept, truths[0], told, truths[1], "raw" in name)
                      for name, options in RULES.items() if "calibration_bins" in name or "raw" in name}  # fmt: skip
        strangers += [{"variant": variant, **one} for one in held_out_tags(found)]
    print(table(rows), unknown_table(strangers), sep="\n\n")
    base = Path(__file__).with_suffix("")
    with base.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["variant", "rule", "level", *FIELDS], lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    plot(curves, [row for row in rows if row["variant"] == "int8"], strangers, base.with_suffix(".png"))


def sets(setup: CalibrateConfig, kept: Scores, kept_truth: np.ndarray, told: Scores, *, raw: bool) -> np.ndarray:
    """Return the tag sets, bool (M, C), of a rule that is fitted on the pictures kept back."""
    if raw:
        return prediction_sets(np.exp(log_softmax(told.log_joint)), "cumulative", setup.coverage)
    options: Any = asdict(setup)
    return apply_decision(told.log_joint, fit_decision(kept.log_joint, kept_truth, kept.fits, **options))[1]


def figures(members: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return coverage and size: in all, of the worst tag, of the strata of set sizes."""
    size, by_tag = members.sum(1), coverage_by_tag(members, truth)
    coverage = float((members & truth).any(1).mean())
    return {
        "coverage": coverage,
        "size": float(size.mean()),
        "median": float(np.median(size)),
        "single": float((size == 1).mean()),
        "worst_tag": float(by_tag.min()),
        "tags_within_5": float((np.abs(by_tag - coverage) <= 0.05).mean()),
        **{f"size_{stratum.low}": stratum.coverage for stratum in coverage_by_size(members, truth)},
    }


def curve(
    base: CalibrateConfig, options: dict[str, Any], kept: Scores, kept_truth: np.ndarray, told: Scores, truth: np.ndarray,
    raw: bool,
) -> np.ndarray:  # fmt: skip
    """Return coverage and mean size, (2, L), of a rule at several levels."""
    points = []
    for level in np.linspace(0.5, 0.985, 30):
        members = sets(replace(base, coverage=float(level), **options), kept, kept_truth, told, raw=raw)
        points.append(((members & truth).any(1).mean(), members.sum(1).mean()))
    return np.array(points).T


def held_out_tags(found: Embeddings) -> list[dict[str, float]]:
    """Return AUROCs of telling pictures of 50 tags that nothing was fitted on from those of the other 150."""
    results, classifier = [], settings("classifier=whitened").classifier
    for seed in range(SPLITS):
        new = np.zeros(len(found.tags), bool)
        new[np.random.default_rng(seed).permutation(len(new))[:NEW]] = True
        known = np.cumsum(~new) - 1
        labels = np.where(new[found.labels], -1, known[found.labels])
        fitted = fit_classifier(found.train, labels[:, None], found.held, int((~new).sum()), classifier)
        told, strange = score_embeddings(fitted, found.validation), new[found.truth]
        kept_rows = found.held & (labels >= 0)
        kept = score_embeddings(fitted, found.train[kept_rows])
        calibrated = fit_calibration(kept.log_joint, multi_hot(labels[kept_rows, None], int((~new).sum())))
        log_p = log_probabilities(told.log_joint, calibrated)
        assert told.fits is not None
        assert kept.fits is not None
        scores = {
            "above the background": told.fits,
            "first probability": log_p.max(1),
            "entropy": (np.exp(log_p) * log_p).sum(1),
            "nearest tag": told.log_joint.max(1),
        }
        alarms = told.fits < (novelty_threshold(kept.fits, 0.05) or 0)
        results.append(
            {name: auroc(score[~strange], score[strange]) for name, score in scores.items()}
            | {
                "called unknown, known": float(alarms[~strange].mean()),
                "called unknown, new": float(alarms[strange].mean()),
            }
        )
    return results


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    headings = ["coverage", "tags, mean", "median", "one tag only", "worst tag", "tags within 5 points"]
    headings += [f"size {low}+" for low in SET_SIZE_STRATA]
    lines = [f"| | rule | asked | {' | '.join(headings)} |", "|---|---|---:|" + "---:|" * len(headings)]
    for row in rows:
        percents = [f"{100 * row[key]:.1f} %" if key in row else "\u2013" for key in FIELDS[3:]]
        cells = [f"{100 * row['coverage']:.2f} %", f"{row['size']:.2f}", f"{row['median']:.0f}", *percents]
        lines.append(f"| {row['variant']} | {row['rule']} | {row['level']:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def unknown_table(strangers: list[dict[str, Any]]) -> str:
    """Return mean and range of each figure over the splits as a Markdown table."""
    names = [name for name in strangers[0] if name != "variant"]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for variant in dict.fromkeys(one["variant"] for one in strangers):
        some = [[one[name] for one in strangers if one["variant"] == variant] for name in names]
        cells = [f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" for values in some]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(
    curves: dict[str, np.ndarray], rows: list[dict[str, Any]], strangers: list[dict[str, Any]], path: Path
) -> None:
    """Draw size against coverage, coverage by set size at 0.9, and the AUROCs."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(12, 3.8), layout="constrained", width_ratios=(1.2, 1, 1)
    )
    colours = dict(zip(curves, ("#9aa5ae", "#e2833a", "#7b6cb8", "#1b6ca8"), strict=False))
    for name, (coverage, size) in curves.items():
        left.plot(100 * coverage, size, color=colours[name], lw=2, label=name.replace(", calibration_bins", ""))
    left.set(xlabel="right tag inside, %", ylabel="tags in a set, mean", yscale="log", xlim=(60, 100), ylim=(0.9, 100))
    left.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    left.minorticks_off()
    left.legend(frameon=False, fontsize=9)
    left.set_title("Size of a coverage", fontsize=10, loc="left")
    for i, name in enumerate(name for name in curves if "raw" not in name):
        row = next(row for row in rows if row["rule"] == name and row["level"] == 0.9)
        values = [100 * row.get(f"size_{low}", np.nan) for low in SET_SIZE_STRATA]
        middle.bar(np.arange(len(values)) + 0.27 * (i - 1), values, 0.25, color=colours[name])
    middle.axhline(90, color="#1f262c", lw=1, ls=(0, (3, 2)))
    labels = [
        f"{a}" if b == a + 1 else f"{a}\u2013{b - 1}"
        for a, b in zip(SET_SIZE_STRATA, SET_SIZE_STRATA[1:], strict=False)
    ]
    middle.set_xticks(range(len(SET_SIZE_STRATA)), [*labels, f"{SET_SIZE_STRATA[-1]}+"])
    middle.set(xlabel="tags in the set", ylabel="right tag inside, %", ylim=(40, 100))
    middle.set_title("Asked for 90 %: by size of the set", fontsize=10, loc="left")
    names = ["above the background", "first probability", "entropy", "nearest tag"]
    for i, name in enumerate(names[::-1]):
        values = [one[name] for one in strangers if one["variant"] == "int8"]
        right.barh(i, np.mean(values), 0.6, color="#1b6ca8" if i == 3 else "#a9cbe6")
        right.errorbar(np.mean(values), i, xerr=[[np.mean(values) - min(values)], [max(values) - np.mean(values)]],
                       color="#1f262c", lw=1, capsize=3)  # fmt: skip
        right.text(0.505, i, f"{np.mean(values):.3f}", va="center", fontsize=9, color="white" if i == 3 else "#1f262c")
    right.set_yticks(range(4), names[::-1])
    right.tick_params(axis="y", length=0)
    right.set(xlim=(0.5, 0.9), xlabel="AUROC, 50 tags never met")
    right.set_title("Is it unknown?", fontsize=10, loc="left")
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
