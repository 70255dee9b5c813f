"""Learn, then forget: what is left of a lesson, by the bundle's own `merge` in LiteRT, and by its Tagger.

python experiments/unlearning.py BUNDLE ZIP

BUNDLE is one of `+experiment=whitened`, int8 or float32. Pictures are taught on top of the bundle's rows, as wrong tags
as well as right ones, and taken out again in another order; 20 times for each number of lessons. Prints a table; writes
unlearning_VARIANT.csv, and from an int8 bundle unlearning.png, beside this file.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from tqdm import tqdm

from imagetagger.bundle.executor import Executor, embed_image, lesson_row, load_executor, merge_rows
from imagetagger.bundle.reader import Rows, read_bundle
from imagetagger.data.tiny_imagenet import open_archive, read_examples
from imagetagger.preprocess import preprocess
from imagetagger.tagger.tagger import Tagger

matplotlib.use("agg")
from matplotlib import pyplot as plt

REPEATS, PICTURES, TAUGHT, TOLD, MOMENTUM = 20, (1, 2, 5, 10, 20, 50, 100), 1000, 1000, 0.1
FIELDS = ("pictures", "repeat", "forgotten", "left", "order", "momentum")
HEADINGS = {
    "forgotten": "learned and forgotten",
    "left": "half of a new tag forgotten",
    "order": "another order",
    "momentum": "momentum 0.1, undone",
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("zip", type=Path)
    given = parser.parse_args()
    bundle = read_bundle(given.bundle)
    executor, variant = load_executor(bundle.files["model.tflite"], bundle.manifest), bundle.manifest.model.variant
    archive = open_archive(given.zip)
    examples = read_examples(archive, "validation")
    chosen = np.random.default_rng(0).choice(len(examples), TAUGHT + TOLD, replace=False)
    size = bundle.manifest.image.size
    crops = [preprocess(archive.read(examples[i].file), size) for i in chosen]
    x = np.stack([embed_image(executor, crop) for crop in tqdm(crops, "embedding", disable=None)])
    pooled = bundle.rows.m2.sum(0) / bundle.rows.count.sum()
    results = [
        {"pictures": pictures, "repeat": repeat, **once(executor, bundle.rows, x[:TAUGHT], pooled, pictures, repeat)}
        for pictures in PICTURES
        for repeat in range(REPEATS)
    ]
    print(table(results), decisions(given.bundle, crops, x), sep="\n\n")
    base = Path(__file__).with_suffix("")
    with base.with_name(f"unlearning_{variant}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(results)
    if variant == "int8":
        plot(results, base.with_suffix(".png"))


def once(
    executor: Executor, rows: Rows, x: np.ndarray, pooled: np.ndarray, pictures: int, repeat: int
) -> dict[str, float]:
    """Return the errors of one known tag and a new one, taught some pictures."""
    rng = np.random.default_rng([pictures, repeat])
    tag = int(rng.integers(len(rows.count)))
    known = Rows(*(part[tag : tag + 1] for part in rows))
    nothing = Rows(*(np.zeros_like(part) for part in known))
    lessons = x[rng.choice(len(x), 2 * pictures, replace=False)]
    some, others = lessons[:pictures], rng.permutation(lessons[:pictures])
    taught = fold(executor, known, some)
    half = fold(executor, fold(executor, nothing, lessons), others, -1)
    mean, variance = known.mean[0].astype(float), known.m2[0].astype(float) / known.count[0]
    moved = momentum(*momentum(mean, variance, some, 1), others, -1)
    gone = Rows(known.count, moved[0][None], (moved[1] * known.count[0])[None])
    return {
        "forgotten": error(fold(executor, taught, others, -1), known, pooled),
        "left": error(half, fold(executor, nothing, lessons[pictures:]), pooled),
        "order": error(fold(executor, known, others), taught, pooled),
        "momentum": error(gone, known, pooled),
    }


def fold(executor: Executor, row: Rows, lessons: np.ndarray, weight: float = 1.0) -> Rows:
    """Return a row after lessons, each of them one call of the bundle's `merge`."""
    for embedding in lessons:
        row = merge_rows(executor, row, lesson_row(embedding, weight))
    return row


