"""All shards: embedded, summed, merged in their order, and the tags that are learned from them.

The statistics of a tag come from all pictures. Which tags there are, how probable they are and what can be promised
comes from a sample of the pictures, each predicted by statistics without it. The sample is the pictures of the least
content ids: random, the same however shards are cut or ordered, and with all copies of a picture.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger.archive.embedding.embed import archive_space
from imagetagger.archive.embedding.processes import map_unordered
from imagetagger.archive.promise.leave_one_out import forget_pictures, merge_tag_rows
from imagetagger.archive.shards.reading import ShardError
from imagetagger.archive.shards.results import (
    ShardEntry,
    embeddings_file,
    expect_result,
    read_embedded,
    read_shard_rows,
    rows_fingerprint,
    shard_fingerprint,
    statistics_file,
)
from imagetagger.archive.shards.work import ShardReport, start_shard_embedder, start_summing, sum_shard
from imagetagger.archive.tagging.labelled import LabelledPictures, SetKeywords, label_pictures
from imagetagger.archive.tagging.learn import LearnedTags, learn_tags
from imagetagger.bundle.executor import load_executor
from imagetagger.bundle.reader import Bundle, Rows
from imagetagger.options import EmbedEngine
from imagetagger.system.cpus import cpu_count
from imagetagger.system.ray_tasks import map_on_ray

ShardFunction = Callable[[Path], ShardReport]


class ShardSample(NamedTuple):
    """Pictures of shards that tags are measured on.

    Attributes:
        pictures: with their tags; their ids are content ids, each with the number of the picture in the sample.
        embeddings: float32 (N, D).
        groups: (N,), equal for copies of a picture.
    """

    pictures: LabelledPictures
    embeddings: np.ndarray
    groups: np.ndarray


def embed_shards(
    shards: Sequence[Path], bundle: Bundle, out: Path, exact: bool, engine: EmbedEngine, workers: int | None
) -> Iterator[ShardReport]:
    """Embed shards in any order; one whose worker dies or that cannot be read is a report with a problem.

    Args:
        shards: absolute paths, the same on all machines.
        bundle: whose model embeds.
        out: folder of the results, on a file system that all machines share.
        exact: decode JPEGs in full; see `embed_files`.
        engine: processes of this machine, or the workers of a Ray cluster.
        workers: how many, on this machine; None for one per core.
    """
    load = partial(start_shard_embedder, bundle.files["model.tflite"], bundle.manifest, exact, out.absolute())
    return _map_shards(load, shards, engine, workers)


def _map_shards(
    load: Callable[[], ShardFunction], shards: Iterable[Path], engine: EmbedEngine, workers: int | None
) -> Iterator[ShardReport]:
    if engine == "ray":
        return map_on_ray(load, shards, _lost_shard, workers=workers)
    return map_unordered(load, shards, workers or cpu_count(), _lost_shard)


def _lost_shard(shard: Path, ending: str) -> ShardReport:
    return ShardReport(
        shard,
        problem=f"its worker died ({ending}): learn again for this shard, with fewer workers if it runs out of memory",
    )


def learn_shards(
    shards: Sequence[Path],
    bundle: Bundle,
    out: Path,
    *,
    exact: bool,
    engine: EmbedEngine,
    workers: int | None,
    sample: int,
    precision: float,
    progress: Callable[[], object] = lambda: None,
) -> LearnedTags:
    """Learn the tags of shards that are embedded; their statistics are merged in the order of the shards.

    Args:
        shards: all of them have embeddings in `out`.
        bundle: that embedded them.
        out: folder of the results.
        exact: whether pictures were decoded in full.
        engine: that sums.
        workers: see `embed_shards`.
        sample: pictures that probabilities and promises come from.
        precision: to promise.
        progress: is called after each picture of the sample.

    Raises:
        LearnError: see `learn_tags`.
        ShardError: a shard or a result was changed meanwhile, or statistics cannot be written.
    """
    space = archive_space(bundle.manifest, exact=exact)
    drawn = draw_sample(shards, out, space, sample)
    keywords = drawn.pictures.keywords
    for report in _map_shards(partial(start_summing, keywords, out.absolute(), space), shards, engine, workers):
        if report.problem and (again := sum_shard(report.shard, keywords, out.absolute(), space)).problem:
            raise ShardError(f"{report.shard} cannot be summed: {again.problem}")
    merged = reduce(merge_tag_rows, (_stored_rows(shard, out, space, drawn) for shard in shards)) if keywords else None
    return learn_tags(
        bundle,
        load_executor(bundle.files["model.tflite"], bundle.manifest),
        drawn.pictures,
        drawn.embeddings,
        space,
        precision=precision,
        groups=drawn.groups,
        others=merged and forget_pictures(merged, drawn.embeddings, drawn.pictures.labels),
        progress=progress,
    )


def _stored_rows(shard: Path, out: Path, space: str, drawn: ShardSample) -> Rows:
    path = statistics_file(out, shard)
    keywords = drawn.pictures.keywords
    rows = expect_result(read_shard_rows(path, rows_fingerprint(shard_fingerprint(shard, space), keywords)), path)
    empty = np.zeros((len(keywords), drawn.embeddings.shape[1]))
    return rows if rows.mean.shape[1] else Rows(rows.count, empty, empty)  # a shard without a usable picture


def draw_sample(shards: Sequence[Path], out: Path, space: str, count: int) -> ShardSample:
    """Return the tagged pictures of the least content ids, `count` at most.

    Raises:
        ShardError: a shard has no embeddings.
    """
    found = heapq.nsmallest(count, _tagged(shards, out, space), key=lambda one: one[:3])
    pictures = label_pictures(
        {
            f"{content}/{number:09}": SetKeywords(entry.keywords)
            for number, (content, _, _, entry, _) in enumerate(found)
        }
    )
    chosen = [int(one.rpartition("/")[2]) for one in pictures.contents]
    features = max((len(one[4]) for one in found), default=0)
    embeddings = np.array([found[i][4] for i in chosen], np.float32).reshape(-1, features)
    groups = np.unique([found[i][0] for i in chosen], return_inverse=True)[1]
    return ShardSample(pictures, embeddings, groups)


def _tagged(shards: Sequence[Path], out: Path, space: str) -> Iterator[tuple[str, int, int, ShardEntry, np.ndarray]]:
    """Yield the content id, shard, row, entry and embedding of each picture that has a tag."""
    for number, shard in enumerate(shards):
        path = embeddings_file(out, shard)
        listing, embeddings = expect_result(read_embedded(path, shard_fingerprint(shard, space)), path)
        for row, entry in enumerate(listing.pictures):
            if entry.keywords:
                yield entry.content, number, row, entry, embeddings[row].copy()
