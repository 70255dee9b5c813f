import logging

import numpy as np
import pytest

from imagetagger.data.dataset import BadDataError, Dataset, DatasetTag, Skip, pad_labels, select
from imagetagger.embedding.extract import Embeddings
from imagetagger.experiment.lost_tags import find_lost_tags, without_tags
from imagetagger.experiment.pipeline import run_experiment
from imagetagger.experiment.stages import EmbeddedSplit, Pictures
from tests.helpers.composed import SHRUNK, settings
from tests.helpers.pictures import colour_split, patchwork_folder, picture
from tests.helpers.tiles import use_tiles

TAGS = tuple(DatasetTag(name, name) for name in ("blue", "green", "red"))


def pictures_of(labels, validation=(), *, is_split: bool = False, name: str = "folder") -> Pictures:
    split = colour_split(10)
    train = select(split, np.arange(len(labels)))._replace(labels=pad_labels(labels))
    held_out = select(split, np.arange(20, 20 + len(validation)))._replace(labels=pad_labels(validation))
    dataset = Dataset(name, TAGS, train, held_out, is_split=is_split)
    numbers = np.arange(len(labels))
    return Pictures(dataset, len(labels), numbers, numbers, np.arange(len(validation)))


def embedded(rows, skipped=()) -> EmbeddedSplit:
    x = np.zeros((len(rows), 2), np.float32)
    return EmbeddedSplit(Embeddings(x, np.array(rows, np.int64), tuple(skipped), 0, 0.0), None)


def test_a_tag_is_lost_if_none_of_its_pictures_was_embedded():
    pictures = pictures_of([[0], [1], [2], [1, 2], [2]])
    assert find_lost_tags(pictures, embedded([0, 1, 2, 3, 4]), is_pooled=True) == ()
    assert find_lost_tags(pictures, embedded([1, 2]), is_pooled=True) == (0,)
    assert find_lost_tags(pictures, embedded([0, 3]), is_pooled=True) == ()


def test_a_validation_picture_keeps_a_tag_only_where_the_bundle_learns_from_it():
    pictures = pictures_of([[0], [1], [2]], [[2]])
    assert find_lost_tags(pictures, embedded([0, 1]), embedded([0]), is_pooled=True) == ()
    assert find_lost_tags(pictures, embedded([0, 1]), embedded([0]), is_pooled=False) == (2,)
    assert find_lost_tags(pictures, embedded([0, 1]), embedded([]), is_pooled=True) == (2,)


def test_tags_without_listed_pictures_and_those_of_other_data_sets_are_not_lost():
    assert find_lost_tags(pictures_of([[0], [1]]), embedded([0, 1]), is_pooled=True) == ()
    assert find_lost_tags(pictures_of([[0], [1], [2]], name="tfds"), embedded([0, 1]), is_pooled=True) == ()


def test_fewer_than_two_tags_left_are_an_error_with_the_first_picture():
    pictures = pictures_of([[0], [2], [2]])
    skipped = [Skip("1.png", "truncated"), Skip("2.png", "not an image")]
    with pytest.raises(BadDataError, match=r"fewer than two tags .* 'red' .* 2 of its 2 pictures .*1\.png: truncated"):
        find_lost_tags(pictures, embedded([0], skipped), is_pooled=True)


def test_without_a_tag_the_others_keep_their_pictures_and_are_renumbered():
    pictures = pictures_of([[0], [1], [2], [0, 2], [1, 2], [1]], [[1], [2]])
    skipped = [Skip("1.png", "half"), Skip("4.png", "half")]
    left = without_tags(pictures, embedded([0], skipped), embedded([], [Skip("20.png", "half")]), tags=(1,))
    assert [tag.name for tag in left.dataset.tags] == ["blue", "red"]
    assert left.dataset.train.keys == ["0.png", "2.png", "3.png", "4.png"]
    assert left.dataset.train.labels.tolist() == [[0, -1], [1, -1], [0, 1], [1, -1]]
    assert left.dataset.train.labels.dtype == np.int32
    assert left.dataset.validation.labels.tolist() == [[1]]
    assert left.rank.tolist() == left.groups.tolist() == [0, 2, 3, 4]
    assert left.validation_groups.tolist() == [1]
    assert left.dataset.skipped == (("1.png", "half"), ("20.png", "half"))


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [(), ("data.group_by=none",), ("data.per_class=9",)])
def test_a_tag_all_of_whose_pictures_are_broken_is_left_out_of_the_bundle_and_named(
    tmp_path, monkeypatch, caplog, overrides
):
    use_tiles(monkeypatch)
    folder = patchwork_folder(tmp_path / "pictures", 12)
    (folder / "broken").mkdir()
    for i in range(2):
        (folder / "broken" / f"{i}.png").write_bytes(picture("red", i)[:500])
    with caplog.at_level(logging.WARNING):
        output = run_experiment(
            settings(
                *SHRUNK, f"cache={tmp_path / 'cache'}", "data=folder", f"data.path={folder}",
                "data.max_bad_fraction=0.06", *overrides,
            )
        )  # fmt: skip
    assert [tag.name for tag in output.tags] == ["blue", "green", "red"]
    data = output.record.data
    assert (data.tags, data.skipped) == (3, 2)
    assert {skip.key for skip in data.skipped_files} == {"broken/0.png", "broken/1.png"}
    assert "the tag 'broken' is left out: 2 of its 2 pictures cannot be used" in caplog.text
    assert any("'broken'" in warning for warning in output.record.warnings)
