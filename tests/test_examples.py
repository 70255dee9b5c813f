import base64
import io

import numpy as np
from made import missing, outcome, some
from pictures import COLOURS, encode, noisy, picture
from PIL import Image

from imagetagger.report import examples


def split(read):
    return outcome(*some(), read=read).validation


def test_half_of_the_wrong_examples_are_the_most_confident_mistakes():
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(100), rng.random(100) < 0.5
    right, wrong = examples.choose(confidence, correct, 7, 0)
    assert correct[right].all()
    assert not correct[wrong].any()
    worst = np.flatnonzero(~correct)[np.argsort(-confidence[~correct])]
    np.testing.assert_array_equal(wrong[:4], worst[:4])
    assert len(set(wrong)) == len(wrong) == len(set(right)) == 7


def test_a_card_shows_the_set_and_every_true_tag_outside_it():
    p = np.array([[0.5, 0.3, 0.15, 0.04, 0.01]])
    truth = np.array([[False, True, False, False, True]])
    made = outcome(np.log(p).astype(np.float32), truth, names=tuple("abcde"))
    (example,) = examples.describe(np.array([0]), made.tags, made.validation, p, truth, p > 0.2)
    assert [(chip.name, chip.rank, chip.true, chip.member) for chip in example.chips] == [
        ("a", 1, False, True),
        ("b", 2, True, True),
        ("e", 5, True, False),
    ]
    assert (example.size, example.said, example.names, example.true.name) == (2, "a", ("b", "e"), "b")


def test_accuracy_of_a_tag_and_confusions_agree_with_counting():
    scores, truth = some(300, 5)
    said, true = scores.argmax(1), truth.argmax(1)
    names = list("abcde")
    for tag in examples.per_tag(scores, truth, names):
        mine = true == names.index(tag.name)
        assert (tag.right, tag.pictures) == ((said[mine] == true[mine]).sum(), mine.sum())
    for c in examples.confusions(scores, truth, names):
        assert c.pictures == ((true == names.index(c.true)) & (said == names.index(c.said))).sum() > 0
        assert c.of == (true == names.index(c.true)).sum()
    counts = [c.pictures for c in examples.confusions(scores, truth, names)]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == (said != true).sum()


def test_a_thumbnail_is_the_square_the_network_sees_and_no_larger_than_the_picture():
    wide = Image.new("RGB", (600, 300), COLOURS["red"])
    wide.paste(COLOURS["blue"], (150, 0, 450, 300))
    for data, side in (
        (encode(wide), examples.SIDE),
        (picture("red", 0), 64),
        (encode(noisy((9, 9, 9), 0, (40, 50))), 40),
    ):
        found = examples.thumbnail(split(lambda i, data=data: data), 0)
        head, body = found.split(",")
        assert head == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(body)))
        assert image.size == (side, side)
        if side == examples.SIDE:
            np.testing.assert_allclose(np.asarray(image).mean((0, 1)), COLOURS["blue"], atol=3)


def test_a_picture_that_is_gone_has_no_thumbnail():
    assert examples.thumbnail(split(missing), 0) is None
    assert examples.thumbnail(split(lambda i: b"no picture"), 0) is None
