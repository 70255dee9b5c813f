import os
import subprocess
import sys
import time

import pytest

from imagetagger.system import atomic_files, partial_files
from imagetagger.system.atomic_files import atomic_folder, atomic_write
from imagetagger.system.partial_files import ABANDONED_AFTER, partial_file, partial_folder, sweep_leftovers

DIES = """
import os, pathlib, signal
from imagetagger.system.atomic_files import {function}
with {function}(pathlib.Path({target!r})) as partial:
    (partial / "half" if partial.is_dir() else partial).write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def age(path, seconds=ABANDONED_AFTER + 60):
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("function", ["atomic_write", "atomic_folder"])
def test_what_a_killed_process_left_is_swept_at_the_next_write_in_that_folder(tmp_path, function):
    script = DIES.format(function=function, target=str(tmp_path / "note"))
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    (left,) = names(tmp_path)
    assert left.endswith(".partial")
    with atomic_write(tmp_path / "other") as partial:
        partial.write_text("new")
    assert names(tmp_path) == ["other"]


def test_a_partial_file_or_folder_that_is_being_written_is_never_swept(tmp_path):
    with partial_file(tmp_path, 0o666) as file, partial_folder(tmp_path) as folder:
        age(file)
        age(folder)
        sweep_leftovers(tmp_path, "note")
        assert file.exists()
        assert folder.exists()
    assert names(tmp_path) == []


def test_a_writer_that_is_swept_before_it_has_locked_begins_again(tmp_path, monkeypatch):
    lock, swept = partial_files._lock, []

    def sweeping(handle, path):
        if not swept:
            swept.append(path)
            sweep_leftovers(tmp_path, "note")
        return lock(handle, path)

    monkeypatch.setattr(partial_files, "_lock", sweeping)
    with partial_file(tmp_path, 0o666) as file:
        assert file.exists()
        assert file != swept[0]
        assert not swept[0].exists()


@pytest.mark.parametrize(("is_old", "is_swept"), [(False, False), (True, True)])
@pytest.mark.parametrize(
    "name",
    [".imagetagger-00000000-0123456789abcdef.partial", ".note.zip.ab_d123z.partial", ".note.zip.ab_d123z.old"],
    ids=["another machine's", "an earlier version's", "an earlier version's folder"],
)
def test_what_cannot_be_proved_dead_is_swept_after_a_day(tmp_path, name, is_old, is_swept):
    (tmp_path / name).mkdir() if name.endswith(".old") else (tmp_path / name).touch()
    if is_old:
        age(tmp_path / name)
    sweep_leftovers(tmp_path, "note.zip")
    assert (tmp_path / name).exists() == (not is_swept)


def test_without_locks_a_partial_file_is_swept_after_a_day(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(partial_files.fcntl, "flock", refuse)
    with partial_file(tmp_path, 0o666) as file:
        sweep_leftovers(tmp_path, "note")
        assert file.exists()
        age(file)
        sweep_leftovers(tmp_path, "note")
        assert not file.exists()


@pytest.mark.parametrize("name", ["notes.partial", ".hidden.partial", ".x.ab_d123z.partial", ".imagetagger-1.old"])
def test_other_files_are_left_alone_whatever_their_age(tmp_path, name):
    (tmp_path / name).touch()
    age(tmp_path / name)
    sweep_leftovers(tmp_path, "note")
    assert names(tmp_path) == [name]


def test_links_and_pipes_with_such_names_are_left_alone(tmp_path):
    with partial_file(tmp_path, 0o666) as file:
        link, pipe = (file.with_name(file.name.replace(file.name[23:25], digits)) for digits in ("ab", "cd"))
    (tmp_path / "kept").touch()
    link.symlink_to(tmp_path / "kept")
    os.mkfifo(pipe)
    sweep_leftovers(tmp_path, "note")
    assert names(tmp_path) == sorted([link.name, pipe.name, "kept"])


@pytest.mark.parametrize("stays", [False, True])
def test_a_folder_that_was_moved_aside_is_put_back_unless_another_took_its_place(tmp_path, stays):
    script = f"""
import os, pathlib, signal
from imagetagger.system import atomic_files
atomic_files._exchange = lambda *paths: False
target, rename = pathlib.Path({str(tmp_path / "bundle")!r}), pathlib.Path.rename
def dying(path, to):
    if path.suffix == ".partial" and to.name == "bundle":
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, to)
target.mkdir()
(target / "old").touch()
pathlib.Path.rename = dying
with atomic_files.atomic_folder(target) as partial:
    (partial / "new").touch()
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    assert not (tmp_path / "bundle").exists()
    if stays:
        (tmp_path / "bundle").mkdir()
    sweep_leftovers(tmp_path, "anything")
    assert names(tmp_path) == ["bundle"]
    assert names(tmp_path / "bundle") == ([] if stays else ["old"])


@pytest.mark.parametrize("exchanges", [False, True])
def test_a_folder_is_replaced_with_all_that_was_in_it(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(atomic_files, "_exchange", lambda *paths: False)
    for content in ("old", "new"):
        with atomic_folder(tmp_path / "bundle") as partial:
            (partial / content).touch()
    assert names(tmp_path) == ["bundle"]
    assert names(tmp_path / "bundle") == ["new"]
