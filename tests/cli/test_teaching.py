import json

from imagetagger import Tagger
from imagetagger.bundle.archive import write_zip
from imagetagger.tagger.lesson_file import load_lessons
from tests.helpers.sealing import reseal
from tests.helpers.taught import files, folder


def test_learn_makes_the_tag_and_says_so(call, lemons, lessons, pictures):
    code, out, err = call("learn", "--tag", "Lemon", lemons)
    assert (code, err) == (0, "")
    assert out == "new tag Lemon\nLemon: learned 3 pictures\n"
    assert call("tag", pictures["lemon"])[1].startswith(f"{pictures['lemon']}: Lemon ")
    assert call("learn", "--tag", "lemon", lemons, pictures["lemon"])[1] == "lemon: learned 1 picture, knew 3 already\n"
    assert {tag.name: tag.taught for tag in Tagger.load(None, lessons).tags}["Lemon"] == 4


def test_a_close_spelling_is_mentioned(call, pictures, lessons):
    out = call("learn", "--tag", "crimsom", pictures["crimson"])[1]
    assert "new tag crimsom (there is also crimson: `imagetagger undo` if you meant that)" in out
    assert "new tag" not in call("learn", "--tag", "CARMINE", pictures["crimson"])[1]  # a synonym of crimson


def test_several_tags_are_taught_at_once(call, lemons, lessons):
    assert (
        "Lemon, fruit and red: learned 3 pictures"
        in call("learn", lemons, *["--tag", "Lemon", "--tag", "fruit", "--tag", "red"])[1]
    )
    taught = {tag.name: tag.taught for tag in Tagger.load(None, lessons).tags}
    assert taught == {"blue": 0, "green": 0, "red": 3, "crimson": 0, "Lemon": 3, "fruit": 3}


def test_a_picture_that_cannot_be_used_is_reported_and_the_others_are_taught(call, lemons, lessons, tmp_path):
    (lemons / "bad.jpg").write_bytes(b"no picture")
    code, out, err = call("learn", "--tag", "Lemon", lemons, tmp_path / "gone.png")
    assert code == 1
    assert "Lemon: learned 3 pictures" in out
    bad, gone = err.splitlines()
    assert bad == f"{lemons / 'bad.jpg'}: not a picture"
    assert gone.startswith(f"{tmp_path / 'gone.png'}: ")


def test_where_nothing_was_taught_no_tag_is_made(call, lessons, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    code, out, _ = call("learn", "--tag", "Lemon", tmp_path / "bad.jpg")
    assert (code, out) == (1, "Lemon: learned 0 pictures\n")
    assert not lessons.exists()


def test_a_name_that_cannot_be_one_is_a_message(call, pictures, lessons):
    code, out, err = call("learn", "--tag", "a\x1bb", pictures["blue"])
    assert (code, out) == (1, "")
    assert "expected no control characters" in err
    assert not lessons.exists()


def test_forget_is_as_if_the_picture_had_never_been_taught(call, lemons, lessons, pictures):
    call("learn", "--tag", "Lemon", lemons)
    before = load_lessons(lessons)[0].pictures.keys()
    call("learn", "--tag", "Lemon", pictures["blue"])
    code, out, err = call("forget", "--tag", "Lemon", pictures["blue"])
    assert (code, out, err) == (0, "Lemon: forgot 1 picture\n", "")
    assert load_lessons(lessons)[0].pictures.keys() == before
    code, out, err = call("forget", "--tag", "Lemon", pictures["blue"])
    assert (code, out) == (1, "Lemon: forgot 0 pictures\n")
    assert err.startswith(f"{pictures['blue']}: this picture was never taught")
    code, out, err = call("forget", "--tag", "Lemmon", pictures["blue"])
    assert (code, out, err) == (1, "", "there is no tag 'Lemmon': `imagetagger tags` lists them")


def test_forget_without_undo_leaves_no_picture_behind(call, lemons, lessons):
    call("learn", "--tag", "Lemon", lemons)
    call("forget", "--tag", "Lemon", "--no-undo", lemons)
    assert [path.name for path in lessons.parent.iterdir() if path.is_dir()] == []
    assert load_lessons(lessons)[0].pictures == {}
    code, _, err = call("undo")
    assert code == 1
    assert "there is nothing to undo" in err


def test_undo_takes_back_one_command_after_another_and_says_what_it_was(call, lemons, lessons, pictures):
    call("learn", "--tag", "Lemon", lemons)
    call("tags", "rename", "Lemon", "Citron")
    call("forget", "--tag", "Citron", lemons / "0.png")
    for line in ("forgot Citron in 1 picture", "renamed Lemon to Citron", "learned Lemon from 3 pictures"):
        assert call("undo") == (0, f"undone: {line}\n", "")
    assert not lessons.exists()
    assert call("undo") == (1, "", f"there is nothing to undo: {lessons} has no earlier versions")


def test_json_is_one_object(call, lemons, lessons, tmp_path):
    images = [str(lemons / f"{i}.png") for i in range(3)]
    code, out, _ = call("learn", "--json", "--tag", "Lemon", lemons, tmp_path / "gone.png")
    assert code == 1
    failed = [str(tmp_path / "gone.png")]
    assert json.loads(out) == {
        "tags": ["Lemon"],
        "new_tags": ["Lemon"],
        "learned": images,
        "known": [],
        "failed": failed,
    }
    code, out, _ = call("forget", "--json", "--tag", "Lemon", images[0])
    assert json.loads(out) == {"tags": ["Lemon"], "forgotten": images[:1], "failed": []}
    assert json.loads(call("undo", "--json")[1]) == {"undone": "forgot Lemon in 1 picture"}


def test_a_bundle_of_the_users_own_needs_a_file_of_lessons_of_its_own(call, lemons, lessons, tmp_path):
    pictures = ["--tag", "Lemon", lemons]
    for command in (["learn", *pictures], ["forget", *pictures], ["undo"], ["tags", "add", "Lemon"]):
        code, out, err = call(*command, "--bundle", folder())
        assert (code, out) == (1, "")
        assert err == "got --bundle without --lessons: name the file for this bundle's lessons, as mine.zip"
    mine = tmp_path / "mine" / "lessons.zip"
    assert call("learn", *pictures, "--bundle", folder(), "--lessons", mine)[0] == 0
    assert "Lemon" in call("tags", "--taught", "--bundle", folder(), "--lessons", mine)[1]
    assert not lessons.exists()


def test_a_newer_bundle_that_knows_the_users_tag_goes_on_with_what_was_taught(call, lemons, lessons, everyday_bundle):
    call("learn", "--tag", "Lemon", lemons / "0.png")
    labels = json.loads(files()["labels.json"])
    next(label for label in labels if label["id"] == "blue")["name"] = "lemon"
    write_zip(reseal(files(), {"labels.json": json.dumps(labels).encode()}), everyday_bundle)
    before = lessons.read_bytes()

    def lemons_taught() -> list[tuple[str, int]]:
        tags = Tagger.load(None, lessons).tags
        return [(tag.id, tag.taught) for tag in tags if tag.name.casefold() == "lemon"]

    assert lemons_taught() == [("blue", 1)]
    assert call("tags")[1].casefold().count("lemon") == 1
    assert call("learn", "--tag", "Lemon", lemons)[0] == 0
    assert lemons_taught() == [("blue", 3)]
    call("undo")
    assert lessons.read_bytes() == before
