"""A tagger whose bundle has broader terms: teaching them, hiding, and tags of the network's own classifier."""

import json
import zipfile

import numpy as np
import pytest

from imagetagger.bundle.archive import write_folder
from imagetagger.bundle.executor import embed_image
from imagetagger.tagger.lessons import LessonError
from imagetagger.tagger.tagger import Tagger
from tests.helpers.precision import rounding
from tests.helpers.taught import CRIMSON, YELLOW, counts, doubtful, names, pixels, seen, tagger
from tests.helpers.terms import files_with_terms, tagger_with_terms

REDS = ["red", "n01"]


def probabilities(made: Tagger, picture) -> dict[str, float]:
    p = made.probabilities(embed_image(made._executor, picture))
    return {tag.id: float(value) for tag, value in zip(made.tags, p, strict=True)}


def chances(tags) -> dict[str, float]:
    return {tag.id: tag.probability for tag in tags}


def test_a_picture_in_doubt_is_described_by_the_term_of_its_tags():
    made = tagger_with_terms()
    made.hide_tag("crimson")
    p = probabilities(made, doubtful())
    assert all(0.2 < p[key] < 0.7 for key in REDS)
    made.show_tag("crimson")
    assert names(tagger().describe(doubtful()).terms) == names(tagger().tag(doubtful()))


def test_hidden_breeds_are_their_term_and_keep_their_probability():
    made = tagger_with_terms()
    before = probabilities(made, doubtful())
    made.hide_tag("reddish", below=True)
    assert made.hidden == [("n01", "crimson"), ("red", "red")]
    assert probabilities(made, doubtful()) == before
    top = made.tag(doubtful(), top_k=1)
    assert chances(top) == {"reddish": pytest.approx(before["red"] + before["n01"])}
    made.show_tag("reddish")
    assert made.hidden == []
    assert names(made.tag(doubtful(), top_k=2)) == names(tagger_with_terms().tag(doubtful(), top_k=2))


def test_a_hidden_branch_gives_way_to_what_is_above_it():
    made = tagger_with_terms()
    made.hide_tag("earth colour")
    assert chances(made.tag(pixels("red", 1), top_k=1)) == {"colour": pytest.approx(1)}
    made.hide_tag("colour")
    assert made.tag(pixels("red", 1), top_k=4) == []
    assert made.describe(pixels("red", 1)).terms == []
    made.undo()
    made.undo()
    assert seen(made) == seen(tagger_with_terms())


def test_only_what_can_be_hidden_is_and_only_what_is_hidden_is_shown_again():
    made = tagger_with_terms()
    with pytest.raises(LessonError, match="nothing is below 'red': expected a broader term"):
        made.hide_tag("red", below=True)
    with pytest.raises(LessonError, match="got 'red', which is not hidden; hidden are: nothing"):
        made.show_tag("red")
    made.hide_tag("reddish")
    with pytest.raises(LessonError, match="'red' is hidden with 'reddish', which is above it: show that"):
        made.show_tag("red")
    before = seen(made)
    made.hide_tag("reddish")
    assert seen(made) == before


def test_a_taught_term_is_a_tag_and_as_probable_as_all_below_it_until_it_is_forgotten():
    made = tagger_with_terms()
    made.learn(pixels((255, 120, 90), 1), ["Shade of red"])
    assert counts(made)["reddish"] == (1, 1)
    picture = pixels((250, 110, 80), 2)
    p = probabilities(made, picture)
    assert p["reddish"] > 0.1
    tags = chances(made.tag(picture, top_k=9))
    assert tags["reddish"] == pytest.approx(p["reddish"] + p["red"] + p["n01"])
    assert tags["red"] == pytest.approx(p["red"])
    assert chances(made.describe(picture).terms).get("reddish", tags["reddish"]) == pytest.approx(tags["reddish"])
    made.forget(pixels((255, 120, 90), 1), ["reddish"])
    assert "reddish" not in {tag.id for tag in made.tags}
    assert seen(made) == seen(tagger_with_terms())


def test_a_term_that_is_added_is_a_tag_with_its_id_and_once():
    made = tagger_with_terms()
    assert made.add_tag("Cold  Colour") == "cold"
    assert counts(made)["cold colour"] == (0, 0)
    with pytest.raises(LessonError, match="there is a tag 'cold colour' already"):
        made.add_tag("cold colour")
    made.remove_tag("cold colour")
    assert made.add_tag("cold colour") == "cold"


def test_a_tag_takes_no_name_of_a_term_and_a_term_is_known_by_all_its_names():
    made = tagger_with_terms()
    with pytest.raises(LessonError, match="there is a broader term 'earth colour' already: choose another name"):
        made.rename_tag("red", "earth colour")
    assert all(made.has_tag(name) for name in ("EARTH colour", "earth", "shade of red", "carmine", "blue"))
    assert not made.has_tag("lemon")


def test_what_is_hidden_is_saved_loaded_and_merged(tmp_path):
    write_folder(files_with_terms(), tmp_path / "bundle")
    made, other = tagger_with_terms(), tagger_with_terms()
    made.hide_tag("reddish")
    made.learn(pixels(CRIMSON, 1), ["earth"])
    made.save(tmp_path / "mine.zip")
    loaded = Tagger.load(tmp_path / "bundle", tmp_path / "mine.zip")
    assert (loaded.hidden, loaded.lessons.edits) == (made.hidden, made.lessons.edits)
    assert seen(loaded) == seen(made)
    other.hide_tag("blue")
    other.merge_lessons(tmp_path / "mine.zip")
    assert other.hidden == [("blue", "blue"), ("reddish", "reddish")]


