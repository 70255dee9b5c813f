"""Reference statistics: which ones a run uses, and how the experiment `reference` makes them."""

import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from imagetagger.backbones.model import Backbone
from imagetagger.backbones.weights import read_head
from imagetagger.classifier.cross_fit import cross_fit
from imagetagger.classifier.fit import fit_embedding_scatter
from imagetagger.classifier.head import Knowledge, fit_head_space
from imagetagger.classifier.reference import (
    Reference,
    ReferenceEntry,
    encode_reference,
    fit_reference,
    read_reference,
    read_references,
)
from imagetagger.config.schema import ClassifierConfig, Experiment
from imagetagger.data.dataset import dataset_fingerprint
from imagetagger.embedding.probe import MIN_PROBE_COSINE, embed_drawings, probe_cosine
from imagetagger.embedding.runtime import Runtime
from imagetagger.experiment.stage_cache import StageResult, StageRunner
from imagetagger.experiment.stages import DataSplits, EmbeddedSplit, Pictures
from imagetagger.prediction.calibration import all_correct, fit_temperature

log = logging.getLogger(__name__)

DIMENSIONS = 511
"""Reference coordinates: enough for 1,000 classes, and a matrix of 1.3 MB."""

SIMULATED = ((3, 8), (5, 20), (12, 40))
"""Tags and pictures per tag of the small data sets whose temperatures make the prior."""

SIMULATIONS = 8
"""Small data sets of each size."""

MIN_LOG_DEVIATION = 0.4
"""Of the log temperature, a factor of 1.5: small data sets of other kinds differ more than those of one."""


def find_reference(
    backbone: Backbone, model: Runtime, *, reference: str, transform: str, resolution: int, data: str
) -> Knowledge:
    """Return the installed reference statistics of a network; None if there are none, or none are asked for.

    The weights' digest decides. Weights of another digest that embed drawings alike are the same network in another
    file, as one saved by another program. A reference that was made from `data`, the data set's name, is not used: it
    has seen the pictures, and scores out of fold would be too good.

    Raises:
        ValueError: reference=auto with a transform that it does not belong to, or a damaged file.
    """
    if reference == "none":
        return None
    if transform != "whitened":
        raise ValueError(f"got reference={reference} with transform={transform}, expected reference=none")
    convention = (backbone.architecture, backbone.width, resolution, backbone.net.padding, backbone.net.activation)
    for entry in read_references():
        if (entry.architecture, entry.width, entry.resolution, entry.padding, entry.activation) != convention:
            continue
        if entry.data.startswith(f"{data},"):
            log.info("the reference statistics were made from %s, so they are not used for it", data)
            return None
        if entry.weights_sha256 == backbone.weights_sha256:
            return read_reference(entry)
        if backbone.weights_sha256 is not None:
            found = read_reference(entry)
            cosine = probe_cosine(embed_drawings(model, resolution), found.probe)
            if cosine >= MIN_PROBE_COSINE:
                log.info("these weights embed like those of the reference (cosine %.3f), which is used", cosine)
                return found
    log.info(
        "no reference statistics for %s with these weights at %d px: whitening and priors are fitted on these pictures",
        backbone.architecture,
        resolution,
    )
    return None


def find_statistics(
    runner: StageRunner,
    s: Experiment,
    backbone: StageResult[Backbone],
    model: StageResult[Runtime],
    *,
    data: str,
    label: str = "",
) -> StageResult[Knowledge]:
    """Return the reference statistics of a network, as a stage; `label` distinguishes it from that of another network.

    `data` is the name of the data set; see `find_reference`.
    """
    return runner.run(
        f"{label} reference".lstrip(),
        find_reference,
        backbone,
        model,
        section=s.classifier,
        resolution=s.backbone.resolution,
        data=data,
    )


