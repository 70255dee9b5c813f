"""The record of a run, result.json: its schema, how it is read and how it is written. Imports no JAX."""

import base64
import binascii
import json
import math
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from imagetagger.prediction.decision import NoveltyRule, PredictionSetRule
from imagetagger.system.atomic_files import atomic_write

RESULT_SCHEMA = 2

Count = Annotated[int, Meta(ge=0)]
Metric = float | None
"""A number that may be unknown or not finite, which JSON can only say as null."""


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


class GuaranteeRecord(Struct, frozen=True):
    """Between which coverages 90 % of calibrations with so many independent groups end, and what is asked."""

    groups: Count
    coverage: float
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


class TestRecord(Struct, frozen=True):
    """Metrics on the user's own test pictures, of the classifier fitted on `train` pictures; intervals of 95 %."""

    pictures: Count
    train: Count
    metrics: MetricValues
    confidence_intervals: dict[str, tuple[Metric, Metric]]


class StratumRecord(Struct, frozen=True):
    """Coverage of sets of similar sizes; `high` is null for the last stratum."""

    low: int
    high: int | None
    pictures: Count
    coverage: Metric


class StrataRecord(Struct, frozen=True):
    """Coverage by size of the set, and by tag in the order of the tags."""

    by_size: list[StratumRecord]
    by_tag: list[Metric]


class ReliabilityBins(Struct, frozen=True):
    """Pictures, summed confidence and correct ones, by bin of confidence."""

    count: list[float]
    confidence: list[float]
    correct: list[float]


class ReliabilityRecord(Struct, frozen=True):
    """Reliability before and after calibration."""

    before: ReliabilityBins
    after: ReliabilityBins


class CurveRecord(Struct, frozen=True):
    """Prediction sets at every target; see evaluation/coverage_curve.py."""

    rule: str
    selected: Count
    target: list[float]
    coverage: list[Metric]
    set_size: list[Metric]
    singleton: list[Metric]
    precision: list[Metric]

    def __post_init__(self) -> None:
        """Check that all lists belong to the same targets."""
        lengths = {len(values) for values in (self.coverage, self.set_size, self.singleton, self.precision)}
        if lengths != {len(self.target)} or self.selected >= len(self.target):
            raise ValueError(f"got lists of {sorted(lengths)} values for {len(self.target)} targets, expected as many")


class TagRecord(Struct, frozen=True):
    """How many of a tag's pictures were recognised."""

    name: str
    correct: Count
    pictures: Count


class ExampleRecord(Struct, frozen=True):
    """A picture with a small image of it as a data URI; null if it cannot be read any more."""

    key: str
    thumbnail: str | None


class ConfusionRecord(Struct, frozen=True):
    """How many of the `total` pictures of one tag were taken for another."""

    true: str
    predicted: str
    pictures: Count
    total: Count
    examples: list[ExampleRecord]


class PicturesRecord(Struct, frozen=True):
    """Whether each picture was predicted correctly, so that runs can be compared picture by picture.

    `fingerprint` is a digest of the pictures and their tags, in order. The others have one bit per picture in base64,
    the first highest: is the first prediction, one of the first five, the whole prediction set right?
    """

    count: Count
    fingerprint: str
    top1: str
    top5: str = ""
    covered: str = ""

    def __post_init__(self) -> None:
        """Check that there are as many bits as pictures."""
        try:
            size = len(base64.b64decode(self.top1, validate=True))
        except binascii.Error as error:
            raise ValueError("top1: expected base64") from error
        if size != -(-self.count // 8):
            raise ValueError(f"top1: got bits of {8 * size} pictures, expected {self.count}")


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
    reference_strength: float | None = None
    test: TestRecord | None = None
    warnings: list[str] = []


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
