"""The line from pictures to a bundle, stage after stage: load, embed, fit, calibrate, evaluate, export."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from imagetagger import config, measure, metrics, result
from imagetagger.backbone.weights import load_backbone
from imagetagger.bundle.manifest import BundleError
from imagetagger.data.dataset import Skip, Split, Tag, fingerprint, take
from imagetagger.data.load import load
from imagetagger.data.subset import held_out, keep, ranks
from imagetagger.decide import Decision
from imagetagger.embed import Embedded, embed
from imagetagger.export import ship, variants
from imagetagger.export.gate import ExportError
from imagetagger.files import cache_directory
from imagetagger.measure import BadDataError, Measured
from imagetagger.runtime import Runtime, make_runtime

LEARNS = 1.0
"""Least kappa with which a tag is known from its first picture on: below, one picture alone has hardly any variance."""

FEW = 0.25
"""Pictures beside features below which whitening fits chance: tags taught later then draw other tags' pictures."""

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What a run found.

    Attributes:
        result: the contents of result.json.
        tags: C tags.
        validation: the M pictures reported on.
        scores: float32 (M, C) their log joint.
        truth: bool (M, C) their tags.
        decision: from scores to probabilities and tag sets.
        bundle: the files of the bundle, by name; None where none was asked for.
        refused: why there is none although one was asked for.
    """

    result: dict[str, Any]
    tags: tuple[Tag, ...]
    validation: Split
    scores: np.ndarray
    truth: np.ndarray
    decision: Decision
    bundle: dict[str, bytes] | None = None
    refused: ExportError | BundleError | None = None


def run(settings: config.Experiment, *, bundle: bool = True) -> Outcome:
    """Run an experiment.

    Args:
        settings: of the run.
        bundle: whether to make the bundle that `export.ship` asks for; a job of a sweep makes none.

    Raises:
        BadDataError: more than `data.max_bad_fraction` of the pictures cannot be used, or too few are left.
        ValueError, OSError: an impossible setting; data or weights that are missing or damaged.
    """
    stages: dict[str, dict[str, Any]] = {}
    cache = cache_directory(settings.cache)
    data, setup, classifier, export = settings.data, settings.embed, settings.classifier, settings.export
    resolution = settings.backbone.resolution

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
        tags, embedded = len(dataset.tags), len(dataset.train.ids) + len(dataset.validation.ids)

    with _stage(stages, "backbone"):
        backbone = load_backbone(**asdict(settings.backbone), cache=cache, dtype=setup.dtype, seed=settings.seed)
        runtime = make_runtime(
            backbone, resolution, cache, runtime=setup.runtime, batch_size=setup.batch_size, workers=setup.workers
        )

    def embed_both(runtime: Runtime, stage: dict[str, Any], name: str = "") -> tuple[Embedded, Embedded]:
        limits = {"shard_size": setup.shard_size, "pixel_limit": data.pixel_limit}
        splits = {"train": dataset.train, "validation": dataset.validation}
        train, validation = (
            embed(split, runtime, resolution, cache, name=" ".join(["embedding", *name.split(), part]), **limits)
            for part, split in splits.items()
        )
        computed, seconds = train.computed + validation.computed, train.seconds + validation.seconds
        stage["images_per_second"] = computed / seconds if computed else None
        stage["cached"] = computed == 0
        return train, validation

    with _stage(stages, "embed") as stage:
        rates = [runtime.raw_rate(2.0)] if setup.measure_raw_rate else []
        train, validation = embed_both(runtime, stage)
        rates += [runtime.raw_rate(2.0)] if setup.measure_raw_rate else []
        stage["raw_images_per_second"] = float(np.mean(rates)) if rates else None
    skipped = check_bad(dataset.skipped, listed, (*train.skipped, *validation.skipped), embedded, data.max_bad_fraction)
    held = held_out(rank[kept][train.rows], data.calibration_fraction)
    if held.all():
        raise BadDataError(f"no pictures to learn from are left: {len(skipped)} were skipped")
    labels = dataset.train.labels[train.rows]
    truth = measure.multi_hot(dataset.validation.labels[validation.rows], tags)
    fit_rows, validation_split = train.rows[~held], take(dataset.validation, validation.rows)

    learned_from = int((~held).sum())
    with _stage(stages, "fit", images=learned_from):
        fitted = measure.fit(train.embeddings, labels, held, tags, classifier)
    with _stage(stages, "calibrate", images=int(held.sum())):
        decision = measure.calibrate(fitted, train.embeddings[held], labels[held], settings.calibrate)
    with _stage(stages, "evaluate", images=len(validation.rows)):
        coverage = settings.calibrate.coverage
        measured = measure.evaluate(fitted, decision, validation.embeddings, truth, coverage)
        options = {"resamples": settings.evaluate.bootstrap, "seed": settings.seed}
        intervals = metrics.confidence_intervals(measured.observed, **options)
    del train, validation  # half a gigabyte for Tiny ImageNet, and as much again for each variant

    def measure_variant(runtime: Runtime, name: str) -> Measured:
        with _stage(stages, f"measure {name}") as stage:
            train, validation = embed_both(runtime, stage, name)
            fitted = measure.fit(train.embeddings, labels, held, tags, classifier)
            decision = measure.calibrate(fitted, train.embeddings[held], labels[held], settings.calibrate)
            return measure.evaluate(fitted, decision, validation.embeddings, truth, coverage)

    found: dict[variants.Variant, variants.Measurement] = {}
    if export.ship and classifier.kappa < LEARNS:
        log.warning(
            "classifier.kappa=%g: the tagger will hardly learn from few pictures; whitened would", classifier.kappa
        )
    features = measured.embeddings.shape[1]
    if export.ship and classifier.transform == "whitened" and learned_from < FEW * features:
        log.warning(
            "%d pictures are few to whiten %d features with: a tag taught later may draw pictures of others; "
            "use more, or classifier=smoothed_gnb",
            learned_from,
            features,
        )
    if export.variants:
        if not len(truth):
            log.warning("no validation pictures: the variants are held against nothing before they are exported")
        fitted_on = take(dataset.train, fit_rows)
        calibration = variants.calibration_pictures(fitted_on, resolution, export, data.pixel_limit)
        float32 = measured if runtime.name == "litert" else None
        found = variants.measure_all(
            backbone, resolution, cache, calibration, export, measure_variant, float32, setup.workers
        )

    outcome = result.build(
        settings=settings,
        dataset=dataset,
        data_fingerprint=fingerprint(dataset),
        counts={"train": learned_from, "calibration": int(held.sum()), "validation": len(truth)},
        skipped=skipped,
        backbone=backbone,
        runtime=runtime,
        stages=stages,
        decision=decision,
        measured=measured,
        intervals=intervals,
        variants=variants.figures(found),
    )
    files = refused = None
    if export.ship and bundle:
        try:
            with _stage(stages, "export"):
                files = ship.assemble(settings, outcome, backbone, dataset.tags, found, validation_split)
                outcome["shipped"] = export.ship
        except (ExportError, BundleError) as error:  # what was measured is told all the same
            refused = error
    scores = measured.scores.log_joint
    return Outcome(outcome, dataset.tags, validation_split, scores, truth, decision, files, refused)


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


@contextmanager
def _stage(stages: dict[str, dict[str, Any]], name: str, images: int | None = None) -> Iterator[dict[str, Any]]:
    entry: dict[str, Any] = {"seconds": 0.0, "images_per_second": None, "cached": None}
    start = time.perf_counter()
    yield entry
    entry["seconds"] = time.perf_counter() - start
    if images:
        entry["images_per_second"] = images / entry["seconds"]
    stages[name] = entry
