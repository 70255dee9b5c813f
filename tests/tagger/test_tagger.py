import numpy as np
import pytest
from PIL import Image

from imagetagger.preprocess import BadImageError
from imagetagger.tagger import lessons
from imagetagger.tagger.lessons import LessonError
from imagetagger.tagger.tagger import Tag
from tests.helpers.pictures import encode
from tests.helpers.taught import CRIMSON, YELLOW, counts, doubtful, names, pixels, seen, tagger

# Tagging


@pytest.mark.parametrize(("colour", "tag"), [("blue", "blue"), ("green", "green"), ("red", "red"), (CRIMSON, "n01")])
def test_a_picture_gets_its_tag_with_name_and_probability(colour, tag):
    (best, *_) = tagger().tag(pixels(colour, 1))
    assert best.id == tag
    assert best.name == ("crimson" if tag == "n01" else tag)
    assert best.probability > 0.9


def test_probabilities_fall_and_those_of_all_tags_sum_to_one():
    tags = tagger().tag(doubtful(), top_k=4)
    assert len(tags) == 4
    assert [tag.probability for tag in tags] == sorted((tag.probability for tag in tags), reverse=True)
    assert sum(tag.probability for tag in tags) == pytest.approx(1)


def test_the_tag_set_is_the_smallest_that_reaches_the_threshold_and_top_k_its_own_number():
    made = tagger()
    ranked = made.tag(doubtful(), top_k=4)
    shown = made.tag(doubtful())
    assert names(shown) == names(ranked)[: len(shown)]
    assert len(shown) == 2
    assert sum(tag.probability for tag in shown) >= 0.9 > sum(tag.probability for tag in shown[:-1])
    for k in (1, 2, 3, 4, 99):
        assert made.tag(doubtful(), k) == ranked[:k]
    assert len(made.tag(pixels("blue", 1))) == 1


@pytest.mark.parametrize("k", [0, -1, 2.5])
def test_a_top_k_below_one_is_refused(k):
    with pytest.raises(ValueError, match=f"got top_k={k}, expected a whole number of at least 1"):
        tagger().tag(doubtful(), k)


def forms(image: Image.Image, path) -> list[object]:
    """The same picture in every form that a tagger takes."""
    path.write_bytes(encode(image))
    taken = [str(path), path, encode(image), encode(image, "BMP"), image, np.asarray(image)]
    return [*taken, image.convert("RGBA"), np.asarray(image.convert("RGBA")), np.asarray(image.convert("RGB"))]


@pytest.mark.parametrize("grey", [False, True])
def test_a_picture_is_the_same_in_every_form_and_counts_once(tmp_path, grey):
    made, image = tagger(), Image.fromarray(pixels("red", 1, 70)[:, :50])
    image = image.convert("L") if grey else image
    answers = []
    for form in forms(image, tmp_path / "red.png"):
        made.learn(form, ["red"])
        answers.append(made.tag(form, top_k=4))
    assert len(answers) == 9
    assert all(answer == answers[0] for answer in answers)
    assert counts(made)["red"] == (9, 1)
    made.forget(tmp_path / "red.png", ["red"])
    assert made.lessons == lessons.NO_LESSONS


def test_transparent_pixels_are_white_in_every_form(tmp_path):
    made = tagger()
    rgba = np.dstack([pixels("red", 1), np.random.default_rng(2).integers(0, 256, (32, 32), np.uint8)])
    made.learn(rgba, ["red"])
    made.learn(encode(Image.fromarray(rgba)), ["red"])
    made.learn(np.ascontiguousarray(rgba[::-1])[::-1], ["red"])
    assert counts(made)["red"] == (9, 1)


def test_pixels_given_are_not_changed():
    made, image = tagger(), pixels("red", 1)
    before = image.copy()
    made.learn(image, ["red"])
    made.tag(image)
    np.testing.assert_array_equal(image, before)


BAD = [
    (b"", "empty file"),
    (b"no picture", "not a picture"),
    (encode(Image.fromarray(pixels("red", 1)))[:-300], "corrupt image"),
    (np.zeros((4, 4, 3)), r"got float64 \(4, 4, 3\), expected uint8 \(H, W\), \(H, W, 3\) or \(H, W, 4\)"),
    (np.zeros((4, 4, 2), np.uint8), r"got uint8 \(4, 4, 2\)"),
    (np.zeros((1, 4, 4, 3), np.uint8), r"got uint8 \(1, 4, 4, 3\)"),
    (np.zeros(4, np.uint8), r"got uint8 \(4,\)"),
    (np.zeros((0, 4), np.uint8), r"got uint8 \(0, 4\)"),
    (np.uint8(3), "got uint8, expected a path, bytes, a binary file, a Pillow image or a uint8 NumPy array"),
    (None, "got NoneType, expected a path"),
    ([[1, 2], [3, 4]], "got list, expected a path"),
    (np.zeros((20_000, 10_000), np.uint8), "more than the limit"),
]


@pytest.mark.parametrize(("image", "why"), BAD)
def test_a_picture_that_cannot_be_used_is_refused_and_changes_nothing(image, why):
    made = tagger()
    made.learn(pixels("red", 1), ["red"])
    before = seen(made)
    for call in (lambda: made.tag(image), lambda: made.learn(image, ["red"]), lambda: made.forget(image, ["red"])):
        with pytest.raises(BadImageError, match=why):
            call()
    assert seen(made) == before


