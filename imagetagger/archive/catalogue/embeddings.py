"""Embeddings by picture and embedding space, and which process computes those that are missing."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imagetagger.archive.catalogue.database import Catalogue, snapshot, transaction
from imagetagger.archive.catalogue.files import path_of, path_ranges

CLAIM = 32
"""Pictures that a process claims in one transaction."""


class Unembedded(NamedTuple):
    """A picture without an embedding, and one of its files."""

    content: str
    path: Path


def unembedded(catalogue: Catalogue, space: str, folders: Sequence[Path] = ()) -> list[Unembedded]:
    """Return the usable pictures of folders, or all, that lack an embedding of a space, by path."""
    ranges, values = path_ranges(folders)
    with snapshot(catalogue) as connection:
        rows = connection.execute(
            f"""{ranges} SELECT content, min(path) AS first FROM ranges JOIN files ON path >= low AND path < high
            JOIN pictures USING (content)
            WHERE gone IS NULL AND files.problem IS NULL AND pictures.problem IS NULL AND content NOT IN (
                SELECT content FROM embeddings WHERE space = (SELECT id FROM spaces WHERE name = ?)
            ) GROUP BY content ORDER BY first""",
            (*values, space),
        ).fetchall()
    return [Unembedded(content, path_of(path)) for content, path in rows]


def claim_pictures(catalogue: Catalogue, space: str, pictures: Sequence[Unembedded]) -> Iterator[Unembedded]:
    """Yield those of some pictures that this process is to embed, each at most once.

    First come those that no other process claimed; they are claimed a few at a time, as they are asked for. Then come
    those that others claimed and have not embedded yet, the last ones first: their processes may have been killed. So
    a claim is a hint that has no owner and never expires: nobody waits for it, and no clock has to be right. The price
    is that processes which meet at the end embed the few pictures in their hands twice, to the same values.
    """
    claimed_by_others: list[Unembedded] = []
    for start in range(0, len(pictures), CLAIM):
        batch = pictures[start : start + CLAIM]
        with transaction(catalogue) as connection:
            missing = [picture for picture in batch if _is_missing(connection, space, picture.content)]
            ours = [picture for picture in missing if _claim(connection, space, picture.content)]
        claimed_by_others += [picture for picture in missing if picture not in ours]
        yield from _still_missing(catalogue, space, ours)
    yield from _still_missing(catalogue, space, claimed_by_others[::-1])


def store_embeddings(catalogue: Catalogue, space: str, contents: Sequence[str], embeddings: np.ndarray) -> int:
    """Store embeddings of pictures; return how many are new. Those that are there stay as they are.

    Args:
        catalogue: is changed.
        space: their embedding space.
        contents: N content ids.
        embeddings: float32 (N, D).

    Raises:
        ValueError: numbers that are not finite, or of another shape or type than expected.
    """
    if embeddings.dtype != np.float32 or embeddings.ndim != 2 or len(embeddings) != len(contents):
        expected = f"float32 ({len(contents)}, D)"
        raise ValueError(f"got embeddings {embeddings.dtype} {embeddings.shape}, expected {expected}")
    finite = np.isfinite(embeddings).all(1)
    if not finite.all():
        raise ValueError(f"got an embedding that is not finite, of the picture {contents[int(finite.argmin())]}")
    with transaction(catalogue) as connection:
        number = _space(connection, space, embeddings.shape[1])
        connection.executemany(
            """INSERT INTO pictures (content) VALUES (?)
            ON CONFLICT DO UPDATE SET problem = NULL WHERE problem IS NOT NULL""",
            [(content,) for content in contents],
        )
        blobs = (row.tobytes() for row in embeddings.astype("<f4"))
        rows = [(number, content, blob) for content, blob in zip(contents, blobs, strict=True)]
        cursor = connection.executemany("INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?)", rows)
        connection.executemany(
            "DELETE FROM claims WHERE space = ? AND content = ?", [(space, content) for content in contents]
        )
    return cursor.rowcount


def load_embeddings(
    catalogue: Catalogue, space: str, folders: Sequence[Path] | None = None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Return N content ids, sorted, and their embeddings of a space, float32 (N, D); D is 0 for an unknown space.

    They are stored as float32, as they were computed, so that stored embeddings have the tags of the pictures to the
    last bit. That takes 2 kB a picture of 511 features, a thousandth of a photograph.

    Args:
        catalogue: is read.
        space: an embedding space.
        folders: only of pictures with a file that is there in these; None for all, also of those that are gone.
    """
    ranges, values = path_ranges(folders or ())
    selected = (
        ""
        if folders is None
        else (
            "AND content IN (SELECT content FROM ranges JOIN files ON path >= low AND path < high WHERE gone IS NULL)"
        )
    )
    chosen = f"FROM embeddings WHERE space = ? {selected}"
    with snapshot(catalogue) as connection:
        found = connection.execute("SELECT id, features FROM spaces WHERE name = ?", (space,)).fetchone()
        number, features = found or (None, 0)
        (count,) = connection.execute(f"{ranges} SELECT count(*) {chosen}", (*values, number)).fetchone()
        contents, embeddings = list[str](), np.empty((count, features), np.float32)
        rows = connection.execute(f"{ranges} SELECT content, embedding {chosen} ORDER BY content", (*values, number))
        for i, (content, embedding) in enumerate(rows):
            contents.append(content)
            embeddings[i] = np.frombuffer(embedding, "<f4")
    return tuple(contents), embeddings


def _space(connection: sqlite3.Connection, space: str, features: int) -> int:
    """Return the number of a space, which is added if it is new."""
    connection.execute("INSERT OR IGNORE INTO spaces (name, features) VALUES (?, ?)", (space, features))
    number, known = connection.execute("SELECT id, features FROM spaces WHERE name = ?", (space,)).fetchone()
    if known != features:
        raise ValueError(f"got embeddings of {features} features, expected {known}, as others of the space {space}")
    return int(number)


def _still_missing(catalogue: Catalogue, space: str, pictures: Sequence[Unembedded]) -> Iterator[Unembedded]:
    """Yield pictures that nobody has embedded by the time that they are asked for."""
    for picture in pictures:
        with snapshot(catalogue) as connection:
            is_missing = _is_missing(connection, space, picture.content)
        if is_missing:
            yield picture


def _is_missing(connection: sqlite3.Connection, space: str, content: str) -> bool:
    found = connection.execute(
        """SELECT 1 FROM embeddings WHERE space = (SELECT id FROM spaces WHERE name = ?) AND content = ?
        UNION ALL SELECT 1 FROM pictures WHERE content = ? AND problem IS NOT NULL""",
        (space, content, content),
    )
    return found.fetchone() is None


def _claim(connection: sqlite3.Connection, space: str, content: str) -> bool:
    """Claim a picture; whether it was free."""
    return connection.execute("INSERT OR IGNORE INTO claims VALUES (?, ?)", (space, content)).rowcount == 1
