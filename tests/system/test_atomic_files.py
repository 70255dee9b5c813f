import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest

from imagetagger.system.atomic_files import atomic_folder, atomic_write, cache_directory


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_new_content_replaces_the_old_when_the_block_ends(tmp_path):
    target = tmp_path / "deep" / "deeper" / "note.txt"
    for content in ("first", "second"):
        with atomic_write(target) as partial:
            partial.write_text(content)
            assert partial.parent == target.parent
            assert not target.exists() or target.read_text() == "first"
        assert target.read_text() == content
    assert names(target.parent) == ["note.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_the_old_file_and_no_partial_one(tmp_path, error):
    target = tmp_path / "note.txt"
    target.write_text("old")

    def write_half() -> None:
        with atomic_write(target) as partial:
            partial.write_text("half of the n")
            raise error

    with pytest.raises(error):
        write_half()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["note.txt"]


def test_kill_9_in_the_middle_leaves_the_old_content(tmp_path):
    target = tmp_path / "note.txt"
    target.write_text("old")
    script = f"""
import pathlib, time
from imagetagger.system.atomic_files import atomic_write
with atomic_write(pathlib.Path({str(target)!r})) as partial, partial.open("w") as file:
    file.write("half of the n")
    file.flush()
    print("ready", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "ready\n"
        writer.kill()
    assert writer.returncode == -9
    assert target.read_text() == "old"
    with atomic_write(target) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"


def test_a_block_that_removes_its_partial_file_leaves_the_old_one(tmp_path):
    target = tmp_path / "note.txt"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(target) as partial:
        partial.unlink()
    assert names(tmp_path) == ["note.txt"]
    assert target.read_text() == "old"


def test_concurrent_writers_leave_one_whole_file_and_readers_see_no_other(tmp_path):
    target = tmp_path / "note.txt"
    contents = {str(i) * 200_000 for i in range(4)}
    target.write_text("0" * 200_000)
    done = threading.Event()

    def write(content: str) -> None:
        for _ in range(15):
            with atomic_write(target) as partial:
                partial.write_text(content)

    def read() -> set[str]:
        seen = set()
        while not done.is_set():
            seen.add(target.read_text())
        return seen

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(read)
        try:
            list(pool.map(write, contents))
        finally:
            done.set()
        assert reader.result() <= contents
    assert target.read_text() in contents
    assert names(tmp_path) == ["note.txt"]


def test_the_cache_is_the_setting_else_the_variable_else_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETAGGER_CACHE", str(tmp_path / "variable"))
    assert cache_directory(str(tmp_path / "setting")) == tmp_path / "setting"
    assert cache_directory() == tmp_path / "variable"
    monkeypatch.delenv("IMAGETAGGER_CACHE")
    assert str(cache_directory()) == platformdirs.user_cache_dir("imagetagger")


def test_the_cache_may_be_named_from_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory("~/cache") == tmp_path / "cache"


@pytest.fixture
def umask():
    """A function that sets the umask until the test is over."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002, 0o000])
def test_a_new_file_or_folder_has_the_permissions_that_the_umask_leaves(tmp_path, umask, mask):
    """Case R09-written-files."""
    umask(mask)
    with atomic_write(tmp_path / "deep" / "note") as partial:
        partial.write_text("x")
    with atomic_folder(tmp_path / "bundle") as partial:
        (partial / "file").write_text("x")
    assert mode(tmp_path / "deep" / "note") == 0o666 & ~mask
    assert mode(tmp_path / "bundle" / "file") == 0o666 & ~mask
    assert mode(tmp_path / "deep") == mode(tmp_path / "bundle") == 0o777 & ~mask


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("before", [0o600, 0o640, 0o444, 0o755])
def test_a_replaced_file_keeps_its_permissions_unless_it_is_private(tmp_path, umask, before, private):
    (tmp_path / "note").touch()
    (tmp_path / "note").chmod(before)
    with atomic_write(tmp_path / "note", private=private) as partial:
        partial.write_text("x")
        assert mode(partial) & 0o077 & ~before == 0
    assert mode(tmp_path / "note") == (0o600 if private else before)


@pytest.mark.parametrize("exists", [True, False])
def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path, exists):
    """Case R09-written-files."""
    (tmp_path / "stick").mkdir()
    target = tmp_path / "stick" / "note"
    if exists:
        target.write_text("old")
    (tmp_path / "middle").symlink_to("stick/note")
    (tmp_path / "note").symlink_to("middle")
    with atomic_write(tmp_path / "note") as partial:
        partial.write_text("new")
    assert (tmp_path / "note").is_symlink()
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert names(tmp_path / "stick") == ["note"]


def test_the_folder_that_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "stick" / "bundle").mkdir(parents=True)
    (tmp_path / "stick" / "bundle" / "old").touch()
    (tmp_path / "bundle").symlink_to("stick/bundle")
    with atomic_folder(tmp_path / "bundle") as partial:
        (partial / "new").touch()
    assert (tmp_path / "bundle").is_symlink()
    assert names(tmp_path / "stick" / "bundle") == ["new"]


def write(path):
    with atomic_write(path) as partial:
        partial.write_text("x")


def test_links_in_a_circle_and_links_out_of_reach_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "unplugged").symlink_to("stick/note")
    with pytest.raises(OSError, match="leads in a circle"):
        write(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="whose folder does not exist"):
        write(tmp_path / "unplugged")
    assert names(tmp_path) == ["a", "b", "unplugged"]


def test_a_folder_a_pipe_and_a_device_are_refused_as_files_and_a_file_as_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(IsADirectoryError, match="folder, which is a folder: expected the name of a file"):
        write(tmp_path / "folder")
    for special in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(OSError, match="is a device or a pipe"):
            write(special)
    with pytest.raises(NotADirectoryError, match="is a file"), atomic_folder(tmp_path / "file"):
        pass
    assert names(tmp_path) == ["file", "folder", "pipe"]


@pytest.mark.parametrize("name", ["n" * 245, "n" * 255, "ü" * 127, "漢" * 85, "👨‍👩‍👧" * 14], ids=len)
def test_any_name_that_the_system_takes_can_be_written(tmp_path, name):
    """Case R09-written-files."""
    write(tmp_path / name)
    with atomic_folder(tmp_path / "folders" / name) as partial:
        (partial / "x").touch()
    assert names(tmp_path) == ["folders", name] if name > "folders" else [name, "folders"]


@pytest.fixture
def full_disk(monkeypatch):
    """A disk on which a file cannot be made durable."""

    def fail(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


def test_a_full_disk_is_said_with_the_name_of_the_file_and_leaves_the_old_one(tmp_path, full_disk):
    (tmp_path / "note").write_text("old")
    with pytest.raises(OSError, match="note cannot be written: No space left on device") as error:
        write(tmp_path / "note")
    assert error.value.errno == errno.ENOSPC
    assert (tmp_path / "note").read_text() == "old"
    assert names(tmp_path) == ["note"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=str(tmp_path)):
        write(tmp_path / "note")
    tmp_path.chmod(0o700)


LARGE = {
    "a file": "partial.write_bytes(bytes(10_000_000))",
    "a zip": "import zipfile; zipfile.ZipFile(partial, 'w').writestr('x', bytes(10_000_000))",
}


@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
def test_whatever_writes_to_a_full_disk_is_said_in_one_line(tmp_path, content):
    """Case R09-written-files: the limit of a file's size stands for the disk."""
    script = f"""
import pathlib, resource
from imagetagger.system.atomic_files import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    with atomic_write(pathlib.Path("note")) as partial:
        {content}
except OSError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "note cannot be written: File too large\n"
    assert names(tmp_path) == []
