"""A bundle in memory, every file checked against the manifest before anything is used."""

import hashlib
import json
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.archive import ArchiveError, read_files
from imagetagger.bundle.manifest import BundleError, Manifest, load_json, parse, typed

LIMIT = 2**30
"""Bytes of all files together: far above any bundle, far below any memory."""

REQUIRED = ("model.tflite", "statistics.safetensors", "labels.json", "golden/golden.json", "golden/golden.safetensors")


class Label(NamedTuple):
    """A tag of the bundle: its stable id, the name people see, other names that people may look for."""

    id: str
    name: str
    synonyms: tuple[str, ...]


class Rows(NamedTuple):
    """Sufficient statistics, a row a tag: count (C,), mean (C, D), m2 (C, D), float32; see imagetagger/gaussian.py."""

    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count
    mean: np.ndarray
    m2: np.ndarray


class Bundle(NamedTuple):
    """A bundle whose every file matches its manifest."""

    manifest: Manifest
    files: dict[str, bytes]
    labels: tuple[Label, ...]
    rows: Rows

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name}, {len(self.labels)} tags)"


def read(path: Path) -> Bundle:
    """Read a bundle from its folder or .zip.

    Raises:
        FileNotFoundError: nothing is there.
        BundleError: something is missing, damaged, changed, of a newer schema, or does not belong; says what.
    """
    if (path / "bundle" / "manifest.json").is_file():
        raise BundleError(f"{path} is the folder of a run: its bundle is {path / 'bundle'}")
    try:
        files = read_files(path, LIMIT)
    except ArchiveError as error:
        raise BundleError(str(error)) from error
    return check(files)


def check(files: dict[str, bytes]) -> Bundle:
    """Return the bundle made of these files; raises like `read`."""
    if "lessons.json" in files:
        raise BundleError("these are lessons, not a bundle: load them beside one")
    if "manifest.json" not in files:
        raise BundleError("manifest.json is missing: this is no bundle, or a part of one")
    manifest = parse(files["manifest.json"])
    listed = manifest.files
    if missing := sorted({*listed, *REQUIRED} - set(files)):
        raise BundleError(f"missing from the bundle: {few(missing)}")
    if strangers := sorted(set(files) - set(listed) - {"manifest.json"}):
        raise BundleError(f"not listed in manifest.json: {few(strangers)}")
    for name, file in listed.items():
        if len(files[name]) != file.bytes:
            raise BundleError(f"{name} has {len(files[name]):,} bytes, expected {file.bytes:,}: it was cut or replaced")
        if hashlib.sha256(files[name]).hexdigest() != file.sha256:
            raise BundleError(f"{name} was changed: its SHA-256 is not the one in manifest.json")
    labels = read_labels(files["labels.json"])
    rows = read_rows(files["statistics.safetensors"], manifest, len(labels))
    return Bundle(manifest, files, labels, rows)


def read_labels(data: bytes) -> tuple[Label, ...]:
    """Return the tags of labels.json, whose ids must differ."""
    value = load_json(data, "labels.json")
    if not isinstance(value, list) or not value:
        raise BundleError("labels.json: expected a list of at least one tag")
    kind = dict[str, Any]
    labels = []
    for i, item in enumerate(value):
        entry = typed(kind, item, f"labels.json: {i}")
        if set(entry) != {"id", "name", "synonyms"}:
            raise BundleError(f"labels.json: {i}: got the keys {few(entry)}, expected id, name, synonyms")
        key, name = (typed(str, entry[part], f"labels.json: {i}: {part}") for part in ("id", "name"))
        synonyms = typed(tuple[str, ...], entry["synonyms"], f"labels.json: {i}: synonyms")
        if not all(0 < len(text) <= 500 and text.isprintable() for text in (key, name, *synonyms)):
            raise BundleError(f"labels.json: {i}: id, name and synonyms must have 1 to 500 printable characters")
        labels.append(Label(key, name, synonyms))
    if len({label.id for label in labels}) < len(labels):
        raise BundleError("labels.json: two tags have the same id")
    return tuple(labels)


def read_rows(
    data: bytes, manifest: Manifest, tags: int, name: str = "statistics.safetensors", space: str | None = None
) -> Rows:
    """Return the statistics of a .safetensors file, which must be finite and of a space, None for the manifest's."""
    space = space or manifest.embedding_space
    tensors, metadata = read_tensors(data, name)
    shapes = {"count": (tags,), "mean": (tags, manifest.model.features), "m2": (tags, manifest.model.features)}
    if metadata.get("embedding_space") != space:
        got = reprlib.repr(metadata.get("embedding_space"))
        raise BundleError(f"{name} is of the embedding space {got}, expected {space}")
    check_shapes(tensors, shapes, name)
    for key, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise BundleError(f"{name}: {key} has values that are no numbers")
    if (tensors["count"] < 0).any() or (tensors["m2"] < 0).any():
        raise BundleError(f"{name}: counts and squares must not be negative")
    return Rows(**tensors)


def read_tensors(data: bytes, name: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the tensors and the metadata of a .safetensors file."""
    try:
        tensors = load_tensors(data)
        length = int.from_bytes(data[:8], "little")
        return tensors, json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that NumPy lacks
        raise BundleError(f"{name} is no .safetensors file, or damaged: {str(error)[:300]}") from error


def check_shapes(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raise BundleError unless a file holds exactly these float32 tensors."""
    if set(tensors) != set(shapes):
        raise BundleError(f"{name} holds {few(sorted(tensors))}, expected {', '.join(sorted(shapes))}")
    for key, shape in shapes.items():
        if tensors[key].shape != shape or tensors[key].dtype != np.float32:
            got = f"{tensors[key].dtype} {tensors[key].shape}"
            raise BundleError(f"{name}: {key} is {got}, expected float32 {shape}")


def few(names: Iterable[str]) -> str:
    """Return the first names for a message, and how many more there are.

    >>> few(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    listed = list(names)
    shown = ", ".join(reprlib.repr(name)[1:-1] for name in listed[:5])
    return shown if len(listed) <= 5 else f"{shown} and {len(listed) - 5} more"
