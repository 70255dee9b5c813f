"""Outputs of runs that never were: any scores, any names."""

from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from imagetagger.backbones.mobilenet_v2 import mobilenet_v2
from imagetagger.backbones.model import Backbone, Normalisation
from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.fit import Scores
from imagetagger.data.dataset import Dataset, DatasetTag, Skip, Split, pad_labels
from imagetagger.embedding.runtime import Runtime
from imagetagger.evaluation.evaluate import Evaluation, EvaluationData, evaluate_classifier, evaluate_uncalibrated
from imagetagger.evaluation.intervals import confidence_intervals
from imagetagger.experiment.build_record import build_record
from imagetagger.experiment.record import StageRecord, VariantRecord
from imagetagger.experiment.run_output import RunOutput
from imagetagger.experiment.stages import DataSplits, Pictures
from imagetagger.options import PREDICTION_SETS, PredictionSet
from imagetagger.prediction.calibration import Calibration
from imagetagger.prediction.decision import Decision, PredictionSetRule, fit_decision
from tests.helpers.composed import settings

NO_BACKBONE = Backbone("none", 1.0, mobilenet_v2(), {}, Normalisation((0, 0, 0), (1, 1, 1)), "none", None)
PLAIN = Decision(Calibration(20.0), PredictionSetRule("cumulative", None, 0.9))
NO_RUNTIME = Runtime("none", "0" * 64, lambda load, rows: iter(()), float, None)


def some(n: int = 60, tags: int = 4, seed: int = 0, right: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, tags) and one true tag per picture, the best one for a share of the pictures."""
    rng = np.random.default_rng(seed)
    labels_onehot = np.eye(tags, dtype=bool)[np.arange(n) % tags]
    scores = rng.normal(size=(n, tags)) * 20
    is_right = rng.random(n) < right
    scores += np.where(labels_onehot == is_right[:, None], 200, 0)
    return scores.astype(np.float32), labels_onehot


def fitted(rule: PredictionSet, tags: int = 4, n: int = 800, **options) -> Decision:
    """A decision fitted on other made-up pictures, every part of it."""
    scores, labels_onehot = some(n, tags, seed=1)
    return fit_decision(scores, labels_onehot, -scores.max(1), calibration_bins=4, prediction_set=rule, **options)


RULES_MADE: dict[str, Decision] = {rule: fitted(rule, top_k=2) for rule in PREDICTION_SETS}
"""Decisions of every rule for pictures of four tags."""


def evaluated(scores: np.ndarray, labels_onehot: np.ndarray, decision: Decision = PLAIN) -> Evaluation:
    """The evaluation of made-up scores (N, C) by a classifier that is not there."""
    log_prior = np.where(np.isfinite(scores).all(0), 0, -np.inf).astype(np.float32)  # -inf: a tag without pictures
    classifier: Any = SimpleNamespace(log_prior=log_prior, transform=None)
    data = EvaluationData(np.zeros((len(scores), 1), np.float32), Scores(scores, None), labels_onehot)
    uncalibrated = evaluate_uncalibrated(data, classifier.log_prior, 0.9)
    return evaluate_classifier(classifier, decision, data, 100, uncalibrated)


def outcome(
    scores: np.ndarray,
    labels_onehot: np.ndarray,
    *overrides: str,
    names: tuple[str, ...] | None = None,
    decision: Decision = PLAIN,
    skipped: tuple[Skip, ...] = (),
    read=None,
    keys: list[str] | None = None,
    variants: dict[str, dict[str, Any]] | None = None,
    **record: Any,
) -> RunOutput:
    """The output of a run with these scores (N, C); `record` replaces fields of its record."""
    n, tags = scores.shape
    names = names or tuple(f"tag {i}" for i in range(tags))
    labels = pad_labels([np.flatnonzero(row).tolist() for row in labels_onehot])
    split = Split(keys or [f"{i}.png" for i in range(n)], [bytes([i % 256]) for i in range(n)], labels, read or missing)
    dataset = Dataset("made", tuple(DatasetTag(f"t{i}", name) for i, name in enumerate(names)), split, split, skipped)
    evaluation = evaluated(scores, labels_onehot, decision)
    made = build_record(
        settings(*overrides),
        pictures=Pictures(dataset, 2 * n, np.arange(n), np.arange(n), np.arange(n)),
        splits=DataSplits(
            split.ids,
            labels,
            np.arange(n) % 5,
            np.arange(n),
            None,
            split,
            np.arange(n),
            labels_onehot,
            np.zeros(n, bool),
        ),
        skipped=skipped,
        backbone=NO_BACKBONE,
        runtime=NO_RUNTIME,
        evaluation=evaluation,
        crossed=CrossFit(np.arange(n)[:10], Scores(scores[:10], None), None, labels_onehot[:10], None),
        variants={},
        intervals=confidence_intervals(evaluation.observed, resamples=50),
        stages={"load": StageRecord(1.5), "embed": StageRecord(1.5, 100.0, cached=True)},
    )
    if variants:
        default = msgspec.structs.asdict(next(iter(made.variants.values())))
        record["variants"] = {name: VariantRecord(**default | changed) for name, changed in variants.items()}
    made = msgspec.structs.replace(made, **{"experiment": "made"} | record)
    return RunOutput(made, dataset.tags, split, evaluation)


def missing(i: int) -> bytes:
    raise OSError("gone")
