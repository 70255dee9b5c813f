import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from imagetagger.embedding import cache
from imagetagger.embedding.cache import aligned_empty, delete_unchecked, read_embeddings, read_index, write_shard
from imagetagger.system import checked_files

FEATURES = 5


def made(numbers) -> tuple[list[bytes], np.ndarray]:
    """Ids, and the embeddings that belong to them."""
    ids = [int(number).to_bytes(16, "big") for number in numbers]
    return ids, np.array([np.arange(FEATURES) + 10 * number for number in numbers], np.float32)


def read(folder, ids) -> np.ndarray:
    """Embeddings of ids that are all cached."""
    got = read_embeddings(read_index(folder), ids)
    assert got.is_cached.all()
    return got.embeddings


def fill(folder, *shards):
    for numbers in shards:
        write_shard(folder, *made(numbers))
    return sorted(folder.glob("*.safetensors"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(range(40)), min_size=1, max_size=60), st.integers(1, 40))
def test_embeddings_come_back_in_the_order_of_their_ids(tmp_path_factory, numbers, shard_size):
    folder = tmp_path_factory.mktemp("space")
    fill(folder, *(range(first, min(first + shard_size, 40)) for first in range(0, 40, shard_size)))
    ids, expected = made(numbers)
    got = read(folder, ids)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


def test_embeddings_come_back_bit_for_bit(tmp_path):
    ids = [bytes(15) + bytes([i]) for i in range(3)]
    x = np.random.default_rng(0).normal(size=(3, 1280)).astype(np.float32)
    x[0, :3] = [np.finfo(np.float32).tiny / 4, -0.0, np.finfo(np.float32).max]
    write_shard(tmp_path, ids, np.asfortranarray(x))
    assert read(tmp_path, ids).tobytes() == x.tobytes()


def test_no_ids_read_nothing(tmp_path):
    assert read_index(tmp_path / "no folder") == {}
    assert len(read_embeddings({}, []).embeddings) == 0


def test_what_is_not_cached_is_said(tmp_path):
    fill(tmp_path, [1, 2], [5])
    ids, expected = made([3, 2, 4, 5, 2])
    got = read_embeddings(read_index(tmp_path), ids)
    assert got.is_cached.tolist() == [False, True, False, True, True]
    np.testing.assert_array_equal(got.embeddings[got.is_cached], expected[got.is_cached])
    assert not read_embeddings(read_index(tmp_path), made([7])[0]).is_cached.any()


def test_only_the_shards_needed_are_read(tmp_path):
    fill(tmp_path, [1, 2], [3, 4])
    index = read_index(tmp_path)
    index[made([3])[0][0]].shard.unlink()
    ids, expected = made([2, 1])
    np.testing.assert_array_equal(read_embeddings(index, ids).embeddings, expected)


def test_the_same_pictures_give_the_same_shard_and_others_another(tmp_path):
    assert len(fill(tmp_path, [1, 2], [1, 2])) == 1
    assert len(fill(tmp_path, [2, 1], [1], [1, 2, 3])) == 4


@pytest.mark.parametrize("others", ["note.txt", ".x.safetensors.abc.partial"])
def test_other_files_in_the_folder_are_left_alone(others, tmp_path, caplog):
    fill(tmp_path, [1, 2])
    (tmp_path / others).write_bytes(b"half a shard")
    assert len(read_index(tmp_path)) == 2
    assert (tmp_path / others).exists()
    assert not caplog.text


def foreign(path):
    save_file({"weights": np.zeros(3)}, path)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "a few bytes": lambda path: path.write_bytes(path.read_bytes()[:5]),
    "half the header": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "the last byte missing": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "bytes too many": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size)),
    "html": lambda path: path.write_bytes(b"<!DOCTYPE html>" * 50),
    "another safetensors file": foreign,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_reported_and_deleted_and_can_be_written_again(damage, tmp_path, caplog):
    damaged = write_shard(tmp_path, *made([1, 2, 3]))
    fill(tmp_path, [4, 5])
    DAMAGES[damage](damaged)
    index = read_index(tmp_path)
    assert sorted(index) == made([4, 5])[0]
    assert f"{damaged} is damaged" in caplog.text
    caplog.clear()
    read_index(tmp_path)
    assert not caplog.text
    fill(tmp_path, [1, 2, 3])
    ids, expected = made([3, 4, 1])
    np.testing.assert_array_equal(read(tmp_path, ids), expected)


def bits(path) -> list[tuple[int, int]]:
    """A bit of every byte of the header, and of every third byte of the contents of a shard."""
    size = path.stat().st_size
    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    return [(byte, byte % 8) for byte in (*range(header), *range(header, size, 3), size - 1)]


def test_any_flipped_bit_of_a_shard_is_found_said_once_and_mended(tmp_path, caplog):  # R04-damaged-cache
    ids, expected = made([1, 2, 3])
    shard = write_shard(tmp_path, ids, expected)
    sound = shard.read_bytes()
    for byte, bit in bits(shard):
        caplog.clear()
        flipped = bytearray(sound)
        flipped[byte] ^= 1 << bit
        shard.write_bytes(flipped)
        assert not read_embeddings(read_index(tmp_path), ids).is_cached.any(), (byte, bit)
        assert caplog.text.count(f"{shard} is damaged") == 1
        assert not shard.exists()
        assert write_shard(tmp_path, ids, expected) == shard
        np.testing.assert_array_equal(read(tmp_path, ids), expected)


