import gc
import logging
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

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


def data_files(folder: Path) -> list[Path]:
    return sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def flip_bits(folder: Path) -> None:
    largest = data_files(folder)[-1]
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)


def truncate(folder: Path) -> None:
    largest = data_files(folder)[-1]
    largest.write_bytes(largest.read_bytes()[:100])


def lose_files(folder: Path) -> None:
    shutil.rmtree(folder / "default")


def lose_metadata(folder: Path) -> None:
    (folder / "default" / "_METADATA").write_bytes(b"")


@pytest.mark.parametrize("damage", [flip_bits, truncate, lose_files, lose_metadata])
def test_if_the_last_is_damaged_the_one_before_serves(tmp_path, damage, caplog):
    saved(tmp_path, 3, 4)
    damage(tmp_path / "4")
    with caplog.at_level(logging.WARNING, "imagetagger"):
        assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))
    assert f"the checkpoint {tmp_path / '4'} is damaged" in caplog.text
    assert_trees_equal(restore_checkpoint(saved(tmp_path, 4), LIKE), state(4))


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


def test_what_a_killed_writer_left_is_cleared(tmp_path):
    saved(tmp_path, 3)
    shutil.copytree(tmp_path / "3", tmp_path / "4.orbax-checkpoint-tmp")
    assert_trees_equal(restore_checkpoint(tmp_path, LIKE), state(3))
    assert steps(tmp_path) == ["3"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of tasks that Orbax leaves behind
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
