"""The manifest of a bundle: its schema, strictly read, and the digest that seals it."""

import hashlib
import json
import math
import re
import reprlib
import types
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from imagetagger.bundle.archive import NAME
from imagetagger.decide import Decision, problems_of
from imagetagger.preprocess import CONTRACT

SCHEMA = 2
Variant = Literal["float32", "float16", "dynamic", "int8"]
"""float32; float16 weights; int8 weights with float activations; int8 weights (per channel) and activations."""

VARIANTS: tuple[Variant, ...] = get_args(Variant)

UNSEALED = "0" * 64
"""Stands in the digest's place while the digest is computed."""

LARGEST = 2**24
"""Bytes that no manifest of ours has."""


class BundleError(ValueError):
    """A bundle that cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True)
class File:
    """A file of the bundle."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class ImageContract:
    """How a picture becomes the network's input; see imagetagger/preprocess.py."""

    contract: str
    size: int
    pixel_limit: int


@dataclass(frozen=True)
class Tensor:
    """What a signature takes or gives."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Signature:
    """A function of model.tflite; tensors go by name, not by order."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(frozen=True)
class Model:
    """What model.tflite computes.

    `quantization` says how an int8 model was calibrated: null for other variants.
    """

    variant: Variant
    features: int
    block: int
    quantization: dict[str, Any] | None
    signatures: dict[str, Signature]


@dataclass(frozen=True)
class Classifier:
    """Constants inside `embed` and `score`, for information. `kappa` null is infinite: tied variances.

    `transform` is what `embed` does to the pooled features; `mean_prior` whether `score` has a prior on the means: then
    a row without pictures scores as the background.
    """

    transform: Literal["none", "standardised", "whitened"]
    kappa: float | None
    smoothing: float
    class_prior: Literal["uniform", "counts"]
    mean_prior: bool


@dataclass(frozen=True)
class Onnx:
    """The float32 model beside model.tflite, in onnx/: another embedding space, with constants of its own."""

    embedding_space: str
    decision: Decision


@dataclass(frozen=True)
class Manifest:
    """The contents of manifest.json.

    `metrics` has the figures of each measured variant; `provenance` says what the bundle was made from.
    """

    schema: int
    name: str
    digest: str
    embedding_space: str
    files: dict[str, File]
    image: ImageContract
    model: Model
    classifier: Classifier
    decision: Decision
    onnx: Onnx | None
    metrics: dict[str, dict[str, Any]]
    provenance: dict[str, Any]


def signatures(size: int, features: int, block: int) -> dict[str, Signature]:
    """Return the functions of every model.tflite of this schema.

    Args:
        size: side S of the picture.
        features: D of an embedding.
        block: rows B that one call of `score` takes.
    """

    def row(count: int, prefix: str = "") -> dict[str, Tensor]:
        wide = Tensor((count, features), "float32")
        return {f"{prefix}count": Tensor((count,), "float32"), f"{prefix}mean": wide, f"{prefix}m2": wide}

    picture, embedding = Tensor((1, size, size, 3), "uint8"), Tensor((1, features), "float32")
    return {
        "embed": Signature({"image": picture}, {"embedding": embedding}),
        "score": Signature({"embedding": embedding, **row(block)}, {"log_joint": Tensor((block,), "float32")}),
        "merge": Signature({**row(1), **row(1, "other_")}, row(1)),
    }


