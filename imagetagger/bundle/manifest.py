"""The manifest of a bundle: its schema and the digest that seals it."""

import hashlib
import json
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from imagetagger.bundle.archive import FILE_NAME
from imagetagger.bundle.names import text_problem
from imagetagger.bundle.strict_json import BundleError, decode_json
from imagetagger.options import ClassPrior, TransformKind, Variant
from imagetagger.prediction.decision import Decision
from imagetagger.preprocess import CONTRACT, MAX_PIXEL_LIMIT

MANIFEST_SCHEMA = 3
UNSEALED_DIGEST = "0" * 64
"""Stands in the digest's place while the digest is computed."""

MAX_MANIFEST_BYTES = 2**21
"""Bytes that no manifest of ours has."""

Sha256 = Annotated[str, Meta(max_length=64, pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(max_length=200, pattern=rf"^(?:{FILE_NAME.pattern})\Z")]
NotNegative = Annotated[float, Meta(ge=0, le=1e300)]


class ListedFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the bundle."""

    sha256: Sha256
    bytes: Annotated[int, Meta(ge=0, le=2**53)]


class ImageContract(Struct, frozen=True, forbid_unknown_fields=True):
    """How a picture becomes the network's input; see imagetagger/preprocess/."""

    contract: str
    size: Annotated[int, Meta(ge=32, le=4096)]
    pixel_limit: Annotated[int, Meta(ge=1, le=MAX_PIXEL_LIMIT)]

    def __post_init__(self) -> None:
        """Refuse another contract: its crops would have other pixels."""
        if self.contract != CONTRACT:
            raise ValueError(f"contract: got {self.contract[:100]!r}, expected {CONTRACT!r}: update imagetagger")


class TensorSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """An input or output of a signature."""

    shape: tuple[int, ...]
    dtype: str


class SignatureSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A function of model.tflite; tensors go by name, not by order."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


class ModelInfo(Struct, frozen=True, forbid_unknown_fields=True):
    """What model.tflite computes.

    `quantization` describes how an int8 model was calibrated; null for other variants.
    """

    variant: Variant
    features: Annotated[int, Meta(ge=1, le=65_536)]
    block: Annotated[int, Meta(ge=1, le=4096)]
    quantization: dict[str, Any] | None
    signatures: dict[str, SignatureSpec]


class ClassifierInfo(Struct, frozen=True, forbid_unknown_fields=True):
    """Constants inside `embed` and `score`, for information.

    Attributes:
        transform: what `embed` does to the pooled features.
        variance_prior_strength: null is infinite: tied variances.
        var_smoothing: see imagetagger/classifier/naive_bayes.py.
        class_prior: what `score` contains of it.
        mean_prior: whether `score` has a prior on the means: a row without pictures then scores as the background.
    """

    transform: TransformKind
    variance_prior_strength: NotNegative | None
    var_smoothing: NotNegative
    class_prior: ClassPrior
    mean_prior: bool


class OnnxInfo(Struct, frozen=True, forbid_unknown_fields=True):
    """The float32 model beside model.tflite, in onnx/: another embedding space, with constants of its own."""

    embedding_space: Sha256
    decision: Decision


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of manifest.json.

    `metrics` are those of each evaluated variant; `provenance` is what the bundle was made from.

    Raises:
        ValueError: parts contradict each other.
    """

    schema: int
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    digest: Sha256
    embedding_space: Sha256
    files: dict[FileName, ListedFile]
    image: ImageContract
    model: ModelInfo
    classifier: ClassifierInfo
    decision: Decision
    onnx: OnnxInfo | None
    metrics: dict[str, dict[str, Any]]
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        """Check what one part says of another."""
        if problem := text_problem(self.name):
            raise ValueError(f"name: {problem}")
        if self.model.signatures != model_signatures(self.image.size, self.model.features, self.model.block):
            raise ValueError("model.signatures: expected those of this schema for image.size, model.features and block")
        decisions = [self.decision, *([self.onnx.decision] if self.onnx else [])]
        if not self.classifier.mean_prior and any(decision.novelty for decision in decisions):
            raise ValueError("classifier.mean_prior: got false, expected true: decision.novelty needs a background")


def model_signatures(size: int, features: int, block: int) -> dict[str, SignatureSpec]:
    """Functions of every model.tflite of this schema.

    Args:
        size: side S of the picture.
        features: D of an embedding.
        block: rows B that one call of `score` takes.
    """

    def row(count: int, prefix: str = "") -> dict[str, TensorSpec]:
        wide = TensorSpec((count, features), "float32")
        return {f"{prefix}count": TensorSpec((count,), "float32"), f"{prefix}mean": wide, f"{prefix}m2": wide}

    picture, embedding = TensorSpec((1, size, size, 3), "uint8"), TensorSpec((1, features), "float32")
    return {
        "embed": SignatureSpec({"image": picture}, {"embedding": embedding}),
        "score": SignatureSpec({"embedding": embedding, **row(block)}, {"log_joint": TensorSpec((block,), "float32")}),
        "merge": SignatureSpec({**row(1), **row(1, "other_")}, row(1)),
    }


def seal_manifest(manifest: Manifest) -> bytes:
    """Encode manifest.json with its digest: the SHA-256 of the same bytes with 64 zeros in the digest's place.

    Of the bytes, not of the values: no two languages print every number alike.
    """
    unsealed = {**msgspec.to_builtins(manifest), "digest": UNSEALED_DIGEST}
    text = json.dumps(unsealed, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    before, after = text.split(f'"digest": "{UNSEALED_DIGEST}"'.encode(), 1)  # no other string can hold these quotes
    return before + f'"digest": "{hashlib.sha256(text).hexdigest()}"'.encode() + after


def parse_manifest(data: bytes) -> Manifest:
    """Decode manifest.json: every key, type, range and the digest are checked.

    Raises:
        BundleError: names the wrong key, what was got and what was expected.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(f"manifest.json has {len(data):,} bytes, expected at most {MAX_MANIFEST_BYTES:,}")
    manifest: Manifest = decode_json(data, Manifest, "manifest.json", MANIFEST_SCHEMA, "export the bundle again")
    unsealed = data.replace(manifest.digest.encode(), UNSEALED_DIGEST.encode(), 1)
    if hashlib.sha256(unsealed).hexdigest() != manifest.digest:
        raise BundleError("manifest.json was changed: its digest does not match its contents")
    return manifest
