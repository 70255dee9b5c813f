import numpy as np
import pytest

from imagetagger.archive.tagging.labelled import SetKeywords, label_pictures
from imagetagger.archive.tagging.learn import LearnError, base_rows, learn_tags, predict_learned
from imagetagger.archive.tagging.learned_file import decode_learned, encode_learned
from imagetagger.bundle.executor import embed_image
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import CRIMSON, YELLOW, bundle, executor, pixels

COLOURS = {("colour", "blue"): "blue", ("crimson",): CRIMSON, ("lemon",): YELLOW}


def embedding(colour, seed: int) -> np.ndarray:
    return embed_image(executor(*WHITENED), pixels(colour, seed))


@pytest.fixture(scope="module")
def learned():
    own, embeddings = {}, []
    for i, (keyword, colour) in enumerate(pair for pair in COLOURS.items() for _ in range(25)):
        own[f"{i:03}"] = SetKeywords((keyword,))
        embeddings.append(embedding(colour, i))
    pictures = label_pictures(own)
    return learn_tags(bundle(*WHITENED), executor(*WHITENED), pictures, np.stack(embeddings), "space")


def test_new_pictures_get_the_tags_of_those_that_people_tagged(learned):
    for i, colour in enumerate(COLOURS.values()):
        (probability,) = predict_learned(learned, bundle(*WHITENED), executor(*WHITENED), [embedding(colour, 999)])
        assert probability.argmax() == learned.keywords.index([*COLOURS][i])
        assert probability.max() > 0.5


def test_a_report_says_how_well_each_tag_is_found(learned):
    assert [report.keyword for report in learned.reports] == list(learned.keywords)
    for report in learned.reports:
        assert report.pictures == 25
        assert report.recall > 0.8
        assert report.precision > 0.8
        assert report.promise.threshold is not None


def test_a_tag_begins_with_the_bundle_s_of_its_name():
    made = bundle(*WHITENED)
    rows = base_rows(made, (("colour", "Blue"), ("lemon",)))
    (blue,) = [i for i, label in enumerate(made.labels) if label.name == "blue"]
    assert rows.count.tolist() == [made.rows.count[blue], 0]
    np.testing.assert_array_equal(rows.mean[0], made.rows.mean[blue])


def test_stored_and_read_they_are_the_same(learned):
    again = decode_learned(encode_learned(learned))
    assert again._replace(rows=None, rivals=None, calibration=None) == learned._replace(
        rows=None, rivals=None, calibration=None
    )
    for part in ("rows", "calibration"):
        for a, b in zip(getattr(again, part), getattr(learned, part), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again.rivals, learned.rivals)


def test_damaged_ones_are_refused(learned):
    data = encode_learned(learned)
    for damaged in (b"", data[:100], data[: len(data) // 2], b"\x00" + data):
        with pytest.raises(LearnError, match="learn again"):
            decode_learned(damaged)


def test_nothing_is_learned_from_no_tags_or_without_a_background():
    empty = label_pictures({})
    with pytest.raises(LearnError, match="at least three pictures"):
        learn_tags(bundle(*WHITENED), executor(*WHITENED), empty, np.zeros((0, 4), np.float32), "space")
    with pytest.raises(LearnError, match="background"):
        learn_tags(bundle(), executor(), empty, np.zeros((0, 4), np.float32), "space")
