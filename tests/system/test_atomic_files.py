import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import platformdirs
import pytest

from imagetagger.system.atomic_files import atomic_write, cache_directory


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


def test_others_may_read_what_was_written(tmp_path):
    with atomic_write(tmp_path / "note.txt") as partial:
        partial.write_text("shared")
    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o644


def test_the_cache_is_the_setting_else_the_variable_else_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGETAGGER_CACHE", str(tmp_path / "variable"))
    assert cache_directory(str(tmp_path / "setting")) == tmp_path / "setting"
    assert cache_directory() == tmp_path / "variable"
    monkeypatch.delenv("IMAGETAGGER_CACHE")
    assert str(cache_directory()) == platformdirs.user_cache_dir("imagetagger")


def test_the_cache_may_be_named_from_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory("~/cache") == tmp_path / "cache"
