"""Outcomes of runs that never were: any scores, any names."""

from typing import Any

import numpy as np

from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import Backbone, Normalisation
from imagetagger.classifier.fit import Scores
from imagetagger.data.dataset import Dataset, DatasetTag, Skip, Split, pad_labels
from imagetagger.embedding.runtime import Runtime
from imagetagger.evaluation.coverage_curve import coverage_curve
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.evaluation.metrics import (
    compute_metrics,
    confidence_intervals,
    observe_predictions,
    reliability_bins,
    total_metrics,
)
from imagetagger.experiment.pipeline import RunOutput
from imagetagger.experiment.record import build_record
from imagetagger.options import PREDICTION_SETS, PredictionSet
from imagetagger.prediction.calibration import Calibration, log_softmax
from imagetagger.prediction.conformal import coverage_by_size, coverage_by_tag
from imagetagger.prediction.decision import Decision, PredictionSetRule, apply_decision, fit_decision
from imagetagger.prediction.prediction_sets import nonconformity, prediction_sets
from tests.helpers.composed import settings

NO_BACKBONE = Backbone("none", 1.0, mobilenet_v2(), {}, Normalisation((0, 0, 0), (1, 1, 1)), "none", None)
PLAIN = Decision(Calibration(20.0), PredictionSetRule("cumulative", None, 0.9))
NO_RUNTIME = Runtime("none", "0" * 64, lambda load, rows: iter(()), float, None)


def some(n: int = 60, tags: int = 4, seed: int = 0, right: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, tags) and one true tag a picture, the best one for a share of the pictures."""
    rng = np.random.default_rng(seed)
    truth = np.eye(tags, dtype=bool)[np.arange(n) % tags]
    scores = rng.normal(size=(n, tags)) * 20
    shift = rng.random(n) < right
    scores += np.where(truth == shift[:, None], 200, 0)
    return scores.astype(np.float32), truth


def fitted(rule: PredictionSet, tags: int = 4, n: int = 800, **options) -> Decision:
    """A decision fitted on other made-up pictures, every part of it."""
    scores, truth = some(n, tags, seed=1)
    return fit_decision(scores, truth, scores.max(1), calibration_bins=4, rule=rule, **options)


RULES_MADE: dict[str, Decision] = {rule: fitted(rule, top_k=2) for rule in PREDICTION_SETS}
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
) -> RunOutput:
    made = settings(*overrides)
    n, tags = scores.shape
    names = names or tuple(f"tag {i}" for i in range(tags))
    labels = pad_labels([np.flatnonzero(row).tolist() for row in truth])
    split = Split(keys or [f"{i}.png" for i in range(n)], [bytes([i % 256]) for i in range(n)], labels, read or missing)
    dataset = Dataset("made", tuple(DatasetTag(f"t{i}", name) for i, name in enumerate(names)), split, split, skipped)
    plain, (log_p, sets) = log_softmax(scores), apply_decision(scores, decision)
    raw = observe_predictions(plain, prediction_sets(np.exp(plain), "cumulative", 0.9), truth)
    observed = observe_predictions(log_p, sets, truth)
    figures = compute_metrics(total_metrics(observed))
    median = float(np.median(observed.set_size)) if n else float("nan")
    by_size, by_tag = [one._asdict() for one in coverage_by_size(sets, truth)], coverage_by_tag(sets, truth).tolist()
    nothing: Any = None
    measured = Evaluation(
        fitted=nothing,
        decision=decision,
        embeddings=np.zeros((n, 1), np.float32),
        scores=Scores(scores, None),
        log_p=log_p,
        truth=truth,
        raw=compute_metrics(total_metrics(raw)),
        observed=observed,
        figures=figures | {"median_set_size": median},
        strata={"by_size": by_size, "by_tag": by_tag},
        bins={"before": reliability_bins(total_metrics(raw)), "after": reliability_bins(total_metrics(observed))},
        curve=coverage_curve(
            nonconformity(np.exp(log_p), decision.prediction_set.rule), np.exp(log_p), truth, decision.prediction_set
        ),
    )
    intervals = confidence_intervals(observed, resamples=50)
    stage = {"seconds": 1.5, "images_per_second": 100.0, "cached": None}
    found = build_record(
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
    return RunOutput({**found, "experiment": experiment}, dataset.tags, split, measured)


def missing(i: int) -> bytes:
    raise OSError("gone")
