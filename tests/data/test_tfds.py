import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from imagetagger.data.dataset import content_id
from imagetagger.data.tfds import load_tfds
from imagetagger.data.tiny_imagenet import load_tiny_imagenet
from imagetagger.system.download import DownloadError
from tests.helpers import pictures
from tests.helpers.local_server import serving, silent_server


class Handmade(tfds.core.GeneratorBasedBuilder):
    """Twelve PNG pictures of three colours, in one split."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"picture": tfds.features.Image(), "colour": tfds.features.ClassLabel(names=[*pictures.COLOURS])}
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("picture", "colour")
        )

    def _split_generators(self, _):
        return {"everything": self._generate_examples()}

    def _generate_examples(self):
        for colour in pictures.COLOURS:
            for i in range(4):
                yield f"{colour}/{i}", {"picture": pictures.picture(colour, i), "colour": colour}


class Sentences(tfds.core.GeneratorBasedBuilder):
    """A data set of labelled text."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="supervised", version=VERSION),
        tfds.core.BuilderConfig(name="plain", version=VERSION),
    ]

    def _info(self):
        features = {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=["a", "b"])}
        keys = ("text", "label") if self.builder_config.name == "supervised" else None
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=keys)

    def _split_generators(self, _):
        raise AssertionError("prepared in vain")

    def _generate_examples(self):
        raise AssertionError("prepared in vain")


class Remote(tfds.core.GeneratorBasedBuilder):
    """Pictures of two colours, listed by a file on a server, or in a folder that people fill."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="server", version=VERSION),
        tfds.core.BuilderConfig(name="manual", version=VERSION),
    ]
    address = ""

    def _info(self):
        features = {"image": tfds.features.Image(), "label": tfds.features.ClassLabel(names=["red", "blue"])}
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
        )

    def _split_generators(self, manager):
        if self.builder_config.name == "manual":
            raise AssertionError("Manual directory does not exist.\nFetch it by hand.")
        return {"train": self._generate_examples(manager.download(self.address))}

    def _generate_examples(self, listing):
        for i in range(int(listing.read_text())):
            yield i, {"image": pictures.picture("red", i), "label": "red"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def get(name, data_dir, train="everything", validation=None, fraction=0.25, seed=0):
    return load_tfds(name, data_dir, train, validation, fraction, seed)


def content(split):
    return {split.read(i): int(split.labels[i, 0]) for i in range(len(split.keys))}


def test_pictures_stay_encoded_and_are_split_by_tag(data_dir):
    dataset = get("handmade", data_dir)
    assert dataset.name == "handmade/1.0.0"
    assert [tag.name for tag in dataset.tags] == list(pictures.COLOURS)
    expected = {pictures.picture(colour, i): k for k, colour in enumerate(pictures.COLOURS) for i in range(4)}
    assert content(dataset.train) | content(dataset.validation) == expected
    assert np.bincount(dataset.validation.labels[:, 0]).tolist() == [1, 1, 1]
    for split in (dataset.train, dataset.validation):
        assert split.ids == [content_id(split.read(i)) for i in range(len(split.ids))]


def test_the_seed_chooses_what_is_held_out(data_dir):
    assert get("handmade", data_dir).validation.ids == get("handmade", data_dir).validation.ids
    assert len({frozenset(get("handmade", data_dir, seed=seed).validation.ids) for seed in range(6)}) > 1


def test_slices_of_a_split_are_splits(data_dir):
    dataset = get("handmade", data_dir, "everything[:8]", "everything[8:]")
    assert (len(dataset.train.keys), len(dataset.validation.keys)) == (8, 4)
    assert not set(dataset.train.ids) & set(dataset.validation.ids)
    assert dataset.validation.keys[0] == "everything[8:]/0"


def test_our_tiny_imagenet_is_the_plain_loaders(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "COLOURS", {tag: (tag, 255 - tag, tag // 2) for tag in range(200)})
    archive = pictures.tiny_imagenet_zip(tmp_path / "t.zip", per_tag=2, tags=200)
    tfds.builder("tiny_imagenet", source=archive, data_dir=data_dir, file_format="array_record").download_and_prepare()
    got = get("tiny_imagenet", data_dir, "train", "validation")
    expected = load_tiny_imagenet(archive, tmp_path)
    assert [tag.id for tag in got.tags] == [tag.id for tag in expected.tags]
    for a, b in ((got.train, expected.train), (got.validation, expected.validation)):
        assert len(a.keys) == len(b.keys)
        assert dict(zip(a.ids, a.labels[:, 0], strict=True)) == dict(zip(b.ids, b.labels[:, 0], strict=True))


@pytest.mark.parametrize("name", ["no_such_data_set", "handmade/no_such_config", "handmade:9.9.9"])
def test_an_unknown_name_is_an_error_that_names_the_argument(data_dir, name):
    with pytest.raises(ValueError, match=f"got tfds_name={name}: .+") as error:
        get(name, data_dir)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(("train", "validation"), [("train", None), ("everything", "test"), ("train[:50%]", None)])
def test_an_unknown_split_is_an_error_that_lists_the_known_ones(data_dir, train, validation):
    with pytest.raises(ValueError, match="expected one of everything") as error:
        get("handmade", data_dir, train, validation)
    assert ("validation_split=test" if validation else f"train_split={train}") in str(error.value)


@pytest.mark.parametrize("config", ["supervised", "plain"])
def test_a_data_set_of_no_labelled_images_is_refused_before_it_is_prepared(data_dir, config):
    with pytest.raises(ValueError, match="expected a data set of images with one class label each"):
        get(f"sentences/{config}", data_dir)


@pytest.mark.parametrize(
    ("name", "near"),
    [("cifar01", "cifar10"), ("flowers", "tf_flowers"), ("oxford_flower102/1.0.0", "oxford_flowers102")],
)
def test_an_unknown_name_suggests_the_near_ones(data_dir, name, near):
    with pytest.raises(ValueError, match=f"got tfds_name={name}: .*not found.*Did you mean .*{near}"):
        get(name, data_dir)


@pytest.mark.parametrize("how", ["refused", "silent", "404", "500"])
def test_a_data_set_that_cannot_be_downloaded_says_so_within_seconds(tmp_path, monkeypatch, how):
    with serving({}) as server, silent_server() as silent:
        server.status = int(how) if how.isdecimal() else 404
        address = {"refused": "http://127.0.0.1:9", "silent": silent}.get(how, server.address)
        monkeypatch.setattr(Remote, "address", f"{address}/list.txt")
        start = time.perf_counter()
        with pytest.raises(DownloadError, match="got tfds_name=remote/server, which cannot be downloaded") as error:
            get("remote/server", tmp_path, "train")
        assert time.perf_counter() - start < 30  # minutes without a limit
    assert "pass the folder as path=DIR" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_data_set_is_downloaded_and_prepared_once(tmp_path, monkeypatch):
    with serving({"/list.txt": b"4"}) as server:
        monkeypatch.setattr(Remote, "address", f"{server.address}/list.txt")
        assert len(get("remote/server", tmp_path, "train").train.keys) == 3
        get("remote/server", tmp_path, "train")
        assert server.requests == ["/list.txt"]


def test_a_data_set_that_only_people_can_fetch_says_what_is_missing(tmp_path):
    with pytest.raises(ValueError, match="remote/manual, which cannot be prepared: Manual directory does not exist"):
        get("remote/manual", tmp_path, "train")
