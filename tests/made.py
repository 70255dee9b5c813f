"""Outcomes of runs that never were: any scores, any names."""

from typing import Any

import numpy as np
from composed import settings

from imagetagger import conformal, measure, metrics, result
from imagetagger.backbone.mobilenet_v2 import mobilenet_v2
from imagetagger.backbone.model import Backbone, Normalisation
from imagetagger.calibration import Calibration, log_softmax
from imagetagger.data.dataset import Dataset, Skip, Split, Tag, pad_labels
from imagetagger.decide import Decision, TagSet, decide, fit
from imagetagger.measure import Measured, Scores
from imagetagger.pipeline import Outcome
from imagetagger.runtime import Runtime
from imagetagger.set_curve import curve
from imagetagger.tagset import RULES, Rule, members, nonconformity

NO_BACKBONE = Backbone("none", 1.0, mobilenet_v2(), {}, Normalisation((0, 0, 0), (1, 1, 1)), "none", None)
PLAIN = Decision(Calibration(20.0), TagSet("cumulative", None, 0.9))
NO_RUNTIME = Runtime("none", "0" * 64, lambda load, rows: iter(()), float, None)


def some(n: int = 60, tags: int = 4, seed: int = 0, right: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, tags) and one true tag a picture, the best one for a share of the pictures."""
    rng = np.random.default_rng(seed)
    truth = np.eye(tags, dtype=bool)[np.arange(n) % tags]
    scores = rng.normal(size=(n, tags)) * 20
    shift = rng.random(n) < right
    scores += np.where(truth == shift[:, None], 200, 0)
    return scores.astype(np.float32), truth


def fitted(rule: Rule, tags: int = 4, n: int = 800, **options) -> Decision:
    """A decision fitted on other made-up pictures, every part of it."""
    scores, truth = some(n, tags, seed=1)
    return fit(scores, truth, scores.max(1), knots=4, rule=rule, **options)


RULES_MADE: dict[str, Decision] = {rule: fitted(rule, top_k=2) for rule in RULES}
"""Decisions of every rule for pictures of four tags."""


def outcome(
    scores: np.ndarray,
    truth: np.ndarray,
    *overrides: str,
    names: tuple[str, ...] | None = None,
    decision: Decision = PLAIN,
    skipped: tuple[Skip, ...] = (),
    read=None,
    keys: list[str] | None = None,
    experiment: str = "made",
    variants: dict[str, dict[str, object]] | None = None,
) -> Outcome:
    made = settings(*overrides)
    n, tags = scores.shape
    names = names or tuple(f"tag {i}" for i in range(tags))
    labels = pad_labels([np.flatnonzero(row).tolist() for row in truth])
    split = Split(keys or [f"{i}.png" for i in range(n)], [bytes([i % 256]) for i in range(n)], labels, read or missing)
    dataset = Dataset("made", tuple(Tag(f"t{i}", name) for i, name in enumerate(names)), split, split, skipped)
    plain, (log_p, sets) = log_softmax(scores), decide(scores, decision)
    raw = metrics.observe(plain, members(np.exp(plain), "cumulative", 0.9), truth)
    observed = metrics.observe(log_p, sets, truth)
    figures = metrics.compute(metrics.total(observed))
    median = float(np.median(observed.set_size)) if n else float("nan")
    by_size, by_tag = [one._asdict() for one in conformal.by_size(sets, truth)], conformal.by_tag(sets, truth).tolist()
    nothing: Any = None
    measured = Measured(
        fitted=nothing,
        decision=decision,
        embeddings=np.zeros((n, 1), np.float32),
        scores=Scores(scores, None),
        log_p=log_p,
        truth=truth,
        raw=metrics.compute(metrics.total(raw)),
        observed=observed,
        figures=figures | {"median_set_size": median},
        strata={"by_size": by_size, "by_tag": by_tag},
        bins={"before": measure.bins(metrics.total(raw)), "after": measure.bins(metrics.total(observed))},
        curve=curve(nonconformity(np.exp(log_p), decision.tag_set.rule), np.exp(log_p), truth, decision.tag_set),
    )
    intervals = metrics.confidence_intervals(observed, resamples=50)
    stage = {"seconds": 1.5, "images_per_second": 100.0, "cached": None}
    found = result.build(
        settings=made,
        dataset=dataset,
        data_fingerprint="f" * 64,
        counts={"train": 100, "calibration": 10, "validation": n},
        skipped=skipped,
        backbone=NO_BACKBONE,
        runtime=NO_RUNTIME,
        stages={"load": {**stage, "images_per_second": None}, "embed": {**stage, "cached": True}},
        measured=measured,
        tried=split,
        intervals=intervals,
        variants=variants or {},
    )
    return Outcome({**found, "experiment": experiment}, dataset.tags, split, measured)


def missing(i: int) -> bytes:
    raise OSError("gone")
