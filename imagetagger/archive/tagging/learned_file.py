"""Learned tags as bytes, as a catalogue stores them."""

import msgspec
import numpy as np

from imagetagger.archive.keywords.fields import Keyword
from imagetagger.archive.promise.tag_calibration import TagCalibration
from imagetagger.archive.promise.tag_promises import TagPromise
from imagetagger.archive.tagging.learn import LearnedTags, LearnError, TagReport
from imagetagger.bundle.reader import Rows


class StoredTags(msgspec.Struct, frozen=True):
    """See `LearnedTags`; arrays are little-endian float32, float64 or bytes of 0 and 1."""

    keywords: tuple[Keyword, ...]
    features: int
    count: bytes
    mean: bytes
    m2: bytes
    rivals: bytes
    slope: bytes
    intercept: bytes
    promises: tuple[TagPromise, ...]
    precision: float
    bundle: str
    space: str
    reports: tuple[TagReport, ...]


def encode_learned(learned: LearnedTags) -> bytes:
    """Return learned tags as bytes."""
    count, mean, m2 = (np.ascontiguousarray(part, "<f4").tobytes() for part in learned.rows)
    slope, intercept = (np.ascontiguousarray(part, "<f8").tobytes() for part in learned.calibration)
    stored = StoredTags(
        learned.keywords,
        learned.rows.mean.shape[1],
        count,
        mean,
        m2,
        learned.rivals.tobytes(),
        slope,
        intercept,
        learned.promises,
        learned.precision,
        learned.bundle,
        learned.space,
        learned.reports,
    )
    return msgspec.msgpack.encode(stored)


def decode_learned(data: bytes) -> LearnedTags:
    """Return learned tags from bytes.

    Raises:
        LearnError: they are damaged.
    """
    try:
        stored = msgspec.msgpack.decode(data, type=StoredTags)
        tags = len(stored.keywords)
        count, mean, m2 = (
            np.frombuffer(part, "<f4").reshape(tags, -1) for part in (stored.count, stored.mean, stored.m2)
        )
        rivals = np.frombuffer(stored.rivals, bool).reshape(tags, tags)
        slope, intercept = (np.frombuffer(part, "<f8") for part in (stored.slope, stored.intercept))
        if not {mean.shape[1], m2.shape[1]} == {stored.features} or not tags == len(slope) == len(intercept):
            raise ValueError(f"got {tags} tags of {mean.shape[1]} features, expected {stored.features}")
    except (msgspec.MsgspecError, ValueError) as error:
        raise LearnError(
            f"the learned tags are damaged ({error}): learn again with `imagetagger archive learn`"
        ) from error
    return LearnedTags(
        stored.keywords,
        Rows(count[:, 0], mean, m2),
        rivals,
        TagCalibration(slope, intercept),
        stored.promises,
        stored.precision,
        stored.bundle,
        stored.space,
        stored.reports,
    )
