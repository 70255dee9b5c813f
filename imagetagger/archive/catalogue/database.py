"""The file of a catalogue: its tables, its transactions, and errors that say what to do.

SQLite in WAL mode: readers wait for no writer, and a process that is killed loses at most the transaction that it was
in. Commits are synchronised at checkpoints only (synchronous=NORMAL), so that small transactions cost little. A power
cut may take back the last ones, in order, but damages nothing: what it takes is computed again or read from sidecars.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from imagetagger.system.atomic_files import PRIVATE, data_directory

BUSY_SECONDS = 60.0
"""How long to wait for a transaction of another process. Ours take milliseconds."""
PAGE_BYTES = 16_384
"""Seven float32 embeddings of 511 features fit on a page; of SQLite's usual 4,096 bytes one would waste half."""
APPLICATION_ID = 0x69746172
"""Marks the file as an archive's catalogue: "itar" in ASCII."""
SCHEMA_VERSION = 2
TAGGINGS = """CREATE TABLE taggings (
    folders BLOB PRIMARY KEY, fingerprint TEXT NOT NULL, settled_ns INTEGER NOT NULL, pictures INTEGER NOT NULL,
    tags INTEGER NOT NULL, summary TEXT NOT NULL
) WITHOUT ROWID"""
SCHEMA = (
    "CREATE TABLE pictures (content TEXT PRIMARY KEY, problem TEXT) WITHOUT ROWID",
    """CREATE TABLE files (
        path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, content TEXT REFERENCES pictures, problem TEXT,
        gone INTEGER
    ) WITHOUT ROWID""",
    "CREATE INDEX files_by_content ON files (content)",
    "CREATE TABLE spaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, features INTEGER NOT NULL)",
    """CREATE TABLE embeddings (
        space INTEGER NOT NULL REFERENCES spaces, content TEXT NOT NULL REFERENCES pictures, embedding BLOB NOT NULL,
        PRIMARY KEY (space, content)
    )""",
    "CREATE TABLE claims (space TEXT, content TEXT, PRIMARY KEY (space, content)) WITHOUT ROWID",
    """CREATE TABLE written (
        path BLOB, keyword TEXT, content TEXT, probability REAL NOT NULL, bundle TEXT NOT NULL, written TEXT NOT NULL,
        withdrawn TEXT, PRIMARY KEY (path, keyword)
    ) WITHOUT ROWID""",
    "CREATE INDEX written_by_content ON written (content)",
    "CREATE TABLE learned (space TEXT PRIMARY KEY, learned TEXT NOT NULL, tags BLOB NOT NULL)",
    TAGGINGS,
)
"""Tables of a catalogue. Paths are bytes as the system has them. `gone` is when a file was first missed, in seconds
since 1970. Embeddings are little-endian float32."""
MIGRATIONS: dict[int, tuple[str, ...]] = {1: (TAGGINGS,)}
"""Statements that bring a catalogue of a schema version to the next one."""

CANNOT_OPEN = "cannot be opened or changed: see whose it is, or name another file on a local disk"
DAMAGED = (
    "is damaged, or no database: move it away with those named like it (-wal, -shm) and scan again. The tags in "
    "sidecars stay; embeddings are computed again"
)
CANNOT_WRITE = "cannot be read or written: see whether its disk is full or failing"
ADVICE = {
    sqlite3.SQLITE_BUSY: f"was in use by another process for {BUSY_SECONDS:.0f} seconds: end that one or try again",
    sqlite3.SQLITE_CANTOPEN: CANNOT_OPEN,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: CANNOT_WRITE,
    sqlite3.SQLITE_IOERR: CANNOT_WRITE,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_PERM: CANNOT_OPEN,
    sqlite3.SQLITE_READONLY: CANNOT_OPEN,
}
"""What to do, by SQLite's code of an error. Others are errors of this package."""


class CatalogueError(ValueError):
    """The file of a catalogue cannot be used; the message says why, and what to do."""


