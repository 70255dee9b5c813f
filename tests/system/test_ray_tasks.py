"""Work on a Ray cluster: the results of one process, to the last bit, though a machine is killed in the middle."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from imagetagger.archive.embedding.files import embed_files
from imagetagger.archive.shards.learn import embed_shards, learn_shards
from imagetagger.archive.tagging.learned_file import encode_learned
from imagetagger.backbones.registry import load_backbone
from imagetagger.bundle.archive import write_folder
from imagetagger.embedding.runtime import litert_runtime, make_runtime
from imagetagger.system.ray_tasks import connect_ray, ray_cluster
from tests.helpers.bundles import SIZE, WHITENED
from tests.helpers.pictures import noisy
from tests.helpers.ray_programs import run_with_ray
from tests.helpers.shards import write_shards
from tests.helpers.taught import bundle, files, pixels

POISON, MORE = 3, 20


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """What two machines did, and the folder with what they computed."""
    folder = tmp_path_factory.mktemp("nodes")
    write_folder(files(*WHITENED), folder / "bundle")
    write_shards(folder / "shards")
    (folder / "pictures").mkdir()
    for i in range(6):
        noisy((40 * i, 200 - 30 * i, 90), i, (300, 200)).save(folder / "pictures" / f"{i}.jpg")
    (folder / "pictures" / "bad.jpg").write_text("text" * 99)
    np.save(folder / "crops.npy", np.stack([pixels("blue", i, SIZE) for i in range(20)]))
    done = run_with_ray([sys.executable, "-m", "tests.helpers.ray_nodes", str(folder)])
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text()), folder


@pytest.mark.slow
def test_a_machine_that_is_killed_costs_no_result_and_a_deadly_item_only_its_own(worked):
    results = worked[0]["killed"]
    squares = sorted(square for square, _ in results)
    assert squares == [i * i for i in range(len(results))]
    assert [square for square, where in results if where == "died"] == [POISON**2]
    assert worked[0]["second"] in {where for _, where in results}
    assert len(results) > MORE


@pytest.mark.slow
def test_results_come_in_order_where_that_is_asked_for(worked):
    assert worked[0]["ordered"] == [i * i for i in range(10, 40)]
    assert not worked[0]["is connected"]


@pytest.mark.slow
def test_shards_are_learned_to_the_same_bits_though_a_machine_is_killed(worked, tmp_path):
    found, folder = worked
    shards = sorted((folder / "shards").iterdir())
    assert sorted(found["reports"]) == [[shard.name, 24, None] for shard in shards]
    list(embed_shards(shards, bundle(*WHITENED), tmp_path, False, "local", 1))
    settings = {"exact": False, "engine": "local", "workers": 1, "sample": 1000, "precision": 0.9}
    learned = learn_shards(shards, bundle(*WHITENED), tmp_path, **settings)
    assert encode_learned(learned) == (folder / "learned").read_bytes()
    results = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.safetensors")]
    assert len(results) == 2 * len(shards)
    assert {path: (folder / "out" / path).read_bytes() for path in results} == {
        path: (tmp_path / path).read_bytes() for path in results
    }


@pytest.mark.slow
def test_files_are_embedded_to_the_same_bits(worked):
    found, folder = worked
    here = {one.path.name: one for one in embed_files((folder / "pictures").iterdir(), folder / "bundle", workers=1)}
    assert found["problems"] == {name: one.problem for name, one in here.items() if one.problem}
    with np.load(folder / "files.npz") as there:
        assert {*there, *found["problems"]} == set(here)
        for name in there:
            np.testing.assert_array_equal(there[name], here[name].embedding)


@pytest.mark.slow
def test_a_run_embeds_to_the_same_bits_in_order_by_workers_without_jax(worked):
    found, folder = worked
    crops, local = np.load(folder / "crops.npy"), litert_runtime(files(*WHITENED)["model.tflite"], 2)
    expected = list(local.run(lambda i: crops[i] if i else crops[:2], [*range(20), 1]))
    with np.load(folder / "runtime.npz") as there:
        assert len(there) == len(expected)
        for name, one in zip(there, expected, strict=True):
            np.testing.assert_array_equal(there[name], one)
    assert found["errors"] == {"20": "number -1"}
    assert found["runtime"] == [local.name, local.space]
    assert found["rate"] > 0
    assert set(found["worker has jax"]) == {False}


def test_the_jax_runtime_does_not_run_on_ray():
    with pytest.raises(ValueError, match="got engine=ray with runtime=jax, expected runtime=litert, or engine=local"):
        make_runtime(
            load_backbone("mobilenet_v2", width=0.35, resolution=64, weights="random", cache=Path()),
            64,
            Path(),
            runtime="jax",
            engine="ray",
        )


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for connect in (connect_ray, ray_cluster().__enter__):
        with pytest.raises(SystemExit, match=r"ray is not installed, which the engine ray needs: .*imagetagger\[ray\]"):
            connect()
