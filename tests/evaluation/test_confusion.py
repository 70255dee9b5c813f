import base64
import io

import numpy as np
from PIL import Image

from imagetagger.evaluation.confusion import (
    EXAMPLES_PER_CONFUSION,
    THUMBNAIL_SIDE,
    accuracy_per_tag,
    thumbnail,
    top_confusions,
)
from tests.helpers.made import missing, outcome, some
from tests.helpers.pictures import COLOURS, encode, noisy, picture


def split(read):
    return outcome(*some(), read=read).validation


def test_accuracy_of_a_tag_and_confusions_agree_with_counting():
    scores, truth = some(300, 5)
    said, true = scores.argmax(1), truth.argmax(1)
    names = list("abcde")
    for tag in accuracy_per_tag(scores, truth, names):
        mine = true == names.index(tag.name)
        assert (tag.right, tag.pictures) == ((said[mine] == true[mine]).sum(), mine.sum())
    for c in top_confusions(scores, truth, names, 99):
        assert c.pictures == ((true == names.index(c.true)) & (said == names.index(c.said))).sum() > 0
        assert c.of == (true == names.index(c.true)).sum()
    counts = [c.pictures for c in top_confusions(scores, truth, names, 99)]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (said != true).sum()


def test_the_pictures_of_a_confusion_are_its_most_confident_ones():
    scores, truth = some(300, 5)
    p = np.exp(scores / 100) / np.exp(scores / 100).sum(1, keepdims=True)
    for c in top_confusions(p, truth, list("abcde"), 3):
        mine = (truth.argmax(1) == "abcde".index(c.true)) & (p.argmax(1) == "abcde".index(c.said))
        sure = sorted(p[mine].max(1), reverse=True)[:EXAMPLES_PER_CONFUSION]
        assert p[list(c.rows)].max(1).tolist() == sure
    assert len(top_confusions(p, truth, list("abcde"), 3)) == 3


def test_a_thumbnail_is_the_square_the_network_sees_and_no_larger_than_the_picture():
    wide = Image.new("RGB", (600, 300), COLOURS["red"])
    wide.paste(COLOURS["blue"], (150, 0, 450, 300))
    for data, side in (
        (encode(wide), THUMBNAIL_SIDE),
        (picture("red", 0), 64),
        (encode(noisy((9, 9, 9), 0, (40, 50))), 40),
    ):
        found = thumbnail(split(lambda i, data=data: data), 0)
        head, body = found.split(",")
        assert head == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(body)))
        assert image.size == (side, side)
        if side == THUMBNAIL_SIDE:
            np.testing.assert_allclose(np.asarray(image).mean((0, 1)), COLOURS["blue"], atol=3)


def test_a_picture_that_is_gone_has_no_thumbnail():
    assert thumbnail(split(missing), 0) is None
    assert thumbnail(split(lambda i: b"no picture"), 0) is None
