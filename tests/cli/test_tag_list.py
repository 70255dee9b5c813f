import json

import pytest

from imagetagger.bundle.archive import write_zip
from tests.helpers.sealing import reseal
from tests.helpers.taught import files, folder


def test_tags_lists_those_of_the_bundle_and_what_was_taught(call, lessons, lemons):
    assert call("tags") == (0, "blue\ngreen\nred\ncrimson\n", "")
    call("learn", "--tag", "Lemon", "--tag", "red", lemons)
    assert call("tags", "list")[1].splitlines() == ["blue", "green", "red  (3 taught)", "crimson", "Lemon  (3 taught)"]
    assert call("tags", "list", "--taught")[1].splitlines() == ["red  (3 taught)", "Lemon  (3 taught)"]
    assert call("tags", "--bundle", folder())[1].splitlines() == ["blue", "green", "red", "crimson"]


def test_tags_as_json_are_an_object_a_line(call, lessons, lemons):
    call("learn", "--tag", "Lemon", lemons)
    for command in (["tags", "--taught", "--json"], ["tags", "list", "--taught", "--json"], ["tags", "--json", "list"]):
        tags = [json.loads(line) for line in call(*command)[1].splitlines()]
        assert tags[-1]["name"] == "Lemon"
        assert (tags[-1]["taught"], tags[-1]["is_hidden"]) == (3, False)


def test_the_vocabulary_is_changed_and_each_change_can_be_undone(call, lessons):
    changes = {
        ("add", "Lemon", "lime"): "added Lemon and lime",
        ("rename", "Lemon", "Citron"): "renamed Lemon to Citron",
        ("merge", "lime", "Citron"): "merged lime into Citron",
        ("separate", "Citron"): "separated Citron from what was merged into it",
        ("remove", "lime"): "removed lime",
        ("remove", "Citron"): "removed Citron",
    }
    lists = []
    for change, done in changes.items():
        lists.append(call("tags")[1])
        assert call("tags", *change) == (0, f"{done}\n", "")
    assert lists[-1].splitlines()[4:] == ["Citron"]
    assert call("tags")[1].splitlines()[4:] == []
    for done, listed in zip(reversed(changes.values()), reversed(lists), strict=True):
        assert call("undo") == (0, f"undone: {done}\n", "")
        assert call("tags")[1] == listed


def test_a_tag_that_a_newer_tagger_knows_is_taken_apart_from_it(call, lessons, lemons, everyday_bundle):
    call("learn", "--tag", "Lemon", lemons)
    labels = json.loads(files()["labels.json"])
    labels[0]["name"] = "lemon"
    write_zip(reseal(files(), {"labels.json": json.dumps(labels).encode()}), everyday_bundle)
    assert call("tags", "--taught")[1] == "lemon  (3 taught)\n"
    done = "separated lemon from what was merged into it"
    assert call("tags", "separate", "lemon") == (0, f"{done}\n", "")
    assert call("tags")[1].splitlines()[0] == "lemon"
    assert call("tags", "--taught")[1] == "Lemon  (3 taught)\n"
    assert "choose one by id: " in call("tags", "rename", "lemon", "x")[2]
    assert call("tags", "rename", "user:lemon", "my lemon")[0] == 0
    assert call("undo")[1] == "undone: renamed user:lemon to my lemon\n"
    assert call("undo")[1] == f"undone: {done}\n"
    assert call("tags", "--taught")[1] == "lemon  (3 taught)\n"


def test_a_change_as_json(call, lessons):
    assert json.loads(call("tags", "add", "Lemon", "--json")[1]) == {"done": "added Lemon"}
    assert json.loads(call("tags", "--json", "remove", "Lemon")[1]) == {"done": "removed Lemon"}


@pytest.mark.parametrize("change", ["add blue", "remove lemon", "rename lemon x", "merge red x", "separate red"])
def test_an_impossible_change_is_a_message_and_changes_nothing(call, lessons, change):
    code, out, err = call("tags", *change.split())
    assert (code, out) == (1, "")
    assert "tag" in err
    assert "\n" not in err
    assert not lessons.exists()


def test_hidden_tags_are_marked_and_no_longer_shown(call, lessons, pictures):
    assert call("tags", "hide", "blue", "red") == (0, "hid blue and red\n", "")
    assert call("tags")[1].splitlines() == ["blue  (hidden)", "green", "red  (hidden)", "crimson"]
    assert "blue " not in call("tag", "--top-k=3", pictures["blue"])[1]
    assert json.loads(call("tags", "--json")[1].splitlines()[0])["is_hidden"]
    assert call("tags", "unhide", "red") == (0, "unhid red\n", "")
    assert call("undo") == (0, "undone: unhid red\n", "")
    assert call("undo") == (0, "undone: hid blue and red\n", "")
    assert call("tags")[1].splitlines()[0] == "blue"


def test_below_a_tag_is_nothing_to_hide(call, lessons):
    code, out, err = call("tags", "hide", "--below", "blue")
    assert (code, out) == (1, "")
    assert "nothing is below 'blue'" in err
