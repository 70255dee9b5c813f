"""A bundle in memory: every file is checked against the manifest before anything is used."""

import hashlib
import json
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.archive import ArchiveError, read_files
from imagetagger.bundle.labels import Label, Term, read_labels, read_terms
from imagetagger.bundle.manifest import Manifest, parse_manifest
from imagetagger.bundle.strict_json import BundleError

MAX_BUNDLE_BYTES = 2**30
"""Bytes of all files together: far above any bundle, well within any memory."""

REQUIRED_FILES = (
    "model.tflite",
    "statistics.safetensors",
    "labels.json",
    "golden/golden.json",
    "golden/golden.safetensors",
)


class Rows(NamedTuple):
    """Sufficient statistics, one row per tag: count (C,), mean (C, D), m2 (C, D), float32.

    See imagetagger/classifier/statistics.py.
    """

    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count
    mean: np.ndarray
    m2: np.ndarray


class Bundle(NamedTuple):
    """A bundle whose every file matches its manifest.

    Attributes:
        manifest: what the bundle says of itself.
        files: by name.
        labels: its C tags.
        terms: broader terms of the tags.
        rows: statistics of the tags.
        score_offset: float32 (C,), added to the score of each tag; 0 for tags that were fitted on pictures.
    """

    manifest: Manifest
    files: dict[str, bytes]
    labels: tuple[Label, ...]
    terms: tuple[Term, ...]
    rows: Rows
    score_offset: np.ndarray

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name}, {len(self.labels)} tags)"


def read_bundle(path: Path) -> Bundle:
    """Read a bundle from its folder or .zip.

    Raises:
        FileNotFoundError: nothing is there.
        BundleError: something is missing, damaged, changed, of another schema, or does not belong; names it.
    """
    if (path / "bundle" / "manifest.json").is_file():
        raise BundleError(f"{path} is the folder of a run: its bundle is {path / 'bundle'}")
    try:
        files = read_files(path, MAX_BUNDLE_BYTES)
    except ArchiveError as error:
        raise BundleError(str(error)) from error
    return check_bundle(files)


def check_bundle(files: dict[str, bytes]) -> Bundle:
    """Check the files of a bundle, by name; raises like `read_bundle`."""
    if "lessons.json" in files:
        raise BundleError("these are lessons, not a bundle: load them together with one")
    if "manifest.json" not in files:
        raise BundleError("manifest.json is missing: this is not a bundle, or only a part of one")
    manifest = parse_manifest(files["manifest.json"])
    listed = manifest.files
    if missing := sorted({*listed, *REQUIRED_FILES} - set(files)):
        raise BundleError(f"missing from the bundle: {abbreviate(missing)}")
    if strangers := sorted(set(files) - set(listed) - {"manifest.json"}):
        raise BundleError(f"not listed in manifest.json: {abbreviate(strangers)}")
    for name, file in listed.items():
        if len(files[name]) != file.bytes:
            raise BundleError(f"{name} has {len(files[name]):,} bytes, expected {file.bytes:,}: it was cut or replaced")
        if hashlib.sha256(files[name]).hexdigest() != file.sha256:
            raise BundleError(f"{name} was changed: its SHA-256 is not the one in manifest.json")
    labels = read_labels(files["labels.json"])
    terms = read_terms(files.get("terms.json"), labels)
    rows, score_offset = read_statistics(files["statistics.safetensors"], manifest, len(labels))
    return Bundle(manifest, files, labels, terms, rows, score_offset)


def read_statistics(
    data: bytes, manifest: Manifest, tags: int, name: str = "statistics.safetensors", space: str | None = None
) -> tuple[Rows, np.ndarray]:
    """Decode the statistics of a bundle and what is added to the score of each tag, finite and of an embedding space.

    Args:
        data: of the file.
        manifest: of the bundle.
        tags: C.
        name: of the file.
        space: None for the manifest's.

    Raises:
        BundleError: names what is wrong.
    """
    space = space or manifest.embedding_space
    tensors, metadata = read_tensors(data, name)
    shapes = {"count": (tags,), "mean": (tags, manifest.model.features), "m2": (tags, manifest.model.features)}
    if metadata.get("embedding_space") != space:
        got = reprlib.repr(metadata.get("embedding_space"))
        raise BundleError(f"{name} is of the embedding space {got}, expected {space}")
    score_offset = tensors.pop("score_offset", np.zeros(tags, np.float32))
    check_shapes(tensors | {"score_offset": score_offset}, shapes | {"score_offset": (tags,)}, name)
    for key, tensor in (*tensors.items(), ("score_offset", score_offset)):
        if not np.isfinite(tensor).all():
            raise BundleError(f"{name}: {key} has values that are not finite")
    if (tensors["count"] < 0).any() or (tensors["m2"] < 0).any():
        raise BundleError(f"{name}: counts and squares must not be negative")
    return Rows(**tensors), score_offset


def read_tensors(data: bytes, name: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Decode the tensors and the metadata of a .safetensors file; raise BundleError where it is damaged."""
    try:
        tensors = load_tensors(data)
        length = int.from_bytes(data[:8], "little")
        return tensors, json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that NumPy lacks
        raise BundleError(f"{name} is not a .safetensors file, or damaged: {str(error)[:300]}") from error


def check_shapes(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raise BundleError unless a file has exactly the float32 tensors of these shapes."""
    if set(tensors) != set(shapes):
        raise BundleError(f"{name} holds {abbreviate(sorted(tensors))}, expected {', '.join(sorted(shapes))}")
    for key, shape in shapes.items():
        if tensors[key].shape != shape or tensors[key].dtype != np.float32:
            got = f"{tensors[key].dtype} {tensors[key].shape}"
            raise BundleError(f"{name}: {key} is {got}, expected float32 {shape}")


def abbreviate(names: Iterable[str]) -> str:
    """First names for a message, and how many more there are.

    >>> abbreviate(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    listed = list(names)
    shown = ", ".join(reprlib.repr(name)[1:-1] for name in listed[:5])
    return shown if len(listed) <= 5 else f"{shown} and {len(listed) - 5} more"
