"""All that tagging leaves: what a catalogue states, and the sidecars, without times at which something was done."""

import re
from pathlib import Path
from typing import NamedTuple

from imagetagger.archive.catalogue.database import open_catalogue, snapshot

TABLES = {
    "files": "SELECT path, size, mtime_ns, content, problem, gone IS NULL FROM files ORDER BY path",
    "pictures": "SELECT content, problem FROM pictures ORDER BY content",
    "embeddings": "SELECT name, content, embedding FROM embeddings JOIN spaces ON id = space ORDER BY name, content",
    "claims": "SELECT space, content FROM claims ORDER BY space, content",
    "written": """SELECT path, keyword, content, probability, bundle, withdrawn IS NULL FROM written
        ORDER BY path, keyword""",
    "learned": "SELECT space, tags FROM learned ORDER BY space",
}
"""All tables but `taggings`, whose fingerprints have the inodes and times of sidecars in them."""
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


class LibraryState(NamedTuple):
    """Rows of a catalogue by table, and contents of sidecars by path."""

    tables: dict[str, list[tuple[object, ...]]]
    sidecars: dict[Path, bytes]


def read_state(catalogue: Path, library: Path) -> LibraryState:
    """Return the state of a library, and check the file of its catalogue."""
    with open_catalogue(catalogue) as opened, snapshot(opened) as connection:
        if (found := connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            raise ValueError(f"got {found} from the integrity check of {catalogue}, expected 'ok'")
        tables = {name: connection.execute(query).fetchall() for name, query in TABLES.items()}
    return LibraryState(tables, {path: TIME.sub(b"TIME", data) for path, data in read_sidecars(library).items()})


def read_sidecars(library: Path) -> dict[Path, bytes]:
    """Return the sidecars of a library, by path."""
    return {path: path.read_bytes() for path in sorted(library.rglob("*.xmp"))}


def restore_sidecars(library: Path, sidecars: dict[Path, bytes]) -> None:
    """Make the sidecars of a library exactly these."""
    for path in library.rglob("*.xmp"):
        if path not in sidecars:
            path.unlink()
    for path, data in sidecars.items():
        path.write_bytes(data)


def differences(expected: LibraryState, found: LibraryState) -> list[str]:
    """Say what of a state is not as expected."""
    said = [
        f"{len({*rows} ^ {*found.tables[name]}):,} rows of {name}"
        for name, rows in expected.tables.items()
        if rows != found.tables[name]
    ]
    paths = expected.sidecars.keys() | found.sidecars.keys()
    sidecars = sum(expected.sidecars.get(path) != found.sidecars.get(path) for path in paths)
    return [*said, *([f"{sidecars:,} sidecars"] if sidecars else [])]