def test_a_flipped_bit_of_the_checksum_is_found(tmp_path):
    ids, expected = made([1, 2, 3])
    shard = write_shard(tmp_path, ids, expected)
    for position, character in enumerate(shard.stem):
        other = shard.rename(
            tmp_path / f"{shard.stem[:position]}{chr(ord(character) ^ 1)}{shard.stem[position + 1 :]}.safetensors"
        )
        assert not read_embeddings(read_index(tmp_path), ids).is_cached.any()
        assert other.exists() == (character == "-")  # then it is no shard
        other.unlink(missing_ok=True)
        write_shard(tmp_path, ids, expected)


def test_a_shard_under_the_name_of_another_is_not_believed(tmp_path, caplog):
    first, second = fill(tmp_path, [1, 2], [3, 4])
    second.write_bytes(first.read_bytes())
    got = read_embeddings(read_index(tmp_path), made([1, 2, 3, 4])[0])
    assert got.is_cached.sum() == 2
    assert f"{second} is damaged" in caplog.text
    assert first.exists()


def test_a_shard_of_another_space_is_not_believed(tmp_path, caplog):
    (shard,) = fill(tmp_path / "a-1", [1, 2])
    (tmp_path / "b-1").mkdir()
    moved = shard.rename(tmp_path / "b-1" / shard.name)
    assert read_index(tmp_path / "b-1") == {}
    assert f"{moved} is damaged (got embeddings of space 'a-1', expected 'b-1')" in caplog.text


def test_a_shard_that_the_disk_cannot_read_is_given_up(tmp_path, monkeypatch, caplog):
    (shard,) = fill(tmp_path, [1, 2])
    index = read_index(tmp_path)

    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert not read_embeddings(index, made([1])[0]).is_cached.any()
    assert f"{shard} is damaged" in caplog.text


def test_a_damaged_shard_that_cannot_be_deleted_is_still_not_believed(tmp_path, monkeypatch, caplog):
    (shard,) = fill(tmp_path, [1, 2])
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")

    def refuse(path, missing_ok=False):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not read_embeddings(read_index(tmp_path), made([1])[0]).is_cached.any()
    assert f"{shard} is damaged" in caplog.text


def test_shards_of_an_earlier_version_are_said_and_deleted(tmp_path, caplog):
    """They have no checksum, and that version could store another picture's embedding under an id."""
    ids, embeddings = made([1, 2])
    old = tmp_path / f"{'0a' * 12}.safetensors"
    save_file({"id": np.frombuffer(b"".join(ids), np.uint8).reshape(2, 16), "embedding": embeddings}, old)
    fill(tmp_path, [3])
    delete_unchecked(tmp_path)
    assert not old.exists()
    assert "files of an earlier version without a checksum: 1;" in caplog.text
    assert list(read_index(tmp_path)) == made([3])[0]
    caplog.clear()
    delete_unchecked(tmp_path)
    assert not caplog.text


@pytest.mark.parametrize("moment", ["before it is opened", "before it is deleted"])
def test_two_readers_of_a_damaged_shard_do_not_trip_over_each_other(moment, tmp_path, monkeypatch):
    (shard,) = fill(tmp_path, [1])
    shard.write_bytes(b"")
    if moment == "before it is opened":
        monkeypatch.setattr(cache, "safe_open", lambda *a: shard.unlink() or safe_open(*a))
    else:
        monkeypatch.setattr(checked_files.log, "warning", lambda *_: shard.unlink())
    assert read_index(tmp_path) == {}
    assert not shard.exists()


def test_a_shard_that_cannot_be_opened_now_is_not_deleted_as_damaged(tmp_path, monkeypatch):
    (shard,) = fill(tmp_path, [1])

    def exhausted(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(cache, "safe_open", exhausted)
    with pytest.raises(OSError, match="Too many open files"):
        read_index(tmp_path)
    assert shard.exists()


WRITER = """
import sys
from pathlib import Path
from tests.embedding.test_cache import made, write_shard
for first in range(0, 200, 5):
    write_shard(Path(sys.argv[1]), *made(range(first, first + 5)))
    write_shard(Path(sys.argv[1]), *made([1000 + int(sys.argv[2]), first]))
"""


@pytest.mark.slow
def test_concurrent_writers_leave_complete_shards(tmp_path, caplog):
    folder, root = tmp_path / "space", Path(__file__).parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(i)], cwd=root) for i in range(3)]
    while any(writer.poll() is None for writer in writers):
        read_index(folder)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert not caplog.text
    index = read_index(folder)
    ids, expected = made([*range(200), 1000, 1001, 1002])
    assert set(index) == set(ids)
    np.testing.assert_array_equal(read(folder, ids), expected)
    assert {path.suffix for path in folder.iterdir()} == {".safetensors"}


def test_few_rows_and_many_of_a_shard_come_back_alike(tmp_path):
    fill(tmp_path, range(100), range(100, 103))
    for numbers in ([7], [99, 0, 101, 0], [*range(50, 0, -1)], [*range(103)], [102, *range(30, 38)]):
        ids, expected = made(numbers)
        np.testing.assert_array_equal(read(tmp_path, ids), expected)


@given(st.integers(1, 40), st.integers(1, 40))
def test_an_aligned_array_begins_where_jax_need_not_copy_it(n, features):
    array = aligned_empty((n, features))
    assert (array.shape, array.dtype) == ((n, features), np.float32)
    assert array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_embeddings_that_are_read_are_aligned(tmp_path):
    fill(tmp_path, range(7))
    assert read(tmp_path, made([3, 1])[0]).ctypes.data % 64 == 0
