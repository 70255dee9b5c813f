"""The file of a catalogue is private, refused where it is not ours or not sound, and says what to do."""

import os
import sqlite3
from contextlib import closing

import pytest

from imagetagger.archive.catalogue import database
from imagetagger.archive.catalogue.database import (
    SCHEMA_VERSION,
    CatalogueError,
    default_catalogue,
    open_catalogue,
    snapshot,
    transaction,
)
from imagetagger.archive.catalogue.status import catalogue_status
from imagetagger.archive.catalogue.taggings import PastTagging, load_tagging, store_tagging
from tests.helpers.cataloguing import make_archive, scanned

TAGGING = PastTagging("f00d", 2**60, 3, 2, "2 tags")


def pragma(catalogue, name):
    return catalogue.connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_catalogue_is_created_where_nothing_is_in_wal_mode(tmp_path):
    with open_catalogue(tmp_path / "deep" / "archive.sqlite") as catalogue:
        assert pragma(catalogue, "journal_mode") == "wal"
        assert pragma(catalogue, "synchronous") == 1  # NORMAL
        assert pragma(catalogue, "page_size") == 16_384
        assert pragma(catalogue, "user_version") == SCHEMA_VERSION
        assert catalogue_status(catalogue) == (0, 0, 0, 0, {}, 0, 0, 0)


def test_the_default_is_in_the_users_data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))
    with open_catalogue() as catalogue:
        assert catalogue.path == default_catalogue() == tmp_path / "data" / "archive.sqlite"


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_only_its_owner_can_read_a_catalogue_and_what_sqlite_writes_beside_it(tmp_path):
    with open_catalogue(tmp_path / "archive.sqlite") as catalogue:
        scanned(catalogue, make_archive(tmp_path / "photos", 3))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("archive.sqlite*")}
    assert modes == dict.fromkeys(("archive.sqlite", "archive.sqlite-shm", "archive.sqlite-wal"), 0o600)
    assert [path.name for path in tmp_path.glob("archive.sqlite*")] == ["archive.sqlite"]


@pytest.mark.parametrize("name", ["caf\udce9.sqlite", "file:memory?.sqlite", ":memory:", "ä b.sqlite"])
def test_any_name_of_the_file_works(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for expected in (3, 0):
        with open_catalogue(database.Path(name)) as catalogue:
            assert scanned(catalogue, make_archive(tmp_path / "photos", 3)).new == expected
    assert (tmp_path / name).stat().st_size > 0


def test_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "archive.sqlite"
    with open_catalogue(path) as catalogue:
        catalogue.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(CatalogueError, match="schema version 3, expected 2: it is of a newer imagetagger"):
        open_catalogue(path).__enter__()
    assert path.read_bytes() == before


def make_version_1(path, photos):
    """A catalogue as the first version left it, with pictures, and its schema as a new one has it."""
    with open_catalogue(path) as catalogue:
        new = catalogue.connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        scanned(catalogue, photos)
        catalogue.connection.execute("DROP TABLE taggings")
        catalogue.connection.execute("PRAGMA user_version = 1")
    return new


def test_a_catalogue_of_version_1_gets_the_tables_that_it_lacks_and_keeps_the_rest(tmp_path):
    path = tmp_path / "archive.sqlite"
    new = make_version_1(path, make_archive(tmp_path / "photos", 3))
    for _ in range(2):
        with open_catalogue(path) as catalogue:
            assert pragma(catalogue, "user_version") == SCHEMA_VERSION
            assert catalogue.connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == new
            assert catalogue_status(catalogue).files == 3
            assert load_tagging(catalogue, [tmp_path]) is None
            store_tagging(catalogue, [tmp_path], TAGGING)
            assert load_tagging(catalogue, [tmp_path]) == TAGGING
            with transaction(catalogue) as connection:
                connection.execute("DELETE FROM taggings")


def test_a_process_that_had_version_1_open_goes_on_after_another_one_migrated_it(tmp_path):
    path, photos = tmp_path / "archive.sqlite", make_archive(tmp_path / "photos", 3)
    make_version_1(path, photos)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        assert old.execute("SELECT count(*) FROM files").fetchone() == (3,)
        with open_catalogue(path):
            pass
        old.execute("UPDATE files SET gone = 1")
    with open_catalogue(path) as catalogue:
        assert catalogue_status(catalogue).files == 0


def test_a_migration_that_fails_leaves_the_old_version(tmp_path, monkeypatch):
    path = tmp_path / "archive.sqlite"
    make_version_1(path, make_archive(tmp_path / "photos", 3))
    monkeypatch.setattr(database, "MIGRATIONS", {1: (database.TAGGINGS, "CREATE TABLE files (path)")})
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        open_catalogue(path).__enter__()
    monkeypatch.undo()
    with open_catalogue(path) as catalogue:
        assert pragma(catalogue, "user_version") == SCHEMA_VERSION


def test_the_last_tagging_of_the_same_folders_is_remembered(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    with open_catalogue(tmp_path / "archive.sqlite") as catalogue:
        store_tagging(catalogue, [one, two], TAGGING)
        store_tagging(catalogue, [two, one / ".." / "one"], TAGGING._replace(pictures=7))
        assert load_tagging(catalogue, [one, two]).pictures == 7
        assert load_tagging(catalogue, [one]) is None


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "bookmarks.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (address TEXT)")
        other.commit()
    before = path.read_bytes()
    with pytest.raises(CatalogueError, match="a database of another program: expected an archive's catalogue"):
        open_catalogue(path).__enter__()
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["bookmarks.sqlite"]


def test_a_file_that_is_no_database_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "archive.sqlite"
    path.write_text("my holiday notes " * 1000)
    with pytest.raises(CatalogueError, match="is damaged, or no database: move it away") as caught:
        open_catalogue(path).__enter__()
    assert str(path) in str(caught.value)
    assert path.read_text().startswith("my holiday notes")


def test_damage_in_the_middle_is_reported_with_what_to_do(tmp_path):
    path, photos = tmp_path / "archive.sqlite", make_archive(tmp_path / "photos", 400)
    with open_catalogue(path) as catalogue:
        scanned(catalogue, photos)
    data = bytearray(path.read_bytes())
    assert len(data) > 5 * 16_384
    data[16_384:] = bytes(b ^ 0x5A for b in data[16_384:])
    path.write_bytes(data)
    with open_catalogue(path) as catalogue, pytest.raises(CatalogueError, match="is damaged, or no database: move it"):
        scanned(catalogue, photos)


def test_a_folder_or_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "archive.sqlite"):
        with pytest.raises(CatalogueError, match="cannot be opened or changed: see whose it is, or name another file"):
            open_catalogue(path).__enter__()


