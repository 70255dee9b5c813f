import errno
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from imagetagger import embedding_store as store
from imagetagger.embedding_store import aligned, gather, read_index, write_shard

FEATURES = 5


def made(numbers) -> tuple[list[bytes], np.ndarray]:
    """Ids, and the embeddings that belong to them."""
    ids = [int(number).to_bytes(16, "big") for number in numbers]
    return ids, np.array([np.arange(FEATURES) + 10 * number for number in numbers], np.float32)


def fill(folder, *shards):
    for numbers in shards:
        write_shard(folder, *made(numbers))
    return sorted(folder.glob("*.safetensors"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(range(40)), min_size=1, max_size=60), st.integers(1, 40))
def test_embeddings_come_back_in_the_order_asked_for(tmp_path_factory, wanted, shard_size):
    folder = tmp_path_factory.mktemp("space")
    fill(folder, *(range(first, min(first + shard_size, 40)) for first in range(0, 40, shard_size)))
    ids, expected = made(wanted)
    got = gather(read_index(folder), ids)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


def test_embeddings_come_back_bit_for_bit(tmp_path):
    ids = [bytes(15) + bytes([i]) for i in range(3)]
    x = np.random.default_rng(0).normal(size=(3, 1280)).astype(np.float32)
    x[0, :3] = [np.finfo(np.float32).tiny / 4, -0.0, np.finfo(np.float32).max]
    index = write_shard(tmp_path, ids, np.asfortranarray(x))
    for places in (index, read_index(tmp_path)):
        assert gather(places, ids).tobytes() == x.tobytes()


def test_nothing_asked_for_is_nothing_read(tmp_path):
    assert read_index(tmp_path / "no folder") == {}
    assert len(gather({}, [])) == 0


def test_an_unknown_id_is_an_error(tmp_path):
    fill(tmp_path, [1, 2])
    with pytest.raises(KeyError):
        gather(read_index(tmp_path), made([3])[0])


def test_only_the_shards_needed_are_read(tmp_path):
    fill(tmp_path, [1, 2], [3, 4])
    index = read_index(tmp_path)
    index[made([3])[0][0]].shard.unlink()
    ids, expected = made([2, 1])
    np.testing.assert_array_equal(gather(index, ids), expected)


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
    index = write_shard(tmp_path, *made([1, 2, 3]))
    damaged = index[made([1])[0][0]].shard
    fill(tmp_path, [4, 5])
    DAMAGES[damage](damaged)
    found = read_index(tmp_path)
    assert sorted(found) == made([4, 5])[0]
    assert f"{damaged} is damaged" in caplog.text
    caplog.clear()
    read_index(tmp_path)
    assert not caplog.text
    fill(tmp_path, [1, 2, 3])
    ids, expected = made([3, 4, 1])
    np.testing.assert_array_equal(gather(read_index(tmp_path), ids), expected)


@pytest.mark.parametrize("moment", ["before it is opened", "before it is deleted"])
def test_two_readers_of_a_damaged_shard_do_not_trip_over_each_other(moment, tmp_path, monkeypatch):
    (shard,) = fill(tmp_path, [1])
    shard.write_bytes(b"")
    if moment == "before it is opened":
        monkeypatch.setattr(store, "safe_open", lambda *a: shard.unlink() or safe_open(*a))
    else:
        monkeypatch.setattr(store.log, "warning", lambda *_: shard.unlink())
    assert read_index(tmp_path) == {}
    assert not shard.exists()


def test_a_shard_that_cannot_be_opened_now_is_not_taken_for_damaged(tmp_path, monkeypatch):
    (shard,) = fill(tmp_path, [1])

    def exhausted(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(store, "safe_open", exhausted)
    with pytest.raises(OSError, match="Too many open files"):
        read_index(tmp_path)
    assert shard.exists()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_embedding_store import made, write_shard
for first in range(0, 200, 5):
    write_shard(Path(sys.argv[2]), *made(range(first, first + 5)))
    write_shard(Path(sys.argv[2]), *made([1000 + int(sys.argv[3]), first]))
"""


def test_concurrent_writers_leave_whole_shards(tmp_path, caplog, pytestconfig):
    tests, folder = str(pytestconfig.rootpath / "tests"), tmp_path / "space"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tests, str(folder), str(i)]) for i in range(3)]
    while any(writer.poll() is None for writer in writers):
        read_index(folder)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert not caplog.text
    index = read_index(folder)
    ids, expected = made([*range(200), 1000, 1001, 1002])
    assert set(index) == set(ids)
    np.testing.assert_array_equal(gather(index, ids), expected)
    assert {path.suffix for path in folder.iterdir()} == {".safetensors"}


@pytest.mark.parametrize("few", [0.0, 0.1, 2.0])
def test_few_rows_and_many_of_a_shard_come_back_alike(few, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FEW", few)
    fill(tmp_path, range(100), range(100, 103))
    index = read_index(tmp_path)
    for wanted in ([7], [99, 0, 101, 0], [*range(50, 0, -1)], [*range(103)], [102, *range(30, 38)]):
        ids, expected = made(wanted)
        np.testing.assert_array_equal(gather(index, ids), expected)


def test_few_rows_are_read_without_the_others(tmp_path, monkeypatch):
    fill(tmp_path, range(100))
    index, read = read_index(tmp_path), []

    class Watched:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            self.opened = self.file.__enter__()
            return self

        def __exit__(self, *error):
            return self.file.__exit__(*error)

        def get_slice(self, name):
            return self.opened.get_slice(name)

        def get_tensor(self, name):
            read.append(name)
            return self.opened.get_tensor(name)

    monkeypatch.setattr(store, "safe_open", lambda *args: Watched(safe_open(*args)))
    gather(index, made(range(9))[0])
    assert read == []
    gather(index, made(range(10))[0])
    assert read == ["embedding"]


@given(st.integers(1, 40), st.integers(1, 40))
def test_an_aligned_array_begins_where_jax_need_not_copy_it(n, features):
    array = aligned((n, features))
    assert (array.shape, array.dtype) == ((n, features), np.float32)
    assert array.ctypes.data % 64 == 0
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_what_is_gathered_is_aligned(tmp_path):
    fill(tmp_path, range(7))
    assert gather(read_index(tmp_path), made([3, 1])[0]).ctypes.data % 64 == 0