def find_head(backbone: Backbone, known: Knowledge, *, dimensions: int | None) -> Knowledge:
    """Return the network's own classifier in coordinates that the reference statistics whiten.

    Raises:
        ValueError: the weights have no classifier, or there are no reference statistics of them.
    """
    head = read_head(Path(backbone.weights)) if backbone.weights_sha256 else None
    if head is None:
        raise ValueError(
            f"got source=head with weights={Path(backbone.weights).name}, which hold no classifier: expected "
            "EfficientNet-Lite0's, or MobileNetV2's of a file that was saved with its top"
        )
    if not isinstance(known, Reference):
        raise ValueError("got source=head with weights that have no reference statistics: expected reference=auto")
    return fit_head_space(head.weights, head.bias, known, dimensions)


def make_reference(
    backbone: Backbone,
    model: Runtime,
    pictures: Pictures,
    splits: DataSplits,
    train: EmbeddedSplit,
    classifier: ClassifierConfig,
    resolution: int,
    seed: int,
) -> dict[str, bytes]:
    """Make the files of the reference statistics of a backbone: index.json, and the statistics.

    Raises:
        ValueError: random weights, of which no file has a digest.
    """
    if backbone.weights_sha256 is None:
        raise ValueError("got reference_statistics=true with random weights, expected the weights of a file")
    labels = np.where(splits.is_holdout[:, None], -1, splits.labels)
    head = read_head(Path(backbone.weights))
    scatter = fit_embedding_scatter(train.x, labels, splits.tags)
    reference = fit_reference(scatter, None if head is None else head.weights, DIMENSIONS)
    reference = reference._replace(
        log_temperature=simulate_log_temperature(train.x, labels, classifier, reference, seed),
        probe=embed_drawings(model, resolution),
    )
    data = encode_reference(reference)
    name = f"{backbone.architecture}-{backbone.weights_sha256[:8]}-{resolution}.safetensors"
    entry = ReferenceEntry(
        file=name,
        sha256=hashlib.sha256(data).hexdigest(),
        architecture=backbone.architecture,
        width=backbone.width,
        resolution=resolution,
        padding=backbone.net.padding,
        activation=backbone.net.activation,
        weights_sha256=backbone.weights_sha256,
        classes=int((np.bincount(labels[labels >= 0], minlength=splits.tags) > 0).sum()),
        pictures=splits.train,
        data=f"{pictures.dataset.name}, fingerprint {dataset_fingerprint(pictures.dataset)[:16]}",
        has_head=head is not None,
    )
    index = json.dumps([msgspec.to_builtins(entry)], indent=1)
    return {name: data, "index.json": index.encode()}


def simulate_log_temperature(
    embeddings: np.ndarray, labels: np.ndarray, classifier: ClassifierConfig, reference: Reference, seed: int
) -> tuple[float, float]:
    """Return mean and standard deviation of the log temperature of small data sets drawn from the reference's."""
    logs = []
    for rows, small_labels, tags in small_data_sets(labels, seed):
        folds = np.arange(len(rows)) // tags % 5
        crossed = cross_fit(embeddings[rows], small_labels[:, None], folds, tags, classifier, reference)
        if not all_correct(crossed.scores.log_joint, crossed.labels_onehot):
            logs.append(np.log(fit_temperature(crossed.scores.log_joint, crossed.labels_onehot)))
    if not logs:
        return 0.0, 1.0
    return float(np.mean(logs)), max(float(np.std(logs)), MIN_LOG_DEVIATION)


def small_data_sets(labels: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Yield the rows, new labels (N,) and number of tags of small data sets, tag by tag in turn."""
    rng = np.random.default_rng(seed)
    count = np.bincount(labels[labels >= 0])
    for tags, pictures in SIMULATED:
        candidates = np.flatnonzero(count >= pictures)
        for _ in range(SIMULATIONS if len(candidates) >= tags else 0):
            chosen = rng.choice(candidates, tags, replace=False)
            rows = [rng.choice(np.flatnonzero((labels == tag).any(1)), pictures, replace=False) for tag in chosen]
            yield np.stack(rows).T.ravel(), np.tile(np.arange(tags), pictures).astype(np.int32), tags
