"""The report of one run: a page in one file that asks the network for nothing."""

import math
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from imagetagger import metrics, set_curve
from imagetagger.calibration import Calibration
from imagetagger.confusion import TagAccuracy
from imagetagger.decide import CONFORMAL, TagSet, decide
from imagetagger.pipeline import Outcome
from imagetagger.report import examples as gallery
from imagetagger.report import plots, sets, template
from imagetagger.report.words import NONE, PERCENT, Headline, count, number, percent, times

LISTED = 12
"""Best and worst tags that are listed."""
LISTED_BY_SET = 5
"""Tags listed whose sets hold them most and least often."""


def write(outcome: Outcome, path: Path, *, examples: int, seed: int) -> None:
    """Write the report of a run, whole or not at all.

    Args:
        outcome: of the run.
        path: of the page.
        examples: pictures shown of each kind, right and wrong.
        seed: of the choice of pictures.
    """
    template.write(render(outcome, examples=examples, seed=seed), path)


def render(outcome: Outcome, *, examples: int, seed: int) -> str:
    """Return the page; see `write`."""
    result, measured = outcome.result, outcome.measured
    tag_set = measured.decision.tag_set
    return template.render(
        "report.html.jinja",
        result=result,
        multiple=bool((measured.truth.sum(1) > 1).any()),
        summary=summary(result),
        facts=facts(result),
        headlines=headlines(result, tag_set),
        decision=measured.decision,
        promised=tag_set.rule in CONFORMAL,
        asked=set_curve.demand(tag_set.rule, set_curve.own(tag_set)),
        models={name: one for name, one in result["variants"].items() if one["cosine_to_float"] is not None},
        **(tried(outcome, examples, seed) if len(measured.truth) else {"sets": None}),
    )


def tried(outcome: Outcome, examples: int, seed: int) -> dict[str, Any]:
    """Return what the page shows of the validation pictures, of which there is at least one."""
    found, strata = outcome.measured, outcome.measured.strata
    decision, truth, drawn = found.decision, found.truth, found.curve
    scores, names = found.scores.log_joint, [tag.name for tag in outcome.tags]
    _, members = decide(scores, decision)
    warmed, _ = decide(scores, replace(decision, calibration=Calibration(decision.calibration.temperature)))
    alone = metrics.total(metrics.observe_probabilities(warmed, truth))
    (count_before, confidence, correct), bins_after = (plots.unbinned(found.bins[name]) for name in ("before", "after"))
    p, after, sizes = np.exp(found.log_p), metrics.total(found.observed), found.observed.set_size
    promise = decision.tag_set.coverage or after.covered / after.count
    by_tag = sets.by_tag(np.array(strata["by_tag"], float), truth, names, promise)
    accuracy = [TagAccuracy(**tag) for tag in outcome.result["tags"]]
    spread = {"median": np.median(sizes), "ninety": np.quantile(sizes, 0.9, method="inverted_cdf")}
    chosen = gallery.choose(p.max(1), found.observed.top1 > 0, examples, seed)
    shown = [gallery.describe(rows, outcome.tags, outcome.validation, p, truth, members) for rows in chosen]
    return {
        "before": plots.reliability("before", count_before, confidence, correct),
        "after": plots.reliability("after", *bins_after),
        "saturated": count_before[-1] / len(truth),
        "saturated_right": correct[-1] / max(count_before[-1], 1),
        "warmed_ece": metrics.compute(alone)["ece"],
        "coverage": plots.coverage("coverage", drawn),
        "size": plots.size("size", drawn),
        "histogram": plots.size_histogram("histogram", sizes),
        "drawn": drawn,
        "sets": {**spread, "most": sizes.max(), "single": np.mean(sizes == 1)},
        "by_tag": by_tag,
        "by_tag_ends": ends(by_tag.tags, LISTED_BY_SET),
        "shares": plots.shares("shares", by_tag.share, promise),
        "accuracies": ends(accuracy, LISTED),
        "unseen": len(names) - len(accuracy),
        "confusions": outcome.result["confusions"],
        "shown": shown,
        "bold": min(gallery.bold_count(examples), len(shown[1])),
    }


