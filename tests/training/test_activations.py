import logging

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from imagetagger.data.dataset import Split, content_id, pad_labels, select
from imagetagger.embedding import cache
from imagetagger.embedding.runtime import Runtime
from imagetagger.preprocess import BadImageError, decode_image
from imagetagger.system.checked_files import checksum
from imagetagger.training import activations
from imagetagger.training.activations import ActivationRows, extract_activations, gather_rows, select_rows
from imagetagger.training.views import picture_views
from tests.helpers.pictures import colour_split, encode, noisy

SHAPE = (2, 2, 3)


def corners(views: np.ndarray) -> np.ndarray:
    """A frozen part whose activations are the mean colours of the quarters of a view, (V, 12)."""
    half = views.shape[1] // 2
    quarters = views.reshape(len(views), 2, half, 2, half, 3).mean((2, 4))
    return (1.5 * quarters.reshape(len(views), -1) - 100).astype(np.float32)


def make_trunk(loads: list[int], space: str = "a" * 64, compute=corners, fails_at: int | None = None) -> Runtime:
    """A runtime that writes down what it loads."""

    def run(load, indices):
        for i in indices:
            if len(loads) == fails_at:
                raise RuntimeError("killed")
            loads.append(i)
            try:
                yield compute(load(i))
            except BadImageError as error:
                yield error

    return Runtime("counting", space, run, lambda seconds: 1.0, None)


def eight_views(image: Image.Image, picture: bytes) -> np.ndarray:
    return picture_views(image, 8, 1, picture)


def extract(split: Split, cache, loads: list[int] | None = None, **others) -> ActivationRows:
    settings = {"runtime": make_trunk([] if loads is None else loads), "views_name": "three", "shape": SHAPE}
    settings |= others
    runtime, views_name = settings.pop("runtime"), settings.pop("views_name")
    return extract_activations(split, runtime, eight_views, views_name, cache, **settings)


def expected(split: Split) -> np.ndarray:
    """Rows (N, 3, 2, 2, 3) by themselves."""
    views = [eight_views(decode_image(split.read(i)), split.ids[i]) for i in range(len(split.ids))]
    return np.stack([corners(v).reshape(3, *SHAPE) for v in views]).astype(np.float16)


def all_rows(rows: ActivationRows) -> np.ndarray:
    count = len(rows.pictures)
    return np.stack([gather_rows(rows, np.arange(count), np.full(count, view)) for view in range(rows.views)], 1)


def make_split(data: list[bytes]) -> Split:
    ids = [content_id(item) for item in data]
    return Split([f"{i}.png" for i in range(len(data))], ids, pad_labels([[0]] * len(data)), data.__getitem__)


def shards(cache) -> list:
    return sorted(cache.glob("activations/*/*.safetensors"))


@pytest.fixture
def tiny_shards(monkeypatch):
    """Five pictures a shard."""
    monkeypatch.setattr(activations, "SHARD_BYTES", 5 * 3 * 12 * 2)


def test_rows_are_those_of_each_view(tmp_path, tiny_shards):
    split = colour_split()
    rows = extract(split, tmp_path)
    assert (rows.views, rows.row_shape, rows.skipped) == (3, SHAPE, ())
    np.testing.assert_array_equal(rows.pictures, np.arange(12))
    np.testing.assert_array_equal(all_rows(rows), expected(split))
    assert len(shards(tmp_path)) == 3


def test_the_second_time_nothing_is_computed_or_read(tmp_path, tiny_shards):
    split, loads = colour_split(), []
    extract(split, tmp_path)
    rows = extract(split._replace(read=None), tmp_path, loads)
    assert loads == []
    np.testing.assert_array_equal(all_rows(rows), expected(split))


def test_rows_stay_on_the_disk_until_a_batch_needs_them(tmp_path):
    rows = extract(colour_split(), tmp_path)
    for shard in rows.shards:
        base = shard
        while not isinstance(base, np.memmap):
            base = base.base
        assert base.mode == "r"
        assert not shard.flags.writeable


def test_a_killed_run_loses_one_shard_at_most(tmp_path, tiny_shards):
    split = colour_split()
    with pytest.raises(RuntimeError, match="killed"):
        extract(split, tmp_path, runtime=make_trunk([], fails_at=9))
    loads: list[int] = []
    rows = extract(split, tmp_path, loads)
    assert loads == list(range(5, 12))
    np.testing.assert_array_equal(all_rows(rows), expected(split))


def test_the_order_of_pictures_does_not_matter(tmp_path, tiny_shards):
    split, loads = colour_split(), []
    extract(split, tmp_path)
    order = np.random.default_rng(0).permutation(12)[:9]
    rows = extract(select(split, order), tmp_path, loads)
    assert loads == []
    np.testing.assert_array_equal(all_rows(rows), expected(split)[order])


def test_new_pictures_are_added_to_those_in_the_cache(tmp_path):
    split, loads = colour_split(), []
    extract(select(split, np.arange(5)), tmp_path)
    rows = extract(split, tmp_path, loads)
    assert loads == list(range(5, 12))
    np.testing.assert_array_equal(all_rows(rows), expected(split))


