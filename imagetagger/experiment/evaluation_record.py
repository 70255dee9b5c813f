"""What result.json says of the evaluated pictures: strata, reliability, curves, tags, confusions. Imports no JAX."""

import base64
import binascii
from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0)]
Metric = float | None
"""A number that may be unknown or not finite, which JSON can only say as null."""


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
