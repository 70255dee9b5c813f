import os

import pytest

from imagetagger.system import cache_folder
from imagetagger.system.cache_folder import (
    COMPUTED_KINDS,
    DEFAULT_LIMIT,
    LIMIT_VARIABLE,
    cache_limit,
    delete_cached,
    list_cache,
    trim_cache,
)

SHARD = "embeddings/5d7bccbdd66f274c7bfd831888d376d4-100000000/" + "0a" * 12
OURS = {
    f"{SHARD}-89abcdef.safetensors": "embeddings",
    f"{SHARD}.safetensors": "embeddings",  # of an earlier version
    "models/2bf75365a1169596eb8bd8731955d83d-jax0.10.2-tensorflow2.21.0-89abcdef.tflite": "models",
    "models/1ae36a11f8cfae2634ebf28406b06554-081719db90bb18ab-1-jax0.10.2-tensorflow2.21.0-89abcdef.tflite": "models",
    "models/2bf75365a1169596eb8bd8731955d83d-jax0.10.2-tensorflow2.21.0.tflite": "models",
    f"ids/{'6d' * 32}-train-100000-89abcdef": "ids",
    f"ids/{'6d' * 32}-validation": "ids",
    "activations/63af270c5528b36109a0a604bd6cab9d-100000000/" + "0a" * 12 + "-89abcdef.safetensors": "activations",
    "trainings/5d7bccbdd66f274c7bfd831888d376d4-89abcdef.safetensors": "trainings",
    "trainings/5d7bccbdd66f274c7bfd831888d376d4/120/default/d/0123": "trainings",
    "downloads/tiny-imagenet-200.zip": "downloads",
    "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5": "downloads",
    "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5.sha256": "downloads",
}
OTHERS = (
    "thesis.pdf",
    "embeddings/mine.safetensors",
    "embeddings/glove-300/vectors.safetensors",
    "models/cat.tflite",
    "activations/63af270c5528b36109a0a604bd6cab9d-100000000/mine.safetensors",
    "trainings/marathon.csv",
    "trainings/2026/plan.pdf",
    "models/llama-jax-tensorflow.tflite",
    "downloads/holiday.zip",
    "downloads/deep/tiny-imagenet-200.zip",
    "weights/best.h5",
    "ids/passport-train",
    "photos/0a0a0a0a0a0a0a0a0a0a0a0a-89abcdef.safetensors",
)


def leave(folder, names, size=10, used=None):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        if used is not None:
            os.utime(path, (used, used))


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_every_kind_is_listed_and_nothing_else(tmp_path):
    leave(tmp_path, [*OURS, *OTHERS])
    listed = {file.path.relative_to(tmp_path).as_posix(): file.kind for file in list_cache(tmp_path)}
    assert listed == OURS
    assert {file.size for file in list_cache(tmp_path)} == {10}
    assert list_cache(tmp_path / "no folder") == []


def test_what_is_deleted_is_ours_alone(tmp_path):
    leave(tmp_path, [*OURS, *OTHERS])
    assert len(delete_cached(list_cache(tmp_path))) == len(OURS)
    assert names(tmp_path) == set(OTHERS)
    assert not (tmp_path / SHARD).parent.exists()


def test_links_and_folders_are_left_alone(tmp_path):
    leave(tmp_path, ["precious"])
    shard, model = (tmp_path / name for name in list(OURS)[1:3])
    shard.parent.mkdir(parents=True)
    shard.symlink_to(tmp_path / "precious")
    model.mkdir(parents=True)
    assert list_cache(tmp_path) == []


def aged(tmp_path):
    """Five shards of 10 bytes, from the oldest to the newest; and an older download."""
    shards = [f"{SHARD[:-1]}{i}-89abcdef.safetensors" for i in range(5)]
    for i, shard in enumerate(shards):
        leave(tmp_path, [shard], used=1000.0 + i)
    leave(tmp_path, ["downloads/tiny-imagenet-200.zip"], size=1000, used=1.0)
    return shards


@pytest.mark.parametrize(("limit", "kept"), [(50, 5), (49, 4), (30, 3), (0, 0)])
def test_the_least_recently_used_files_beyond_the_limit_go_and_downloads_stay(limit, kept, tmp_path):
    shards = aged(tmp_path)
    trim_cache(tmp_path, limit)
    assert names(tmp_path) == {*shards[5 - kept :], "downloads/tiny-imagenet-200.zip"}


def test_what_this_run_used_stays_whatever_the_limit(tmp_path):
    shards = aged(tmp_path)
    os.utime(tmp_path / shards[0])
    trim_cache(tmp_path, 0)
    assert names(tmp_path) == {shards[0], "downloads/tiny-imagenet-200.zip"}


def test_nothing_is_said_where_nothing_is_deleted(tmp_path, caplog):
    caplog.set_level("INFO")
    aged(tmp_path)
    trim_cache(tmp_path, 50)
    assert not caplog.text
    trim_cache(tmp_path, 20)
    assert "deleted 3 old files" in caplog.text


def test_the_limit_is_the_setting_else_the_variable_else_the_default(monkeypatch):
    monkeypatch.delenv(LIMIT_VARIABLE, raising=False)
    assert cache_limit() == 1e9 * DEFAULT_LIMIT
    monkeypatch.setenv(LIMIT_VARIABLE, " 2.5")
    assert (cache_limit(), cache_limit(1)) == (2.5e9, 1e9)


@pytest.mark.parametrize("text", ["20 GB", "much", "-1", "nan"])
def test_a_limit_that_is_no_number_of_gigabytes_is_refused(text, monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(ValueError, match=f"got {LIMIT_VARIABLE}={text}, expected a number of gigabytes"):
        cache_limit()


def test_computed_kinds_are_all_but_trainings_and_downloads():
    assert {*COMPUTED_KINDS, "trainings", "downloads"} == set(cache_folder.CACHE_FILES)
