import inspect
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from imagetagger.data.dataset import DatasetTag, content_id
from imagetagger.data.imagenet_photographs import load_imagenet_photographs
from imagetagger.data.registry import load_dataset
from imagetagger.data.wordnet_tags import with_broader, wordnet_tags, wordnet_terms
from imagetagger.terms.wordnet import read_wordnet
from tests.helpers.composed import settings
from tests.helpers.pictures import picture

PICTURES = {
    "n01443537_goldfish.png": picture("red", 0),
    "deeper/down/n01440764_tench.png": picture("green", 0),
    "n01443537_1.jpg": picture("red", 1),
}
SKIPPED = {
    "n01443537.png": b"no name",
    "n99999999_nothing.png": b"no tag",
    "goldfish.png": b"no id",
    "deeper/N01443537_x.png": b"another case",
}
IGNORED = {".n01443537_hidden.png": b"x", "Thumbs.db": b"x", "deeper/.DS_Store": b"x"}


def written(form: str, folder: Path, files: dict[str, bytes]) -> Path:
    if form == "zip":
        with zipfile.ZipFile(folder / "photographs.zip", "w") as archive:
            archive.mkdir("deeper")
            for name, data in files.items():
                archive.writestr(name, data)
        return folder / "photographs.zip"
    for name, data in files.items():
        (folder / "photographs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "photographs" / name).write_bytes(data)
    return folder / "photographs"


@pytest.fixture(params=["folder", "zip"])
def write(request, tmp_path):
    return lambda files: written(request.param, tmp_path, files)


def test_photographs_have_the_tags_that_their_names_begin_with(write):
    dataset = load_imagenet_photographs(write(PICTURES))
    assert dataset.train.keys == sorted(PICTURES)
    names = [dataset.tags[row[0]].name for row in dataset.train.labels]
    assert names == ["tench", "goldfish", "goldfish"]
    assert [dataset.train.read(i) for i in range(3)] == [PICTURES[key] for key in sorted(PICTURES)]
    assert dataset.train.ids == [content_id(PICTURES[key]) for key in sorted(PICTURES)]
    assert dataset.train.labels.dtype == np.int32
    assert len(dataset.validation.ids) == len(dataset.skipped) == 0
    assert dataset.is_split


def test_names_that_are_no_ids_are_skipped_and_counted_with_the_reason(write):
    dataset = load_imagenet_photographs(write(PICTURES | SKIPPED))
    assert len(dataset.train.keys) == len(PICTURES)
    assert {skip.key for skip in dataset.skipped} == set(SKIPPED)
    assert all("expected a WordNet id of ImageNet" in skip.reason for skip in dataset.skipped)
    assert any("'n99999999'" in skip.reason for skip in dataset.skipped)


def test_hidden_files_and_what_systems_leave_behind_are_ignored(write):
    dataset = load_imagenet_photographs(write(PICTURES | IGNORED))
    assert (len(dataset.train.keys), dataset.skipped) == (len(PICTURES), ())


def test_the_twins_of_files_that_macos_packs_are_ignored(tmp_path):
    path = written("zip", tmp_path, PICTURES | {"__MACOSX/n01443537_goldfish.png": b"x"})
    dataset = load_imagenet_photographs(path)
    assert (len(dataset.train.keys), dataset.skipped) == (len(PICTURES), ())


def test_a_folder_and_a_zip_of_the_same_files_are_the_same_data(tmp_path):
    folder, packed = (load_imagenet_photographs(written(form, tmp_path, PICTURES)) for form in ("folder", "zip"))
    assert folder.train.ids == packed.train.ids
    assert folder.train.keys == packed.train.keys


def test_several_threads_may_read_a_zip(tmp_path):
    files = {f"n01443537_{i}.png": bytes([i]) * 10_000 for i in range(50)}
    dataset = load_imagenet_photographs(written("zip", tmp_path, files))
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(dataset.train.read, list(range(50)) * 4))
    assert read == [files[key] for key in dataset.train.keys] * 4


@pytest.mark.parametrize("files", [{}, SKIPPED], ids=["no files", "no ids"])
def test_a_place_without_any_such_photograph_is_refused_with_the_names_expected(write, files):
    with pytest.raises(ValueError, match=r"expected files that are named WNID_NAME, like n01443537_goldfish\.jpg"):
        load_imagenet_photographs(write({"empty/x.txt": b""} | files))


def test_what_is_not_there_or_no_zip_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"where nothing is: expected a folder or \.zip of photographs"):
        load_imagenet_photographs(tmp_path / "gone")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"expected a folder or \.zip of pictures named WNID_NAME\.jpg"):
        load_imagenet_photographs(tmp_path / "x.zip")


def test_the_tags_are_those_of_imagenet_whatever_is_shown_with_the_terms_above_them(tmp_path):
    dataset = load_imagenet_photographs(written("folder", tmp_path, PICTURES))
    table = read_wordnet()
    assert [tag.id for tag in dataset.tags] == [tag.id for tag in table.tags]
    assert (dataset.tags, dataset.terms) == wordnet_tags()
    assert {term.id for term in dataset.terms} == {term.id for term in table.terms}


def test_terms_of_some_tags_are_those_above_them_only():
    terms = {term.name: term for term in wordnet_terms(["n01443537", "user:cat"])}
    assert {"fish", "animal"} <= set(terms)
    assert "dog" not in terms
    assert terms["fish"].everyday
    keys = {term.id for term in terms.values()}
    assert all(set(term.broader) <= keys for term in terms.values())


def test_tags_of_another_data_set_get_their_broader_terms_by_their_ids():
    tags = (DatasetTag("n01443537", "my fish", ("koi",)), DatasetTag("user:cat", "cat"))
    fish, cat = with_broader(tags)
    assert fish[:3] == tags[0][:3]
    assert set(fish.broader) <= {term.id for term in wordnet_terms(["n01443537"])}
    assert fish.broader
    assert cat == tags[1]


def test_the_registry_knows_them_and_needs_a_path(tmp_path):
    path = written("folder", tmp_path, PICTURES)

    def load(*overrides):
        data = settings("data=imagenet_photographs", *overrides).data
        known = inspect.signature(load_dataset).parameters
        options = {key: value for key, value in asdict(data).items() if key in known}
        return load_dataset(**options, seed=0, cache=tmp_path)

    assert load(f"data.path={path}").name == "imagenet_photographs"
    with pytest.raises(ValueError, match=r"got path=None, expected a folder or \.zip of pictures"):
        load()
