"""A user's tag that a newer bundle knows: both are one, until that is undone."""

import json

import pytest

from imagetagger import Tagger
from imagetagger.bundle.archive import write_zip
from imagetagger.tagger.lessons import LessonError
from tests.helpers.sealing import reseal
from tests.helpers.taught import files, pixels, tagger


@pytest.fixture
def lessons(tmp_path):
    """Lessons in which two pictures taught a tag of the user's own, Goldfish."""
    made = tagger()
    made.add_tag("Goldfish")
    for i in range(2):
        made.learn(pixels("red", i), ["Goldfish"])
    made.save(tmp_path / "lessons.zip")
    return tmp_path / "lessons.zip"


@pytest.fixture
def newer(tmp_path):
    """A newer bundle, whose tag `red` has the name goldfish."""
    labels = json.loads(files()["labels.json"])
    next(label for label in labels if label["id"] == "red")["name"] = "goldfish"
    write_zip(reseal(files(), {"labels.json": json.dumps(labels).encode()}), tmp_path / "newer.zip")
    return tmp_path / "newer.zip"


def counts(made: Tagger) -> dict[str, tuple[int | None, int]]:
    """Pictures of every tag by id: all of them, and the user's."""
    return {tag.id: (tag.pictures, tag.taught) for tag in made.tags}


def test_what_was_taught_to_the_users_tag_counts_for_that_of_the_newer_bundle(lessons, newer):
    made = Tagger.load(newer, lessons)
    assert [tag.id for tag in made.tags if tag.name.casefold() == "goldfish"] == ["red"]
    assert counts(made)["red"] == (10, 2)
    assert [tag.name for tag in made.tag(pixels("red", 0), 1)] == ["goldfish"]


def test_undone_they_are_apart_also_when_they_were_saved(lessons, newer):
    made = Tagger.load(newer, lessons)
    made.undo()
    assert (counts(made)["red"], counts(made)["user:goldfish"]) == ((8, 0), (2, 2))
    with pytest.raises(LessonError, match="there is nothing to undo"):
        made.undo()
    made.save(lessons)
    again = Tagger.load(newer, lessons)
    assert (counts(again)["red"], counts(again)["user:goldfish"]) == ((8, 0), (2, 2))
    again.merge_tags("user:goldfish", "red")
    assert counts(again)["red"] == (10, 2)


def test_separated_they_are_apart_also_under_the_next_bundle_and_with_other_lessons(lessons, newer, tmp_path):
    made = Tagger.load(newer, lessons)
    made.add_tag("Koi")  # after which undo no longer takes the merge back
    made.separate_tag("goldfish")
    assert (counts(made)["red"], counts(made)["user:goldfish"]) == ((8, 0), (2, 2))
    made.save(tmp_path / "apart.zip")
    again = Tagger.load(newer, tmp_path / "apart.zip")
    assert (counts(again)["red"], counts(again)["user:goldfish"]) == ((8, 0), (2, 2))
    again.merge_lessons(lessons)
    assert (counts(again)["red"], counts(again)["user:goldfish"]) == ((8, 0), (2, 2))
    with pytest.raises(LessonError, match="nothing was merged into the tag red, so there is nothing to separate"):
        again.separate_tag("red")


def test_lessons_that_are_merged_are_those_of_the_bundles_tag_and_undo_takes_all_back(lessons, newer):
    made = Tagger.load(newer)
    made.merge_lessons(lessons)
    assert counts(made)["red"] == (10, 2)
    made.undo()
    assert counts(made) == counts(Tagger.load(newer))


def test_a_bundle_that_knows_none_of_the_users_tags_leaves_nothing_to_undo(lessons):
    made = tagger()
    made.replace_lessons(lessons)
    made.undo()
    assert counts(made) == counts(tagger())
