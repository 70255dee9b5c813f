"""Prediction sets while a user teaches: how often they miss, with a fixed and with an adapted target coverage."""

import threading
from collections.abc import Sequence

import jax
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tqdm import tqdm

from experiments.online_learning.methods import Task, score_exact
from imagetagger.bundle.executor import Executor, lesson_row, merge_rows, score_rows
from imagetagger.bundle.reader import Rows
from imagetagger.classifier import naive_bayes
from imagetagger.classifier.fit import score_embeddings
from imagetagger.classifier.statistics import lesson_statistics, merge_statistics
from imagetagger.config.schema import CalibrateConfig
from imagetagger.convert.signatures import convert_classifier
from imagetagger.data.dataset import multi_hot
from imagetagger.prediction.conformal import adapt_coverage
from imagetagger.prediction.decision import fit_decision
from imagetagger.prediction.predict import predict

LESSONS, COVERAGE, WINDOW = 2000, 0.9, 500
TARGETS = ("fixed", "adapted")


def stream(task: Task, x: np.ndarray, calibrate: CalibrateConfig, seed: int) -> dict[str, np.ndarray]:
    """Teach pictures of all tags in random order; return which sets missed their tag, by target, (L,) each.

    Before each lesson its picture gets a set of nominal 0.9: with the bundle's thresholds, and adapted. A picture of a
    tag that was not taught yet counts for neither, as no set could contain it.

    Args:
        task: known and new tags.
        x: (N, D) embeddings of the training pictures, as the network gives them.
        calibrate: settings.
        seed: of the order.
    """
    classifier, tags = task.classifier, len(task.is_new)
    rows = task.is_holdout & ~task.is_new[task.y]
    decision = fit_decision(
        score_embeddings(classifier, x[rows]).log_joint,
        multi_hot(task.y[rows][:, None], tags),
        calibration_bins=calibrate.calibration_bins,
        prediction_set="lac",
        coverage=COVERAGE,
    )
    pictures = np.flatnonzero(task.is_holdout | task.is_new[task.y])
    # Most are of new tags: 500 pictures each, of old ones 50.
    lessons = np.random.default_rng(seed).choice(pictures, min(LESSONS, len(pictures)), replace=False)
    statistics = classifier.statistics
    missed: dict[str, list[float]] = {target: [] for target in TARGETS}
    finalize = jax.jit(lambda s, p: naive_bayes.finalize(s, p))
    for i in tqdm(lessons, "stream", disable=None, leave=False):
        tag = task.y[i]
        if statistics.count[tag] > 0:
            gaussian = finalize(statistics, classifier.prior)
            joint = np.asarray(naive_bayes.log_joint(gaussian, task.x[i : i + 1]))
            adapted = adapt_coverage(COVERAGE, missed["adapted"], calibrate.aci_step_size)
            for target, coverage in zip(TARGETS, (COVERAGE, adapted), strict=True):
                in_set = predict(joint, None, np.asarray(gaussian.log_prior), decision, coverage).in_set
                missed[target].append(float(not in_set[0, tag]))
        statistics = merge_statistics(statistics, lesson_statistics(task.x[i], int(tag), tags))
    return {target: np.array(misses) for target, misses in missed.items()}


def stream_table(streams: Sequence[dict[str, np.ndarray]]) -> str:
    """Lay out the coverage of fixed and adapted sets as a Markdown table."""
    lines = [f"| sets of nominal 90 % | first {WINDOW} lessons | last {WINDOW} | all |", "|---|---:|---:|---:|"]
    for target in TARGETS:
        cells = []
        for part in (slice(WINDOW), slice(-WINDOW, None), slice(None)):
            covered = [100 * (1 - missed[target][part].mean()) for missed in streams]
            cells.append(f"{np.mean(covered):.1f} % ({min(covered):.1f} to {max(covered):.1f})")
        lines.append(f"| {target} | {' | '.join(cells)} |")
    return "\n".join(lines)


def compare_litert(task: Task, pictures: int = 5) -> str:
    """Teach some pictures per tag and score validation with a bundle's `merge` and `score`, beside JAX; in words."""
    prior, statistics = task.classifier.prior, task.classifier.statistics
    converted = convert_classifier(prior, "uniform", block=64)
    runners = {
        name: Interpreter(model_content=model, num_threads=1).get_signature_runner(name)
        for name, model in converted.items()
    }
    executor = Executor(runners, threading.Lock(), 64)
    rows = [Rows(*(part[i : i + 1] for part in map(np.array, statistics))) for i in range(len(task.is_new))]
    lessons = np.concatenate([np.flatnonzero(task.y == tag)[:pictures] for tag in np.flatnonzero(task.is_new)])
    for i in lessons:
        rows[task.y[i]] = merge_rows(executor, rows[task.y[i]], lesson_row(task.x[i]))
    stacked = Rows(*(np.concatenate(parts) for parts in zip(*rows, strict=True)))
    progress = tqdm(task.x_validation, "LiteRT", disable=None, leave=False)
    scores = np.stack([score_rows(executor, x, stacked) for x in progress])
    same = (scores.argmax(1) == score_exact(task, lessons).argmax(1)).mean()
    return (
        f"{len(lessons)} lessons and {len(scores)} pictures in LiteRT: {100 * same:.2f} % of first predictions equal "
        "JAX's"
    )
