import numpy as np
import pytest
from pictures import colour_folder, colour_split, tiny_imagenet_zip

from imagetagger.data.dataset import Dataset, Tag, content_ids, fingerprint, pad_labels, take
from imagetagger.data.load import load

TAGS = (Tag("b", "blue"), Tag("g", "green"), Tag("r", "red"))


def colours(**changes) -> Dataset:
    split = colour_split(3)
    return Dataset("colours", TAGS, take(split, np.arange(6)), take(split, np.arange(6, 9)))._replace(**changes)


def test_taking_rows_takes_keys_ids_labels_and_pictures_together():
    split = colour_split(4)
    for rows in (np.array([7, 2, 2]), np.isin(np.arange(12), [2, 7])):
        taken = take(split, rows)
        for i, row in enumerate(np.arange(12)[rows]):
            assert (taken.keys[i], taken.ids[i], taken.read(i)) == (split.keys[row], split.ids[row], split.read(row))
            assert taken.labels[i] == split.labels[row]
        assert take(taken, np.array([1])).read(0) == taken.read(1)


def test_content_ids_are_of_16_bytes_and_differ_with_the_content():
    ids = content_ids([b"a", b"b", b"a"].__getitem__, 3, "letters")
    assert [len(content) for content in ids] == [16, 16, 16]
    assert ids[0] == ids[2] != ids[1]


def test_content_ids_that_were_kept_are_read_instead_of_the_pictures(tmp_path):
    made = content_ids([b"a", b"b"].__getitem__, 2, "letters", tmp_path / "ids")
    assert content_ids([].__getitem__, 2, "letters", tmp_path / "ids") == made
    assert content_ids([b"c", b"a", b"b"].__getitem__, 3, "letters", tmp_path / "ids")[1:] == made
    assert len((tmp_path / "ids").read_bytes()) == 48


def test_no_labels_at_all_are_an_array_of_no_rows():
    assert pad_labels([]).shape == (0, 1)
    assert pad_labels([[], [2]]).tolist() == [[-1], [2]]


def test_the_fingerprint_depends_on_content_alone():
    renamed = colours(name="moved", train=colours().train._replace(keys=["elsewhere"] * 6))
    assert fingerprint(renamed) == fingerprint(colours())


def test_the_fingerprint_changes_with_pictures_tags_and_splits():
    base = colours()
    relabelled = base.train._replace(labels=base.train.labels[::-1])
    two_tags = base.train._replace(labels=np.hstack([base.train.labels, np.full((6, 1), -1, np.int32)]))
    changed = [
        base,
        base._replace(tags=(*TAGS[:2], Tag("r", "crimson"))),
        base._replace(train=take(base.train, np.arange(5))),
        base._replace(train=relabelled),
        base._replace(train=two_tags),
        base._replace(train=base.validation, validation=base.train),
    ]
    assert len({fingerprint(dataset) for dataset in changed}) == len(changed)


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
    assert load("synthetic", cache=tmp_path, **SETTINGS).name == "synthetic"
    monkeypatch.setenv("HOME", str(tmp_path))
    colour_folder(tmp_path / "mine", 2)
    assert len(load("folder", cache=tmp_path, **SETTINGS | {"path": "~/mine"}).tags) == 3
    archive = tiny_imagenet_zip(tmp_path / "t.zip")
    assert load("tiny_imagenet", cache=tmp_path, **SETTINGS | {"path": str(archive)}).name == "tiny_imagenet"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("imagenet", "got data.name=imagenet, expected synthetic, tiny_imagenet, folder or tfds"),
        ("folder", "data.path is required"),
        ("tfds", "data.tfds_name is required"),
    ],
)
def test_a_setting_that_is_missing_or_unknown_is_named(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        load(name, cache=tmp_path, **SETTINGS)
