import contextlib
import os
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from imagetagger.bundle.archive import ArchiveError, read_files, write_folder, write_zip
from imagetagger.system import atomic_files

FILES = {"a.json": b"{}" * 500, "golden/0.png": bytes(range(256)), "model.tflite": b"", "a/b/c/d": b"deep"}
LIMIT = 10_000


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def pack(path: Path, *members, compression=zipfile.ZIP_STORED) -> Path:
    """A .zip of (name or ZipInfo, bytes), with no rules."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def patch(path: Path, offset: int, value: bytes) -> Path:
    """Overwrite a field of the first entry of the central directory."""
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02") + offset
    data[start : start + len(value)] = value
    path.write_bytes(data)
    return path


def refused(path: Path, limit: int = LIMIT) -> str:
    with pytest.raises(ArchiveError) as caught:
        read_files(path, limit)
    message = str(caught.value)
    assert 10 < len(message) < 800
    assert message.isprintable()
    return message


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_what_was_written_is_read(write, tmp_path):
    write(FILES, tmp_path / "deep" / "files")
    assert read_files(tmp_path / "deep" / "files", LIMIT) == FILES
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["files"]


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_others_may_read_what_was_written(write, tmp_path):
    write(FILES, tmp_path / "files")
    assert (tmp_path / "files").stat().st_mode & 0o444 == 0o444


STRANGE = (
    *("../evil", "a/../../evil", "..", ".", "/etc/passwd", "//host/share", "C:/evil", "C:evil", "C:\\evil", "..\\evil"),
    *("a\\b", ".hidden", "a/.hidden", "a//b", "a/", "a/b/c/d/e", "a b", "naïve", "a\nb", "\x1b[2J", "~", "x" * 201),
)


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_that_is_not_plain_is_refused(name, tmp_path):
    assert "file name" in refused(pack(tmp_path / "x.zip", ("fine", b""), (name, b"evil")))
    with pytest.raises(ArchiveError, match="file name"):
        write_zip({name: b""}, tmp_path / "y.zip")
    with pytest.raises(ArchiveError, match="file name"):
        write_folder({name: b""}, tmp_path / "y")
    assert names(tmp_path) == ["x.zip"]


def test_a_name_that_zipfile_would_cut_is_refused(tmp_path):
    path = pack(tmp_path / "x.zip", ("model_evil", b""))
    path.write_bytes(path.read_bytes().replace(b"model_evil", b"model\0evil"))
    assert "file name" in refused(path)


def test_a_name_that_is_no_utf_8_is_refused(tmp_path):
    path = pack(tmp_path / "x.zip", ("naïve", b""))
    path.write_bytes(path.read_bytes().replace("ï".encode(), b"\xff\xff"))
    refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path):
    assert "twice" in refused(pack(tmp_path / "x.zip", ("a", b"1"), ("b", b""), ("a", b"2")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_a_member_that_is_no_plain_file_is_refused(kind, tmp_path):
    member = zipfile.ZipInfo("link")
    member.external_attr = (kind | 0o777) << 16
    assert "link" in refused(pack(tmp_path / "x.zip", (member, b"/etc/passwd")))


def test_an_encrypted_member_is_refused(tmp_path):
    assert "encrypted" in refused(patch(pack(tmp_path / "x.zip", ("a", b"secret")), 8, b"\1\0"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method, tmp_path):
    assert "method" in refused(pack(tmp_path / "x.zip", ("a", b"text" * 99), compression=method))


def test_a_member_larger_than_allowed_is_refused_before_it_is_unpacked(tmp_path):
    bomb = pack(tmp_path / "x.zip", ("a", bytes(20_000_000)), compression=zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 50_000
    tracemalloc.start()
    assert "left of the limit" in refused(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_the_limit_is_for_all_files_together(write, tmp_path):
    write({"a": bytes(60), "b": bytes(40)}, tmp_path / "x")
    assert len(read_files(tmp_path / "x", 100)) == 2
    assert "left of the limit" in refused(tmp_path / "x", 99)


def test_a_bomb_that_states_a_small_size_is_refused_without_unpacking_it(tmp_path):
    bomb = pack(tmp_path / "x.zip", ("a", bytes(20_000_000)), compression=zipfile.ZIP_DEFLATED)
    patch(bomb, 24, struct.pack("<I", 100))
    tracemalloc.start()
    refused(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("stated", [0, 99, 101, 9000, 2**32 - 2])
def test_a_size_that_lies_is_refused(stated, compression, tmp_path):
    path = pack(tmp_path / "x.zip", ("a", bytes(range(100))), compression=compression)
    refused(patch(path, 24, struct.pack("<I", stated)))


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("imagetagger.bundle.archive.MAX_FILES", 3)
    assert "at most 3" in refused(pack(tmp_path / "x.zip", *((f"{i}", b"") for i in range(4))))


def test_a_zip_cut_anywhere_is_refused(tmp_path):
    write_zip(FILES, tmp_path / "x.zip")
    whole = (tmp_path / "x.zip").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "x.zip").write_bytes(whole[:length])
        refused(tmp_path / "x.zip")


def test_a_zip_with_any_byte_changed_is_refused_or_gives_no_other_files(tmp_path):
    write_zip(FILES, tmp_path / "x.zip")
    whole, read = (tmp_path / "x.zip").read_bytes(), 0
    for at in range(len(whole)):
        for flip in (1, 0x80, 0xFF):
            (tmp_path / "x.zip").write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            with contextlib.suppress(ArchiveError):
                assert read_files(tmp_path / "x.zip", LIMIT).items() <= FILES.items(), (at, flip)
                read += 1
    assert read < len(whole)  # of three times as many


@pytest.mark.parametrize("content", [b"", b"PK", b"hello" * 100, b"PK\5\6" + bytes(17), b"PK\5\6" + b"\xff" * 18])
def test_something_else_is_refused(content, tmp_path):
    (tmp_path / "x.zip").write_bytes(content)
    assert str(tmp_path / "x.zip") in refused(tmp_path / "x.zip")


def test_nothing_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="where nothing is"):
        read_files(tmp_path / "x", LIMIT)


def test_a_pipe_or_a_device_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe")
    refused(Path("/dev/zero"))


@pytest.mark.parametrize("target", ["a.json", "golden", "../outside", "/etc/passwd", "nowhere", "."])
def test_a_link_in_a_folder_is_refused(target, tmp_path):
    (tmp_path / "outside").write_bytes(b"private")
    write_folder(FILES, tmp_path / "files")
    (tmp_path / "files" / "golden" / "link").symlink_to(target)
    assert "golden/link is a link" in refused(tmp_path / "files")


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "pipe is a link or a special file" in refused(tmp_path)


@pytest.mark.parametrize("name", [".hidden", "golden/.hidden", "a b", "naïve", "a/b/c/e/f", "x\x1b[2J"])
def test_a_stray_file_with_a_name_that_is_not_plain_is_refused(name, tmp_path):
    write_folder(FILES, tmp_path / "files")
    stray = tmp_path / "files" / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"")
    assert "file name" in refused(tmp_path / "files")


def test_empty_folders_are_no_files(tmp_path):
    (tmp_path / "files" / "empty").mkdir(parents=True)
    assert read_files(tmp_path / "files", LIMIT) == {}


def test_a_file_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    def fail(path, mode):
        raise PermissionError(13, "Permission denied")

    write_folder(FILES, tmp_path / "files")
    monkeypatch.setattr(Path, "open", fail)
    assert "Permission denied" in refused(tmp_path / "files")


def test_equal_files_give_equal_zips_in_any_order_at_any_time(tmp_path, monkeypatch):
    write_zip(FILES, tmp_path / "a")
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_zip(dict(reversed(FILES.items())), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_the_new_files_replace_the_old_ones(write, tmp_path):
    write({"old": b"", **FILES}, tmp_path / "files")
    write({"a.json": b"new"}, tmp_path / "files")
    assert read_files(tmp_path / "files", LIMIT) == {"a.json": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_what_cannot_be_written_leaves_the_old_files_and_no_partial_ones(write, tmp_path):
    write(FILES, tmp_path / "files")
    with pytest.raises(ArchiveError):
        write({"b": b"new", "../evil": b""}, tmp_path / "files")
    assert read_files(tmp_path / "files", LIMIT) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_a_folder_that_cannot_be_moved_in_leaves_the_old_one(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_files, "_exchange", lambda *paths: False)
    write_folder(FILES, tmp_path / "files")
    rename = Path.rename

    def fail(path, target):
        if path.name.endswith(".partial"):
            raise OSError("no space left")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no space"):
        write_folder({"a.json": b"new"}, tmp_path / "files")
    assert read_files(tmp_path / "files", LIMIT) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["files"]


def test_a_bundle_that_was_unpacked_looked_into_and_packed_again_can_be_read(tmp_path):
    write_folder(FILES, tmp_path / "a")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"finder")
    assert read_files(tmp_path / "a", 10_000) == FILES
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.mkdir("golden")
        for name, data in {**FILES, "__MACOSX/._x": b"", "golden/.DS_Store": b"finder", "Thumbs.db": b""}.items():
            archive.writestr(name, data)
    assert read_files(tmp_path / "a.zip", 10_000) == FILES


SYSTEM_FILES = [
    *(
        "._a.json",
        "golden/._0.png",
        "@eaDir/a.json/SYNO_THUMB.jpg",
        "golden/@eaDir/x",
        "Icon\r",
        ".DS_Store",
        "Thumbs.db",
    ),
    *(
        "__MACOSX/._x",
        ".AppleDouble/a.json",
        ".Spotlight-V100/Store/x",
        ".Trashes/501/x",
        ".fseventsd/uuid",
        ".dropbox",
    ),
    *("System Volume Information/IndexerVolumeGuid", "$RECYCLE.BIN/S-1-5/desktop.ini", "lost+found/#123", "#recycle/x"),
    *(".sync/ID", ".stfolder/x", ".dropbox.cache/x", "a.json.partial", ".~lock.a.json#", "desktop.ini", "#snapshot/x"),
]


@pytest.mark.parametrize("name", SYSTEM_FILES)
def test_a_bundle_that_was_on_a_stick_or_network_storage_can_be_read(tmp_path, name):  # B15-bundle-on-usb-stick
    write_folder(FILES, tmp_path / "a")
    (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a" / name).write_bytes(b"left by a system")
    assert read_files(tmp_path / "a", 10_000) == FILES
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in sorted((tmp_path / "a").rglob("*")):
            archive.write(file, file.relative_to(tmp_path / "a").as_posix())
    assert read_files(tmp_path / "a.zip", 10_000) == FILES


@pytest.mark.parametrize("name", [".hidden", "golden/.htaccess", "my@eaDir", "@eaDirs/x"])
def test_other_hidden_or_strange_files_are_refused_still(tmp_path, name):
    write_folder(FILES, tmp_path / "a")
    (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a" / name).write_bytes(b"strange")
    with pytest.raises(ArchiveError, match="expected plain relative names"):
        read_files(tmp_path / "a", 10_000)


def test_a_folder_that_was_packed_as_a_whole_can_be_read(tmp_path):
    write_zip({f"bundle/{name}": data for name, data in FILES.items() if name.count("/") < 3}, tmp_path / "a.zip")
    assert read_files(tmp_path / "a.zip", 10_000) == {k: v for k, v in FILES.items() if k.count("/") < 3}


def test_what_was_there_survives_an_interruption_between_old_and_new(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic_files, "_exchange", lambda *paths: False)
    write_folder(FILES, tmp_path / "a")
    rename, calls = Path.rename, []

    def interrupted(self, target):
        calls.append(self)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder({"new": b""}, tmp_path / "a")
    assert read_files(tmp_path / "a", 10_000) == FILES


@pytest.mark.parametrize("name", ["../", "/", "a/../b/", "a//"])
def test_a_folder_entry_with_a_hostile_name_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"")
    with pytest.raises(ArchiveError, match="expected plain relative names"):
        read_files(tmp_path / "a.zip", 10_000)
