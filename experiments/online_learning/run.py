"""A user teaches: 50 tags that the bundle never met, learned beside 150 that it knows, picture by picture.

python experiments/online_learning.py ZIP [--weights FILE] [--variant int8]

The transform, the prior and the 150 known tags come from 450 pictures a tag. Each new tag is taught with 1, 2, 5, 10,
20 and all 500 of its training pictures, 20 times, with other new tags and another order of arrival each time; all of
validation is then told among 200 tags. Prints tables; int8 writes online_learning.csv and online_learning.png.
"""

import argparse
import csv
import threading
from pathlib import Path
from typing import Any, NamedTuple

import jax
import matplotlib
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from embeddings import Embeddings, arguments, embeddings, settings
from tqdm import tqdm

from imagetagger.bundle.executor import Executor, lesson_row, merge_rows, score_rows
from imagetagger.bundle.reader import Rows
from imagetagger.classifier import naive_bayes
from imagetagger.classifier.fit import FittedClassifier, fit_classifier, multi_hot, score_embeddings
from imagetagger.classifier.naive_bayes import Gaussian, finalize, log_joint
from imagetagger.classifier.statistics import Statistics, lesson_statistics, merge_statistics, statistics_from_batch
from imagetagger.classifier.whitening import apply_transform
from imagetagger.config.schema import ClassifierConfig
from imagetagger.convert.signatures import convert_classifier
from imagetagger.prediction.calibration import probabilities
from imagetagger.prediction.conformal import adapt_coverage, threshold_at
from imagetagger.prediction.decision import fit_decision
from imagetagger.prediction.prediction_sets import prediction_sets

matplotlib.use("agg")
from matplotlib import pyplot as plt

PICTURES = (1, 2, 5, 10, 20, 500)
SPLITS, COSTLY, NEW, MOMENTUM, NEIGHBOURS = 20, 4, 50, 0.1, 10
METHODS = ("exact", "no prior on means", "momentum 0.1", "NCM", "kNN", "refit from scratch")


class Task(NamedTuple):
    """150 known tags and 50 new ones.

    Attributes:
        new: bool (C,).
        fitted: on the known tags; its statistics have C rows, those of new tags empty.
        x: float32 (N, d) transformed training pictures; y their tags.
        v: float32 (M, d) transformed validation pictures; t their tags.
    """

    new: np.ndarray
    fitted: FittedClassifier
    x: np.ndarray
    y: np.ndarray
    v: np.ndarray
    t: np.ndarray


def main() -> None:
    """Teach, print tables, write the files."""
    parser = arguments(argparse.ArgumentParser(description=__doc__))
    parser.add_argument("--variant", choices=("float32", "int8"), default="int8")
    parser.add_argument("--splits", type=int, default=SPLITS, help="choices of new tags; a few take the costly parts")
    given = parser.parse_args()
    found = embeddings(given.zip, given.weights, variant=given.variant)
    classifier = settings("classifier=whitened").classifier
    rows, streams, agreement = [], [], ""
    batch = refit(found, classifier, ~found.held)
    for split in tqdm(range(given.splits), "choices of new tags", disable=None):
        task = make_task(found, classifier, split)
        rows.append({"split": split, "pictures": "all", "method": "batch of 200", **accuracy(task, batch)})
        rows += teach_all(task, found, classifier, split)
        if split < COSTLY:
            streams.append(stream(task, found, split))
        if split == 0:
            agreement = through_litert(task)
    print(table(rows), stream_table(streams), agreement, sep="\n\n")
    base = Path(__file__).with_suffix("")
    if given.variant == "int8":
        with base.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        plot(rows, streams, base.with_suffix(".png"))


def make_task(found: Embeddings, classifier: ClassifierConfig, split: int) -> Task:
    """Fit transform, prior and statistics on 150 tags; transform all pictures."""
    new = np.zeros(len(found.tags), bool)
    new[np.random.default_rng(split).permutation(len(new))[:NEW]] = True
    labels = np.where(new[found.labels], -1, found.labels)[:, None]
    fitted = fit_classifier(found.train, labels, found.held, len(new), classifier)
    x, v = (np.asarray(apply_transform(fitted.transform, e)) for e in (found.train, found.validation))
    return Task(new, fitted, x, found.labels, v, found.truth)


