"""A bundle in memory: every file is checked against the manifest before anything is used."""

import hashlib
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.archive import ArchiveError, read_files
from imagetagger.bundle.labels import Label, Term, read_labels, read_terms
from imagetagger.bundle.magnitudes import statistics_problem
from imagetagger.bundle.manifest import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from imagetagger.bundle.strict_json import BundleError, check_json
from imagetagger.system.printable import first_names

MAX_BUNDLE_BYTES = 2**30
"""Bytes of all files together: far above any bundle, well within any memory."""

MAX_TEXT_BYTES = 2**24
"""Bytes of labels.json, terms.json, the model card or a golden picture; the 1,000 everyday tags take 0.1 MB."""

REQUIRED_FILES = (
    "model.tflite",
    "statistics.safetensors",
    "labels.json",
    "golden/golden.json",
    "golden/golden.safetensors",
)


MAX_HEADER_BYTES = 2**24
"""Bytes of the header of a .safetensors file: lessons have a tensor for each of 80,000 pictures at most."""

MAX_HEADER_VALUES = 1_000_000
"""Values in it, seven for a tensor."""


class TensorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor in the header of a .safetensors file: where its values begin and end."""

    dtype: str
    shape: tuple[Annotated[int, msgspec.Meta(ge=0, le=2**32)], ...]
    data_offsets: tuple[Annotated[int, msgspec.Meta(ge=0, le=2**53)], Annotated[int, msgspec.Meta(ge=0, le=2**53)]]


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
        files = read_files(path, MAX_BUNDLE_BYTES, _largest)
    except ArchiveError as error:
        raise BundleError(str(error)) from error
    return check_bundle(files)


def _largest(name: str) -> int:
    """Bytes that a file of a bundle may have: text little, models and statistics as much as all together."""
    if name == "manifest.json":
        return MAX_MANIFEST_BYTES
    if name.endswith((".json", ".md", ".png", ".txt")):
        return MAX_TEXT_BYTES
    return MAX_BUNDLE_BYTES


def check_bundle(files: dict[str, bytes]) -> Bundle:
    """Check the files of a bundle, by name; raises like `read_bundle`."""
    if "lessons.json" in files:
        raise BundleError("these are lessons, not a bundle: load them together with one")
    if "manifest.json" not in files:
        raise BundleError("manifest.json is missing: this is not a bundle, or only a part of one")
    manifest = parse_manifest(files["manifest.json"])
    listed = manifest.files
    if missing := sorted({*listed, *REQUIRED_FILES} - set(files)):
        raise BundleError(f"missing from the bundle: {first_names(missing)}")
    if strangers := sorted(set(files) - set(listed) - {"manifest.json"}):
        raise BundleError(f"not listed in manifest.json: {first_names(strangers)}")
    for name, file in listed.items():
        if len(files[name]) != file.bytes:
            raise BundleError(f"{name} has {len(files[name]):,} bytes, expected {file.bytes:,}: it was cut or replaced")
        if hashlib.sha256(files[name]).hexdigest() != file.sha256:
            raise BundleError(f"{name} was changed: its SHA-256 is not the one in manifest.json")
    labels = read_labels(files["labels.json"])
    terms = read_terms(files.get("terms.json"), labels)
    rows, score_offset = read_statistics(files["statistics.safetensors"], manifest, labels)
    return Bundle(manifest, files, labels, terms, rows, score_offset)


def read_statistics(
    data: bytes,
    manifest: Manifest,
    labels: Sequence[Label],
    name: str = "statistics.safetensors",
    space: str | None = None,
) -> tuple[Rows, np.ndarray]:
    """Decode the statistics of a bundle and what is added to the score of each tag, bounded and of an embedding space.

    Args:
        data: of the file.
        manifest: of the bundle.
        labels: its C tags.
        name: of the file.
        space: None for the manifest's.

    Raises:
        BundleError: names what is wrong.
    """
    space = space or manifest.embedding_space
    tensors, metadata = read_tensors(data, name)
    tags = len(labels)
    shapes = {"count": (tags,), "mean": (tags, manifest.model.features), "m2": (tags, manifest.model.features)}
    if metadata.get("embedding_space") != space:
        got = reprlib.repr(metadata.get("embedding_space"))
        raise BundleError(f"{name} is of the embedding space {got}, expected {space}")
    score_offset = tensors.pop("score_offset", np.zeros(tags, np.float32))
    check_shapes(tensors, shapes, name)
    check_shapes({"score_offset": score_offset}, {"score_offset": (tags,)}, name)
    if problem := statistics_problem(**tensors, score_offset=score_offset, names=[label.name for label in labels]):
        raise BundleError(f"{name}: {problem}")
    return Rows(**tensors), score_offset


def read_tensors(data: bytes, name: str, most: int = 5) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Decode the tensors, at most a number of them, and the metadata of a .safetensors file.

    Raises:
        BundleError: it is damaged, or has more tensors than expected.
    """
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise BundleError(f"{name} has a header of {length:,} bytes, expected at most {MAX_HEADER_BYTES:,}")
    try:
        check_json(data[8 : 8 + length], "its header", MAX_HEADER_VALUES)  # of which each key comes once
        header = msgspec.json.decode(data[8 : 8 + length], type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(header.pop("__metadata__", b"null"), type=dict[str, str] | None) or {}
    except (ValueError, RecursionError) as error:
        raise _damaged(name, error) from error
    if len(header) > most:
        raise BundleError(f"{name} has {len(header):,} tensors, expected at most {most:,}")
    try:
        for entry in header.values():
            msgspec.json.decode(entry, type=TensorEntry)
        return load_tensors(data), metadata
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that NumPy lacks
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> BundleError:
    return BundleError(f"{name} is not a .safetensors file, or damaged: {str(error)[:300]}")


def check_shapes(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Raise BundleError unless a file has exactly the float32 tensors of these shapes."""
    if set(tensors) != set(shapes):
        raise BundleError(f"{name} holds {first_names(sorted(tensors))}, expected {', '.join(sorted(shapes))}")
    for key, shape in shapes.items():
        if tensors[key].shape != shape or tensors[key].dtype != np.float32:
            got = f"{tensors[key].dtype} {tensors[key].shape}"
            raise BundleError(f"{name}: {key} is {got}, expected float32 {shape}")
