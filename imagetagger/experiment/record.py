"""The record of a run, result.json: its schema, how it is read and how it is written. Imports no JAX."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from imagetagger.experiment.evaluation_record import (
    ConfusionRecord,
    Count,
    CurveRecord,
    Metric,
    PicturesRecord,
    ReliabilityRecord,
    StrataRecord,
    TagRecord,
)
from imagetagger.experiment.training_record import TrainingRecord
from imagetagger.prediction.decision import NoveltyRule, PredictionSetRule
from imagetagger.system.atomic_files import atomic_write

RESULT_SCHEMA = 2


class SkippedFile(Struct, frozen=True):
    """A picture that was left out, and why."""

    key: str
    reason: str


class DataRecord(Struct, frozen=True):
    """The pictures of a run: how many were fitted, calibrated on and evaluated, and those that could not be used.

    Calibration pictures are among those that were fitted; models that had not seen them scored them. `joined` counts by
    clue the pictures that were joined with others; `groups` is how many groups the training pictures make, and
    `near_twins` the share of evaluated pictures with a near twin among those.
    """

    name: str
    fingerprint: str
    train: Count
    calibration: Count
    validation: Count
    tags: Count
    skipped: Count
    skipped_files: list[SkippedFile] = []
    groups: Count = 0
    joined: dict[str, Count] = {}
    near_twins: Metric = None


class BackboneRecord(Struct, frozen=True):
    """The network and what executed it."""

    name: str
    weights: str | None
    weights_sha256: str | None
    resolution: int
    width: float
    padding: str
    activation: str
    runtime: str
    embedding_space: str


class MetricValues(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Metrics of one classifier; see evaluation/metrics.py."""

    top1: Metric
    top5: Metric
    top10: Metric
    log_loss: Metric
    ece: Metric
    coverage: Metric
    set_size: Metric
    median_set_size: Metric = None


class VariantRecord(MetricValues, frozen=True, kw_only=True, omit_defaults=False):
    """Metrics of a variant fitted on `train` pictures, and what it costs."""

    temperature: float
    train: Count
    bytes: int | None
    images_per_second: Metric
    cosine_to_float: Metric
    top1_loss: Metric


class CalibrationRecord(Struct, frozen=True):
    """The decision, and metrics before and after calibration."""

    temperature: float
    confidence: tuple[float, ...]
    sharpness: tuple[float, ...]
    prediction_set: PredictionSetRule
    novelty: NoveltyRule | None
    target_coverage: float
    before: MetricValues
    after: MetricValues


class ReferenceRecord(Struct, frozen=True):
    """The reference statistics that a classifier was estimated with: digest of the file, and weight in pictures."""

    sha256: str
    strength: float


class GuaranteeRecord(Struct, frozen=True):
    """Between which coverages 90 % of calibrations with so many independent groups end, and what is asked."""

    groups: Count
    coverage: float
    low: float
    high: float


class OutOfFoldRecord(Struct, frozen=True):
    """Top-1 of out-of-fold predictions of the training pictures, with its 95 % interval."""

    pictures: Count
    top1: float
    low: float
    high: float


class BundledRecord(Struct, frozen=True):
    """The classifier in the bundle: pictures that it was fitted and calibrated on, and its decision."""

    train: Count
    calibration: Count
    temperature: float
    prediction_set: PredictionSetRule
    novelty: NoveltyRule | None
    guarantee: GuaranteeRecord | None


class UserTestRecord(Struct, frozen=True):
    """Metrics on the user's own test pictures, of the classifier fitted on `train` pictures; intervals of 95 %."""

    pictures: Count
    train: Count
    metrics: MetricValues
    confidence_intervals: dict[str, tuple[Metric, Metric]]


class StageRecord(Struct, frozen=True):
    """How long a stage took; `cached` if its result was there already."""

    seconds: float
    images_per_second: Metric = None
    cached: bool | None = None
    raw_images_per_second: Metric = None


class ParityRecord(Struct, frozen=True):
    """The variant that leads beside a reference: both fitted on the same pictures, compared picture by picture.

    Only the reference got the `lost` pictures right, only the variant the `won` ones; `p_value` is McNemar's.
    """

    reference: str
    train: Count
    pictures: Count
    cosine: float
    lost: Count
    won: Count
    p_value: float
    top1: Metric
    top1_reference: Metric


class BaselineRecord(Struct, frozen=True):
    """A baseline fitted and evaluated on the same pictures as the classifier; see evaluation/baselines.py.

    Only the baseline got the `lost` pictures right, only the classifier the `won` ones; `p_value` is McNemar's.
    """

    name: str
    correct: Count
    pictures: Count
    top1: Metric
    balanced_accuracy: Metric
    lost: Count
    won: Count
    p_value: float


class Revision(Struct, frozen=True):
    """The git commit of the code, and whether files differed from it."""

    commit: str
    changed: bool


class Machine(Struct, frozen=True):
    """Where a run was made."""

    system: str
    processor: str
    cores: int


class Record(Struct, frozen=True):
    """The contents of result.json."""

    schema: int
    experiment: str
    config_digest: str
    settings: dict[str, Any]
    seed: int
    variant: str
    data: DataRecord
    backbone: BackboneRecord
    calibration: CalibrationRecord
    strata: StrataRecord
    reliability: ReliabilityRecord
    coverage_curve: CurveRecord
    tags: list[TagRecord]
    confusions: list[ConfusionRecord]
    pictures: PicturesRecord
    stages: dict[str, StageRecord]
    variants: dict[str, VariantRecord]
    parity: ParityRecord | None
    bundled_variant: str | None
    confidence_intervals: dict[str, tuple[Metric, Metric]]
    peak_memory_bytes: int | None
    versions: dict[str, str | None]
    revision: Revision | None
    machine: Machine
    choices: dict[str, str] = {}
    baselines: list[BaselineRecord] = []
    bundled: BundledRecord | None = None
    guarantee: GuaranteeRecord | None = None
    out_of_fold: OutOfFoldRecord | None = None
    reference: ReferenceRecord | None = None
    test: UserTestRecord | None = None
    warnings: list[str] = []
    training: TrainingRecord | None = None


def write_record(record: Record, path: Path) -> None:
    """Write result.json atomically; numbers that are not finite become null."""
    text = json.dumps(finite_json(msgspec.to_builtins(record)), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as partial:
        # Names that come from files may hold half a character, which UTF-8 cannot.
        partial.write_text(text + "\n", "utf-8", "replace")


def read_record(path: Path) -> Record:
    """Read result.json; a ValueError says what is wrong with one that cannot be used."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8, or nested without end
        raise ValueError(f"is not JSON: {error}") from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != RESULT_SCHEMA:
        raise ValueError(f"has schema {schema!r}, expected {RESULT_SCHEMA}: run it again with this version")
    try:
        return msgspec.convert(value, Record)
    except msgspec.ValidationError as error:
        raise ValueError(f"is damaged: {error}; run it again") from error


def finite_json(value: Any) -> Any:
    """JSON with null for numbers that are not finite, as JSON has no others."""
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
