"""Bringing the embeddings of a catalogue up to date: each picture is decoded once, wherever its files are."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger.archive.catalogue.database import Catalogue
from imagetagger.archive.catalogue.embeddings import claim_pictures, store_embeddings, unembedded
from imagetagger.archive.catalogue.reading import FileReading
from imagetagger.archive.catalogue.recording import record_readings
from imagetagger.archive.embedding.embed import EmbeddedFile

BATCH, SECONDS = 32, 2.0
"""Embeddings between two transactions, and the longest time between them: what kill -9 can lose."""


class EmbedReport(NamedTuple):
    """How far embedding is.

    Attributes:
        total: pictures without an embedding at the start.
        done: of these, embedded or found to be unusable.
        problems: files that cannot be used, with the reason.
    """

    total: int
    done: int
    problems: tuple[tuple[Path, str], ...]


def embed_missing(
    catalogue: Catalogue,
    space: str,
    folders: Sequence[Path],
    embed: Callable[[Iterable[Path]], Iterator[EmbeddedFile]],
) -> Iterator[EmbedReport]:
    """Embed the pictures of folders that lack an embedding; yield a report after each batch, and one in the end.

    Args:
        catalogue: is changed.
        space: of the embeddings.
        folders: whose pictures; none for all.
        embed: reads and embeds files, in any order.
    """
    missing = unembedded(catalogue, space, folders)
    if not missing:  # no process has to be started
        yield EmbedReport(0, 0, ())
        return
    problems: list[tuple[Path, str]] = []
    done, batch, last = 0, list[EmbeddedFile](), time.monotonic()
    for embedded in embed(picture.path for picture in claim_pictures(catalogue, space, missing)):
        batch.append(embedded)
        if len(batch) >= BATCH or time.monotonic() - last > SECONDS:
            problems += _store(catalogue, space, batch)
            done, batch, last = done + len(batch), [], time.monotonic()
            yield EmbedReport(len(missing), done, tuple(problems))
    problems += _store(catalogue, space, batch)
    yield EmbedReport(len(missing), done + len(batch), tuple(problems))


def _store(catalogue: Catalogue, space: str, batch: Sequence[EmbeddedFile]) -> list[tuple[Path, str]]:
    """Store embeddings, and the problems of pictures that have none; return these."""
    good = [(one.content, one.embedding) for one in batch if one.content and one.embedding is not None]
    if good:
        store_embeddings(catalogue, space, [content for content, _ in good], np.stack([x for _, x in good]))
    bad = [one for one in batch if one.embedding is None]
    record_readings(
        catalogue,
        [FileReading(one.path, one.size, one.mtime_ns, one.content or None, one.problem) for one in bad],
    )
    return [(one.path, one.problem or "cannot be used") for one in bad]
