"""The line from pictures to figures, stage after stage: load, embed, fit, calibrate, evaluate."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import numpy as np

from imagetagger import calibration, config, gaussian, metrics, result
from imagetagger.backbone.weights import load_backbone
from imagetagger.data.dataset import Skip, Split, Tag, fingerprint, take
from imagetagger.data.load import load
from imagetagger.data.subset import held_out, keep, ranks
from imagetagger.embed import Embedded, embed
from imagetagger.files import cache_directory
from imagetagger.runtime import make_runtime

BATCH = 16384
"""Embeddings that one step of fit and scoring holds; bounds memory, changes nothing else."""

FEVERISH = 1e4
"""Temperatures of sound scores are in the tens; far above, variances were estimated from too little."""

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What a run found.

    Attributes:
        result: the contents of result.json.
        tags: C tags.
        validation: the M pictures reported on.
        scores: float32 (M, C) their log joint.
        truth: bool (M, C) their tags.
        temperature: that turns scores into probabilities.
    """

    result: dict[str, Any]
    tags: tuple[Tag, ...]
    validation: Split
    scores: np.ndarray
    truth: np.ndarray
    temperature: float


class BadDataError(ValueError):
    """Too many pictures cannot be used, or none are left."""


def run(settings: config.Experiment) -> Outcome:
    """Run an experiment.

    Raises:
        BadDataError: more than `data.max_bad_fraction` of the pictures cannot be used, or too few are left.
        ValueError, OSError: an impossible setting; data or weights that are missing or damaged.
    """
    stages: dict[str, dict[str, Any]] = {}
    cache = cache_directory(settings.cache)
    data, setup, classifier = settings.data, settings.embed, settings.classifier

    with _stage(stages, "load"):
        dataset = load(
            data.name,
            cache=cache,
            seed=settings.seed,
            path=data.path,
            tfds_name=data.tfds_name,
            train_split=data.train_split,
            validation_split=data.validation_split,
            synthetic_per_class=data.synthetic_per_class,
            validation_fraction=data.validation_fraction,
        )
        listed = len(dataset.train.ids) + len(dataset.validation.ids)
        rank = ranks(dataset.train.ids, dataset.train.labels, settings.seed)
        kept = np.flatnonzero(keep(rank, dataset.train.labels, data.fraction, data.per_class))
        dataset = dataset._replace(train=take(dataset.train, kept))

    with _stage(stages, "backbone"):
        backbone = load_backbone(
            **asdict(settings.backbone),
            cache=cache,
            dtype=setup.dtype,
            seed=settings.seed,
        )
        resolution = settings.backbone.resolution
        runtime = make_runtime(
            backbone, resolution, cache, runtime=setup.runtime, batch_size=setup.batch_size, workers=setup.workers
        )

    with _stage(stages, "embed") as stage:
        rates = [runtime.raw_rate(2.0)] if setup.measure_raw_rate else []

        def embed_split(split: Split, name: str) -> Embedded:
            limits = {"shard_size": setup.shard_size, "pixel_limit": data.pixel_limit}
            return embed(split, runtime, resolution, cache, name=f"embedding {name}", **limits)

        train, validation = embed_split(dataset.train, "train"), embed_split(dataset.validation, "validation")
        rates += [runtime.raw_rate(2.0)] if setup.measure_raw_rate else []
        computed, seconds = train.computed + validation.computed, train.seconds + validation.seconds
        stage["images_per_second"] = computed / seconds if computed else None
        stage["raw_images_per_second"] = float(np.mean(rates)) if rates else None
        stage["cached"] = computed == 0
    unreadable = (*train.skipped, *validation.skipped)
    embedded = len(dataset.train.ids) + len(dataset.validation.ids)
    skipped = check_bad(dataset.skipped, listed, unreadable, embedded, data.max_bad_fraction)
    labels = dataset.train.labels[train.rows]
    held = held_out(rank[kept][train.rows], data.calibration_fraction)
    tags = len(dataset.tags)
    if held.all():
        raise BadDataError(f"no pictures to learn from are left: {len(skipped)} were skipped")

    with _stage(stages, "fit", images=int((~held).sum())):
        learned = np.where(held[:, None], -1, labels)
        batches = ((train.embeddings[rows], learned[rows]) for rows in _batches(len(held)))
        statistics = gaussian.fit(batches, tags, train.embeddings.shape[1])
        fitted = gaussian.finalize(statistics, classifier.kappa, classifier.smoothing, classifier.class_prior)

    with _stage(stages, "calibrate", images=int(held.sum())):
        held_scores = score(fitted, train.embeddings[held])
        temperature = calibration.fit_temperature(held_scores, multi_hot(labels[held], tags))
        if not held.any():
            log.warning("no pictures to calibrate on: probabilities are raw, and far too sure")
        if temperature > FEVERISH:
            log.warning(
                "temperature %.3g: the variances are poor; use more pictures or raise classifier.kappa", temperature
            )

    with _stage(stages, "evaluate", images=len(validation.rows)):
        scores = score(fitted, validation.embeddings)
        truth = multi_hot(dataset.validation.labels[validation.rows], tags)
        raw = metrics.compute(metrics.total(metrics.observe(scores, truth, 1.0, classifier.threshold)))
        observed = metrics.observe(scores, truth, temperature, classifier.threshold)
        figures = metrics.compute(metrics.total(observed))
        median = float(np.median(observed.set_size)) if len(scores) else float("nan")
        intervals = metrics.confidence_intervals(observed, resamples=settings.evaluate.bootstrap, seed=settings.seed)

    outcome = result.build(
        settings=settings,
        dataset=dataset,
        data_fingerprint=fingerprint(dataset),
        counts={"train": int((~held).sum()), "calibration": int(held.sum()), "validation": len(validation.rows)},
        skipped=skipped,
        backbone=backbone,
        runtime=runtime,
        stages=stages,
        temperature=temperature,
        raw=raw,
        figures=figures | {"median_set_size": median},
        intervals=intervals,
    )
    return Outcome(outcome, dataset.tags, take(dataset.validation, validation.rows), scores, truth, temperature)


