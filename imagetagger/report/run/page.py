"""The report of one run: a page in one file that loads nothing from the network."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np

from imagetagger.evaluation.baselines import balanced_accuracy
from imagetagger.evaluation.metrics import compute_metrics, observe_probabilities, total_metrics
from imagetagger.experiment.record import Record, VariantRecord
from imagetagger.experiment.run_output import RunOutput
from imagetagger.prediction.calibration import Calibration, log_probabilities
from imagetagger.prediction.decision import CONFORMAL_SETS
from imagetagger.report.formatting import NO_VALUE, SummaryMetric, count, interval, number, percent, share_in_words
from imagetagger.report.plots import coverage_plot, reliability_plot, set_size_histogram, set_size_plot, shares_plot
from imagetagger.report.run.examples import choose_examples, confident_count, describe_examples
from imagetagger.report.run.fine_tuning import describe_fine_tuning
from imagetagger.report.run.set_coverage import rank_by_coverage
from imagetagger.report.template import render_page, write_page

T = TypeVar("T")

LISTED_TAGS = 12
"""Best and worst tags that are listed."""
LISTED_BY_COVERAGE = 5
"""Tags listed whose sets hold them most and least often."""


def write_run_report(output: RunOutput, path: Path, *, examples: int, seed: int) -> None:
    """Write the report of a run atomically.

    Args:
        output: of the run.
        path: of the page.
        examples: pictures shown of each kind, correct and wrong.
        seed: of the choice of pictures.
    """
    write_page(render_run_report(output, examples=examples, seed=seed), path)


def render_run_report(output: RunOutput, *, examples: int, seed: int) -> str:
    """The source of the page; see `write_run_report`."""
    record, curve = output.record, output.evaluation.curve
    target = curve.target_text(curve.selected)
    return render_page(
        "run/run.html.jinja",
        record=record,
        summary=summary_sentence(record),
        facts=facts(record),
        summary_metrics=summary_metrics(record, target),
        is_guaranteed=curve.rule in CONFORMAL_SETS,
        target=target,
        variants=listed_variants(record),
        fine_tuning=describe_fine_tuning(record),
        evaluated=evaluated_context(output, examples, seed) if record.data.validation else None,
    )


def evaluated_context(output: RunOutput, examples: int, seed: int) -> dict[str, Any]:
    """What the page shows of the validation pictures; there must be at least one."""
    record, evaluation, names = output.record, output.evaluation, [tag.name for tag in output.tags]
    labels_onehot, curve = evaluation.data.labels_onehot, evaluation.curve
    temperature_only = log_probabilities(evaluation.data.scores.log_joint, Calibration(record.calibration.temperature))
    at_temperature = compute_metrics(total_metrics(observe_probabilities(temperature_only, labels_onehot)))
    before, n = record.reliability.before, len(labels_onehot)
    p, sizes = np.exp(evaluation.log_probability), evaluation.observed.set_size
    target = record.calibration.prediction_set.coverage or evaluation.metrics["coverage"]
    tag_coverage = np.array(evaluation.strata["by_tag"], float)
    by_tag = rank_by_coverage(tag_coverage, labels_onehot.sum(0), names, target)
    rows = choose_examples(p.max(1), evaluation.is_correct, examples, seed)
    correct, wrong = (
        describe_examples(kind, output.tags, output.validation, p, labels_onehot, evaluation.in_set) for kind in rows
    )
    return {
        "balanced_accuracy": balanced_accuracy(evaluation.is_correct, labels_onehot),
        "has_several_tags": bool((labels_onehot.sum(1) > 1).any()),
        "before": reliability_plot("before", before),
        "after": reliability_plot("after", record.reliability.after),
        "saturated": before.count[-1] / n,
        "saturated_correct": before.correct[-1] / max(before.count[-1], 1),
        "temperature_ece": at_temperature["ece"],
        "coverage": coverage_plot("coverage", curve),
        "size": set_size_plot("size", curve),
        "histogram": set_size_histogram("histogram", sizes),
        "curve": curve,
        "sizes": {
            "median": np.median(sizes),
            "ninety": np.quantile(sizes, 0.9, method="inverted_cdf"),
            "largest": sizes.max(),
            "singleton": np.mean(sizes == 1),
        },
        "by_tag": by_tag,
        "by_tag_ends": ends(by_tag.tags, LISTED_BY_COVERAGE),
        "shares": shares_plot("shares", by_tag.share, target),
        "accuracies": ends(record.tags, LISTED_TAGS),
        "unseen": len(names) - len(record.tags),
        "correct": correct,
        "wrong": wrong,
        "confident": min(confident_count(examples), len(wrong)),
    }


def ends(items: Sequence[T], listed: int) -> list[Sequence[T]]:
    """The first and, reversed, the last few items; all of them together where they are few."""
    return [items[:listed], items[: -listed - 1 : -1]] if len(items) > 2 * listed else [items]


def listed_variants(record: Record) -> dict[str, VariantRecord]:
    """The variants that were compared with float32, the one that leads first; none without an export."""
    if all(variant.cosine_to_float is None for variant in record.variants.values()):
        return {}
    return dict(sorted(record.variants.items(), key=lambda item: item[0] != record.variant))


def summary_metrics(record: Record, target: str) -> list[SummaryMetric]:
    """Metrics with their intervals and their meaning in words; `target` is that of the prediction sets."""
    metrics, tags = record.calibration.after, record.data.tags
    loss, median = metrics.log_loss, number(metrics.median_set_size, "g")

    def metric(key: str, label: str, meaning: str, form: Callable[[float | None], str] = percent) -> SummaryMetric:
        low, high = record.confidence_intervals.get(key, (None, None))
        return SummaryMetric(label, form(getattr(metrics, key)), interval(low, high, form), meaning)

    def top(k: int) -> str:
        share = share_in_words(getattr(metrics, f"top{k}"))
        return f"A right tag is among the first {k} {share}." if k < tags else f"With {count(tags, 'tag')} always true."

    as_if = f" This is as if the right tag always got {percent(math.exp(-loss))}." if loss is not None else ""
    inside = f"the right tag is inside {share_in_words(metrics.coverage)}."
    sets = {"cumulative": f"In sets that sum to {target}", "top_k": f"In sets of {target}"}
    kind = sets.get(record.calibration.prediction_set.rule, f"With a target of {target},")
    return [
        metric("top1", "Top-1", f"The first prediction is right {share_in_words(metrics.top1)}."),
        metric("top5", "Top-5", top(5)),
        metric("top10", "Top-10", top(10)),
        metric("coverage", "Coverage", f"{kind} {inside}"),
        metric("set_size", "Set size", f"Mean tags per set. Half of the sets have {median} or fewer.", number),
        metric("ece", "Calibration error", "ECE: the mean difference between confidence and accuracy."),
        metric("log_loss", "Log loss", f"Guessing blindly gives {math.log(tags):.2f}.{as_if}", number),
    ]


def summary_sentence(record: Record) -> str:
    """The result of a run in one sentence."""
    data, metrics = record.data, record.calibration.after
    learned = f"{count(data.tags, 'tag')} learned from {count(data.train, 'picture')}"
    if not data.validation:
        return f"{learned}, and no pictures to evaluate them on."
    correct, inside = share_in_words(metrics.top1), share_in_words(metrics.coverage)
    return (
        f"{learned} and evaluated on {count(data.validation, 'picture')} never seen before: the first prediction is "
        f"right {correct}, and a set of {number(metrics.set_size)} tags on average holds the right one {inside}."
    )


def joined_pictures(record: Record) -> dict[str, str]:
    """How many pictures share a group with others, by clue, and how many evaluated ones have a near twin."""
    data = record.data
    rows = {f"joined by {clue}": count(pictures, "picture") for clue, pictures in data.joined.items()}
    if data.near_twins is not None:
        rows["evaluated with a near twin in training"] = percent(data.near_twins)
    return rows


def facts(record: Record) -> dict[str, dict[str, str]]:
    """The data, the backbone and the software of a run: for each card of the page, values by label."""
    data, backbone = record.data, record.backbone

    def digest(text: str | None) -> str:
        return f"{text[:12]}\u2026" if text else NO_VALUE

    settings = {key: str(getattr(backbone, key)) for key in ("resolution", "width", "padding", "activation", "runtime")}
    return {
        "data": {
            "name": data.name,
            "tags": count(data.tags),
            "fitted": count(data.train, "picture"),
            "calibrated on, out of fold": count(data.calibration, "picture"),
            "evaluated": count(data.validation, "picture"),
            **({"fitted for the bundle": count(record.bundled.train, "picture")} if record.bundled else {}),
            **joined_pictures(record),
            "fingerprint": digest(data.fingerprint),
        },
        "backbone": {
            "name": backbone.name,
            "variant": record.variant,
            "weights": PurePath(backbone.weights or NO_VALUE).name,
            "SHA-256": digest(backbone.weights_sha256),
            **settings,
            "embedding space": digest(backbone.embedding_space),
        },
        "run": {
            "seed": str(record.seed),
            "config digest": digest(record.config_digest),
            **{name: version for name, version in record.versions.items() if version},
        },
    }
