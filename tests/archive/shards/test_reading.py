import io
import sys
import tarfile

import pytest

from imagetagger.archive.shards.reading import ShardError, find_shards, parse_tags, read_shard
from tests.helpers.shards import Sample, samples, write_parquet, write_tar

PICTURE = samples(0, 1)[0].data


@pytest.mark.parametrize("write", [write_tar, write_parquet])
def test_a_shard_has_its_pictures_and_their_tags_in_order(write, tmp_path):
    made = samples(0, 2)
    read = list(read_shard(write(tmp_path / f"a.{write.__name__.partition('_')[2]}", made)))
    assert [(one.key, one.data) for one in read] == [(one.key, one.data) for one in made]
    assert [one.keywords for one in read[:3]] == [(("colour", kind),) for kind in ("blue", "crimson", "lemon")]
    assert {one.problem for one in read} == {None}


@pytest.mark.parametrize("write", [write_tar, write_parquet])
def test_a_picture_that_cannot_be_used_is_a_problem_and_costs_no_other(write, tmp_path):
    made = [Sample("0", None, {"tags": ["a"]}), Sample("1", b"no picture" * 9, {"tags": ["a"]})]
    made += [Sample("2", PICTURE, {"tags": ["a"]})]
    read = list(read_shard(write(tmp_path / f"a.{write.__name__.partition('_')[2]}", made)))
    assert [one.key for one in read] == ["0", "1", "2"]
    assert [one.problem for one in read] == ["has no picture", "not a picture", None]
    assert [one.data for one in read] == [None, None, PICTURE]


def test_a_tag_that_cannot_be_read_is_the_problem_of_its_picture(tmp_path):
    path = write_tar(tmp_path / "a.tar", [Sample("0", PICTURE, {"tags": [1]}), Sample("1", PICTURE, {"tags": "a"})])
    bad, good = read_shard(path)
    assert "expected a text or a list of texts" in bad.problem
    assert good.keywords == (("a",),)


def test_tags_come_from_the_first_field_that_has_some(tmp_path):
    assert parse_tags({"caption": "x", "keywords": "sea, sky\nsand,,sea"}) == (("sea",), ("sky",), ("sand",))
    assert parse_tags({"caption": "a dog", "tags": []}) == (("a dog",),)
    assert parse_tags({"tags": ["x" * 101, "\u202ea", "a//b"]}) == (("a", "b"),)
    assert parse_tags({"other": 1}) == ()
    (one,) = read_shard(write_tar(tmp_path / "a.tar", [Sample("0", PICTURE, {"caption": "sea, sky"})]))
    assert one.keywords == (("sea",), ("sky",))


def test_a_column_of_structs_holds_pictures_too(tmp_path):
    sample = Sample("0", {"bytes": PICTURE, "path": None}, {"caption": "sea"})
    (one,) = read_shard(write_parquet(tmp_path / "a.parquet", [sample], "image"))
    assert (one.data, one.keywords) == (PICTURE, (("sea",),))


def test_shards_are_found_in_folders_by_name(tmp_path):
    for name in ("b.tar", "a.parquet", "a_stats.json"):
        (tmp_path / name).touch()
    assert find_shards([tmp_path]) == [tmp_path / "a.parquet", tmp_path / "b.tar"]
    assert find_shards([tmp_path / "b.tar", tmp_path / "b.tar"]) == [tmp_path / "b.tar"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.tar").touch()
    with pytest.raises(ShardError, match="two shards of one name"):
        find_shards([tmp_path, tmp_path / "other"])
    for wrong in (tmp_path / "a_stats.json", (tmp_path / "empty")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ShardError, match=r"expected a \.tar or \.parquet file, or a folder"):
            find_shards([wrong])


def test_a_shard_that_is_none_or_has_no_pictures_is_refused(tmp_path):
    for name in ("a.tar", "a.parquet"):
        (tmp_path / name).write_bytes(b"nothing of the kind" * 99)
        with pytest.raises(ShardError, match="damaged"):
            list(read_shard(tmp_path / name))
    with pytest.raises(ShardError, match="columns key, picture, caption, expected one of jpg"):
        list(read_shard(write_parquet(tmp_path / "b.parquet", [Sample("0", PICTURE, {"caption": "x"})], "picture")))
    with pytest.raises(FileNotFoundError):
        list(read_shard(tmp_path / "missing.tar"))


def test_a_tar_that_ends_early_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tar", samples(0, 4))
    path.write_bytes(path.read_bytes()[: len(PICTURE) + 1000])
    with pytest.raises(ShardError, match="damaged"):
        list(read_shard(path))


def test_a_tar_with_a_damaged_header_in_the_middle_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tar", samples(0, 4))
    with tarfile.open(path) as shard:
        offset = shard.getmembers()[4].offset
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(ShardError, match=f"damaged header after {offset:,} bytes"):
        list(read_shard(path))


def test_a_name_that_is_not_text_is_a_printable_key(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as shard:
        member = tarfile.TarInfo("für.png")
        member.size = len(PICTURE)
        shard.addfile(member, io.BytesIO(PICTURE))
    (one,) = read_shard(tmp_path / "a.tar")
    assert (one.key.encode(), one.data) == (b"f\\udcfcr", PICTURE)


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SystemExit, match=r"pyarrow is not installed, which \.parquet files need: .*imagetagger\[ray\]"):
        list(read_shard(tmp_path / "a.parquet"))
