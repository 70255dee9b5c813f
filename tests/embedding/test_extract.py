import io
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imagetagger.backbones.registry import load_backbone
from imagetagger.data.dataset import Split, content_id, pad_labels, select
from imagetagger.embedding.extract import extract_embeddings
from imagetagger.embedding.runtime import Runtime, make_runtime
from imagetagger.preprocess import BadImageError, preprocess
from tests.helpers.pictures import colour_split, encode, noisy

pytestmark = pytest.mark.slow

SIZE = 16
ROOT = Path(__file__).parents[2]


def counting_runtime(loads: list[int], space: str = "a" * 64) -> Runtime:
    """A network whose embedding is the mean colour, and which writes down what it loads."""

    def run(load, indices):
        for i in indices:
            loads.append(i)
            try:
                yield load(i).mean((0, 1)).astype(np.float32)
            except BadImageError as error:
                yield error

    return Runtime("counting", space, run, lambda seconds: 1.0, None)


def expected(split: Split, rows=None) -> np.ndarray:
    rows = range(len(split.keys)) if rows is None else rows
    return np.stack([preprocess(split.read(i), SIZE).mean((0, 1)) for i in rows]).astype(np.float32)


def make_split(data: list[bytes]) -> Split:
    ids = [content_id(item) for item in data]
    return Split([f"{i}.png" for i in range(len(data))], ids, pad_labels([[0]] * len(data)), data.__getitem__)


def numbered(count: int) -> Split:
    return make_split([encode(noisy((i, 2 * i, 100), i, (8, 8))) for i in range(count)])


def shards(cache: Path) -> list[Path]:
    return sorted(cache.glob("embeddings/*/*.safetensors"))


@pytest.mark.parametrize("shard_size", [1, 5, 12, 100])
def test_each_picture_gets_its_embedding(shard_size, tmp_path):
    split = colour_split()
    got = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, shard_size=shard_size)
    np.testing.assert_array_equal(got.embeddings, expected(split))
    np.testing.assert_array_equal(got.rows, np.arange(12))
    assert (got.skipped, got.computed) == ((), 12)
    assert got.seconds > 0
    assert len(shards(tmp_path)) == -(-12 // shard_size)


def test_a_real_network_fills_the_cache_with_its_embeddings(cache, tmp_path):
    backbone = load_backbone("mobilenet_v2", width=0.35, resolution=64, weights="random", cache=cache)
    runtime, split = make_runtime(backbone, 64, cache), colour_split(2)
    got = extract_embeddings(split, runtime, 64, tmp_path, shard_size=4)
    direct = np.stack(list(runtime.run(lambda i: preprocess(split.read(i), 64), range(6))))
    np.testing.assert_array_equal(got.embeddings, direct)
    np.testing.assert_array_equal(extract_embeddings(split, runtime, 64, tmp_path).embeddings, direct)


def test_cached_embeddings_are_neither_computed_nor_read(tmp_path):
    split = colour_split()
    first = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path)
    loads: list[int] = []
    second = extract_embeddings(split._replace(read=None), counting_runtime(loads), SIZE, tmp_path)
    assert (loads, second.computed) == ([], 0)
    np.testing.assert_array_equal(second.embeddings, first.embeddings)


def test_a_picture_that_comes_twice_is_computed_once(tmp_path):
    a, b, c = (encode(noisy((50 * i, 0, 0), i)) for i in range(3))
    split, loads = make_split([a, b, a, c, b, a]), []
    got = extract_embeddings(split, counting_runtime(loads), SIZE, tmp_path, shard_size=2)
    assert len(loads) == got.computed == 3
    np.testing.assert_array_equal(got.embeddings, expected(split))
    np.testing.assert_array_equal(got.rows, np.arange(6))


def test_subsets_other_orders_and_other_splits_reuse_embeddings(tmp_path):
    split, loads = colour_split(), []
    extract_embeddings(select(split, np.arange(8)), counting_runtime([]), SIZE, tmp_path, shard_size=3)
    rows = np.array([7, 2, 11, 5])
    got = extract_embeddings(select(split, rows), counting_runtime(loads), SIZE, tmp_path)
    assert loads == [2]
    np.testing.assert_array_equal(got.embeddings, expected(split, rows))
    assert extract_embeddings(split, counting_runtime(loads), SIZE, tmp_path).computed == 3