def momentum(mean: np.ndarray, variance: np.ndarray, lessons: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Move mean and variance a tenth of the way to each picture, or for sign -1 undo such a step."""
    for x in lessons:
        if sign > 0:
            variance = variance + MOMENTUM * ((x - mean) ** 2 - variance)
            mean = mean + MOMENTUM * (x - mean)
        else:
            mean = (mean - MOMENTUM * x) / (1 - MOMENTUM)
            variance = (variance - MOMENTUM * (x - mean) ** 2) / (1 - MOMENTUM)
    return mean, variance


def error(got: Rows, expected: Rows, pooled: np.ndarray) -> float:
    """Return the larger error of mean and scatter, in norm, relative to the pooled ones of as many pictures."""
    if got.count[0] != expected.count[0]:
        return float("inf")
    mean = np.linalg.norm(got.mean.astype(float) - expected.mean) / np.linalg.norm(np.sqrt(pooled))
    scatter = np.linalg.norm(got.m2.astype(float) - expected.m2) / np.linalg.norm(pooled * max(expected.count[0], 1))
    return float(max(mean, scatter))


def decisions(path: Path, crops: list[np.ndarray], x: np.ndarray) -> str:
    """Teach 100 pictures through the Tagger and take them all back; return in words what changed."""
    tagger = Tagger.load(path)
    tags = [tag.id for tag in tagger.tags]

    def state() -> list[bytes]:
        return [part.tobytes() for row in tagger._state.rows.by_tag.values() for part in row.total]

    def told() -> np.ndarray:
        return np.array([tagger.probabilities(one) for one in x[TAUGHT:]])

    before, chances = state(), told()
    new = tagger.add_tag("something new")
    rng = np.random.default_rng(0)
    lessons = [(i, [new, tags[rng.integers(len(tags))]]) for i in range(100)]
    for i, given in lessons:
        tagger.learn(crops[i], given)
    changed = float((told()[:, : len(tags)].argmax(1) != chances.argmax(1)).mean())
    for j in rng.permutation(len(lessons)):
        i, given = lessons[j]
        tagger.forget(crops[i], given)
    tagger.remove_tag(new)
    same = "the same to the last bit" if state() == before else "NOT the same"
    equal = float((told().argmax(1) == chances.argmax(1)).mean())
    return (
        f"Tagger: 100 pictures taught as a new tag and as a wrong one changed {100 * changed:.1f} % of {TOLD} first "
        f"guesses; forgotten in another order, the rows are {same}, and {100 * equal:.1f} % of the guesses are those "
        "of before."
    )


def table(results: list[dict[str, Any]]) -> str:
    """Return the largest errors of all repeats as a Markdown table."""
    lines = [f"| pictures | {' | '.join(HEADINGS.values())} |", "|---:|" + "---:|" * len(HEADINGS)]
    for pictures in PICTURES:
        some = [one for one in results if one["pictures"] == pictures]
        lines.append(f"| {pictures} | {' | '.join(f'{max(one[key] for one in some):.1e}' for key in HEADINGS)} |")
    return "\n".join(lines)


def plot(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the largest errors over the number of pictures."""
    figure, axes = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
    colours = dict(zip(HEADINGS, ("#1b6ca8", "#5a9367", "#7b6cb8", "#e2833a"), strict=True))
    for key, heading in HEADINGS.items():
        worst = [max(one[key] for one in results if one["pictures"] == k) for k in PICTURES]
        axes.plot(PICTURES, np.maximum(worst, 1e-9), "o-", ms=4, lw=2, color=colours[key], label=heading)
    axes.axhline(1e-5, color="#1f262c", lw=1, ls=(0, (3, 2)))
    axes.set(xscale="log", yscale="log", xlabel="pictures taught and forgotten", ylabel="largest error, relative")
    axes.set_xticks(PICTURES, [str(k) for k in PICTURES])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
