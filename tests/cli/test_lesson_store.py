import os
import subprocess
import sys
import time

import pytest
from PIL import Image

from imagetagger.bundle.archive import write_zip
from imagetagger.cli.lesson_store import MAX_VERSIONS, change_lessons, undo_folder, undo_lessons
from imagetagger.cli.terminal import CommandError
from imagetagger.tagger.lesson_file import load_lessons
from tests.helpers.bundles import SIZE
from tests.helpers.taught import YELLOW, bundle, pixels, started, tagger

MAIN = "from imagetagger.cli import main; main()"


def start(*arguments, code: str = MAIN, **environment) -> subprocess.Popen[str]:
    """Start the console script in a new process."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process; its exit code and all it printed."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def add_tag(path, name: str) -> None:
    """Change lessons in this process, by a tagger that knows nothing yet."""
    made = tagger()
    change_lessons(path, made, lambda: f"added {made.add_tag(name)}")


@pytest.fixture
def teach(tmp_path):
    """A function that starts to teach one picture, which no other call teaches, in a process of its own."""
    write_zip(bundle().files, tmp_path / "bundle.zip")

    def begin(number: int, **options) -> subprocess.Popen[str]:
        picture = tmp_path / f"{number}.png"
        Image.fromarray(pixels(YELLOW, number, SIZE)).save(picture)
        where = ("--bundle", tmp_path / "bundle.zip", "--lessons", tmp_path / "lessons.zip")
        return start("learn", "--tag", f"tag {number % 3}", picture, *where, **options)

    return begin


@pytest.mark.slow
def test_ten_processes_that_teach_at_once_lose_nothing(teach, tmp_path):
    processes = [teach(number) for number in range(10)]
    for process in processes:
        code, printed = finish(process)
        assert code == 0, printed
        assert "learned 1 picture" in printed
    lessons, names = load_lessons(tmp_path / "lessons.zip")
    assert len(lessons.pictures) == 10
    assert set(names.values()) == {"tag 0", "tag 1", "tag 2"}
    for left in range(9, -1, -1):
        undo_lessons(tmp_path / "lessons.zip")
        assert left == 0 or len(load_lessons(tmp_path / "lessons.zip")[0].pictures) == left


DIES = """
import os, signal
from imagetagger.cli import lesson_store
from imagetagger.system import atomic_files
from pathlib import Path

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

{patch}
from imagetagger.cli import main; main()
"""
MOMENTS = {
    "while it writes": "os.fsync = die",
    "after it wrote": "lesson_store.file_sha256 = die",
    "before it keeps the old file": "lesson_store._keep = die",
    "after it kept the old file": "keep = lesson_store._keep; lesson_store._keep = lambda *a: die(keep(*a))",
    "after the change": "lesson_store.sync_folder = lambda folder: die() if folder.suffix != '.undo' else None",
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_leaves_whole_lessons_and_no_lock(teach, tmp_path, moment):
    path = tmp_path / "lessons.zip"
    assert finish(teach(0))[0] == 0
    before = path.read_bytes()
    assert finish(teach(1, code=DIES.format(patch=MOMENTS[moment])))[0] < 0
    changed = moment == "after the change"
    assert (path.read_bytes() != before) == changed
    assert len(load_lessons(path)[0].pictures) == 1 + changed
    assert finish(teach(2))[0] == 0
    assert len(load_lessons(path)[0].pictures) == 2 + changed
    for left in range(1 + changed, 0, -1):
        assert undo_lessons(path) == f"learned tag {2 if left > changed else 1} from 1 picture"
        assert len(load_lessons(path)[0].pictures) == left
    assert path.read_bytes() == before
    assert not list(undo_folder(path).glob(".*"))


@pytest.mark.slow
def test_processes_that_are_killed_at_any_time_leave_whole_lessons(teach, tmp_path):
    path, known = tmp_path / "lessons.zip", 0
    for number in range(8):
        running = teach(number)
        time.sleep(0.25 + 0.1 * number)
        running.kill()
        finish(running)
        taught = len(load_lessons(path)[0].pictures) if path.exists() else 0
        assert known <= taught <= number + 1
        known = taught
    assert finish(teach(100))[0] == 0
    assert len(load_lessons(path)[0].pictures) == known + 1


def test_at_most_ten_versions_are_kept_and_the_oldest_goes(tmp_path):
    path = tmp_path / "lessons.zip"
    for number in range(MAX_VERSIONS + 3):
        add_tag(path, f"tag {number}")
    assert len(list(undo_folder(path).glob("*.zip"))) == MAX_VERSIONS
    assert len(list(undo_folder(path).glob("*.json"))) == MAX_VERSIONS
    for number in reversed(range(3, MAX_VERSIONS + 3)):
        assert undo_lessons(path) == f"added user:tag {number}"
        assert set(load_lessons(path)[0].edits.names.values()) == {f"tag {i}" for i in range(number)}
    with pytest.raises(CommandError, match="there is nothing to undo"):
        undo_lessons(path)
    assert len(load_lessons(path)[0].edits.names) == 3


def test_lessons_that_another_program_saved_are_not_undone(tmp_path):
    path = tmp_path / "lessons.zip"
    add_tag(path, "lemon")
    started().save(path)
    saved = path.read_bytes()
    with pytest.raises(CommandError, match="was changed since by another program: nothing was undone"):
        undo_lessons(path)
    assert path.read_bytes() == saved


def test_a_change_that_fails_or_changes_nothing_leaves_the_file_alone(tmp_path):
    path, made = tmp_path / "lessons.zip", tagger()
    with pytest.raises(ValueError, match="no tag"):
        change_lessons(path, made, lambda: made.remove_tag("lemon") or "removed lemon")
    change_lessons(path, made, lambda: "did nothing")
    assert not path.exists()
    assert not undo_folder(path).exists()


def test_only_the_user_can_read_lessons_and_their_versions(tmp_path):
    path = tmp_path / "lessons.zip"
    for name in ("lemon", "lime"):
        add_tag(path, name)
    for file in (path, *undo_folder(path).iterdir()):
        assert file.stat().st_mode & 0o77 == 0, file
    assert undo_folder(path).stat().st_mode & 0o77 == 0


def test_lessons_behind_a_link_stay_behind_it(tmp_path):
    real, link = tmp_path / "disk" / "real.zip", tmp_path / "lessons.zip"
    add_tag(real, "lemon")
    link.symlink_to(real)
    add_tag(link, "lime")
    assert link.is_symlink()
    assert len(load_lessons(real)[0].edits.names) == 2
    undo_lessons(link)
    assert len(load_lessons(real)[0].edits.names) == 1


def test_a_file_system_without_hard_links_copies(tmp_path, monkeypatch):
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(PermissionError("no links")))
    path = tmp_path / "lessons.zip"
    add_tag(path, "lemon")
    before = path.read_bytes()
    add_tag(path, "lime")
    undo_lessons(path)
    assert path.read_bytes() == before
