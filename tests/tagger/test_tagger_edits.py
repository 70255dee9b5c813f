"""Undo, and edits of the vocabulary."""

import pytest

from imagetagger.tagger.lessons import LessonError
from imagetagger.tagger.tagger import Tagger
from tests.helpers.taught import CRIMSON, YELLOW, counts, folder, names, pixels, seen, started, tagger

STEPS = {
    "learn": lambda made: made.learn(pixels("red", 50), ["red"]),
    "learn several": lambda made: made.learn(pixels("red", 51), ["blue", "n01"]),
    "one tag more": lambda made: made.learn(pixels("red", 2), ["blue"]),
    "forget the first": lambda made: made.forget(pixels("red", 1), ["red"]),
    "forget the last": lambda made: made.forget(pixels("red", 3), ["red"]),
    "add": lambda made: made.add_tag("violet"),
    "rename": lambda made: made.rename_tag("red", "rouge"),
    "merge": lambda made: made.merge_tags("crimson", "green"),
    "remove": lambda made: made.remove_tag("red"),
    "remove and bring back": lambda made: (made.remove_tag("crimson"), made.add_tag("crimson")),
    "merge and rename": lambda made: (made.merge_tags("red", "lemon"), made.rename_tag("lemon", "red")),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_can_be_undone_to_the_last_bit(step):
    made = started()
    before, pictures = seen(made), made.lessons
    done = STEPS[step](made)
    assert seen(made)[:2] != before[:2] or step == "remove and bring back"
    made.undo()
    if isinstance(done, tuple):
        made.undo()
    assert seen(made) == before
    assert made.lessons is pictures


def test_all_steps_can_be_undone_one_after_another():
    made, states = started(), []
    for step in ("learn", "forget the first", "add", "one tag more", "learn several", "rename", "merge"):
        states.append(seen(made))
        STEPS[step](made)
    while states:
        made.undo()
        assert seen(made) == states.pop()


def test_there_is_nothing_to_undo_before_the_first_change_and_after_the_last_undo():
    made = tagger()
    made.learn(pixels("red", 1), ["red"])
    made.undo()
    with pytest.raises(LessonError, match="there is nothing to undo"):
        made.undo()
    with pytest.raises(LessonError, match="there is nothing to undo"):
        Tagger.load(folder()).undo()


def test_what_was_refused_or_changed_nothing_is_not_a_step_to_undo(tmp_path):
    made = started()
    made.save(tmp_path / "mine.zip")
    before = seen(made)
    made.add_tag("violet")
    made.learn(pixels("red", 1), ["red"])
    made.merge_lessons(tmp_path / "mine.zip")
    with pytest.raises(LessonError):
        made.learn(pixels("red", 9), ["nothing"])
    made.undo()
    assert seen(made) == before


def test_tags_are_listed_with_names_synonyms_and_counts():
    made = started()
    made.rename_tag("lemon", "Zitrone")
    made.merge_tags("red", "crimson")
    assert [tuple(tag)[:5] for tag in made.tags] == [
        ("blue", "blue", (), 8, 0),
        ("green", "green", (), 8, 0),
        ("n01", "crimson", ("dark red", "carmine", "red"), 19, 3),
        ("user:lemon", "Zitrone", (), 1, 1),
    ]


def test_a_merged_tag_knows_what_both_were_taught_and_answers_to_both_names():
    made = started()
    made.merge_tags("lemon", "blue")
    assert names(made.tag(pixels(YELLOW, 1), 1)) == ["blue"]
    made.learn(pixels(YELLOW, 2), ["lemon"])
    assert counts(made)["blue"] == (10, 2)
    made.forget(pixels(YELLOW, 1), ["Blue"])
    assert counts(made)["blue"] == (9, 1)


def test_a_removed_tag_is_not_suggested_and_comes_back_as_the_bundle_knows_it():
    made, fresh = tagger(), seen(tagger())
    made.remove_tag("crimson")
    assert set(names(made.tag(pixels(CRIMSON, 1), top_k=9))) == {"red", "blue", "green"}
    assert made.add_tag("Crimson") == "n01"
    assert seen(made) == fresh


def test_edits_of_tags_that_are_not_there_are_refused():
    made = tagger()
    for call in (
        lambda: made.rename_tag("zebra", "horse"),
        lambda: made.merge_tags("zebra", "red"),
        lambda: made.merge_tags("red", "zebra"),
        lambda: made.remove_tag("zebra"),
    ):
        with pytest.raises(LessonError, match="there is no tag 'zebra'"):
            call()
    with pytest.raises(LessonError, match="got one tag twice"):
        made.merge_tags("crimson", "carmine")
    with pytest.raises(LessonError, match="there is a tag 'red' already"):
        made.rename_tag("crimson", "Red")