def teach_all(task: Task, found: Embeddings, classifier: ClassifierConfig, split: int) -> list[dict[str, Any]]:
    """Return accuracies of every method and number of pictures."""
    rows = []
    near = nearest_known(task, found)
    lessons = np.random.default_rng(split).permutation(np.flatnonzero(task.new[task.y]))
    rank = np.empty(len(lessons), int)  # of a picture among those of its tag, in the order of arrival
    for tag in np.flatnonzero(task.new):
        rank[task.y[lessons] == tag] = np.arange((task.y[lessons] == tag).sum())
    for pictures in PICTURES:
        taught = lessons[rank < pictures]
        scores = {
            "exact": score_exact(task, taught),
            "no prior on means": score_exact(task, taught, prior_on_means=False),
            "momentum 0.1": score_momentum(task, taught),
            "NCM": score_ncm(task, taught),
            "kNN": score_knn(task, taught, near),
        }
        if split < COSTLY:
            learned_from = ~found.held & ~task.new[task.y]
            learned_from[taught] = True
            scores["refit from scratch"] = refit(found, classifier, learned_from)
        for method, told in scores.items():
            rows.append({"split": split, "pictures": pictures, "method": method, **accuracy(task, told)})
    return rows


def learned(task: Task, taught: np.ndarray) -> Statistics:
    """Return the statistics after lessons, those of a batch: up to rounding what one merge each gives."""
    lessons = statistics_from_batch(task.x[taught], task.y[taught], len(task.new))
    return merge_statistics(task.fitted.statistics, lessons)


def score_exact(task: Task, taught: np.ndarray, *, prior_on_means: bool = True) -> np.ndarray:
    """Exact statistics, with the bundle's prior or without that on the means."""
    prior = task.fitted.prior if prior_on_means else task.fitted.prior._replace(mean=None, mean_variance=None)
    return np.asarray(log_joint(finalize(learned(task, taught), prior), task.v))


def through_litert(task: Task, pictures: int = 5) -> str:
    """Teach some pictures a tag and tell validation with the `merge` and `score` that a bundle has, beside JAX."""
    converted = convert_classifier(task.fitted.prior, "uniform", block=64)
    runners = {name: Interpreter(model_content=model, num_threads=1).get_signature_runner(name)
               for name, model in converted.items()}  # fmt: skip
    executor = Executor(runners, threading.Lock(), 64)
    rows = [Rows(*(part[i : i + 1] for part in map(np.array, task.fitted.statistics))) for i in range(len(task.new))]
    taught = np.concatenate([np.flatnonzero(task.y == tag)[:pictures] for tag in np.flatnonzero(task.new)])
    for i in taught:
        rows[task.y[i]] = merge_rows(executor, rows[task.y[i]], lesson_row(task.x[i]))
    together = Rows(*(np.concatenate(parts) for parts in zip(*rows, strict=True)))
    scores = np.stack([score_rows(executor, x, together) for x in tqdm(task.v, "LiteRT", disable=None, leave=False)])
    same = (scores.argmax(1) == score_exact(task, taught).argmax(1)).mean()
    return f"{len(taught)} lessons and {len(scores)} pictures in LiteRT: {100 * same:.2f} % of first guesses are JAX's"


def score_momentum(task: Task, taught: np.ndarray) -> np.ndarray:
    """The original app's rule: each picture moves mean and variance a tenth of the way, however many came before."""
    known = finalize(task.fitted.statistics, task.fitted.prior)
    mean, variance = np.array(known.mean), np.array(known.variance)
    seen = np.asarray(task.fitted.statistics.count) > 0
    for i in taught:
        tag = task.y[i]
        if not seen[tag]:
            mean[tag], variance[tag], seen[tag] = task.x[i], np.asarray(task.fitted.prior.pooled), True
            continue
        delta = task.x[i] - mean[tag]
        mean[tag] += MOMENTUM * delta
        variance[tag] += MOMENTUM * (delta**2 - variance[tag])
    variance = np.maximum(variance, 1e-3 * np.asarray(task.fitted.prior.pooled))
    log_prior = np.where(seen, 0, -np.inf).astype(np.float32)
    return np.asarray(log_joint(Gaussian(*map(jax.device_put, (log_prior, mean, variance))), task.v))


