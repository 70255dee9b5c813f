"""The small data sets of the study: tags and pictures drawn from three large ones, embedded by one int8 network."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger.backbones.registry import load_backbone
from imagetagger.backbones.weights import read_head
from imagetagger.classifier.fit import fit_embedding_scatter
from imagetagger.classifier.reference import Reference, fit_reference
from imagetagger.config.schema import ClassifierConfig
from imagetagger.convert.quantize import convert_cached
from imagetagger.data.dataset import select
from imagetagger.data.folder import load_folder
from imagetagger.data.splits import ranks_within_tag
from imagetagger.data.tiny_imagenet import load_tiny_imagenet
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import litert_runtime
from imagetagger.experiment.reference_stages import find_reference, simulate_log_temperature
from imagetagger.options import Variant
from imagetagger.preprocess import preprocess

RESOLUTION = 224
QUANTIZATION_PICTURES = 100
TINY_PER_TAG = 100
SIZES = {"waste": ((3, 8), (5, 20)), "animals": ((3, 8), (5, 20), (12, 40)), "tiny": ((3, 8), (5, 20), (12, 40))}
"""Tags and pictures per tag of the draws from each data set; waste has six tags, one of which is the new one."""

TEST_PICTURES, NEW_PICTURES = 60, 10


class Pictures(NamedTuple):
    """A large data set to draw from: embeddings float32 (N, D), tags int (N,), and the reference that may be used."""

    x: np.ndarray
    y: np.ndarray
    reference: Reference | None


class Draw(NamedTuple):
    """A small data set: C known tags, and one that is taught later.

    Attributes:
        x, y: embeddings (N, D) and tags in 0 .. C - 1 to learn from.
        x_test, y_test: other pictures of these tags, at most 60 each.
        x_new: (10, D) pictures of the new tag to teach with.
        x_new_test: its other pictures.
        reference: statistics of the network; None without.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    x_new: np.ndarray
    x_new_test: np.ndarray
    reference: Reference | None


def embed_data(
    folders: Path,
    tiny: Path,
    cache: Path,
    backbone_name: str,
    weights: str,
    variant: Variant,
    classifier: ClassifierConfig,
) -> dict[str, Pictures]:
    """Embed waste, animals (unpacked zips in `folders`) and 100 pictures of each tag of Tiny ImageNet.

    The shipped reference knows the tags of Tiny ImageNet. So Tiny ImageNet is divided: a reference is made from every
    other tag, and the remaining ones are drawn from.
    """
    backbone = load_backbone(backbone_name, width=1.0, resolution=RESOLUTION, weights=weights, cache=cache)
    splits = {name: load_folder(folders / name).train for name in ("waste", "animals")}
    tiny_train = load_tiny_imagenet(tiny, cache).train
    splits["tiny"] = select(tiny_train, ranks_within_tag(tiny_train.ids, tiny_train.labels, 0) < TINY_PER_TAG)
    crops = [
        preprocess(splits[name].read(i), RESOLUTION)
        for name in ("waste", "animals")
        for i in range(QUANTIZATION_PICTURES // 2)
    ]
    runtime = litert_runtime(convert_cached(backbone, RESOLUTION, cache, variant, crops if variant == "int8" else ()))
    known = find_reference(
        backbone, runtime, reference="auto", transform="whitened", resolution=RESOLUTION, data="folder"
    )
    reference = known if isinstance(known, Reference) else None
    data = {}
    for name, split in splits.items():
        embedded = extract_embeddings(split, runtime, RESOLUTION, cache, name=name)
        data[name] = Pictures(embedded.embeddings, split.labels[embedded.rows, 0], reference)
    x, y, _ = data["tiny"]
    is_reference = y % 2 == 0
    labels = np.where(is_reference, y, -1)[:, None].astype(np.int32)
    head = read_head(Path(backbone.weights))
    own = fit_reference(fit_embedding_scatter(x, labels, 200), None if head is None else head.weights, 511)
    own = own._replace(log_temperature=simulate_log_temperature(x, labels, classifier, own, 0))
    data["tiny"] = Pictures(x[~is_reference], y[~is_reference], own)
    return data


def draws(data: dict[str, Pictures], seeds: int) -> Iterator[tuple[str, int, int, int, Draw]]:
    """Yield data set, tags, pictures per tag, seed and draw."""
    for name, sizes in SIZES.items():
        for tags, pictures in sizes:
            for seed in range(seeds):
                yield name, tags, pictures, seed, draw_small(data[name], tags, pictures, seed)


def draw_small(source: Pictures, tags: int, pictures: int, seed: int) -> Draw:
    """Draw a small data set; the last of the tags is the new one."""
    rng = np.random.default_rng([seed, tags])
    chosen = rng.permutation(np.unique(source.y))[: tags + 1]
    rows = [rng.permutation(np.flatnonzero(source.y == tag)) for tag in chosen]
    known = rows[:-1]
    train = [own[: min(pictures, len(own) - NEW_PICTURES)] for own in known]
    test = [own[len(part) : len(part) + TEST_PICTURES] for own, part in zip(known, train, strict=True)]

    def labels(parts: list[np.ndarray]) -> np.ndarray:
        return np.repeat(np.arange(tags), [len(part) for part in parts])

    return Draw(
        x=source.x[np.concatenate(train)],
        y=labels(train),
        x_test=source.x[np.concatenate(test)],
        y_test=labels(test),
        x_new=source.x[rows[-1][:NEW_PICTURES]],
        x_new_test=source.x[rows[-1][NEW_PICTURES : NEW_PICTURES + TEST_PICTURES]],
        reference=source.reference,
    )


def made_up_ids(count: int) -> list[bytes]:
    """Content ids for pictures of which only embeddings are known."""
    return [i.to_bytes(16, "little") for i in range(count)]
