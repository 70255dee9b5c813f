"""The tags that were written beside pictures, and those that a person withdrew or rejected: they are not written again.

Sidecars are the truth about what is written in them; this is what we remember of it, also where a sidecar was deleted.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue, snapshot, transaction
from imagetagger.archive.catalogue.files import path_bytes

TagWords = tuple[str, ...]
"""A tag after its broader ones: ("animal", "bird", "goldfinch")."""


class WrittenTag(NamedTuple):
    """A tag that was written beside a picture.

    Attributes:
        keyword: the tag after its broader ones.
        probability: as it was predicted.
        bundle: digest of the bundle that predicted it.
        written: when, as an ISO 8601 date and time.
        withdrawn: when it was found that a person had deleted it; None if nobody did.
    """

    keyword: TagWords
    probability: float
    bundle: str
    written: str
    withdrawn: str | None = None


def record_written(catalogue: Catalogue, path: Path, tags: Iterable[tuple[TagWords, float, str, str]]) -> None:
    """Remember that exactly these tags are written beside a picture now; those withdrawn before stay withdrawn.

    Args:
        catalogue: is changed.
        path: of the picture.
        tags: keyword, probability, bundle and time of each, as of `WrittenTag`; none after they were removed.
    """
    key = path_bytes(path)
    rows = [(key, _encode(keyword), float(probability), *rest, key) for keyword, probability, *rest in tags]
    with transaction(catalogue) as connection:
        connection.execute("DELETE FROM written WHERE path = ? AND withdrawn IS NULL", (key,))
        connection.executemany(
            """INSERT OR IGNORE INTO written (path, keyword, probability, bundle, written, content)
            VALUES (?, ?, ?, ?, ?, (SELECT content FROM files WHERE path = ?))""",
            rows,
        )


def record_withdrawn(catalogue: Catalogue, path: Path, keywords: Iterable[TagWords], when: str) -> None:
    """Remember that a person deleted written tags of a picture; those not known to be written there are left out."""
    key = path_bytes(path)
    with transaction(catalogue) as connection:
        connection.executemany(
            "UPDATE written SET withdrawn = ? WHERE path = ? AND keyword = ? AND withdrawn IS NULL",
            [(when, key, _encode(keyword)) for keyword in keywords],
        )


def record_answer(
    catalogue: Catalogue,
    path: Path,
    decided: Iterable[TagWords],
    rejected: Iterable[tuple[TagWords, float, str]],
    when: str,
) -> None:
    """Remember what a person decided about tags of a picture, in the place of what was known of these.

    Args:
        catalogue: is changed.
        path: of the picture.
        decided: tags that are ours no longer, or no longer withdrawn, also beside copies of the picture.
        rejected: tags never to be written, whether they were written or not, with probability and bundle.
        when: now, as an ISO 8601 date and time.
    """
    key = path_bytes(path)
    with transaction(catalogue) as connection:
        connection.executemany(
            """DELETE FROM written WHERE keyword = ? AND (
                path = ? OR content = (SELECT content FROM files WHERE path = ?)
            )""",
            [(_encode(keyword), key, key) for keyword in decided],
        )
        connection.executemany(
            """REPLACE INTO written (path, keyword, probability, bundle, written, withdrawn, content)
            VALUES (?, ?, ?, ?, ?, ?, (SELECT content FROM files WHERE path = ?))""",
            [
                (key, _encode(keyword), float(probability), bundle, when, when, key)
                for keyword, probability, bundle in rejected
            ],
        )


def written_tags(catalogue: Catalogue, path: Path) -> list[WrittenTag]:
    """Return the tags that were written beside a picture, also the withdrawn ones, by keyword."""
    with snapshot(catalogue) as connection:
        rows = connection.execute(
            "SELECT keyword, probability, bundle, written, withdrawn FROM written WHERE path = ? ORDER BY keyword",
            (path_bytes(path),),
        ).fetchall()
    return [WrittenTag(_decode(keyword), *rest) for keyword, *rest in rows]


def withdrawn_keywords(catalogue: Catalogue, path: Path) -> frozenset[TagWords]:
    """Return the tags that are not to be written beside a picture: withdrawn there, or beside a copy of it."""
    with snapshot(catalogue) as connection:
        rows = connection.execute(
            """SELECT keyword FROM written WHERE withdrawn IS NOT NULL AND (
                path = :path OR content = (SELECT content FROM files WHERE path = :path)
            )""",
            {"path": path_bytes(path)},
        ).fetchall()
    return frozenset(_decode(keyword) for (keyword,) in rows)


def _encode(keyword: TagWords) -> str:
    return json.dumps(keyword)


def _decode(text: str) -> TagWords:
    return tuple(json.loads(text))
