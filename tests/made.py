"""Outcomes of runs that never were: any scores, any names."""

import numpy as np
from composed import settings

from imagetagger import metrics, result
from imagetagger.backbone.mobilenet_v2 import mobilenet_v2
from imagetagger.backbone.model import Backbone, Normalisation
from imagetagger.data.dataset import Dataset, Skip, Split, Tag, pad_labels
from imagetagger.pipeline import Outcome
from imagetagger.runtime import Runtime

NO_BACKBONE = Backbone("none", 1.0, mobilenet_v2(), {}, Normalisation((0, 0, 0), (1, 1, 1)), "none", None)
NO_RUNTIME = Runtime("none", "0" * 64, lambda load, rows: iter(()), float, None)


def some(n: int = 60, tags: int = 4, seed: int = 0, right: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n, tags) and one true tag a picture, the best one for a share of the pictures."""
    rng = np.random.default_rng(seed)
    truth = np.eye(tags, dtype=bool)[np.arange(n) % tags]
    scores = rng.normal(size=(n, tags)) * 20
    shift = rng.random(n) < right
    scores += np.where(truth == shift[:, None], 200, 0)
    return scores.astype(np.float32), truth


def outcome(
    scores: np.ndarray,
    truth: np.ndarray,
    *overrides: str,
    names: tuple[str, ...] | None = None,
    temperature: float = 20.0,
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
    raw, observed = (metrics.observe(scores, truth, t, made.classifier.threshold) for t in (1.0, temperature))
    figures = metrics.compute(metrics.total(observed))
    median = float(np.median(observed.set_size)) if n else float("nan")
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
        temperature=temperature,
        raw=metrics.compute(metrics.total(raw)),
        figures=figures | {"median_set_size": median},
        intervals=intervals,
        variants=variants or {},
    )
    return Outcome({**found, "experiment": experiment}, dataset.tags, split, scores, truth, temperature)


def missing(i: int) -> bytes:
    raise OSError("gone")
