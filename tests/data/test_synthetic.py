import io

import numpy as np
import pytest
from PIL import Image

from imagetagger.data.dataset import content_id, dataset_fingerprint
from imagetagger.data.drawings import DRAWING_TAGS
from imagetagger.data.synthetic import load_synthetic


@pytest.fixture(scope="module")
def dataset():
    return load_synthetic(5, 0.4, 0, size=32)


def test_the_same_seed_draws_the_same_data_set_and_another_seed_other_pictures(dataset):
    assert dataset_fingerprint(load_synthetic(5, 0.4, 0, size=32)) == dataset_fingerprint(dataset)
    other = load_synthetic(5, 0.4, 1, size=32)
    assert not {*dataset.train.ids, *dataset.validation.ids} & {*other.train.ids, *other.validation.ids}


def test_every_tag_has_the_same_number_of_pictures(dataset):
    assert [tag.name for tag in dataset.tags] == list(DRAWING_TAGS)
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    assert np.bincount(labels[:, 0]).tolist() == [5] * len(DRAWING_TAGS)
    assert np.bincount(dataset.validation.labels[:, 0]).tolist() == [2] * len(DRAWING_TAGS)


def test_no_picture_is_in_both_splits_or_drawn_twice(dataset):
    assert len({*dataset.train.ids, *dataset.validation.ids}) == 5 * len(DRAWING_TAGS)
    assert len({*dataset.train.keys, *dataset.validation.keys}) == 5 * len(DRAWING_TAGS)


def test_pictures_are_png_of_the_asked_size_under_their_tags_name(dataset):
    for split in (dataset.train, dataset.validation):
        for i, key in enumerate(split.keys):
            image = Image.open(io.BytesIO(split.read(i)))
            image.load()
            assert (image.format, image.mode, image.size) == ("PNG", "RGB", (32, 32))
            assert split.ids[i] == content_id(split.read(i))
            assert key.split("/")[0] == dataset.tags[split.labels[i, 0]].name


def test_more_pictures_contain_the_fewer_of_the_same_seed(dataset):
    fewer = load_synthetic(2, 0.0, 0, size=32)
    assert set(fewer.train.ids) <= {*dataset.train.ids, *dataset.validation.ids}