def seal(manifest: Manifest) -> bytes:
    """Return manifest.json with its digest: the SHA-256 of the same bytes with 64 zeros in the digest's place.

    Of the bytes, not of the values: no two languages print every number alike.
    """
    unsealed = {**asdict(manifest), "digest": UNSEALED}
    text = json.dumps(unsealed, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    before, after = text.split(f'"digest": "{UNSEALED}"'.encode(), 1)  # no other string can hold these quotes
    return before + f'"digest": "{hashlib.sha256(text).hexdigest()}"'.encode() + after


def parse(data: bytes) -> Manifest:
    """Read manifest.json: every key, type, range and the digest are checked.

    Raises:
        BundleError: says which key is wrong, what was got and what was expected.
    """
    if len(data) > LARGEST:
        raise BundleError(f"manifest.json has {len(data):,} bytes, expected at most {LARGEST:,}")
    value = load_json(data, "manifest.json")
    schema = value.get("schema") if isinstance(value, dict) else None
    if type(schema) is int and schema > SCHEMA:
        got = reprlib.repr(schema)
        raise BundleError(f"manifest.json has schema {got}, this imagetagger reads {SCHEMA}: update imagetagger")
    if type(schema) is int and 0 < schema < SCHEMA:
        raise BundleError(f"manifest.json has schema {schema}, of an older imagetagger: export the bundle anew")
    manifest: Manifest = typed(Manifest, value, "manifest.json")
    if schema != SCHEMA:
        raise BundleError(f"manifest.json has schema {reprlib.repr(schema)}, expected {SCHEMA}")
    if not re.fullmatch("[0-9a-f]{64}", manifest.digest):
        raise BundleError("manifest.json: digest is no SHA-256 in hexadecimal")
    if hashlib.sha256(data.replace(manifest.digest.encode(), UNSEALED.encode(), 1)).hexdigest() != manifest.digest:
        raise BundleError("manifest.json was changed: its digest does not match its contents")
    for problem in _out_of_range(manifest):
        raise BundleError(f"manifest.json: {problem}")
    return manifest


def _out_of_range(manifest: Manifest) -> list[str]:
    image, model, classifier = manifest.image, manifest.model, manifest.classifier
    ranges = [
        ("image.size", image.size, 32, 4096),
        ("image.pixel_limit", image.pixel_limit, 1, 178_956_970),
        ("model.features", model.features, 1, 65_536),
        ("model.block", model.block, 1, 4096),
        ("classifier.kappa", 0 if classifier.kappa is None else classifier.kappa, 0, 1e300),
        ("classifier.smoothing", classifier.smoothing, 0, 1e300),
    ]
    problems = [
        f"{key} is {reprlib.repr(value)}, expected {low:g} .. {high:g}"
        for key, value, low, high in ranges
        if not low <= value <= high
    ]
    decisions = {"decision": manifest.decision} | ({"onnx.decision": manifest.onnx.decision} if manifest.onnx else {})
    for where, decision in decisions.items():
        problems += [f"{where}.{problem}" for problem in problems_of(decision)]
        if decision.unknown and not classifier.mean_prior:
            problems.append(f"{where}.unknown needs classifier.mean_prior: without it there is no background")
    if image.contract != CONTRACT:
        got = reprlib.repr(image.contract)
        problems.append(f"image.contract is {got}, this version of imagetagger knows {CONTRACT!r}")
    if not problems and model.signatures != signatures(image.size, model.features, model.block):
        problems.append("model.signatures are not those of this schema for this size, features and block")
    spaces = {"embedding_space": manifest.embedding_space}
    spaces |= {"onnx.embedding_space": manifest.onnx.embedding_space} if manifest.onnx else {}
    problems += [f"{k} is no SHA-256 in hexadecimal" for k, v in spaces.items() if not re.fullmatch("[0-9a-f]{64}", v)]
    if not 0 < len(manifest.name) <= 200 or not manifest.name.isprintable():
        problems.append("name must have 1 to 200 printable characters")
    if strange := [name for name in manifest.files if not NAME.fullmatch(name)]:
        problems.append(f"files: got the name {reprlib.repr(strange[0])}, expected one such as golden/0.png")
    return problems


def load_json(data: bytes, where: str) -> Any:
    """Parse JSON strictly: UTF-8, no key twice, no NaN or infinity, no half characters, no nesting without end.

    Raises:
        BundleError: says where and why.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice in one object")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(data.decode(), object_pairs_hook=once, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # refuses "\ud800" and 1e999
        return value
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where} is no valid JSON: {str(error)[:300]}") from error


def typed(kind: Any, value: Any, where: str) -> Any:
    """Return JSON as an annotated type: a dataclass with exactly its keys, dict, tuple, union, literal or scalar.

    Raises:
        BundleError: says where, what was got and what was expected.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        names = [field.name for field in fields(kind)]
        if not isinstance(value, dict) or set(value) != set(names):
            got = ", ".join(map(repr, value)) if isinstance(value, dict) else type(value).__name__
            raise BundleError(f"{where}: got {got[:300]}, expected the keys {', '.join(names)}")
        hints = get_type_hints(kind)
        return kind(**{name: typed(hints[name], value[name], f"{where}: {name}") for name in names})
    if origin is types.UnionType:
        return None if value is None else typed(arguments[0], value, where)
    if origin is dict and isinstance(value, dict):
        return {key: typed(arguments[1], item, f"{where}.{reprlib.repr(key)[1:-1]}") for key, item in value.items()}
    if origin is tuple and isinstance(value, list):
        return tuple(typed(arguments[0], item, where) for item in value)
    if origin is Literal and value in arguments:
        return value
    if kind is float and type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value):
        return float(value)
    if kind is Any or (kind in (str, int, bool) and type(value) is kind):
        return value
    expected = f"one of {', '.join(arguments)}" if origin is Literal else getattr(kind, "__name__", str(kind))
    raise BundleError(f"{where}: got {reprlib.repr(value)}, expected {expected}")
