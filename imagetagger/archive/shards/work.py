"""One shard: its pictures embedded, or its tags summed. Run by a process of this machine or a worker of a cluster."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger.archive.catalogue.content import content_id
from imagetagger.archive.embedding.embed import archive_space
from imagetagger.archive.keywords.fields import Keyword
from imagetagger.archive.promise.leave_one_out import learn_rows
from imagetagger.archive.shards.reading import ShardError, read_shard
from imagetagger.archive.shards.results import (
    EmbeddedShard,
    ShardEntry,
    ShardListing,
    embeddings_file,
    expect_result,
    read_embedded,
    read_shard_rows,
    rows_fingerprint,
    shard_fingerprint,
    statistics_file,
    write_embedded,
    write_shard_rows,
)
from imagetagger.archive.tagging.labelled import is_at_or_below, mark_tags
from imagetagger.bundle.executor import embed_image, load_executor
from imagetagger.bundle.manifest import Manifest
from imagetagger.bundle.reader import Rows
from imagetagger.preprocess import BadImageError, preprocess, preprocess_scaled

EmbedPicture = Callable[[bytes], np.ndarray]


class ShardReport(NamedTuple):
    """What became of a shard.

    Attributes:
        shard: its path.
        pictures: with an embedding.
        unusable: number of the others.
        first: what is wrong with the first of these, with its key.
        is_new: whether it was embedded now, and not by an earlier run.
        problem: why it has no embeddings or no statistics; None if it has them.
    """

    shard: Path
    pictures: int = 0
    unusable: int = 0
    first: str | None = None
    is_new: bool = False
    problem: str | None = None


def start_shard_embedder(model: bytes, manifest: Manifest, exact: bool, out: Path) -> Callable[[Path], ShardReport]:
    """Return the function that embeds a shard by the model of a bundle, unless that was done before."""
    executor, image = load_executor(model, manifest), manifest.image
    crop = preprocess if exact else preprocess_scaled

    def embed(data: bytes) -> np.ndarray:
        return embed_image(executor, crop(data, image.size, image.pixel_limit))

    return functools.partial(embed_shard, out=out, space=archive_space(manifest, exact=exact), embed=embed)


def embed_shard(shard: Path, out: Path, space: str, embed: EmbedPicture) -> ShardReport:
    """Write the embeddings of a shard, unless they are there; a shard that cannot be read is a report with a problem.

    Args:
        shard: .tar or .parquet.
        out: folder of the results of all shards.
        space: of the embeddings.
        embed: returns the embedding of encoded bytes, float32 (D,), or raises BadImageError.
    """
    path = embeddings_file(out, shard)
    try:
        fingerprint = shard_fingerprint(shard, space)
        embedded = read_embedded(path, fingerprint)
        if is_new := embedded is None:
            embedded = _embed_pictures(shard, embed)
            write_embedded(path, embedded, fingerprint)
    except (OSError, ShardError) as error:
        return ShardReport(shard, problem=str(error))
    except Exception as error:  # one shard of many: it is reported, and the others go on
        return ShardReport(shard, problem=f"cannot be embedded: {type(error).__name__}: {error}")
    problems = embedded.listing.problems
    first = ": ".join(problems[0]) if problems else None
    return ShardReport(shard, len(embedded.embeddings), len(problems), first, is_new)


def _embed_pictures(shard: Path, embed: EmbedPicture) -> EmbeddedShard:
    entries: list[ShardEntry] = []
    embeddings: list[np.ndarray] = []
    problems: list[tuple[str, str]] = []
    for key, data, keywords, problem in read_shard(shard):
        if data is None:
            problems.append((key, problem or "cannot be used"))
            continue
        try:
            embeddings.append(embed(data))
            entries.append(ShardEntry(key, content_id(data), keywords))
        except BadImageError as error:
            problems.append((key, str(error)))
        except Exception as error:  # one picture of thousands: it is counted, and the others go on
            problems.append((key, f"cannot be embedded: {type(error).__name__}: {error}"))
    stacked = np.stack(embeddings) if embeddings else np.zeros((0, 0), np.float32)
    return EmbeddedShard(ShardListing(tuple(entries), tuple(problems)), stacked)


def start_summing(keywords: tuple[Keyword, ...], out: Path, space: str) -> Callable[[Path], ShardReport]:
    """Return the function that sums a shard for tags."""
    return functools.partial(sum_shard, keywords=keywords, out=out, space=space)


def sum_shard(shard: Path, keywords: tuple[Keyword, ...], out: Path, space: str) -> ShardReport:
    """Write the statistics of tags in an embedded shard, unless they are there."""
    path = statistics_file(out, shard)
    try:
        fingerprint = shard_fingerprint(shard, space)
        embedded = expect_result(read_embedded(embeddings_file(out, shard), fingerprint), embeddings_file(out, shard))
        wanted = rows_fingerprint(fingerprint, keywords)
        if is_new := read_shard_rows(path, wanted) is None:
            write_shard_rows(path, shard_rows(embedded, keywords), wanted)
    except (OSError, ShardError) as error:
        return ShardReport(shard, problem=str(error))
    except Exception as error:  # as above
        return ShardReport(shard, problem=f"cannot be summed: {type(error).__name__}: {error}")
    return ShardReport(shard, len(embedded.embeddings), is_new=is_new)


def shard_rows(embedded: EmbeddedShard, keywords: tuple[Keyword, ...]) -> Rows:
    """Return the statistics of C tags in a shard, float64; a picture counts for a tag that it has or has one below."""
    labels = mark_tags(keywords, [one.keywords for one in embedded.listing.pictures], is_at_or_below)
    features = embedded.embeddings.shape[1]
    nothing = (np.zeros(len(keywords)), *(np.zeros((len(keywords), features)) for _ in range(2)))
    return learn_rows(Rows(*nothing), embedded.embeddings, labels)
