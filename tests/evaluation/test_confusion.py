import base64
import io

import numpy as np
from PIL import Image

from imagetagger.evaluation.confusion import (
    EXAMPLES_PER_CONFUSION,
    THUMBNAIL_SIDE,
    TagAccuracy,
    accuracy_per_tag,
    thumbnail,
    top_confusions,
)
from tests.helpers.made import missing, some
from tests.helpers.pictures import COLOURS, colour_split, encode, noisy, picture

NAMES = list("abcde")


def split(read):
    return colour_split(1)._replace(read=read)


def test_accuracies_and_confusions_agree_with_counting():
    scores, labels_onehot = some(300, 5)
    predicted, true = scores.argmax(1), labels_onehot.argmax(1)
    accuracies = accuracy_per_tag(scores, labels_onehot, NAMES)
    for tag in accuracies:
        of_tag = true == NAMES.index(tag.name)
        assert (tag.correct, tag.pictures) == ((predicted[of_tag] == true[of_tag]).sum(), of_tag.sum())
    shares = [tag.correct / tag.pictures for tag in accuracies]
    assert shares == sorted(shares)
    confusions = top_confusions(scores, labels_onehot, NAMES, 99)
    for one in confusions:
        of_tag = true == NAMES.index(one.true)
        assert one.pictures == (of_tag & (predicted == NAMES.index(one.predicted))).sum() > 0
        assert one.total == of_tag.sum()
    counts = [one.pictures for one in confusions]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (predicted != true).sum()


def test_the_pictures_of_a_confusion_are_its_most_confident_ones():
    scores, labels_onehot = some(300, 5)
    p = np.exp(scores / 100) / np.exp(scores / 100).sum(1, keepdims=True)
    confusions = top_confusions(p, labels_onehot, NAMES, 3)
    assert len(confusions) == 3
    for one in confusions:
        is_one = (labels_onehot.argmax(1) == NAMES.index(one.true)) & (p.argmax(1) == NAMES.index(one.predicted))
        assert is_one[list(one.rows)].all()
        highest = sorted(p[is_one].max(1), reverse=True)[:EXAMPLES_PER_CONFUSION]
        assert p[list(one.rows)].max(1).tolist() == highest


def test_a_picture_of_several_tags_is_correct_for_those_among_as_many_most_probable_and_confused_with_no_true_one():
    p = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]])
    labels_onehot = np.array([[1, 0, 1, 0], [1, 1, 0, 0]], bool)
    assert accuracy_per_tag(p, labels_onehot, NAMES[:4]) == [
        TagAccuracy("b", 0, 1),
        TagAccuracy("c", 0, 1),
        TagAccuracy("a", 1, 2),
    ]
    confusions = top_confusions(p, labels_onehot, NAMES[:4], 9)
    assert [tuple(one) for one in confusions] == [("a", "d", 1, 2, (1,)), ("b", "d", 1, 1, (1,))]


def test_without_pictures_there_is_nothing_to_list():
    p, labels_onehot = np.zeros((0, 3)), np.zeros((0, 3), bool)
    assert accuracy_per_tag(p, labels_onehot, NAMES[:3]) == top_confusions(p, labels_onehot, NAMES[:3], 9) == []


def test_a_thumbnail_is_the_square_the_network_sees_and_no_larger_than_the_picture():
    wide = Image.new("RGB", (600, 300), COLOURS["red"])
    wide.paste(COLOURS["blue"], (150, 0, 450, 300))
    for data, side in (
        (encode(wide), THUMBNAIL_SIDE),
        (picture("red", 0), 64),
        (encode(noisy((9, 9, 9), 0, (40, 50))), 40),
    ):
        head, body = thumbnail(split(lambda i, data=data: data), 0).split(",")
        assert head == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(body)))
        assert image.size == (side, side)
        if side == THUMBNAIL_SIDE:
            np.testing.assert_allclose(np.asarray(image).mean((0, 1)), COLOURS["blue"], atol=3)


def test_a_picture_that_cannot_be_read_has_no_thumbnail():
    assert thumbnail(split(missing), 0) is None
    assert thumbnail(split(lambda i: b"no picture"), 0) is None
