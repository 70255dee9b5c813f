"""What was learned from an archive's tags, as bytes: the last of each embedding space."""

from imagetagger.archive.catalogue.database import Catalogue, snapshot, transaction


def store_learned(catalogue: Catalogue, space: str, tags: bytes, when: str) -> None:
    """Store learned tags in the place of those learned before.

    Args:
        catalogue: is changed.
        space: embedding space.
        tags: see `tagging/learned_file.py`.
        when: as an ISO date and time.
    """
    with transaction(catalogue) as connection:
        connection.execute("REPLACE INTO learned VALUES (?, ?, ?)", (space, when, tags))


def load_learned(catalogue: Catalogue, space: str) -> bytes | None:
    """Return the learned tags of an embedding space; None if there are none."""
    with snapshot(catalogue) as connection:
        found = connection.execute("SELECT tags FROM learned WHERE space = ?", (space,)).fetchone()
    return None if found is None else found[0]


def list_learned(catalogue: Catalogue) -> list[tuple[str, bytes]]:
    """Return all embedding spaces in which tags were learned, the last one first, and these tags."""
    with snapshot(catalogue) as connection:
        return connection.execute("SELECT space, tags FROM learned ORDER BY learned DESC, space").fetchall()