def test_a_file_without_room_on_its_disk_is_refused_with_what_to_do(tmp_path):
    photos = make_archive(tmp_path / "photos", 400)
    with open_catalogue(tmp_path / "archive.sqlite") as catalogue:
        catalogue.connection.execute(f"PRAGMA max_page_count = {pragma(catalogue, 'page_count') + 1}")
        with pytest.raises(CatalogueError, match="cannot be read or written: see whether its disk is full"):
            scanned(catalogue, photos)
        catalogue.connection.execute("PRAGMA max_page_count = 100000")
        assert scanned(catalogue, photos).problems == ()
        assert catalogue_status(catalogue).files == 400


def test_another_process_that_does_not_end_its_change_is_named_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    path = tmp_path / "archive.sqlite"
    with open_catalogue(path) as catalogue, open_catalogue(path) as other, transaction(other):
        with pytest.raises(CatalogueError, match="was in use by another process"):
            transaction(catalogue).__enter__()
        with snapshot(catalogue):  # reading does not wait
            assert pragma(catalogue, "user_version") == SCHEMA_VERSION


def test_a_change_that_fails_is_taken_back(tmp_path):
    with open_catalogue(tmp_path / "archive.sqlite") as catalogue:
        with pytest.raises(sqlite3.IntegrityError), transaction(catalogue) as connection:
            connection.executemany("INSERT INTO pictures (content) VALUES (?)", [("a",), ("a",)])
        with snapshot(catalogue) as connection:
            assert connection.execute("SELECT count(*) FROM pictures").fetchone() == (0,)


def test_a_snapshot_stays_as_it_was_while_others_write(tmp_path):
    path = tmp_path / "archive.sqlite"
    with open_catalogue(path) as catalogue, open_catalogue(path) as other, snapshot(catalogue) as connection:
        count = "SELECT count(*) FROM pictures"
        assert connection.execute(count).fetchone() == (0,)
        with transaction(other) as writer:
            writer.execute("INSERT INTO pictures (content) VALUES ('a')")
        assert connection.execute(count).fetchone() == (0,)