def score(fitted: gaussian.Gaussian, embeddings: np.ndarray) -> np.ndarray:
    """Return the log joint of embeddings (N, D) under every class, float32 (N, C)."""
    rows = [np.asarray(gaussian.log_joint(fitted, jax.device_put(embeddings[i]))) for i in _batches(len(embeddings))]
    scores = np.concatenate(rows) if rows else np.zeros((0, len(fitted.log_prior)), np.float32)
    if np.isnan(scores).any():
        raise BadDataError("scores are not numbers: all pictures look alike to the network; give it others")
    return scores


def multi_hot(labels: np.ndarray, tags: int) -> np.ndarray:
    """Return which tags each picture has, bool (N, tags), from labels (N, L) padded with -1."""
    return (labels[:, :, None] == np.arange(tags)).any(1)


def check_bad(
    unlisted: tuple[Skip, ...], listed: int, unreadable: tuple[Skip, ...], embedded: int, max_bad_fraction: float
) -> tuple[Skip, ...]:
    """Return all skipped pictures, or raise BadDataError where they are too many to go on.

    Args:
        unlisted: skipped while loading.
        listed: pictures that loading kept, before a subset was taken.
        unreadable: skipped while embedding.
        embedded: pictures that were to be embedded.
        max_bad_fraction: largest sum of both shares.
    """
    skipped = (*unlisted, *unreadable)
    share = len(unlisted) / max(len(unlisted) + listed, 1) + len(unreadable) / max(embedded, 1)
    if share > max_bad_fraction:
        shown = "\n".join(f"  {skip.key}: {skip.reason}" for skip in skipped[:10])
        raise BadDataError(
            f"{len(skipped)} pictures ({100 * share:.1f} %) cannot be used, more than "
            f"data.max_bad_fraction={max_bad_fraction} allows. The first ones:\n{shown}\n"
            "Mend or remove them, or raise data.max_bad_fraction."
        )
    return skipped


def _batches(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))


@contextmanager
def _stage(stages: dict[str, dict[str, Any]], name: str, images: int | None = None) -> Iterator[dict[str, Any]]:
    entry: dict[str, Any] = {"seconds": 0.0, "images_per_second": None, "cached": None}
    start = time.perf_counter()
    yield entry
    entry["seconds"] = time.perf_counter() - start
    if images:
        entry["images_per_second"] = images / entry["seconds"]
    stages[name] = entry
