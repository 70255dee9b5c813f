"""The line from pictures to a bundle, stage after stage: load, embed, fit, calibrate, evaluate, export."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from imagetagger import calibration, config, decide, measure, metrics, prepare, result
from imagetagger.bundle.manifest import BundleError
from imagetagger.data.dataset import Split, Tag
from imagetagger.export import ship, variants
from imagetagger.export.gate import ExportError
from imagetagger.files import cache_directory
from imagetagger.measure import Measured, Scores
from imagetagger.memory import Memory, recall
from imagetagger.prepare import Parts, Splits
from imagetagger.runtime import Runtime

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
        measured: the classifier and its figures on them.
        bundle: the files of the bundle, by name; None where none was asked for.
        refused: why there is none although one was asked for.
    """

    result: dict[str, Any]
    tags: tuple[Tag, ...]
    validation: Split
    measured: Measured
    bundle: dict[str, bytes] | None = None
    refused: ExportError | BundleError | None = None


# NumPy's sums depend on its threads, of which launchers leave a job some or one; and threads that wait for a busy core
# take ten times as long.
@threadpool_limits.wrap(limits=1, user_api="blas")
def run(settings: config.Experiment, *, bundle: bool = True, memory: Memory | None = None) -> Outcome:
    """Run an experiment.

    Args:
        settings: of the run.
        bundle: whether to make the bundle that `export.ship` asks for; a job of a sweep makes none.
        memory: what other jobs of the same process have left, and where to leave more; None for a run of its own.

    Raises:
        BadDataError: more than `data.max_bad_fraction` of the pictures cannot be used, or too few are left.
        ValueError, OSError: an impossible setting; data or weights that are missing or damaged.
    """
    stages: dict[str, dict[str, Any]] = {}
    with _stage(stages, "load") as stage:
        pictures, stage["cached"] = prepare.load_pictures(settings, memory)
    dataset = pictures.dataset
    with _stage(stages, "backbone") as stage:
        (backbone, runtime), stage["cached"] = prepare.load_network(settings, memory)
    with _stage(stages, "embed") as stage:
        timed = settings.embed.measure_raw_rate
        rates = [runtime.raw_rate(2.0)] if timed else []
        embedded = prepare.embed_pictures(settings, dataset, runtime, stage, memory)
        rates += [runtime.raw_rate(2.0)] if timed else []
        stage["raw_images_per_second"] = float(np.mean(rates)) if rates else None
    skipped = prepare.check_bad(
        dataset.skipped,
        pictures.listed,
        tuple(skip for split in embedded.values() for skip in split.skipped),
        sum(len(split.rows) + len(split.skipped) for split in embedded.values()),
        settings.data.max_bad_fraction,
    )
    key = prepare.fitted_on(settings)
    parts, _ = recall(memory, "parts", key, partial(prepare.part, settings, pictures, embedded))
    measured = _measure(settings, parts, embedded, len(dataset.tags), stages, memory)
    with _stage(stages, "bootstrap"):
        options = {"resamples": settings.evaluate.bootstrap, "seed": settings.seed}
        intervals = metrics.confidence_intervals(measured.observed, **options)
    del embedded  # half a gigabyte for Tiny ImageNet, and as much again for each variant

    def measure_variant(runtime: Runtime, name: str) -> Measured:
        with _stage(stages, f"measure {name}") as stage:
            embedded = prepare.embed_pictures(settings, dataset, runtime, stage, None, name)
            return _measure(settings, parts, embedded, len(dataset.tags), {}, None)

    if settings.export.ship:
        _warn_of_poor_learners(settings.classifier, len(parts.fitted.ids), measured.embeddings.shape[1])
    found: dict[variants.Variant, variants.Measurement] = {}
    if settings.export.variants:
        if not len(parts.truth):
            log.warning("no validation pictures: the variants are held against nothing before they are exported")
        resolution, cache = settings.backbone.resolution, cache_directory(settings.cache)
        shown = variants.calibration_pictures(parts.fitted, resolution, settings.export, settings.data.pixel_limit)
        known = measured if runtime.name == "litert" else None
        workers = settings.embed.workers
        found = variants.measure_all(
            backbone, resolution, cache, shown, settings.export, measure_variant, known, workers
        )

    outcome = result.build(
        settings=settings,
        dataset=dataset,
        data_fingerprint=pictures.fingerprint,
        counts={
            "train": len(parts.fitted.ids),
            "calibration": len(parts.calibrate),
            "validation": len(parts.truth),
        },
        skipped=skipped,
        backbone=backbone,
        runtime=runtime,
        stages=stages,
        measured=measured,
        tried=parts.tried,
        intervals=intervals,
        variants=variants.figures(found),
    )
    files = refused = None
    if settings.export.ship and bundle:
        try:
            with _stage(stages, "export"):
                files = ship.assemble(settings, outcome, backbone, dataset.tags, found, parts.tried)
                outcome["shipped"] = settings.export.ship
        except (ExportError, BundleError) as error:  # what was measured is told all the same
            refused = error
    return Outcome(outcome, dataset.tags, parts.tried, measured, files, refused)


