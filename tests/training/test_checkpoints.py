import gc
import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from imagetagger.training import checkpoints
from imagetagger.training.checkpoints import delete_checkpoints, restore_checkpoint, save_checkpoint
from imagetagger.training.objective import LinearHead
from tests.helpers.training import assert_trees_equal, tiny_params


def state(number: int) -> tuple:
    rng = np.random.default_rng(number)
    arrays = {"key": np.array([1, 2], np.uint32), "step": np.array(number), "mask": np.array([True, False])}
    return tiny_params(number), arrays, rng.normal(size=(30, 40)), None


LIKE = state(0)


def saved(folder: Path, *numbers: int) -> Path:
    for number in numbers:
        save_checkpoint(folder, number, state(number))
    return folder


def steps(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_last_state_comes_back_bit_by_bit(tmp_path):
    saved(tmp_path / "a", 1, 2, 10)
    got = restore_checkpoint(tmp_path / "a", LIKE)
    assert_trees_equal(got, state(10))
    assert isinstance(got[0].linear, LinearHead)
    assert steps(tmp_path / "a") == ["10", "2"]


def test_without_checkpoints_there_is_nothing(tmp_path):
    assert restore_checkpoint(tmp_path / "none", LIKE) is None
    assert not (tmp_path / "none").exists()
    (tmp_path / "empty").mkdir()
    assert restore_checkpoint(tmp_path / "empty", LIKE) is None


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def add_another(path: Path) -> None:
    shutil.copy(path, path.with_name("another"))


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, empty, Path.unlink, add_another])
def test_damage_to_any_file_is_seen_before_orbax_opens_it(tmp_path, damage, caplog):
    """Orbax would leave tasks behind, whose errors come at a random moment."""
    sound = saved(tmp_path / "sound", 4) / "4"
    files = [path.relative_to(sound) for path in sound.rglob("*") if path.is_file()]
    files.remove(Path("digests.json"))
    assert Path("arrays/_METADATA") in files
    for file in files:
        folder = tmp_path / file.name
        damage(shutil.copytree(sound, folder / "4") / file)
        caplog.clear()
        assert restore_checkpoint(folder, LIKE) is None
        damaged = file.with_name("another") if damage is add_another else file
        assert f"the checkpoint {folder / '4'} is damaged (got other contents of {damaged.as_posix()} " in caplog.text
        assert steps(folder) == []


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, empty, Path.unlink])
def test_if_the_last_is_damaged_the_one_before_serves(tmp_path, damage, caplog):
    saved(tmp_path, 3, 4)
    damage(tmp_path / "4" / "digests.json")
    assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))
    assert f"the checkpoint {tmp_path / '4'} is damaged" in caplog.text
    assert steps(tmp_path) == ["3"]
    assert_trees_equal(restore_checkpoint(saved(tmp_path, 4), LIKE), state(4))


def test_a_checkpoint_without_digests_is_reported_and_not_used(tmp_path, caplog):
    """As earlier versions wrote them."""
    saved(tmp_path, 3, 4)
    (tmp_path / "4" / "digests.json").unlink()
    (tmp_path / "4" / "arrays").rename(tmp_path / "4" / "default")
    assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))
    assert "4 is damaged (got no digests.json, which is written last): it is deleted" in caplog.text


def test_a_checkpoint_that_was_read_can_be_read_again(tmp_path):
    saved(tmp_path, 3)
    for _ in range(2):
        assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))


def test_a_state_of_another_structure_is_reported_and_not_used(tmp_path, caplog):
    others = [
        (*LIKE[:3], np.zeros(2)),
        (*LIKE[:2], np.zeros((30, 41)), None),
        (*LIKE[:2], np.zeros((30, 40), np.float32), None),
    ]
    for other in others:
        caplog.clear()
        saved(tmp_path, 5)
        assert restore_checkpoint(tmp_path, other) is None
        assert "another structure" in caplog.text
        assert steps(tmp_path) == []


@pytest.mark.parametrize("last", ["_check_room", "_digests"])
def test_a_writer_that_is_interrupted_leaves_the_checkpoints_before_it(tmp_path, monkeypatch, last):
    saved(tmp_path, 2, 3)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, last, interrupt)
        with pytest.raises(KeyboardInterrupt):
            saved(tmp_path, 4)
    assert steps(tmp_path) == ["2", "3"]
    assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))


def test_what_a_killed_writer_left_is_not_used_and_cleared(tmp_path):
    saved(tmp_path, 3)
    left = tmp_path / f".imagetagger-{'0' * 8}-{'0' * 16}.partial"
    shutil.copytree(tmp_path / "3", left / "arrays")
    long_ago = time.time() - 1e6
    os.utime(left, (long_ago, long_ago))
    assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))
    assert steps(saved(tmp_path, 4)) == ["3", "4"]


def test_a_full_disk_is_an_error_that_names_the_folder_and_spares_the_last_checkpoint(tmp_path):
    saved(tmp_path, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match=r"cannot be written: .*Expected a folder with free space") as caught:
            save_checkpoint(tmp_path, 4, state(4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(tmp_path / "4") in str(caught.value)
    del caught
    gc.collect()
    assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "deep", 1, state(1))
    assert (tmp_path / "file").read_text() == "mine"


def test_checkpoints_are_deleted(tmp_path):
    delete_checkpoints(saved(tmp_path / "a", 1))
    delete_checkpoints(tmp_path / "a")
    assert not (tmp_path / "a").exists()
