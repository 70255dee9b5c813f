import hashlib
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from imagetagger.data import tiny_imagenet, tiny_imagenet_builder
from imagetagger.data.dataset import DatasetTag, content_id, dataset_fingerprint
from imagetagger.data.tiny_imagenet import ListedExample, load_tiny_imagenet, open_archive, read_examples, read_tags
from imagetagger.system.download import Download, DownloadError
from tests.helpers import pictures
from tests.helpers.local_server import serving


@pytest.fixture
def mini(tmp_path):
    return pictures.tiny_imagenet_zip(tmp_path / "tiny-imagenet-200.zip")


def unpack(archive, folder, without=()):
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder, [name for name in opened.namelist() if name not in without])
    return folder


def repack(archive, target, without=()):
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            if name not in without:
                out.writestr(name, source.read(name))
    return target


@pytest.fixture
def served(mini):
    """The address of the mini zip on a local server, as a Download with its hash."""
    content = mini.read_bytes()
    with serving({"/served.zip": content}) as state:
        yield Download(f"{state.address}/served.zip", f"md5:{hashlib.md5(content).hexdigest()}")


def test_the_zip_and_the_folder_it_unpacks_to_give_the_same_data_set(mini, tmp_path):
    folder = unpack(mini, tmp_path / "unpacked")
    expected = dataset_fingerprint(load_tiny_imagenet(mini, tmp_path))
    assert dataset_fingerprint(load_tiny_imagenet(folder, tmp_path)) == expected
    assert dataset_fingerprint(load_tiny_imagenet(folder / "tiny-imagenet-200", tmp_path)) == expected


def test_pictures_come_with_their_tags_and_the_unlabelled_test_pictures_stay_out(mini, tmp_path):
    dataset = load_tiny_imagenet(mini, tmp_path)
    assert dataset.name == "tiny_imagenet"
    assert dataset.skipped == ()
    assert dataset.train.labels.tolist() == [[0]] * 3 + [[1]] * 3
    assert dataset.validation.labels.tolist() == [[0], [1]]
    assert dataset.train.keys[4] == "train/n00000001/images/n00000001_1.JPEG"
    assert dataset.validation.keys == ["val/images/val_0.JPEG", "val/images/val_1.JPEG"]
    with zipfile.ZipFile(mini) as archive:
        for split in (dataset.train, dataset.validation):
            for i, key in enumerate(split.keys):
                assert split.read(i) == archive.read("tiny-imagenet-200/" + key)
                assert split.ids[i] == content_id(split.read(i))


def test_a_tag_is_its_wordnet_id_its_first_synonym_and_the_others(mini):
    expected = (DatasetTag("n00000000", "name 0", ("other name",)), DatasetTag("n00000001", "name 1", ("other name",)))
    assert read_tags(open_archive(mini)) == expected


def test_boxes_are_kept(mini):
    archive = open_archive(mini)
    assert read_examples(archive, "train")[2] == ListedExample(
        "train/n00000000/images/n00000000_2.JPEG", "n00000000", (2, 3, 40, 50)
    )
    assert read_examples(archive, "validation")[1] == ListedExample(
        "val/images/val_1.JPEG", "n00000001", (0, 0, 63, 63)
    )


def test_a_missing_picture_is_listed_as_skipped(mini, tmp_path):
    gone = ["train/n00000000/images/n00000000_1.JPEG", "val/images/val_1.JPEG"]
    without = [f"tiny-imagenet-200/{name}" for name in gone]
    for path in (repack(mini, tmp_path / "a.zip", without), unpack(mini, tmp_path / "a", without)):
        dataset = load_tiny_imagenet(path, tmp_path)
        assert [skip.key for skip in dataset.skipped] == gone
        assert {skip.reason for skip in dataset.skipped} == {"missing from the archive"}
        assert len(dataset.train.keys) == 5
        assert dataset.validation.labels.tolist() == [[0]]


def test_threads_may_read_at_the_same_time(mini, tmp_path):
    train = load_tiny_imagenet(mini, tmp_path).train
    rows = list(range(6)) * 50
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: content_id(train.read(i)), rows)) == [train.ids[i] for i in rows]


def test_anything_but_tiny_imagenet_is_an_error_that_names_what_was_expected(mini, tmp_path):
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "half.zip").write_bytes(mini.read_bytes()[:5000])
    (tmp_path / "empty").mkdir()
    repack(mini, tmp_path / "other.zip", ["tiny-imagenet-200/wnids.txt"])
    for name, message in {
        "text.zip": "which is not a zip file",
        "half.zip": "which is not a zip file",
        "other.zip": r"a zip without tiny-imagenet-200/wnids\.txt",
        "empty": r"a folder without wnids\.txt",
    }.items():
        with pytest.raises(ValueError, match=f"got path={tmp_path / name}.*{message}.*expected"):
            load_tiny_imagenet(tmp_path / name, tmp_path)
    with pytest.raises(FileNotFoundError, match=f"{tmp_path / 'gone.zip'}.*null downloads http"):
        load_tiny_imagenet(tmp_path / "gone.zip", tmp_path)


