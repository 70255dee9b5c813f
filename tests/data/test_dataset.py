import numpy as np
import pytest

from imagetagger.data.dataset import (
    Dataset,
    DatasetTag,
    Split,
    content_id,
    content_ids,
    dataset_fingerprint,
    pad_labels,
    read_listed,
    select,
)
from imagetagger.data.registry import load_dataset
from imagetagger.preprocess import BadImageError
from tests.helpers.pictures import colour_folder, colour_split, tiny_imagenet_zip

TAGS = (DatasetTag("b", "blue"), DatasetTag("g", "green"), DatasetTag("r", "red"))


def colours(**changes) -> Dataset:
    split = colour_split(3)
    return Dataset("colours", TAGS, select(split, np.arange(6)), select(split, np.arange(6, 9)))._replace(**changes)


def test_selecting_rows_selects_keys_ids_labels_and_pictures_together():
    split = colour_split(4)
    for rows in (np.array([7, 2, 2]), np.isin(np.arange(12), [2, 7])):
        selected = select(split, rows)
        for i, row in enumerate(np.arange(12)[rows]):
            assert (selected.keys[i], selected.ids[i], selected.read(i)) == (
                split.keys[row],
                split.ids[row],
                split.read(row),
            )
            assert selected.labels[i] == split.labels[row]
        assert select(selected, np.array([1])).read(0) == selected.read(1)


def test_content_ids_are_of_16_bytes_and_differ_with_the_content():
    ids = content_ids([b"a", b"b", b"a"].__getitem__, 3, "letters")
    assert [len(content) for content in ids] == [16, 16, 16]
    assert ids[0] == ids[2] != ids[1]


def test_cached_content_ids_are_read_instead_of_the_pictures(tmp_path):
    made = content_ids([b"a", b"b"].__getitem__, 2, "letters", tmp_path, "abc")
    assert content_ids([].__getitem__, 2, "letters", tmp_path, "abc") == made
    assert content_ids([b"c", b"a", b"b"].__getitem__, 3, "letters", tmp_path, "abc")[1:] == made
    assert sorted(path.stat().st_size for path in (tmp_path / "ids").iterdir()) == [32, 48]


@pytest.mark.parametrize(
    "damage", [lambda data: bytes([data[0] ^ 1]) + data[1:], lambda data: data[:-16], lambda _: b""]
)
def test_damaged_content_ids_are_said_and_computed_again(damage, tmp_path, caplog):
    made = content_ids([b"a", b"b"].__getitem__, 2, "letters", tmp_path, "abc")
    (file,) = (tmp_path / "ids").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    for _ in range(2):
        assert content_ids([b"a", b"b"].__getitem__, 2, "letters", tmp_path, "abc") == made
    assert caplog.text.count(f"{file} is damaged") == 1


def test_a_picture_is_read_as_it_was_listed_or_not_at_all():
    data = [b"a", b"b", b"c"]
    split = Split(["a", "b", "c"], [content_id(item) for item in data], pad_labels([[0]] * 3), data.__getitem__)
    assert read_listed(split, 1) == b"b"
    data[1] = b"c"
    with pytest.raises(BadImageError, match="replaced"):
        read_listed(split, 1)
    data[2] = b""
    with pytest.raises(BadImageError, match="replaced"):
        read_listed(split, 2)


def test_a_picture_that_is_gone_is_a_bad_image():
    def missing(i):
        raise FileNotFoundError("no such file")

    with pytest.raises(BadImageError, match="cannot be read: no such file"):
        read_listed(Split(["a"], [b"x" * 16], pad_labels([[0]]), missing), 0)


def test_no_labels_at_all_are_an_array_of_no_rows():
    assert pad_labels([]).shape == (0, 1)
    assert pad_labels([[], [2]]).tolist() == [[-1], [2]]


def test_the_fingerprint_depends_on_content_alone():
    renamed = colours(name="moved", train=colours().train._replace(keys=["elsewhere"] * 6))
    assert dataset_fingerprint(renamed) == dataset_fingerprint(colours())


def test_the_fingerprint_changes_with_pictures_tags_and_splits():
    base = colours()
    relabelled = base.train._replace(labels=base.train.labels[::-1])
    two_tags = base.train._replace(labels=np.hstack([base.train.labels, np.full((6, 1), -1, np.int32)]))
    changed = [
        base,
        base._replace(tags=(*TAGS[:2], DatasetTag("r", "crimson"))),
        base._replace(train=select(base.train, np.arange(5))),
        base._replace(train=relabelled),
        base._replace(train=two_tags),
        base._replace(train=base.validation, validation=base.train),
    ]
    assert len({dataset_fingerprint(dataset) for dataset in changed}) == len(changed)


SETTINGS = {
    "seed": 0,
    "path": None,
    "tfds_name": None,
    "train_split": "train",
    "validation_split": None,
    "synthetic_per_class": 2,
    "validation_fraction": 0.5,
}


def test_a_source_is_chosen_by_name(tmp_path, monkeypatch):
    assert load_dataset("synthetic", cache=tmp_path, **SETTINGS).name == "synthetic"
    monkeypatch.setenv("HOME", str(tmp_path))
    colour_folder(tmp_path / "mine", 2)
    assert len(load_dataset("folder", cache=tmp_path, **SETTINGS | {"path": "~/mine"}).tags) == 3
    archive = tiny_imagenet_zip(tmp_path / "t.zip")
    assert load_dataset("tiny_imagenet", cache=tmp_path, **SETTINGS | {"path": str(archive)}).name == "tiny_imagenet"


def test_pictures_to_test_on_are_loaded_beside_a_folder_and_refused_beside_other_sources(tmp_path):
    settings = SETTINGS | {"path": str(colour_folder(tmp_path / "p", 2)), "test": str(tmp_path / "p")}
    assert len(load_dataset("folder", cache=tmp_path, **settings).test.keys) == 6
    with pytest.raises(ValueError, match=r"got test=.* with name=synthetic, expected test=None"):
        load_dataset("synthetic", cache=tmp_path, **settings)


def test_selecting_rows_keeps_their_groups():
    split = colour_split(1)._replace(groups=["a", "", "b"])
    assert select(split, np.array([2, 0])).groups == ["b", "a"]
    assert select(colour_split(1), np.array([1])).groups is None


def test_groups_and_pictures_to_test_on_change_the_fingerprint():
    base = colours()
    changed = [base, base._replace(test=base.validation), base._replace(train=base.train._replace(groups=[""] * 6))]
    assert len({dataset_fingerprint(dataset) for dataset in changed}) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagenet", "got name=imagenet, expected synthetic, tiny_imagenet, folder, tfds or imagenet_photographs"),
        ("folder", "got path=None, expected a folder with one sub-folder per tag"),
        ("tfds", "got tfds_name=None, expected the name of a data set"),
    ],
)
def test_an_argument_that_is_missing_or_unknown_is_named(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(name, cache=tmp_path, **SETTINGS)