def _measure(
    settings: config.Experiment,
    parts: Parts,
    embedded: Splits,
    tags: int,
    stages: dict[str, dict[str, Any]],
    memory: Memory | None,
) -> Measured:
    """Fit, calibrate and evaluate a classifier on the embeddings of one network."""
    key = (prepare.fitted_on(settings), settings.classifier)
    x, wanted = embedded["train"].embeddings, settings.calibrate

    def score() -> tuple[np.ndarray, Scores, Scores]:
        tried = embedded["validation"].embeddings if parts.tuned is None else x[parts.tuned]
        return tried, measure.score(fitted, x[parts.calibrate]), measure.score(fitted, tried)

    with _stage(stages, "fit", images=len(parts.fitted.ids)) as stage:
        fit = partial(measure.fit, x, parts.labels, parts.held, tags, settings.classifier)
        fitted, stage["cached"] = recall(memory, "fit", key, fit)
    with _stage(stages, "calibrate", images=len(parts.calibrate)):
        (tried, kept, scores), _ = recall(memory, "score", key, score)
        known = measure.multi_hot(parts.labels[parts.calibrate], tags)
        promise = decide.promised(wanted.rule, wanted.coverage, len(known))  # type: ignore[arg-type]  # config.CHOICES
        some = decide.calibrating(len(known), promise)
        warm = partial(calibration.fit, kept.log_joint[some], known[some], wanted.knots)
        calibrated, _ = recall(memory, "probabilities", (key, wanted.knots, promise), warm)
        decision = measure.calibrate(kept, known, wanted, calibrated)
    with _stage(stages, "evaluate", images=len(parts.truth)):
        tell = partial(measure.tell, scores, calibrated, parts.truth)
        told, _ = recall(memory, "told", (key, wanted.knots, promise), tell)
        return measure.evaluate(fitted, decision, tried, parts.truth, wanted.coverage, scores, told)


def _warn_of_poor_learners(classifier: config.Classifier, learned_from: int, features: int) -> None:
    if classifier.kappa < LEARNS:
        log.warning(
            "classifier.kappa=%g: the tagger will hardly learn from few pictures; whitened would", classifier.kappa
        )
    if classifier.transform == "whitened" and learned_from < FEW * features:
        log.warning(
            "%d pictures are few to whiten %d features with: a tag taught later may draw pictures of others; "
            "use more, or classifier=smoothed_gnb",
            learned_from,
            features,
        )


@contextmanager
def _stage(stages: dict[str, dict[str, Any]], name: str, images: int | None = None) -> Iterator[dict[str, Any]]:
    entry: dict[str, Any] = {"seconds": 0.0, "images_per_second": None, "cached": None}
    start = time.perf_counter()
    yield entry
    entry["seconds"] = time.perf_counter() - start
    if images and not entry["cached"]:
        entry["images_per_second"] = images / entry["seconds"]
    stages[name] = entry