class Catalogue(NamedTuple):
    """An open catalogue: of one process and one thread.

    Attributes:
        path: of its file.
        connection: to it. Statements outside of `transaction` and `snapshot` are transactions of their own.
    """

    path: Path
    connection: sqlite3.Connection


def default_catalogue() -> Path:
    """Return the path of the catalogue in the user's data folder."""
    return data_directory() / "archive.sqlite"


@contextmanager
def open_catalogue(path: Path | None = None) -> Iterator[Catalogue]:
    """Open a catalogue, which is created if nothing is there, and close it in the end. Only its owner can read it.

    Args:
        path: of its file, on a local disk; None for the one in the user's data folder.

    Raises:
        CatalogueError: it is damaged, of another program or a newer version, or cannot be opened or created.
    """
    path = (default_catalogue() if path is None else path).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))  # SQLite would give it the umask's permissions
    except OSError as error:
        raise CatalogueError(f"{path} {CANNOT_OPEN} ({error.strerror})") from error
    with _explained(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        catalogue = Catalogue(path, connection)
        with _explained(path):
            _prepare(catalogue)
        yield catalogue
    finally:
        connection.close()


@contextmanager
def transaction(catalogue: Catalogue) -> Iterator[sqlite3.Connection]:
    """Change a catalogue in one piece, while no other process does.

    Raises:
        CatalogueError: it is damaged, its disk is full, or another process does not end its change.
    """
    with _explained(catalogue.path):
        catalogue.connection.execute("BEGIN IMMEDIATE")
        try:
            yield catalogue.connection
            catalogue.connection.execute("COMMIT")
        except BaseException:
            if catalogue.connection.in_transaction:  # some errors have ended it
                catalogue.connection.execute("ROLLBACK")
            raise


@contextmanager
def snapshot(catalogue: Catalogue) -> Iterator[sqlite3.Connection]:
    """Read one state of a catalogue, whatever other processes change meanwhile; raises like `transaction`."""
    with _explained(catalogue.path):
        catalogue.connection.execute("BEGIN")
        try:
            yield catalogue.connection
        finally:
            if catalogue.connection.in_transaction:
                catalogue.connection.execute("ROLLBACK")


def _prepare(catalogue: Catalogue) -> None:
    """Check a catalogue before anything in it is changed, and create or add its tables."""
    connection = catalogue.connection
    if _is_empty(connection):
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    else:
        _check(catalogue)
    mode = _use_wal(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
    if _is_empty(connection):
        with transaction(catalogue):
            if _is_empty(connection):  # still: another process may have come first
                for statement in SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        _check(catalogue)
    if _version(connection) in MIGRATIONS:
        with transaction(catalogue):
            while statements := MIGRATIONS.get(version := _version(connection)):  # still: others migrate too
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")


def _is_empty(connection: sqlite3.Connection) -> bool:
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _check(catalogue: Catalogue) -> None:
    (application,) = catalogue.connection.execute("PRAGMA application_id").fetchone()
    version = _version(catalogue.connection)
    if application != APPLICATION_ID:
        raise CatalogueError(
            f"got {catalogue.path}, a database of another program: expected an archive's catalogue. Name another file"
        )
    if version != SCHEMA_VERSION and version not in MIGRATIONS:
        raise CatalogueError(
            f"{catalogue.path} has schema version {version}, expected {SCHEMA_VERSION}: it is of a newer imagetagger. "
            "Update this one, or name another file"
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> str:
    """Turn WAL on and return the mode that the file system allows. SQLite itself does not wait for others here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            return mode
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _code(error: sqlite3.Error) -> int:
    """Return the primary code of an error of SQLite; 0 for one of Python's module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say what to do about errors of a catalogue's file or its disk."""
    try:
        yield
    except sqlite3.Error as error:
        if (advice := ADVICE.get(_code(error))) is None:
            raise
        raise CatalogueError(f"{path} {advice} ({error})") from error
