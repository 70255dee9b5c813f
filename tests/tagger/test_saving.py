import errno
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from imagetagger.tagger import lessons, saving
from imagetagger.tagger.lesson_file import load_lessons
from imagetagger.tagger.lessons import LessonError, merge_changes, picture_id
from imagetagger.tagger.saving import locked_lessons
from imagetagger.tagger.tagger import Tagger
from tests.helpers.taught import YELLOW, counts, folder, pixels, seen, started, tagger


def taught(path):
    """Numbers of taught pictures by tag, in a file."""
    return {name: number for name, (_, number) in counts(Tagger.load(folder(), path)).items() if number}


def learn(made, tag, *seeds):
    if not made.has_tag(tag):
        made.add_tag(tag)
    for seed in seeds:
        made.learn(pixels(YELLOW, seed), [tag])


def test_two_taggers_that_save_to_one_file_unite_what_they_taught(tmp_path):
    """Case R09-written-files."""
    first, second, path = tagger(), tagger(), tmp_path / "mine.zip"
    learn(first, "lemon", 1, 2)
    learn(second, "lemon", 2, 3)
    learn(second, "lime", 4)
    first.save(path)
    second.save(path)
    assert taught(path) == {"lemon": 3, "lime": 1}
    learn(first, "lemon", 5)
    first.save(path)
    assert taught(path) == {"lemon": 4, "lime": 1}


def test_what_one_forgets_renames_or_removes_stays_so_when_another_saved_in_between(tmp_path):
    path = tmp_path / "mine.zip"
    made = tagger()
    learn(made, "lemon", 1, 2)
    learn(made, "lime", 3)
    made.save(path)
    first, second = Tagger.load(folder(), path), Tagger.load(folder(), path)
    first.forget(pixels(YELLOW, 1), ["lemon"])
    first.rename_tag("lemon", "citron")
    first.hide_tag("red")
    first.save(path)
    second.remove_tag("lime")
    learn(second, "lemon", 7)
    second.save(path)
    assert taught(path) == {"citron": 2}
    assert [name for _, name in Tagger.load(folder(), path).hidden] == ["red"]
    first.undo()
    first.undo()
    first.save(path)
    assert taught(path) == {"lemon": 2}


def test_a_tagger_that_forgets_what_it_saved_takes_it_out_of_the_file(tmp_path):
    path, made = tmp_path / "mine.zip", tagger()
    learn(made, "lemon", 1, 2)
    made.save(path)
    made.forget(pixels(YELLOW, 1), ["lemon"])
    made.save(path)
    assert taught(path) == {"lemon": 1}
    made.undo()
    made.save(path)
    assert taught(path) == {"lemon": 2}


@pytest.mark.parametrize("way", ["load", "replace", "merge"])
def test_what_is_forgotten_of_a_file_that_was_read_stays_forgotten(tmp_path, way):
    path = tmp_path / "mine.zip"
    started().save(path)
    made = Tagger.load(folder(), path if way == "load" else None)
    if way == "replace":
        made.replace_lessons(path)
    if way == "merge":
        learn(made, "lime", 9)
        made.merge_lessons(path)
    made.forget(pixels("red", 1), ["red"])
    made.save(path)
    assert taught(path) == {"lemon": 1, "red": 2} | ({"lime": 1} if way == "merge" else {})


def test_a_file_that_nobody_else_changed_is_what_the_tagger_holds(tmp_path):
    path, made = tmp_path / "mine.zip", started()
    made.save(path)
    learn(made, "lime", 5)
    made.save(path)
    assert seen(Tagger.load(folder(), path)) == seen(made)


@pytest.mark.parametrize("content", [b"something else", b"PK\3\4 cut"])
def test_a_file_that_is_something_else_is_only_replaced_if_asked_to(tmp_path, content):
    path, made = tmp_path / "mine.zip", started()
    path.write_bytes(content)
    with pytest.raises(LessonError, match=r"mine\.zip cannot be used as lessons.*replace=True"):
        made.save(path)
    assert path.read_bytes() == content
    made.save(path, replace=True)
    assert taught(path) == {"lemon": 1, "red": 3}


def test_an_empty_file_is_one_without_lessons(tmp_path):
    (tmp_path / "mine.zip").touch()
    started().save(tmp_path / "mine.zip")
    assert taught(tmp_path / "mine.zip") == {"lemon": 1, "red": 3}


def test_a_folder_is_refused_by_name(tmp_path):
    with pytest.raises(IsADirectoryError, match="which is a folder: expected the name of a file"):
        started().save(tmp_path)


