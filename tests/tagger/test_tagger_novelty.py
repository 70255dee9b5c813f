"""A tagger whose bundle has a background: which pictures are novel to it, before and after lessons."""

import pytest

from imagetagger.tagger.tagger import Tagger
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import CRIMSON, YELLOW, bundle, counts, folder, names, pixels, tagger

GREY = (128, 128, 128)


def new() -> Tagger:
    return tagger(*WHITENED)


def novel(made: Tagger, colour) -> list[bool]:
    """Which of ten pictures of a colour are novel."""
    return [made.describe(pixels(colour, seed)).is_novel for seed in range(20, 30)]


def taught(*steps) -> Tagger:
    """A tagger with a tag `lemon`, after lessons (seed, tags) of yellow pictures."""
    made = new()
    made.add_tag("lemon")
    for seed, tags in steps:
        made.learn(pixels(YELLOW, seed), tags)
    return made


def test_pictures_of_new_kinds_are_novel_and_those_of_known_kinds_are_not():
    made = new()
    for colour in ("red", "green", "blue", CRIMSON):
        assert not any(novel(made, colour))
    for colour in (YELLOW, GREY):
        assert all(novel(made, colour))


def test_a_picture_is_novel_above_the_threshold():
    made, threshold = new(), bundle(*WHITENED).manifest.decision.novelty.threshold
    for colour in ("red", "green", YELLOW):
        for seed in range(5):
            description = made.describe(pixels(colour, seed))
            assert description.is_novel == (description.novelty_score > threshold)


def test_a_novel_kind_that_is_taught_as_a_new_tag_is_then_tagged_and_not_novel():
    made = taught()
    assert novel(made, YELLOW) == [True] * 10
    made.learn(pixels(YELLOW, 1), ["lemon"])
    descriptions = [made.describe(pixels(YELLOW, seed)) for seed in range(20, 30)]
    assert all(names(description.tags)[0] == "lemon" for description in descriptions)
    assert not any(description.is_novel for description in descriptions)
    assert all(novel(made, GREY))
    assert counts(made)["lemon"] == (1, 1)


def test_a_tag_of_one_picture_takes_no_picture_of_another_tag():
    made = taught((1, ["lemon"]))
    for colour, tag in (("red", "red"), ("green", "green"), ("blue", "blue"), (CRIMSON, "crimson")):
        assert all(names(made.tag(pixels(colour, seed), top_k=1)) == [tag] for seed in range(20, 30))


def test_what_is_forgotten_is_novel_again_as_if_never_taught():
    made, before = taught((1, ["lemon"])), taught().describe(pixels(YELLOW, 2))
    assert made.describe(pixels(YELLOW, 2)) != before
    made.forget(pixels(YELLOW, 1), ["lemon"])
    assert made.describe(pixels(YELLOW, 2)) == before
    assert before.is_novel


def test_undo_makes_it_novel_again():
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
    description = made.describe(pixels(YELLOW, 1), top_k=2)
    assert set(names(description.tags)) == {"lemon", "sour"}
    lemon, sour = (tag.probability for tag in description.tags)
    assert lemon == pytest.approx(sour, rel=1e-5)  # equal rows, whose scores differ by rounding at most
    assert lemon + sour > 0.999  # other tags are far off; how far, depends on the processor
    assert not description.is_novel
    made.forget(pixels(YELLOW, 1), ["sour"])
    assert names(made.tag(pixels(YELLOW, 1))) == ["lemon"]


def test_a_removed_tag_leaves_its_kind_novel():
    made = new()
    made.remove_tag("green")
    assert all(novel(made, "green"))


def test_without_any_tag_every_picture_is_novel_and_has_no_score():
    made = new()
    for tag in ("blue", "green", "red", "crimson"):
        made.remove_tag(tag)
    assert made.describe(pixels("red", 1)) == ([], None, True, [])


def test_what_was_taught_is_still_known_after_saving_and_loading(tmp_path):
    made = taught((1, ["lemon"]), (2, ["lemon", "green"]))
    made.save(tmp_path / "mine.zip")
    loaded = Tagger.load(folder(*WHITENED), tmp_path / "mine.zip")
    for colour in (YELLOW, GREY, "red"):
        assert loaded.describe(pixels(colour, 5), top_k=9) == made.describe(pixels(colour, 5), top_k=9)


def test_without_a_background_no_picture_is_novel():
    description = tagger().describe(pixels(YELLOW, 1))
    assert (description.novelty_score, description.is_novel) == (None, False)


def test_tag_returns_the_tags_of_describe():
    for made in (new(), tagger()):
        for top_k in (None, 1, 3):
            image = pixels(CRIMSON, 4)
            assert made.tag(image, top_k) == made.describe(image, top_k).tags
