"""A tagger whose bundle has a background: what is new to it, and what becomes of it once taught."""

import pytest

from imagetagger.tagger.tagger import Tagger
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import CRIMSON, YELLOW, bundle, counts, folder, names, pixels, tagger

GREY = (128, 128, 128)


def new() -> Tagger:
    return tagger(*WHITENED)


def strange(made: Tagger, colour) -> list[bool]:
    """Which of some pictures of a colour are unknown."""
    return [made.describe(pixels(colour, seed)).unknown for seed in range(20, 30)]


def taught(*steps) -> Tagger:
    """A tagger with a tag `lemon`, after lessons (seed, tags) of yellow pictures."""
    made = new()
    made.add_tag("lemon")
    for seed, tags in steps:
        made.learn(pixels(YELLOW, seed), tags)
    return made


def test_pictures_of_known_kinds_are_known_and_those_of_new_kinds_unknown():
    made = new()
    for colour in ("red", "green", "blue", CRIMSON):
        assert not any(strange(made, colour))
    for colour in (YELLOW, GREY):
        assert all(strange(made, colour))


def test_what_fits_worse_than_the_threshold_is_unknown():
    made, limit = new(), bundle(*WHITENED).manifest.decision.novelty.threshold
    for colour in ("red", "green", YELLOW):
        for seed in range(5):
            found = made.describe(pixels(colour, seed))
            assert found.unknown == (found.fit < limit)


def test_a_new_kind_is_unknown_is_taught_as_a_new_tag_and_is_then_found_and_known():
    made = taught()
    assert strange(made, YELLOW) == [True] * 10
    made.learn(pixels(YELLOW, 1), ["lemon"])
    found = [made.describe(pixels(YELLOW, seed)) for seed in range(20, 30)]
    assert all(names(one.tags)[0] == "lemon" for one in found)
    assert not any(one.unknown for one in found)
    assert all(strange(made, GREY))
    assert counts(made)["lemon"] == (1, 1)


def test_a_tag_of_one_picture_takes_no_picture_of_another_tag():
    made = taught((1, ["lemon"]))
    for colour, tag in (("red", "red"), ("green", "green"), ("blue", "blue"), (CRIMSON, "crimson")):
        assert all(names(made.tag(pixels(colour, seed), top_k=1)) == [tag] for seed in range(20, 30))


def test_what_is_forgotten_is_unknown_again_as_if_never_taught():
    made, before = taught((1, ["lemon"])), taught().describe(pixels(YELLOW, 2))
    assert made.describe(pixels(YELLOW, 2)) != before
    made.forget(pixels(YELLOW, 1), ["lemon"])
    assert made.describe(pixels(YELLOW, 2)) == before
    assert before.unknown


def test_undo_makes_it_unknown_again():
    made = taught((1, ["lemon"]))
    made.undo()
    assert made.describe(pixels(YELLOW, 2)) == taught().describe(pixels(YELLOW, 2))


def test_a_correction_leaves_no_trace_of_what_was_wrong():
    corrected, right = taught((1, ["blue"])), taught((1, ["lemon"]))
    wrong = corrected.describe(pixels("blue", 2), top_k=5)
    corrected.forget(pixels(YELLOW, 1), ["blue"])
    corrected.learn(pixels(YELLOW, 1), ["lemon"])
    assert right.describe(pixels("blue", 2), top_k=5) != wrong
    for colour in ("blue", YELLOW, GREY):
        assert corrected.describe(pixels(colour, 2), top_k=5) == right.describe(pixels(colour, 2), top_k=5)
    assert counts(corrected) == counts(right)


def test_a_picture_of_several_tags_makes_its_kind_known_as_each():
    made = taught()
    made.add_tag("sour")
    made.learn(pixels(YELLOW, 1), ["lemon", "sour"])
    found = made.describe(pixels(YELLOW, 1), top_k=2)
    assert set(names(found.tags)) == {"lemon", "sour"}
    assert [tag.probability for tag in found.tags] == pytest.approx([0.5, 0.5], abs=1e-6)
    assert not found.unknown
    made.forget(pixels(YELLOW, 1), ["sour"])
    assert names(made.tag(pixels(YELLOW, 1))) == ["lemon"]


def test_a_removed_tag_leaves_its_kind_unknown():
    made = new()
    made.remove_tag("green")
    assert all(strange(made, "green"))


def test_without_any_tag_every_picture_is_unknown_and_no_tag_fits():
    made = new()
    for tag in ("blue", "green", "red", "crimson"):
        made.remove_tag(tag)
    assert made.describe(pixels("red", 1)) == ([], None, True)


def test_what_was_taught_is_known_after_saving_and_loading(tmp_path):
    made = taught((1, ["lemon"]), (2, ["lemon", "green"]))
    made.save(tmp_path / "mine.zip")
    loaded = Tagger.load(folder(*WHITENED), tmp_path / "mine.zip")
    for colour in (YELLOW, GREY, "red"):
        assert loaded.describe(pixels(colour, 5), top_k=9) == made.describe(pixels(colour, 5), top_k=9)


def test_a_bundle_without_a_background_calls_nothing_unknown():
    found = tagger().describe(pixels(YELLOW, 1))
    assert (found.fit, found.unknown) == (None, False)


def test_tag_returns_the_tags_that_describe_tells():
    for made in (new(), tagger()):
        for top_k in (None, 1, 3):
            image = pixels(CRIMSON, 4)
            assert made.tag(image, top_k) == made.describe(image, top_k).tags