def test_lessons_of_an_older_version_hide_nothing(tmp_path):
    write_folder(files_with_terms(), tmp_path / "bundle")
    made = tagger_with_terms()
    made.learn(pixels("red", 1), ["red"])
    made.save(tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(parts["lessons.json"])
    del content["edits"]["hidden"]
    write_folder(parts | {"lessons.json": json.dumps(content).encode()}, tmp_path / "old")
    assert seen(Tagger.load(tmp_path / "bundle", tmp_path / "old")) == seen(made)


OFFSET = (0.0, 0.0, 1.5, -2.0)
"""Of blue, green, red and crimson, in nats of scores."""


def log_odds(made: Tagger, picture, a: str, b: str) -> float:
    """In nats of scores."""
    p = probabilities(made, picture)
    temperature = made._bundle.manifest.decision.calibration.temperature
    return float(np.log(p[a]) - np.log(p[b])) * temperature


def test_scores_of_tags_are_offset_and_those_of_a_users_tags_are_not():
    plain, offset = tagger_with_terms(), tagger_with_terms(OFFSET)
    picture = doubtful()
    for made in (plain, offset):
        made.add_tag("cherry")
        made.learn(picture, ["cherry"])
    tolerance = 1e3 * rounding(48)
    for a, b, expected in (("red", "n01", 3.5), ("red", "user:cherry", 1.5), ("n01", "user:cherry", -2)):
        moved = log_odds(offset, picture, a, b) - log_odds(plain, picture, a, b)
        assert moved == pytest.approx(expected, abs=tolerance)


def test_a_merged_tag_has_the_offset_of_either_tag_together():
    made = tagger_with_terms(OFFSET)
    rows = made._state.rows.by_tag
    assert [rows[key].score_offset for key in ("blue", *REDS)] == [0, 1.5, -2]
    made.merge_tags("crimson", "red")
    merged = made._state.rows.by_tag["red"].score_offset
    assert merged == pytest.approx(np.log(np.exp(1.5) + np.exp(-2)), abs=rounding(2, 2))
    made.undo()
    assert made._state.rows.by_tag["red"].score_offset == 1.5


def test_a_users_tag_of_the_name_of_a_tag_a_synonym_or_a_term_is_that_one(tmp_path):
    write_folder(files_with_terms(), tmp_path / "bundle")
    made = tagger()
    for seed, (name, colour) in enumerate({"Color": YELLOW, "Cold colour": "blue", "shade of  red": "red"}.items()):
        made.learn(pixels(colour, seed), [made.add_tag(name)])
    made.save(tmp_path / "mine.zip")
    other = Tagger.load(tmp_path / "bundle", tmp_path / "mine.zip")
    assert set(counts(other)) == {"blue", "green", "red", "crimson", "colour", "cold colour", "reddish"}
    assert [counts(other)[name] for name in ("colour", "cold colour", "reddish")] == [(1, 1)] * 3
    other.save(tmp_path / "again.zip")
    assert seen(Tagger.load(tmp_path / "bundle", tmp_path / "again.zip")) == seen(other)


def test_a_removed_term_is_taught_only_after_it_is_added_again():
    made = tagger_with_terms()
    made.learn(pixels("red", 1), ["reddish"])
    made.remove_tag("reddish")
    assert not made.has_tag("reddish")
    with pytest.raises(LessonError, match="there is no tag 'reddish'"):
        made.learn(pixels("red", 1), ["reddish"])
    key = made.add_tag("reddish")
    made.learn(pixels("red", 1), ["reddish"])
    assert [tag.taught for tag in made.tags if tag.id == key] == [1]


def test_a_term_that_was_never_taught_cannot_be_removed_or_merged():
    made = tagger_with_terms()
    for change in (lambda: made.remove_tag("reddish"), lambda: made.merge_tags("reddish", "blue")):
        with pytest.raises(LessonError, match="'reddish' is a broader term, not a tag: hide it"):
            change()


def test_a_term_that_was_merged_is_found_as_what_it_was_merged_into():
    made = tagger_with_terms()
    made.add_tag("reddish")
    made.merge_tags("reddish", "blue")
    made.learn(pixels("red", 1), ["reddish"])
    assert made.known_name("reddish") == "blue"
    made.forget(pixels("red", 1), ["reddish"])


def test_another_word_for_a_tag_or_a_term_is_no_name_for_a_tag_of_its_own():
    made = tagger_with_terms()
    made.add_tag("Rex")
    for word, name in (("carmine", "crimson"), ("shade of red", "reddish")):
        for change in (lambda word=word: made.add_tag(word), lambda word=word: made.rename_tag("Rex", word)):
            with pytest.raises(LessonError, match=f"'{word}' is another word for '{name}': teach that"):
                change()
    made.rename_tag("crimson", "carmine")


def test_hidden_tags_say_so_also_those_below_a_hidden_term():
    made = tagger_with_terms()
    made.hide_tag("reddish")
    assert {tag.name for tag in made.tags if tag.is_hidden} >= {"red"}
    assert "blue" not in {tag.name for tag in made.tags if tag.is_hidden}