def test_lessons_behind_a_link_are_saved_behind_it(tmp_path):
    """Case R09-written-files."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "mine.zip").symlink_to("disk/real.zip")
    for seed in (1, 2):
        made = tagger()
        learn(made, "lemon", seed)
        made.save(tmp_path / "mine.zip")
    assert (tmp_path / "mine.zip").is_symlink()
    assert taught(tmp_path / "disk" / "real.zip") == {"lemon": 2}


def test_a_save_waits_for_another_process_that_holds_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "PATIENCE", 0.1)
    path = tmp_path / "mine.zip"
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(path,))
    holder.start()
    while not (tmp_path / "held").exists():
        assert holder.is_alive()
    with locked_lessons(path, (tmp_path / "waited").touch) as is_locked:
        assert is_locked
        assert (tmp_path / "waited").exists()
        assert (tmp_path / "freed").exists()
    holder.join()


def _hold(path):
    with locked_lessons(path):
        (path.parent / "held").touch()
        while not (path.parent / "waited").exists():
            time.sleep(0.01)
        (path.parent / "freed").touch()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
@pytest.mark.skipif(os.name != "posix", reason="locks of another kind")
def test_on_a_share_without_locks_what_others_saved_is_kept_all_the_same(tmp_path, monkeypatch, caplog, code):
    import fcntl

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / "mine.zip"
    first, second = tagger(), tagger()
    for seed, made in enumerate((first, second, first)):
        learn(made, "lemon", seed)
        made.save(path)
    assert taught(path) == {"lemon": 3}
    assert f"{path} cannot be locked" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="permissions of another kind")
def test_the_lock_has_the_permissions_that_the_umask_leaves(tmp_path):
    """Another user of a shared folder must be able to take it."""
    before = os.umask(0o002)
    try:
        with locked_lessons(tmp_path / "mine.zip"):
            assert (tmp_path / "mine.zip.lock").stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(before)


def shared(path, seeds=(1, 2)):
    """A file of lessons that somebody else saved."""
    other = tagger()
    learn(other, "lemon", *seeds)
    other.save(path)


def test_a_file_whose_lessons_were_not_adopted_is_not_taken_for_known(tmp_path, monkeypatch):
    path, made = tmp_path / "mine.zip", tagger()
    shared(path)
    learn(made, "lime", 3)
    with monkeypatch.context() as patch:
        patch.setattr(lessons, "MAX_OWN_TAGS", 1)
        with pytest.raises(LessonError, match="got 2 tags that were added"):
            made.merge_lessons(path)
    made.save(path)
    assert taught(path) == {"lemon": 2, "lime": 1}


@pytest.mark.parametrize("way", ["merge_lessons", "replace_lessons"])
@pytest.mark.parametrize("saves", [False, True])
def test_undoing_what_a_file_was_read_for_takes_nothing_out_of_the_file(tmp_path, way, saves):
    path, made = tmp_path / "mine.zip", tagger()
    shared(path)
    learn(made, "lime", 3)
    getattr(made, way)(path)
    if saves:
        learn(made, "lemon", 4)
        made.save(path)
        made.undo()
    made.undo()
    assert counts(made)["lime"] == (1, 1)
    assert "lemon" not in counts(made)
    made.save(path)
    assert taught(path) == {"lemon": 2 + saves, "lime": 1}


def test_undoing_a_lesson_that_a_file_held_as_well_takes_nothing_out_of_the_file(tmp_path):
    path, made = tmp_path / "mine.zip", tagger()
    shared(path, [1])
    learn(made, "lemon", 1)
    made.merge_lessons(path)  # nothing new
    made.undo()
    made.save(path)
    assert taught(path) == {"lemon": 1}


def test_undoing_a_merge_with_the_file_that_was_loaded_keeps_what_others_saved_there_since(tmp_path):
    path = tmp_path / "mine.zip"
    shared(path, [1])
    made = Tagger.load(folder(), path)
    shared(path, [2])
    made.merge_lessons(path)
    made.save(path)
    made.undo()
    made.forget(pixels(YELLOW, 1), ["lemon"])
    made.save(path)
    made.save(path)
    assert taught(path) == {"lemon": 1}
    assert list(load_lessons(path)[0].pictures) == [picture_id(made.decode(pixels(YELLOW, 2)))]


def test_what_a_twin_forgets_stays_forgotten(tmp_path):
    path, made = tmp_path / "mine.zip", tagger()
    learn(made, "lemon", 1, 2)
    made.save(path)
    twin = made.twin()
    twin.forget(pixels(YELLOW, 1), ["lemon"])
    twin.save(path)
    assert taught(path) == {"lemon": 1}
    learn(made, "lime", 3)
    made.save(path)
    assert taught(path) == {"lemon": 1, "lime": 1}


def test_what_is_forgotten_after_a_file_was_replaced_stays_forgotten(tmp_path):
    path, made = tmp_path / "mine.zip", tagger()
    learn(made, "lemon", 1, 2)
    made.save(path, replace=True)
    made.forget(pixels(YELLOW, 1), ["lemon"])
    made.save(path)
    assert taught(path) == {"lemon": 1}


def test_merging_changes_is_the_same_whoever_comes_first_where_they_touch_different_pictures(tmp_path):
    path = tmp_path / "mine.zip"
    started().save(path)
    base = load_lessons(path)[0]
    first, second = Tagger.load(folder(), path), Tagger.load(folder(), path)
    learn(first, "lemon", 5)
    first.forget(pixels("red", 1), ["red"])
    learn(second, "red", 6)
    second.forget(pixels("red", 2), ["red"])
    a, b = first.lessons, second.lessons
    one, other = merge_changes(base, a, b), merge_changes(base, b, a)
    assert tags(one) == tags(other)
    assert tags(merge_changes(base, a, base)) == tags(merge_changes(base, base, a)) == tags(a)
    assert tags(merge_changes(base, a, a)) == tags(a)


def tags(lessons):
    return {key: picture.tags for key, picture in lessons.pictures.items()}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_saving_where_no_file_can_be_made_ends(monkeypatch):
    monkeypatch.setattr(saving, "PATIENCE", 0.1)
    made = tagger()
    learn(made, "lemon", 1)
    with pytest.raises(OSError, match=r"/proc/mine\.zip cannot be written"):
        made.save("/proc/mine.zip")