def test_bad_pictures_are_skipped_with_their_reasons_and_the_rows_stay_right(tmp_path):
    good = [encode(noisy((10 * i, 0, 0), i)) for i in range(4)]
    huge = encode(noisy((0, 0, 0), 9, (100, 100)))
    split = make_split([b"", good[0], b"no picture", good[1], good[2][:100], good[3], b"no picture", huge])
    for _ in range(2):
        got = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, shard_size=3, pixel_limit=5000)
        np.testing.assert_array_equal(got.rows, [1, 3, 5])
        np.testing.assert_array_equal(got.embeddings, expected(split, got.rows))
        reasons = dict(got.skipped)
        assert list(reasons) == ["0.png", "2.png", "4.png", "6.png", "7.png"]
        assert reasons["0.png"] == "empty file"
        assert reasons["2.png"] == reasons["6.png"] == "not a picture"
        assert reasons["4.png"].startswith("corrupt image")
        assert "more than the limit of 5,000" in reasons["7.png"]


def test_a_picture_that_cannot_be_read_is_skipped(tmp_path):
    split = colour_split(2)

    def read(i: int) -> bytes:
        if i == 1:
            raise FileNotFoundError("it was deleted")
        return split.read(i)

    got = extract_embeddings(split._replace(read=read), counting_runtime([]), SIZE, tmp_path)
    assert [tuple(skip) for skip in got.skipped] == [("1.png", "cannot be read: it was deleted")]
    np.testing.assert_array_equal(got.rows, [0, 2, 3, 4, 5])
    assert extract_embeddings(split, counting_runtime([]), SIZE, tmp_path).computed == 1


@pytest.mark.parametrize("data", [[], [b"bad"], [b"bad", b""]])
def test_no_good_picture_at_all_is_no_error(data, tmp_path):
    got = extract_embeddings(make_split(data), counting_runtime([]), SIZE, tmp_path)
    assert len(got.embeddings) == len(got.rows) == 0
    assert len(got.skipped) == len(data)
    assert shards(tmp_path) == []


def test_another_space_shares_nothing(tmp_path):
    split = colour_split()
    extract_embeddings(split, counting_runtime([], "a" * 64), SIZE, tmp_path)
    assert extract_embeddings(split, counting_runtime([], "b" * 64), SIZE, tmp_path).computed == 12


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"resolution": 80}, {"padding": "symmetric"}, {"activation": "relu"}, {"width": 0.5}]
)
def test_other_weights_resolution_or_padding_compute_again(change, cache, tmp_path):
    def computed(**options) -> int:
        settings = {"width": 0.35, "resolution": 64, "weights": "random", "cache": cache} | options
        backbone = load_backbone("mobilenet_v2", **settings)
        space = make_runtime(backbone, settings["resolution"], cache, runtime="jax").space
        return extract_embeddings(colour_split(1), counting_runtime([], space), SIZE, tmp_path).computed

    assert [computed(), computed(), computed(**change), computed(**change)] == [3, 0, 3, 0]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: bytes(len(data))])
def test_a_damaged_shard_is_computed_again_and_only_that(damage, tmp_path, caplog):
    split, loads = numbered(12), []
    extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, shard_size=4)
    damaged = shards(tmp_path)[1]
    damaged.write_bytes(damage(damaged.read_bytes()))
    got = extract_embeddings(split, counting_runtime(loads), SIZE, tmp_path, shard_size=4)
    assert got.computed == len(loads) == 4
    np.testing.assert_array_equal(got.embeddings, expected(split))
    assert f"{damaged} is damaged" in caplog.text


KILLED = """
import sys, time
from pathlib import Path
from tests.embedding.test_extract import SIZE, counting_runtime, extract_embeddings, numbered

split = numbered(20)
def read(i):
    if i == 11:
        print("the third shard has begun", flush=True)
        time.sleep(600)
    return split.read(i)

extract_embeddings(split._replace(read=read), counting_runtime([]), SIZE, Path(sys.argv[1]), shard_size=4)
"""