def score_ncm(task: Task, taught: np.ndarray) -> np.ndarray:
    """The nearest mean by cosine, in the same space."""
    mean = np.asarray(learned(task, taught).mean)
    return task.v @ (mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)).T


def nearest_known(task: Task, found: Embeddings) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities and tags of the nearest known pictures of each validation picture, (M, K) both."""
    rows = np.flatnonzero(~found.held & ~task.new[task.y])
    best, tags = np.full((len(task.v), 0), 0.0, np.float32), np.zeros((len(task.v), 0), int)
    for some in np.array_split(rows, 8):
        best, tags = nearer(task, best, tags, some)
    return best, tags


def nearer(task: Task, best: np.ndarray, tags: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of the neighbours so far and some training pictures, (M, K) both."""
    best = np.concatenate([best, task.v @ task.x[rows].T], 1)
    tags = np.concatenate([tags, np.broadcast_to(task.y[rows], (len(task.v), len(rows)))], 1)
    top = np.argpartition(-best, NEIGHBOURS, 1)[:, :NEIGHBOURS]
    return np.take_along_axis(best, top, 1), np.take_along_axis(tags, top, 1)


def score_knn(task: Task, taught: np.ndarray, near: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Votes of the 10 nearest pictures by cosine, weighted by exp(similarity / 0.1)."""
    best, tags = nearer(task, *near, taught)
    votes = np.zeros((len(task.v), len(task.new)))
    np.add.at(votes, (np.arange(len(task.v))[:, None], tags), np.exp(best / 0.1))
    return votes


def refit(found: Embeddings, classifier: ClassifierConfig, rows: np.ndarray) -> np.ndarray:
    """Fit everything anew on the training pictures `rows`, bool (N,), whitening and prior included: no phone can."""
    fitted = fit_classifier(found.train, found.labels[:, None], ~rows, len(found.tags), classifier)
    return score_embeddings(fitted, found.validation).log_joint


def accuracy(task: Task, scores: np.ndarray) -> dict[str, float]:
    """Return top-1 among 200 tags on pictures of new tags, of old ones, and together."""
    right, new = scores.argmax(1) == task.t, task.new[task.t]
    return {"new": float(right[new].mean()), "old": float(right[~new].mean()), "all": float(right.mean())}


def stream(task: Task, found: Embeddings, split: int) -> dict[str, np.ndarray]:
    """Teach 2,000 pictures of all tags, as a user meets them, new tags among them; return which sets missed.

    Before each lesson its picture is told with a set of nominal 0.9: thresholds as the bundle has them, and adapted. A
    picture of a tag that was never taught counts for neither, as no set could hold it.
    """
    kept = found.held & ~task.new[task.y]
    calibrate = settings("+experiment=whitened").calibrate
    told = score_embeddings(task.fitted, found.train[kept])
    decision = fit_decision(told.log_joint, multi_hot(task.y[kept][:, None], len(task.new)), told.fits,
                          calibration_bins=calibrate.calibration_bins, rule="lac", coverage=0.9)  # fmt: skip
    thresholds = np.asarray(decision.prediction_set.thresholds)
    rng = np.random.default_rng(split)
    pictures = np.flatnonzero(found.held | task.new[task.y])
    chosen = rng.choice(pictures, 2000, replace=False)  # most are of new tags: 500 pictures each, of old ones 50
    statistics, missed = task.fitted.statistics, {"fixed": [], "adapted": []}
    finalize = jax.jit(lambda s, p: naive_bayes.finalize(s, p))
    for i in tqdm(chosen, "stream", disable=None, leave=False):
        tag = task.y[i]
        if statistics.count[tag] > 0:
            joint = log_joint(finalize(statistics, task.fitted.prior), task.x[i : i + 1])
            p = probabilities(np.asarray(joint), decision.calibration)
            wanted = {"fixed": 0.9, "adapted": adapt_coverage(0.9, missed["adapted"], calibrate.aci_step_size)}
            for name, coverage in wanted.items():
                members = prediction_sets(p, "lac", threshold_at(thresholds, coverage))
                missed[name].append(float(not members[0, tag]))
        statistics = merge_statistics(statistics, lesson_statistics(task.x[i], int(tag), len(task.new)))
    return {name: np.array(values) for name, values in missed.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Return mean and standard deviation over the splits as a Markdown table."""
    lines = ["| method | pictures a tag | new tags | old tags | together |", "|---|---:|---:|---:|---:|"]
    for method in ("batch of 200", *METHODS):
        for pictures in ("all",) if method == "batch of 200" else PICTURES:
            some = [row for row in rows if row["method"] == method and row["pictures"] == pictures]
            cells = [np.array([100 * row[key] for row in some]) for key in ("new", "old", "all")]
            text = " | ".join(f"{values.mean():.2f} \u00b1 {values.std():.2f} %" for values in cells)
            lines.append(f"| {method} | {pictures} | {text} |")
    return "\n".join(lines)


def stream_table(streams: list[dict[str, np.ndarray]]) -> str:
    """Return the coverage of fixed and adapted sets in the stream as a Markdown table."""
    lines = ["| sets of nominal 90 % | first 500 lessons | last 500 | all |", "|---|---:|---:|---:|"]
    for name in ("fixed", "adapted"):
        parts = [[100 * (1 - one[name][part].mean()) for one in streams]
                 for part in (slice(500), slice(-500, None), slice(None))]  # fmt: skip
        lines.append(
            f"| {name} | " + " | ".join(f"{np.mean(p):.1f} % ({min(p):.1f} to {max(p):.1f})" for p in parts) + " |"
        )
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], streams: list[dict[str, np.ndarray]], path: Path) -> None:
    """Draw accuracy on new and old tags over pictures a tag, and coverage in the stream."""
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", width_ratios=(1.1, 1.1, 1))
    colours = dict(zip(METHODS, ("#1b6ca8", "#8fb8d8", "#e2833a", "#7b6cb8", "#5a9367", "#1f262c"), strict=True))
    for axes, key, title in zip(panels, ("new", "old"), ("New tags", "Old tags"), strict=False):
        for method in METHODS:
            means = [
                np.mean([100 * r[key] for r in rows if r["method"] == method and r["pictures"] == k]) for k in PICTURES
            ]
            style = {"ls": (0, (3, 2)), "lw": 1.4} if method == "refit from scratch" else {"lw": 2}
            axes.plot(PICTURES, means, marker="o", ms=3.5, color=colours[method], label=method, **style)
        axes.set(xscale="log", xlabel="pictures a tag", ylabel="top-1 among 200 tags, %")
        axes.set_xticks(PICTURES, [str(k) for k in PICTURES])
        axes.minorticks_off()
        axes.set_title(title, fontsize=10, loc="left")
    panels[0].set(ylim=(0, 70))
    panels[1].set(ylim=(30, 70))
    panels[1].legend(frameon=False, fontsize=8.5, loc="lower left")
    width = 300
    for name, colour in (("fixed", "#9aa5ae"), ("adapted", "#1b6ca8")):
        shortest = min(len(one[name]) for one in streams)
        missed = np.mean([one[name][:shortest] for one in streams], 0)
        held = 100 * (1 - np.convolve(missed, np.ones(width) / width, "valid"))
        panels[2].plot(np.arange(len(held)) + width, held, color=colour, lw=2, label=name)
    panels[2].axhline(90, color="#1f262c", lw=1, ls=(0, (3, 2)))
    panels[2].set(xlabel="lessons", ylabel=f"right tag inside, last {width} lessons, %", ylim=(60, 100))
    panels[2].set_title("Sets of 90 % while a user teaches", fontsize=10, loc="left")
    panels[2].legend(frameon=False, fontsize=9, loc="lower right")
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