def test_no_path_downloads_the_official_zip_into_the_cache(served, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_imagenet, "OFFICIAL_ARCHIVE", served)
    dataset = load_tiny_imagenet(None, tmp_path / "cache")
    assert dataset_fingerprint(dataset) == dataset_fingerprint(
        load_tiny_imagenet(tmp_path / "cache" / "downloads" / "served.zip", tmp_path)
    )
    monkeypatch.setattr(tiny_imagenet, "OFFICIAL_ARCHIVE", served._replace(known_hash="md5:" + "0" * 32))
    with pytest.raises(DownloadError, match="pass a local copy as path=FILE"):
        load_tiny_imagenet(None, tmp_path / "other")


@pytest.fixture(scope="module")
def two_hundred_tags(tmp_path_factory):
    colours = {tag: (tag, 255 - tag, tag // 2) for tag in range(200)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "COLOURS", colours)
        return pictures.tiny_imagenet_zip(tmp_path_factory.mktemp("full") / "t.zip", per_tag=2, tags=200)


@pytest.fixture(scope="module")
def builder(two_hundred_tags, tmp_path_factory):
    made = tfds.builder(
        "tiny_imagenet",
        source=two_hundred_tags,
        data_dir=tmp_path_factory.mktemp("tfds"),
        file_format="array_record",
    )
    made.download_and_prepare()
    return made


def test_the_tfds_builder_has_the_documented_features_and_splits(builder):
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 400,
        "validation": 200,
    }
    features = builder.info.features
    assert set(features) == {"image", "label", "name", "bbox", "file_name"}
    assert features["image"].shape == (64, 64, 3)
    assert isinstance(features["bbox"], tfds.features.BBoxFeature)
    assert features["label"].names == [f"n0000000{i}" for i in range(200)]
    assert builder.info.supervised_keys == ("image", "label")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_the_tfds_builders_pictures_are_the_plain_loaders(builder, two_hundred_tags, tmp_path, split):
    source = builder.as_data_source(split, decoders={"image": tfds.decode.SkipDecoding()})
    archive = open_archive(two_hundred_tags)
    names = {tag.id: tag.name for tag in read_tags(archive)}
    expected = {example.file: example for example in read_examples(archive, split)}
    assert {record["file_name"].decode() for record in source} == set(expected)
    for record in source:
        example = expected[record["file_name"].decode()]
        assert record["image"] == archive.read(example.file)
        assert builder.info.features["label"].names[record["label"]] == example.wnid
        assert record["name"].decode() == names[example.wnid]
        x0, y0, x1, y1 = example.box
        np.testing.assert_allclose(record["bbox"], np.array([y0, x0, y1, x1]) / 64)


def test_the_tfds_builder_downloads_the_official_zip_without_a_source(two_hundred_tags, tmp_path, monkeypatch):
    with serving({"/served.zip": two_hundred_tags.read_bytes()}) as state:
        monkeypatch.setattr(tiny_imagenet_builder, "OFFICIAL_ARCHIVE", Download(f"{state.address}/served.zip"))
        made = tfds.builder("tiny_imagenet", data_dir=tmp_path / "data", file_format="array_record")
        made.download_and_prepare(download_dir=tmp_path / "downloads")
    assert made.info.splits["train"].num_examples == 400
    assert (tmp_path / "downloads" / "served.zip").exists()


@pytest.mark.slow
def test_the_real_data_has_the_published_tags_and_numbers(real_zip):
    archive = open_archive(real_zip)
    tags = read_tags(archive)
    assert len(set(tags)) == 200
    assert tags[0] == DatasetTag("n02124075", "Egyptian cat")
    assert DatasetTag("n01443537", "goldfish", ("Carassius auratus",)) in tags
    for split, per_tag in (("train", 500), ("validation", 50)):
        examples = read_examples(archive, split)
        wnids = [example.wnid for example in examples]
        assert {wnids.count(tag.id) for tag in tags} == {per_tag}
        assert {example.file for example in examples} <= archive.names
        for example in examples[:: 20 * per_tag]:
            assert Image.open(io.BytesIO(archive.read(example.file))).size == (64, 64)
            assert all(0 <= corner <= 63 for corner in example.box)


def test_a_damaged_zip_is_refused_by_the_name_of_what_is_damaged(mini, tmp_path):
    data = bytearray(mini.read_bytes())
    with zipfile.ZipFile(mini) as archive:
        info = next(i for i in archive.infolist() if i.filename.endswith("n00000001_1.JPEG"))
    data[info.header_offset + 30 + len(info.filename) + 100] ^= 0xFF
    mini.write_bytes(data)
    with pytest.raises(OSError, match=r"is damaged at train/n00000001/images/n00000001_1\.JPEG"):
        load_tiny_imagenet(mini, tmp_path)


@pytest.mark.parametrize("name", ["words.txt", "val/val_annotations.txt"])
def test_a_zip_without_one_of_its_lists_is_refused_by_its_name(mini, tmp_path, name):
    partial = repack(mini, tmp_path / "part.zip", without={f"tiny-imagenet-200/{name}"})
    with pytest.raises(OSError, match=f"part.zip is damaged at {name}"):
        load_tiny_imagenet(partial, tmp_path)
