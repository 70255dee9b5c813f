"""Reference statistics of a pretrained backbone: what a data set with few pictures cannot estimate for itself.

Made once from many classes by `+experiment=reference`, and shipped as package data. They are a linear map from the
network's embeddings to coordinates in which the within-class covariance of the reference is the identity and its
between-class covariance is diagonal: the directions in which its classes differ most, in order. posterior.py turns
these and the pictures of a data set into a classifier.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from imagetagger.classifier.scatter import Scatter, within_covariance

REFERENCES = Path(__file__).parent / "references"
"""Package data: index.json, and a .safetensors file for each backbone."""

WITHIN_SHRINKAGE = 0.3
"""Of the eigenvalues of the within-class covariance to their mean: other pictures vary in other ways."""

UNKNOWN_CLASS_WEIGHT = 0.1
"""Weight of directions in which pictures of one class differ, as classes that the reference lacks may."""


class Reference(NamedTuple):
    """Reference statistics of a backbone with D features.

    Attributes:
        mean: float32 (D,), the mean of the classes' means.
        weights: float32 (D, d), of float16 values: (embedding - mean) @ weights are the reference coordinates.
        between: float32 (d,), variance of the classes' means in these coordinates, descending; the within-class
            variance is 1.
        log_temperature: mean and standard deviation of the log temperature that calibrates small data sets.
        probe: float32 (P, D), embeddings of drawings, by which the same weights in another file are recognised.
        sha256: of its file; "" before there is one.
    """

    mean: np.ndarray
    weights: np.ndarray
    between: np.ndarray
    log_temperature: tuple[float, float]
    probe: np.ndarray
    sha256: str = ""


class ReferenceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reference in index.json: the backbone it belongs to, and where it comes from.

    Attributes:
        file: its name in the folder.
        sha256: of the file.
        architecture, width, resolution, padding, activation: of the backbone.
        weights_sha256: of the weights file.
        classes: number of classes of the data set.
        pictures: number of pictures.
        data: name and fingerprint of the data set.
        has_head: whether the network's own classifier was used for the between-class part.
    """

    file: str
    sha256: str
    architecture: str
    width: float
    resolution: int
    padding: str
    activation: str
    weights_sha256: str
    classes: int
    pictures: int
    data: str
    has_head: bool


def read_references(folder: Path = REFERENCES) -> tuple[ReferenceEntry, ...]:
    """Return the references that are installed; none without an index."""
    path = folder / "index.json"
    return msgspec.json.decode(path.read_bytes(), type=tuple[ReferenceEntry, ...]) if path.is_file() else ()


def read_reference(entry: ReferenceEntry, folder: Path = REFERENCES) -> Reference:
    """Read a reference.

    Raises:
        ValueError: the file is not the one that the index names.
    """
    path = folder / entry.file
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ValueError(f"{path} is missing or damaged: its SHA-256 is not {entry.sha256[:12]}; reinstall imagetagger")
    return decode_reference(data)


def encode_reference(reference: Reference) -> bytes:
    """Return a reference as a .safetensors file, its matrix in float16."""
    tensors = {
        "mean": reference.mean,
        "weights": reference.weights.astype(np.float16),
        "between": reference.between,
        "log_temperature": np.array(reference.log_temperature, np.float32),
        "probe": reference.probe.astype(np.float16),
    }
    return save_tensors(tensors)


def decode_reference(data: bytes) -> Reference:
    """Return the reference of a .safetensors file."""
    tensors = load_tensors(data)
    mean, deviation = map(float, tensors["log_temperature"])
    return Reference(
        mean=tensors["mean"],
        weights=tensors["weights"].astype(np.float32),
        between=tensors["between"],
        log_temperature=(mean, deviation),
        probe=tensors["probe"].astype(np.float32),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def fit_reference(scatter: Scatter, head: np.ndarray | None, dimensions: int) -> Reference:
    """Return the reference statistics of a data set with many classes, `log_temperature` and `probe` still unknown.

    With the within-class covariance W, shrunk, and the between-class covariance B, the weights G of d columns satisfy
    G^T W G = I and G^T B G = diag(b), b the d largest ones.

    B = B_classes + UNKNOWN_CLASS_WEIGHT W^2 / mean(diag W), where B_classes is the covariance of the classes' means
    without what sampling adds. If the network has a classifier of its own, half of B_classes is that of its rows:
    under a Gaussian with covariance W, logits w_k x belong to class means W w_k.

    Args:
        scatter: of the embeddings, C classes and D features.
        head: (K, D) weights of the network's own linear classifier; None without one.
        dimensions: d.

    Source: Fukunaga 1990, Introduction to statistical pattern recognition, chapter 10.
    """
    count = np.asarray(scatter.count, np.float64)
    means, count = np.asarray(scatter.mean, np.float64)[count > 0], count[count > 0]
    within = np.asarray(within_covariance(scatter), np.float64) * count.sum() / max(count.sum() - len(count), 1)
    mean_variance = np.trace(within) / len(within)
    deviations = means - means.mean(0)
    between = deviations.T @ deviations / max(len(means) - 1, 1) - within * np.mean(1 / count)
    shrunk = (1 - WITHIN_SHRINKAGE) * within + WITHIN_SHRINKAGE * mean_variance * np.eye(len(within))
    eigenvalues, vectors = np.linalg.eigh(shrunk)
    whitening = vectors / np.sqrt(eigenvalues)
    whitened = whitening.T @ between @ whitening
    if head is not None:
        rows = (head - head.mean(0)) @ within @ whitening
        of_head = rows.T @ rows
        whitened = (whitened + of_head * (np.trace(whitened) / np.trace(of_head))) / 2
    whitened += UNKNOWN_CLASS_WEIGHT / mean_variance * (whitening.T @ within @ within @ whitening)
    variances, rotation = np.linalg.eigh(whitened)
    weights = whitening @ rotation[:, ::-1][:, :dimensions]
    return Reference(
        mean=means.mean(0).astype(np.float32),
        weights=weights.astype(np.float16).astype(np.float32),
        between=np.maximum(variances[::-1][:dimensions], 0).astype(np.float32),
        log_temperature=(0.0, 1.0),
        probe=np.zeros((0, len(within)), np.float32),
    )


@jax.jit
def reference_coordinates(embeddings: jax.Array, mean: jax.Array, weights: jax.Array) -> jax.Array:
    """Return (embeddings - mean) @ weights, float32 (N, d)."""
    return jnp.matmul(embeddings - mean, weights, precision=jax.lax.Precision.HIGHEST)
