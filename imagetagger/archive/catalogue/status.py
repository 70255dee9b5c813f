"""How much a catalogue has of each: files, pictures, embeddings and written tags."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import Catalogue, snapshot
from imagetagger.archive.catalogue.files import path_ranges


class Status(NamedTuple):
    """Counts of a catalogue, or of what it has of some folders.

    Attributes:
        files: that were there at the last scan.
        pictures: different ones among them.
        problems: of these files, those that cannot be used.
        gone: pictures that were there, of which no file is.
        embedded: number of the pictures with an embedding, by embedding space.
        tagged: files beside which tags are written.
        written: tags that are written beside them.
        withdrawn: tags that were, and that a person deleted.
    """

    files: int
    pictures: int
    problems: int
    gone: int
    embedded: dict[str, int]
    tagged: int
    written: int
    withdrawn: int


def catalogue_status(catalogue: Catalogue, folders: Sequence[Path] = ()) -> Status:
    """Return the counts of a catalogue, of folders or of all."""
    ranges, values = path_ranges(folders)
    found = f"{ranges}, found AS (SELECT files.* FROM ranges JOIN files ON path >= low AND path < high)"
    with snapshot(catalogue) as connection:
        files, pictures = connection.execute(
            f"{found} SELECT count(*), count(DISTINCT content) FROM found WHERE gone IS NULL", values
        ).fetchone()
        (problems,) = connection.execute(
            f"""{found} SELECT count(*) FROM found LEFT JOIN pictures USING (content)
            WHERE gone IS NULL AND coalesce(found.problem, pictures.problem) IS NOT NULL""",
            values,
        ).fetchone()
        (gone,) = connection.execute(
            f"""{found} SELECT count(DISTINCT content) FROM found WHERE gone IS NOT NULL AND content NOT IN (
                SELECT content FROM files WHERE gone IS NULL AND content IS NOT NULL
            )""",
            values,
        ).fetchone()
        embedded = connection.execute(
            f"""{found} SELECT name, count(DISTINCT found.content) FROM found JOIN embeddings USING (content)
            JOIN spaces ON id = space WHERE gone IS NULL GROUP BY name ORDER BY name""",
            values,
        ).fetchall()
        written = connection.execute(
            f"""{found} SELECT count(DISTINCT CASE WHEN withdrawn IS NULL THEN path END),
            count(*) - count(withdrawn), count(withdrawn) FROM found JOIN written USING (path) WHERE gone IS NULL""",
            values,
        ).fetchone()
    return Status(files, pictures, problems, gone, dict(embedded), *written)