def test_after_a_kill_the_finished_shards_are_not_computed_again(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout.readline() == "the third shard has begun\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert len(shards(tmp_path)) == 2
    split, loads = numbered(20), []
    got = extract_embeddings(split, counting_runtime(loads), SIZE, tmp_path, shard_size=4)
    assert sorted(loads) == list(range(8, 20))
    assert got.computed == 12
    np.testing.assert_array_equal(got.embeddings, expected(split))


WRITING = """
import os, sys
from pathlib import Path
from tests.embedding.test_extract import SIZE, counting_runtime, extract_embeddings, numbered

os.fsync = lambda _: os.kill(os.getpid(), 9)
extract_embeddings(numbered(4), counting_runtime([]), SIZE, Path(sys.argv[1]))
"""


def test_a_kill_in_the_middle_of_a_write_leaves_no_shard(tmp_path, caplog):
    command = [sys.executable, "-c", WRITING, str(tmp_path)]
    assert subprocess.run(command, check=False, cwd=ROOT).returncode == -signal.SIGKILL
    assert shards(tmp_path) == []
    assert extract_embeddings(numbered(4), counting_runtime([]), SIZE, tmp_path).computed == 4
    assert not caplog.text


class Screen(io.StringIO):
    def __init__(self, terminal: bool):
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_progress_bar_is_shown_on_a_terminal_only_and_for_work_only(terminal, tmp_path, monkeypatch):
    split = colour_split()
    for shown in (terminal, False):
        screen = Screen(terminal)
        monkeypatch.setattr(sys, "stderr", screen)
        extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, name="embedding train")
        assert ("embedding train: 100%" in screen.getvalue()) == shown
        assert bool(screen.getvalue()) == shown


def test_bad_pictures_do_not_count_as_computed(tmp_path):
    split = make_split([b"no picture", encode(noisy((0, 0, 0), 1))])
    assert [extract_embeddings(split, counting_runtime([]), SIZE, tmp_path).computed for _ in range(2)] == [1, 0]


def test_what_the_cache_holds_does_not_change_what_is_skipped(tmp_path):
    split = make_split([encode(noisy((0, 0, 0), 1, (100, 100)))])
    assert not extract_embeddings(split, counting_runtime([]), SIZE, tmp_path).skipped
    assert extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, pixel_limit=5000).skipped


def test_a_picture_replaced_during_a_run_is_skipped_and_never_stored(tmp_path):  # R04-damaged-cache
    data = [encode(noisy((10 * i, 0, 0), i)) for i in range(4)]
    split, listed = make_split(data), data[1]
    data[1] = encode(noisy((0, 0, 255), 9))
    got = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path)
    assert [skip.key for skip in got.skipped] == ["1.png"]
    assert "replaced by another picture" in got.skipped[0].reason
    np.testing.assert_array_equal(got.rows, [0, 2, 3])
    np.testing.assert_array_equal(got.embeddings, expected(split, got.rows))
    data[1] = listed  # put back
    got = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path)
    assert (got.computed, got.skipped) == (1, ())
    np.testing.assert_array_equal(got.embeddings, expected(split))


def test_a_damaged_embedding_is_computed_again_and_the_result_is_the_clean_one(tmp_path, caplog):  # R04-damaged-cache
    split = numbered(12)
    clean = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, shard_size=4)
    for shard in shards(tmp_path):
        flipped = bytearray(shard.read_bytes())
        flipped[-1] ^= 0x40  # the exponent of a float: 0.5 becomes 1.7e38
        shard.write_bytes(flipped)
    got = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, shard_size=5)
    assert got.computed == 12
    assert got.embeddings.tobytes() == clean.embeddings.tobytes()
    assert caplog.text.count("is damaged") == 3
    assert extract_embeddings(split, counting_runtime([]), SIZE, tmp_path).computed == 0


def test_pictures_without_an_embedding_leave_no_gap(tmp_path, monkeypatch):
    monkeypatch.setattr("imagetagger.embedding.extract.MOVED_ROWS", 2)
    good = [encode(noisy((10 * i, 0, 0), i)) for i in range(7)]
    split = make_split([b"bad", *good[:3], b"", good[3], b"no", *good[4:], b"nothing"])
    for _ in range(2):
        got = extract_embeddings(split, counting_runtime([]), SIZE, tmp_path, shard_size=2)
        np.testing.assert_array_equal(got.rows, [1, 2, 3, 5, 7, 8, 9])
        np.testing.assert_array_equal(got.embeddings, expected(split, got.rows))
        assert got.embeddings.ctypes.data % 64 == 0


def test_another_process_may_empty_the_cache_during_a_run(tmp_path):
    split = numbered(8)

    def read(i):
        if i == 7:
            shutil.rmtree(tmp_path / "embeddings")
        return split.read(i)

    got = extract_embeddings(split._replace(read=read), counting_runtime([]), SIZE, tmp_path, shard_size=2)
    np.testing.assert_array_equal(got.embeddings, expected(split))
