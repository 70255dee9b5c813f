"""The tags of an archive as lessons of the command line."""

import json
from pathlib import Path

import pytest
from PIL import Image

from imagetagger import Tagger, everyday
from imagetagger.bundle.archive import write_zip
from tests.helpers.bundles import SIZE, WHITENED
from tests.helpers.pictures import encode
from tests.helpers.raws import Preview, make_dng
from tests.helpers.sidecars import bag, xmp
from tests.helpers.taught import CRIMSON, YELLOW, bundle, pixels

KINDS = {"crimson": CRIMSON, "lemon": YELLOW}
EACH = 6

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def everyday_tagger(tmp_path, monkeypatch) -> Path:
    """A small bundle with a background in place of the one that comes with the package, and an empty data folder."""
    path = tmp_path / "everyday.zip"
    write_zip(bundle(*WHITENED).files, path)
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", path)
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))
    return path


def set_tag(picture: Path, tag: str) -> None:
    picture.with_name(f"{picture.name}.xmp").write_text(xmp(bag("digiKam:TagsList", tag, kind="Seq")), "utf-8")


@pytest.fixture
def library(tmp_path) -> Path:
    """Pictures of two kinds with tags by a person, and one copy."""
    root = tmp_path / "library"
    root.mkdir()
    for kind, colour in KINDS.items():
        for number in range(EACH):
            picture = root / f"{kind}{number}.png"
            Image.fromarray(pixels(colour, number, SIZE)).save(picture)
            set_tag(picture, f"colour/{kind}")
    (root / "copy.png").write_bytes((root / "lemon0.png").read_bytes())
    return root


def test_the_tags_of_an_archive_are_taught_once(call, library, tmp_path):
    code, out, err = call("archive", "learn", "--teach", library)
    assert (code, err) == (0, "")
    lessons = tmp_path / "data" / "lessons.zip"
    assert out.splitlines()[-3:] == [
        f"crimson: taught by {EACH} pictures",
        f"lemon: taught by {EACH} pictures",
        f"lessons in {lessons}: learned {2 * EACH} pictures, knew 0 already",
    ]
    before = lessons.read_bytes()
    tagger = Tagger.load(lessons=lessons)
    assert {tag.name: tag.taught for tag in tagger.tags if tag.taught} == dict.fromkeys(KINDS, EACH)
    assert tagger.tag(library / "lemon1.png")[0].name == "lemon"
    assert "crimson" in call("tag", "--top-k", 1, library / "crimson1.png")[1].split("crimson1.png")[1]

    report = json.loads(call("archive", "learn", "--teach", "--json", library)[1])
    assert report["lessons"]["tags"] == dict.fromkeys(KINDS, EACH)
    assert [len(report["lessons"]["pictures"][name]) for name in ("changed", "unchanged")] == [0, 2 * EACH]
    assert lessons.read_bytes() == before

    assert call("undo")[0] == 0
    assert not lessons.exists()


def test_pictures_that_were_taught_by_hand_count_once_too(call, library):
    call("learn", "--tag", "lemon", library / "lemon0.png", library / "lemon1.png")
    report = json.loads(call("archive", "learn", "--teach", "--json", library)[1])
    assert report["lessons"]["tags"]["lemon"] == EACH
    assert len(report["lessons"]["pictures"]["unchanged"]) == 2


def test_lessons_go_into_the_file_that_is_named_and_a_bundle_needs_one(call, library, everyday_tagger, tmp_path):
    code, _, err = call("archive", "learn", "--teach", "--bundle", everyday_tagger, library)
    assert code == 1
    assert "--bundle without --lessons" in err
    mine = tmp_path / "mine.zip"
    options = ("--teach", "--bundle", everyday_tagger, "--lessons", mine)
    assert call("archive", "learn", *options, library)[0] == 0
    assert {tag.name for tag in Tagger.load(everyday_tagger, mine).tags if tag.taught} == set(KINDS)
    assert not (tmp_path / "data" / "lessons.zip").exists()


def test_previews_of_raw_files_are_taught(call, library):
    jpeg = encode(Image.fromarray(pixels(YELLOW, 50, SIZE)), "JPEG", quality=95)
    (library / "raw.dng").write_bytes(make_dng(Preview(jpeg, SIZE, SIZE)))
    set_tag(library / "raw.dng", "colour/lemon")
    report = json.loads(call("archive", "learn", "--raw", "--teach", "--json", library)[1])
    assert report["lessons"]["tags"] == {"crimson": EACH, "lemon": EACH + 1}
    assert report["lessons"]["pictures"]["failed"] == []


def test_a_name_that_no_tag_can_have_is_reported_and_the_others_are_taught(call, library):
    for number in range(3):
        set_tag(library / f"crimson{number}.png", "colour/" + "x" * 101)
    code, out, err = call("archive", "learn", "--teach", library)
    assert code == 0
    assert "is not taught: " in err
    assert f"crimson: taught by {EACH - 3} pictures" in out
