"""From the results of a run's stages to its record."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.classifier.cross_fit import CrossFit
from imagetagger.classifier.head import Knowledge
from imagetagger.config.digest import config_digest
from imagetagger.config.schema import Experiment
from imagetagger.data.dataset import Skip, Split, dataset_fingerprint
from imagetagger.embedding.runtime import Runtime
from imagetagger.evaluation.baselines import BaselineComparison
from imagetagger.evaluation.confusion import accuracy_per_tag, thumbnail, top_confusions
from imagetagger.evaluation.coverage_curve import CoverageCurve
from imagetagger.evaluation.evaluate import Evaluation
from imagetagger.evaluation.guarantee import corrected_level, coverage_interval
from imagetagger.evaluation.intervals import rate_interval
from imagetagger.experiment import environment, evaluation_record, record
from imagetagger.experiment.bundled_stages import UserTestEvaluation
from imagetagger.experiment.record import Record
from imagetagger.experiment.stages import DataSplits, Pictures
from imagetagger.export.variants import BundledClassifier, VariantEvaluation
from imagetagger.prediction.decision import PredictionSetRule

UNRECORDED_SETTINGS = ("cache", "cache_limit", "force", "track", "track_to")
"""Settings that say where things are kept, on one machine or on a server, and change no number."""

LISTED_CONFUSIONS = 12
SMALL_THUMBNAIL_SIDE = 64
"""Pixels."""
LISTED_SKIPS = 1000
"""Skipped pictures listed by name; all are counted."""


def build_record(
    settings: Experiment,
    *,
    pictures: Pictures,
    splits: DataSplits,
    skipped: tuple[Skip, ...],
    backbone: Backbone,
    runtime: Runtime,
    evaluation: Evaluation,
    crossed: CrossFit,
    reference: Knowledge = None,
    variants: Mapping[Any, VariantEvaluation],
    intervals: dict[str, tuple[float, float]],
    stages: dict[str, record.StageRecord],
    baselines: Sequence[BaselineComparison] = (),
    near_twins: float | None = None,
    test: UserTestEvaluation | None = None,
    bundled: BundledClassifier | None = None,
    warnings: Sequence[str] = (),
) -> Record:
    """Make the record of a run, which leads with `evaluation`; `variants` are those that were exported."""
    variant = settings.export.bundle_variant or settings.embed.dtype
    decision, names = evaluation.decision, [tag.name for tag in pictures.dataset.tags]
    confidence, strength = settings.calibrate.confidence, (bundled.crossed if bundled else crossed).strength
    predicted, embed = (evaluation.log_probability, evaluation.data.labels_onehot), stages["embed"]
    rate = embed.raw_images_per_second or embed.images_per_second
    listed = {name: _variant(one) for name, one in variants.items()}
    leads = listed.pop(variant, None)
    if leads is None or runtime.name != "litert":  # JAX's float32 is not the float32 variant
        leads = _variant_values(evaluation, runtime.model_bytes, rate)
    listed = {variant: leads, **listed}
    leading = variants.get(variant)
    return Record(
        schema=record.RESULT_SCHEMA,
        experiment=settings.experiment,
        config_digest=config_digest(settings),
        settings=recorded_settings(settings),
        seed=settings.seed,
        variant=variant,
        data=_data(pictures, splits, skipped, evaluation.train, crossed, near_twins),
        backbone=_backbone(backbone, runtime, settings.backbone.resolution),
        calibration=_calibration(evaluation, settings.calibrate.coverage),
        strata=evaluation_record.StrataRecord(
            [evaluation_record.StratumRecord(**stratum) for stratum in evaluation.strata["by_size"]],
            evaluation.strata["by_tag"],
        ),
        reliability=evaluation_record.ReliabilityRecord(
            *(evaluation_record.ReliabilityBins(**evaluation.reliability[when]) for when in ("before", "after"))
        ),
        coverage_curve=_curve(evaluation.curve),
        tags=[evaluation_record.TagRecord(*accuracy) for accuracy in accuracy_per_tag(*predicted, names)],
        confusions=record_confusions(evaluation, names, splits.evaluated, settings.evaluate.examples),
        pictures=record_pictures(evaluation, splits.evaluated),
        stages=stages,
        variants=listed,
        parity=_parity(leading) if leading and variant != "float32" else None,
        bundled_variant=None,
        confidence_intervals=dict(intervals),
        peak_memory_bytes=environment.peak_memory(),
        versions=environment.versions(),
        revision=environment.revision(),
        machine=environment.machine(),
        baselines=[record.BaselineRecord(**one._asdict()) for one in baselines],
        bundled=_bundled(bundled, confidence) if bundled else None,
        guarantee=_guarantee(decision.prediction_set, len(np.unique(splits.groups[crossed.rows])), confidence),
        out_of_fold=None if settings.evaluate.split == "out_of_fold" else _out_of_fold(crossed, splits.groups),
        reference=record.ReferenceRecord(reference.sha256, strength or 0.0) if reference else None,
        test=_test(test) if test else None,
        warnings=list(warnings),
    )


def recorded_settings(settings: Experiment) -> dict[str, Any]:
    """The settings as JSON, without those of the cache and of trackers; infinity becomes a text."""
    recorded = {key: value for key, value in asdict(settings).items() if key not in UNRECORDED_SETTINGS}
    return json.loads(json.dumps(recorded), parse_constant=str)


def record_confusions(
    evaluation: Evaluation, names: list[str], split: Split, examples: int
) -> list[evaluation_record.ConfusionRecord]:
    """The most frequent confusions, each with a few of its pictures where examples are wanted."""

    def example(row: int) -> evaluation_record.ExampleRecord:
        return evaluation_record.ExampleRecord(split.keys[row], thumbnail(split, row, SMALL_THUMBNAIL_SIDE))

    confusions = top_confusions(evaluation.log_probability, evaluation.data.labels_onehot, names, LISTED_CONFUSIONS)
    return [
        evaluation_record.ConfusionRecord(true, predicted, pictures, total, [example(row) for row in rows if examples])
        for true, predicted, pictures, total, rows in confusions
    ]


def record_pictures(evaluation: Evaluation, split: Split) -> evaluation_record.PicturesRecord:
    """Whether each picture was predicted correctly; see evaluation_record.PicturesRecord."""
    digest = hashlib.sha256(b"".join(split.ids) + np.ascontiguousarray(split.labels, "<i4").tobytes())
    observed = evaluation.observed
    bits = {"top1": observed.top1, "top5": observed.top5, "covered": observed.covered}
    packed = {name: base64.b64encode(np.packbits(shares >= 1).tobytes()).decode() for name, shares in bits.items()}
    return evaluation_record.PicturesRecord(count=len(split.ids), fingerprint=digest.hexdigest(), **packed)


def _data(
    pictures: Pictures,
    splits: DataSplits,
    skipped: tuple[Skip, ...],
    train: int,
    crossed: CrossFit,
    near_twins: float | None,
) -> record.DataRecord:
    return record.DataRecord(
        name=pictures.dataset.name,
        fingerprint=dataset_fingerprint(pictures.dataset),
        train=train,
        calibration=len(crossed.rows),
        validation=len(splits.labels_onehot),
        tags=splits.tags,
        skipped=len(skipped),
        skipped_files=[record.SkippedFile(*skip) for skip in skipped[:LISTED_SKIPS]],
        groups=len(np.unique(splits.groups)),
        joined=dict(pictures.joined),
        near_twins=near_twins,
    )


def _calibration(evaluation: Evaluation, target_coverage: float) -> record.CalibrationRecord:
    decision = evaluation.decision
    return record.CalibrationRecord(
        temperature=decision.calibration.temperature,
        confidence=decision.calibration.confidence,
        sharpness=decision.calibration.sharpness,
        prediction_set=decision.prediction_set,
        novelty=decision.novelty,
        target_coverage=target_coverage,
        before=record.MetricValues(**evaluation.uncalibrated),
        after=record.MetricValues(**evaluation.metrics),
    )


def _bundled(bundled: BundledClassifier, confidence: float | None) -> record.BundledRecord:
    decision = bundled.decision
    return record.BundledRecord(
        train=bundled.train,
        calibration=len(bundled.crossed.rows),
        temperature=decision.calibration.temperature,
        prediction_set=decision.prediction_set,
        novelty=decision.novelty,
        guarantee=_guarantee(decision.prediction_set, bundled.calibration_groups, confidence),
    )


def _out_of_fold(crossed: CrossFit, groups: np.ndarray) -> record.OutOfFoldRecord | None:
    if not len(crossed.rows):
        return None
    best = crossed.scores.log_joint.argmax(1)
    is_correct = np.take_along_axis(crossed.labels_onehot, best[:, None], 1)[:, 0]
    interval = rate_interval(is_correct, groups[crossed.rows])
    return record.OutOfFoldRecord(len(crossed.rows), float(is_correct.mean()), *interval)


def _guarantee(rule: PredictionSetRule, groups: int, confidence: float | None) -> record.GuaranteeRecord | None:
    if rule.coverage is None:
        return None
    level = rule.coverage if confidence is None else corrected_level(groups, rule.coverage, confidence)
    if level is None or not (interval := coverage_interval(groups, level)):
        return None
    return record.GuaranteeRecord(groups, rule.coverage, *interval)


def _test(test: UserTestEvaluation) -> record.UserTestRecord:
    evaluation = test.evaluation
    return record.UserTestRecord(
        pictures=len(evaluation.data.labels_onehot),
        train=evaluation.train,
        metrics=record.MetricValues(**evaluation.metrics),
        confidence_intervals=dict(test.intervals),
    )


def _backbone(backbone: Backbone, runtime: Runtime, resolution: int) -> record.BackboneRecord:
    return record.BackboneRecord(
        name=backbone.architecture,
        weights=backbone.weights,
        weights_sha256=backbone.weights_sha256,
        resolution=resolution,
        width=backbone.width,
        padding=backbone.net.padding,
        activation=backbone.net.activation,
        runtime=runtime.name,
        embedding_space=runtime.space,
    )


def _curve(curve: CoverageCurve) -> evaluation_record.CurveRecord:
    arrays = {key: getattr(curve, key).tolist() for key in ("target", "coverage", "singleton", "precision")}
    return evaluation_record.CurveRecord(
        rule=curve.rule, selected=curve.selected, set_size=curve.size.tolist(), **arrays
    )


def _variant(one: VariantEvaluation) -> record.VariantRecord:
    values = _variant_values(one.evaluation, one.bytes, one.images_per_second)
    if not one.parity:
        return values
    return msgspec.structs.replace(values, cosine_to_float=one.parity.cosine, top1_loss=one.parity.loss)


def _variant_values(evaluation: Evaluation, size: int | None, rate: float | None) -> record.VariantRecord:
    return record.VariantRecord(
        **evaluation.metrics,
        temperature=evaluation.decision.calibration.temperature,
        train=evaluation.train,
        bytes=size,
        images_per_second=rate,
        cosine_to_float=None,
        top1_loss=None,
    )


def _parity(leading: VariantEvaluation) -> record.ParityRecord | None:
    if not (parity := leading.parity):
        return None
    return record.ParityRecord(
        reference="float32",
        train=parity.train,
        pictures=parity.pictures,
        cosine=parity.cosine,
        lost=parity.lost,
        won=parity.won,
        p_value=parity.p_value,
        top1=parity.correct / parity.pictures,
        top1_reference=(parity.correct + parity.lost - parity.won) / parity.pictures,
    )