def ends(found: list[TagAccuracy], listed: int) -> list[list[TagAccuracy]]:
    """Return the first and, reversed, the last few; all of them together where they are few."""
    return [found[:listed], found[: -listed - 1 : -1]] if len(found) > 2 * listed else [found]


def headlines(result: dict[str, Any], tag_set: TagSet) -> list[Headline]:
    """Return the figures of a run with their intervals and their meaning in words."""
    figures, asked = result["calibration"]["after"], set_curve.demand(tag_set.rule, set_curve.own(tag_set))
    tags, loss, median = result["data"]["tags"], figures["log_loss"], number(figures["median_set_size"], "g")

    def headline(key: str, label: str, words: str, form: Any = percent) -> Headline:
        low, high = (result["confidence_intervals"] or {}).get(key) or (None, None)
        known = low is not None and high is not None and math.isfinite(low) and math.isfinite(high)
        interval = f"{form(low).removesuffix(PERCENT)} to {form(high)}" if known else ""
        return Headline(label, form(figures[key]), interval, words)

    def top(k: int) -> str:
        said = f"A right tag is among the first {k} {times(figures[f'top{k}'])}."
        return said if k < tags else f"With {count(tags, 'tag')} this cannot fail."

    fair = f" This is as if the right tag always got {percent(math.exp(-loss))}." if loss is not None else ""
    apart = "ECE: how far promised and true accuracy lie apart, on average."
    half = f"Tags in a set, mean. Half of the sets have {median} or fewer."
    held = f"the right tag is inside {times(figures['coverage'])}."
    kinds = {"cumulative": f"In sets that sum to {asked}", "top_k": f"In sets of {asked}"}
    inside = f"{kinds[tag_set.rule]} {held}" if tag_set.rule in kinds else f"{asked} were asked for: {held}"
    return [
        headline("top1", "Top-1", f"The first guess is right {times(figures['top1'])}."),
        headline("top5", "Top-5", top(5)),
        headline("top10", "Top-10", top(10)),
        headline("coverage", "Coverage", inside),
        headline("set_size", "Set size", half, number),
        headline("ece", "Calibration error", apart),
        headline("log_loss", "Log loss", f"Blind guessing costs {math.log(tags):.2f}.{fair}", number),
    ]


def summary(result: dict[str, Any]) -> str:
    """Return a run in one sentence."""
    data, figures = result["data"], result["calibration"]["after"]
    tags = f"{count(data['tags'], 'tag')} learned from {count(data['train'], 'picture')}"
    if not data["validation"]:
        return f"{tags}, and no pictures to try them on."
    tried, size = count(data["validation"], "picture"), number(figures["set_size"])
    right, inside = times(figures["top1"]), times(figures["coverage"])
    said = f"the first guess is right {right}, and a set of {size} tags on average holds the truth {inside}."
    return f"{tags} and tried on {tried} never seen before: {said}"


def facts(result: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return what the run was made from, by card of the page and by label."""
    data, backbone = result["data"], result["backbone"]

    def digest(text: str | None) -> str:
        return f"{text[:12]}\u2026" if text else NONE

    uses = {"to learn from": "train", "to calibrate on": "calibration", "to evaluate on": "validation"}
    counts = {label: count(data[key], "picture") for label, key in uses.items()}
    about = {"name": data["name"], "tags": count(data["tags"]), **counts}
    packages = {name: installed for name, installed in result["versions"].items() if installed}
    shape = {key: str(backbone[key]) for key in ("resolution", "width", "padding", "activation", "runtime")}
    weights, sha256 = PurePath(backbone["weights"] or NONE).name, digest(backbone["weights_sha256"])
    network = {"name": backbone["name"], "weights": weights, "SHA-256": sha256, **shape}
    return {
        "data": {**about, "fingerprint": digest(data["fingerprint"])},
        "backbone": {**network, "embedding space": digest(backbone["embedding_space"])},
        "run": {"seed": str(result["seed"]), "config digest": digest(result["config_digest"]), **packages},
    }