def test_a_path_that_cannot_be_read_is_an_os_error(tmp_path):
    for path in (tmp_path / "gone.png", str(tmp_path / "gone.png"), tmp_path):
        with pytest.raises(OSError, match=str(tmp_path)):
            tagger().tag(path)


# Learning


def test_a_new_tag_is_suggested_after_one_picture():
    made = tagger()
    assert made.add_tag("lemon") == "user:lemon"
    made.learn(pixels(YELLOW, 1), ["lemon"])
    assert names(made.tag(pixels(YELLOW, 2))) == ["lemon"]
    assert names(made.tag(pixels("blue", 2))) == ["blue"]
    assert counts(made)["lemon"] == (1, 1)


@pytest.mark.parametrize("prior", ["uniform", "counts"])
def test_a_tag_without_pictures_is_never_suggested(prior):
    made = tagger(f"classifier.class_prior={prior}")
    made.add_tag("lemon")
    for image in (pixels(YELLOW, 1), doubtful(), pixels("blue", 1)):
        assert "lemon" not in names(made.tag(image, top_k=99))
        assert "lemon" not in names(made.tag(image))
    made.learn(pixels(YELLOW, 1), ["lemon"])
    assert "lemon" in names(made.tag(pixels(YELLOW, 1), top_k=99))
    made.forget(pixels(YELLOW, 1), ["lemon"])
    assert "lemon" not in names(made.tag(pixels(YELLOW, 1), top_k=99))


def test_a_class_prior_of_counts_favours_the_tag_with_more_pictures_by_their_ratio():
    odds = []
    for prior in ("counts", "uniform"):
        made = tagger(f"classifier.class_prior={prior}")
        for seed in range(8):
            made.learn(pixels("red", seed), ["red"])
        chance = {tag.name: tag.probability for tag in made.tag(doubtful(), 4)}
        odds.append(50 * np.log(chance["red"] / chance["crimson"]))
    assert odds[0] - odds[1] == pytest.approx(np.log(16 / 8), abs=1e-3)


def test_a_tagger_without_any_picture_suggests_nothing():
    made = tagger()
    for tag in ("blue", "green", "red", "crimson"):
        made.remove_tag(tag)
    assert made.tags == []
    assert made.tag(doubtful()) == made.tag(doubtful(), top_k=3) == []
    made.add_tag("lemon")
    assert made.tag(doubtful()) == made.tag(doubtful(), top_k=3) == []
    made.learn(doubtful(), ["lemon"])
    assert made.tag(doubtful()) == [Tag("user:lemon", "lemon", 1.0)]


def test_a_picture_taught_twice_counts_once():
    made = tagger()
    made.learn(pixels("red", 1), ["red"])
    once = seen(made)
    made.learn(encode(Image.fromarray(pixels("red", 1))), ["RED", "red"])
    assert seen(made) == once
    made.undo()
    assert counts(made)["red"] == (8, 0)


def test_one_picture_can_teach_several_tags_at_once_or_one_after_another():
    at_once, in_turn = tagger(), tagger()
    at_once.learn(pixels("red", 1), ["red", "carmine"])
    for tag in ("red", "n01"):
        in_turn.learn(pixels("red", 1), [tag])
    assert seen(at_once) == seen(in_turn)
    assert counts(at_once) == {"blue": (8, 0), "green": (8, 0), "red": (9, 1), "crimson": (9, 1)}


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        (["lemon"], r"there is no tag 'lemon': add_tag\('lemon'\) makes a new one"),
        (["red", "crimsn"], "there is no tag 'crimsn': did you mean 'crimson'"),
        ([], "got no tags, expected at least one"),
        ("red", r"got the text 'red', expected a list of tags: \['red'\]"),
        ([3], "got 3 among the tags, expected the id or the name of each as text"),
        ([Tag("red", "red", 0.5)], "got Tag.* among the tags, expected the id"),
    ],
)
def test_tags_that_cannot_be_taught_are_refused_and_change_nothing(tags, why):
    made = tagger()
    made.learn(pixels("red", 1), ["red"])
    before = seen(made)
    for call in (made.learn, made.forget):
        with pytest.raises(LessonError, match=why):
            call(pixels("red", 1), tags)
    assert seen(made) == before


def test_learning_tilts_the_scales_and_a_correction_tilts_them_back():
    made = tagger()
    before = made.tag(doubtful(), top_k=4)
    made.learn(doubtful(), ["crimson"])
    assert names(made.tag(doubtful(), 1)) == ["crimson"]
    made.forget(doubtful(), ["crimson"])
    made.learn(doubtful(), ["red"])
    assert names(made.tag(doubtful(), 1)) == ["red"]
    corrected, direct = seen(made), tagger()
    direct.learn(doubtful(), ["red"])
    assert corrected == seen(direct)
    made.forget(doubtful(), ["red"])
    assert made.tag(doubtful(), top_k=4) == before


def test_forgetting_what_was_never_taught_is_refused_by_name():
    made = tagger()
    with pytest.raises(LessonError, match="this picture was never taught"):
        made.forget(pixels("red", 1), ["red"])
    made.learn(pixels("red", 1), ["red"])
    with pytest.raises(LessonError, match="this picture was never taught as crimson, but as red"):
        made.forget(pixels("red", 1), ["crimson"])
    assert counts(made)["red"] == (9, 1)
