import json
import os
import sys

import pytest

from imagetagger.archive.catalogue.database import open_catalogue
from imagetagger.archive.catalogue.embeddings import load_embeddings
from imagetagger.archive.embedding import ray_files
from imagetagger.archive.embedding.embed import archive_space
from imagetagger.archive.embedding.files import embed_files
from imagetagger.archive.keywords import read_keywords
from imagetagger.bundle.archive import write_folder
from tests.helpers.bundles import WHITENED
from tests.helpers.pictures import noisy
from tests.helpers.ray_programs import run_with_ray
from tests.helpers.shards import samples, write_shards, write_tar
from tests.helpers.taught import bundle, files

pytestmark = pytest.mark.slow


@pytest.fixture
def tagger(tmp_path, monkeypatch):
    """The folder of a small bundle with a background, and an empty data folder."""
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))
    write_folder(files(*WHITENED), tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def library(tmp_path):
    """Four pictures, and a file that is none."""
    root = tmp_path / "library"
    root.mkdir()
    for i in range(4):
        noisy((60 * i, 90, 40), i, (300, 200)).save(root / f"{i}.jpg")
    (root / "bad.jpg").write_text("text" * 99)
    return root


def test_a_library_is_scanned_on_a_cluster_of_its_own_to_the_same_bits(tagger, library, call, tmp_path):
    command = [sys.executable, "-m", "imagetagger.cli", "archive", "scan", "--bundle", str(tagger), "--json"]
    command += ["--engine", "ray", "--workers", "1", "--state", str(tmp_path / "ray.sqlite"), str(library)]
    done = run_with_ray(command, IMAGETAGGER_DATA=os.environ["IMAGETAGGER_DATA"])
    assert done.returncode == 1, done.stderr
    assert "bad.jpg: not a picture" in done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["embedded"] == 4
    assert call("archive", "scan", "--bundle", tagger, "--state", tmp_path / "local.sqlite", library)[0] == 1
    stored = []
    for name in ("ray", "local"):
        with open_catalogue(tmp_path / f"{name}.sqlite") as catalogue:
            contents, embeddings = load_embeddings(catalogue, archive_space(bundle(*WHITENED).manifest), [library])
            stored.append({content: one.tobytes() for content, one in zip(contents, embeddings, strict=True)})
    assert len(stored[0]) == 4
    assert stored[0] == stored[1]


def test_what_ray_prints_does_not_come_among_the_results(tagger, library, call, monkeypatch):
    def embed(paths, **options):
        print("(raylet) A worker died")
        yield from embed_files(paths, **options)

    monkeypatch.setattr(ray_files, "embed_files_on_ray", embed)
    _, out, err = call("archive", "scan", "--bundle", tagger, "--engine", "ray", "--json", library)
    assert json.loads(out)["embedded"] == 4
    assert "(raylet) A worker died" in err


def test_tags_of_shards_are_learned_and_used_on_a_library(tagger, call, tmp_path):
    write_shards(tmp_path / "shards")
    learn = ("archive", "learn-shards", "--bundle", tagger, "--out", tmp_path / "out", "--workers", 1)
    code, out, err = call(*learn, "--json", tmp_path / "shards")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert {name: found[name] for name in ("shards", "embedded", "pictures", "problems")} == {
        "shards": 5,
        "embedded": 5,
        "pictures": 120,
        "problems": [],
    }
    assert [tag["keyword"] for tag in found["tags"]] == [["colour", kind] for kind in ("blue", "crimson", "lemon")]
    out = call(*learn, tmp_path / "shards")[1]
    assert out.startswith("120 pictures in 5 shards, 0 of them embedded now\n")
    assert "learned 3 tags from 120 pictures" in out

    library = tmp_path / "library"
    library.mkdir()
    for key, data, fields in samples(9, 2):
        (library / f"{fields['tags'][0].rpartition('/')[2]}{key}.png").write_bytes(data)
    assert call("archive", "tag", "--bundle", tagger, library)[0] == 0
    tags = {path.stem[:-5]: read_keywords(path).machine for path in library.glob("*.png")}
    assert any(tags.values())
    assert all(tag.keyword == ("colour", kind) for kind, own in tags.items() for tag in own)


def test_a_shard_that_cannot_be_read_is_reported_and_the_others_are_learned(tagger, call, tmp_path):
    shards = [write_tar(tmp_path / "shards" / f"{i}.tar", samples(i)) for i in range(2)]
    (tmp_path / "shards" / "2.tar").write_bytes(b"none" * 999)
    learn = ("archive", "learn-shards", "--bundle", tagger, "--out", tmp_path / "out", "--workers", 1)
    code, out, err = call(*learn, "--json", tmp_path / "shards")
    assert code == 1
    assert json.loads(out)["shards"] == 2
    assert "2.tar is not a .tar file, or damaged" in err
    for shard in shards:
        shard.unlink()
    code, _, err = call(*learn, tmp_path / "shards")
    assert code == 1
    assert "none of the shards could be embedded" in err
    assert "expected a .tar or .parquet file" in call(*learn, tmp_path / "nothing")[2]