@pytest.mark.parametrize(
    "other", [{"views_name": "four"}, {"runtime": make_trunk([], "b" * 64)}, {"pixel_limit": 9999}]
)
def test_other_views_networks_and_limits_have_other_rows(tmp_path, other):
    split, loads = colour_split(1), []
    extract(split, tmp_path)
    extract(split, tmp_path, **other)
    assert len(shards(tmp_path)) == 2
    assert len({shard.parent for shard in shards(tmp_path)}) == 2
    extract(split, tmp_path, loads)
    assert loads == []


def test_a_picture_that_is_there_twice_is_computed_once(tmp_path):
    split, loads = colour_split(), []
    doubled = select(split, np.array([0, 3, 0, 0, 5]))
    rows = extract(doubled, tmp_path, loads)
    assert len(loads) == 3
    np.testing.assert_array_equal(all_rows(rows), expected(doubled))


def test_bad_pictures_are_skipped_with_reasons(tmp_path, tiny_shards):
    good = [encode(noisy((i, 2 * i, 100), i)) for i in range(6)]
    huge = encode(noisy((1, 2, 3), 9, (80, 70)))
    split = make_split([good[0], b"no picture", *good[1:], huge, b"no picture"])
    rows = extract(split, tmp_path, pixel_limit=5000)
    assert [skip.key for skip in rows.skipped] == ["1.png", "7.png", "8.png"]
    assert "80 x 70" in rows.skipped[1].reason
    np.testing.assert_array_equal(rows.pictures, [0, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(all_rows(rows), expected(make_split(good)))


def test_pictures_none_of_which_can_be_used_are_an_error(tmp_path):
    with pytest.raises(BadImageError, match="none of 2 pictures can be used: "):
        extract(make_split([b"no picture", b"nor this"]), tmp_path)


def damage_bit(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def empty(path):
    path.write_bytes(b"")


def of_another_space(path):
    save_file(load_file(path), path, {"space": "another"})
    path.rename(path.with_name(f"{path.name.partition('-')[0]}-{checksum(path.read_bytes())}.safetensors"))


@pytest.mark.parametrize("spoil", [damage_bit, truncate, empty, of_another_space])
def test_a_damaged_or_foreign_shard_is_reported_and_computed_again(tmp_path, tiny_shards, spoil, caplog):
    split, loads = colour_split(), []
    extract(split, tmp_path)
    spoil(next(path for path in shards(tmp_path) if content_in(path, split.ids[5])))
    with caplog.at_level(logging.WARNING):
        rows = extract(split, tmp_path, loads)
    assert loads == list(range(5, 10))
    assert "is damaged" in caplog.text
    np.testing.assert_array_equal(all_rows(rows), expected(split))
    assert len(shards(tmp_path)) == 3


def content_in(path, picture: bytes) -> bool:
    return picture in load_file(path)["id"].tobytes()


def test_a_row_that_is_lost_at_once_is_skipped_with_a_reason(tmp_path, tiny_shards, monkeypatch):
    split = colour_split()
    write = cache.write_checked

    def write_and_lose(folder, name, suffix, data):
        path = write(folder, name, suffix, data)
        if len(shards(tmp_path)) == 2:
            path.unlink()

    monkeypatch.setattr(cache, "write_checked", write_and_lose)
    rows = extract(split, tmp_path)
    assert len(rows.pictures) + len(rows.skipped) == 12
    assert {skip.reason for skip in rows.skipped} == {"its activations were deleted or damaged just now; run again"}


def test_pixels_are_kept_as_they_are(tmp_path):
    """A network that is trained as a whole reads pictures."""
    split = colour_split(2)
    rows = extract(split, tmp_path, runtime=make_trunk([], compute=lambda views: views), shape=(8, 8, 3))
    assert rows.shards[0].dtype == np.uint8
    np.testing.assert_array_equal(all_rows(rows)[3], eight_views(decode_image(split.read(3)), split.ids[3]))


def test_activations_beyond_float16_are_limited(tmp_path):
    split = colour_split(1)
    rows = extract(split, tmp_path, runtime=make_trunk([], compute=lambda views: 1e6 * corners(views)))
    assert np.isfinite(all_rows(rows)).all()
    assert np.abs(all_rows(rows)).max() == np.finfo(np.float16).max


def test_some_of_the_rows():
    array = np.arange(24, dtype=np.float16).reshape(6, 2, 2)
    location = np.array([[1, 2], [0, 0], [0, 2], [1, 0]])
    rows = ActivationRows((array[:3], array[3:]), location, np.array([0, 2, 3, 7]), ())
    got = select_rows(rows, np.array([True, False, True, False]))
    np.testing.assert_array_equal(got.pictures, [0, 3])
    np.testing.assert_array_equal(gather_rows(got, np.array([1, 0]), np.array([1, 0])), [array[2, 1], array[5, 0]])
    np.testing.assert_array_equal(select_rows(rows, np.array([3, 1])).pictures, [7, 2])
