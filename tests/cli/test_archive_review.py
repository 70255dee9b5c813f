"""Answers of a review, and where they go: the sidecars, the lessons, and what is never written again."""

import json
from pathlib import Path

import pytest

from imagetagger import everyday
from imagetagger.archive.catalogue.database import CatalogueError
from imagetagger.archive.catalogue.written import record_answer
from imagetagger.archive.keywords import read_keywords
from imagetagger.archive.reviewing import answers
from imagetagger.bundle.archive import write_zip
from imagetagger.web import server as web_server
from imagetagger.web import site
from tests.helpers.archive_reviews import KINDS, LABELLED, REST, make_library
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import bundle

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def everyday_tagger(tmp_path, monkeypatch) -> None:
    """A small bundle with a background in place of the everyday one, an empty data folder, and a page of the app."""
    path = tmp_path / "everyday.zip"
    write_zip(bundle(*WHITENED).files, path)
    monkeypatch.setattr(everyday, "EVERYDAY_BUNDLE", path)
    monkeypatch.setenv("IMAGETAGGER_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(site, "read_app", lambda: {"review/review.html": b"page"})


@pytest.fixture
def library(tmp_path) -> Path:
    return make_library(tmp_path / "library")


class Page:
    """The page of a review, without a browser."""

    def __init__(self, server):
        self.server = server
        self.tags, self.questions, self.more = self.ask("questions").values()
        self.ids = {question["name"]: question["picture"] for question in self.questions}

    def ask(self, name, method="GET", body=b""):
        headers = {"host": "127.0.0.1", "authorization": f"Bearer {self.server.access.token}"}
        response = self.server.respond_review(
            method, f"/review/{name}", headers | {"content-type": "application/json"}, body
        )
        return json.loads(response.body) if response.status == 200 else response.body.decode()

    def answer(self, *answers):
        """Send answers: file name or content id, confirmed and rejected keywords."""
        sent = [
            {"picture": self.ids.get(name, name), "confirmed": confirmed, "rejected": rejected}
            for name, confirmed, rejected in answers
        ]
        return self.ask("answers", "POST", json.dumps(sent).encode())


def use_page(server, use):
    """Let a function use the page of a server, which is closed in the end."""
    with server:
        use(Page(server))


@pytest.fixture
def review(call, library, monkeypatch):
    """A function that reviews the library: it calls another with the page, and returns what the command printed."""

    def run(use, *options, learns=True):
        if learns:
            assert call("archive", "learn", library)[0] == 0
        monkeypatch.setattr(web_server, "run_server", lambda server: use_page(server, use))
        code, out, err = call("archive", "review", "--no-browser", *options, library)
        assert (code, err) == (0, "")
        return out

    return run


def picture(library: Path, name: str) -> Path:
    (found,) = library.rglob(name)
    return found


def taught(call) -> dict[str, int]:
    return {tag["name"]: tag["taught"] for tag in map(json.loads, call("tags", "--taught", "--json")[1].splitlines())}


FIRST = {kind: f"{kind}{LABELLED}.png" for kind in KINDS}


def test_pictures_are_shown_by_the_tag_in_question(review):
    def use(page):
        assert page.tags == [["colour", kind] for kind in sorted(KINDS)]
        assert page.more == 0
        assert len(page.questions) == len(KINDS) * REST
        asked = [page.tags[question["asked"]][-1] for question in page.questions]
        assert [question["name"].removesuffix(".png").rstrip("0123456789") for question in page.questions] == asked
        assert asked == sorted(asked, key=asked.index)  # each group in one piece
        assert {question["folder"] for question in page.questions} == {"0", "1"}
        for question in page.questions:
            (tag, probability), *_ = question["suggested"]
            assert tag == question["asked"]
            assert 0.5 <= probability <= 1

    out = review(use)
    assert "12 pictures want your look: http://127.0.0.1:" in out


def test_confirmed_tags_are_the_persons_and_taught_and_rejected_ones_are_never_written(review, library, call):
    def use(page):
        lemon, blue = ["colour", "lemon"], ["colour", "blue"]
        replied = page.answer((FIRST["lemon"], [lemon, ["Citrus fruit"]], []), (FIRST["blue"], [], [blue]))
        assert replied["problems"] == []
        assert [question["asked"] for question in replied["pictures"]] == [None, None]

    review(use)
    found = read_keywords(picture(library, FIRST["lemon"]))
    assert (set(found.people), found.machine) == ({("colour", "lemon"), ("Citrus fruit",)}, ())
    assert taught(call) == {"lemon": 1, "Citrus fruit": 1}
    assert not picture(library, FIRST["blue"]).with_name(f"{FIRST['blue']}.xmp").exists()
    assert json.loads(call("archive", "status", "--json")[1])["withdrawn"] == 1

    def again(page):
        assert not {FIRST["lemon"], FIRST["blue"]} & set(page.ids)

    review(again, learns=False)
    learned = json.loads(call("archive", "learn", "--json", library)[1])
    assert {tag["keyword"][-1]: tag["pictures"] for tag in learned["tags"]} == {
        kind: LABELLED + (kind == "lemon") for kind in KINDS
    }


def test_a_written_tag_that_is_rejected_goes_and_one_that_is_confirmed_stays(review, library, call):
    blue, crimson = ("colour", "blue"), ("colour", "crimson")
    for action in ("learn", "tag"):  # once less was promised, and they were written
        assert call("archive", action, "--precision", "0.5", library)[0] == 0
    assert [tag.keyword for tag in read_keywords(picture(library, FIRST["blue"])).machine] == [blue]
    assert [tag.keyword for tag in read_keywords(picture(library, FIRST["crimson"])).machine] == [crimson]

    def use(page):
        assert page.answer((FIRST["blue"], [], [blue]), (FIRST["crimson"], [crimson], []))["problems"] == []

    review(use)
    found = read_keywords(picture(library, FIRST["blue"]))
    assert (found.people, found.machine, [tag.keyword for tag in found.withdrawn]) == ((), (), [blue])
    call("archive", "learn", "--precision", "0.5", library)
    call("archive", "tag", "--precision", "0.5", "--all", library)
    assert read_keywords(picture(library, FIRST["blue"])).machine == ()
    call("archive", "remove", library)
    assert read_keywords(picture(library, FIRST["crimson"])) == ((crimson,), (), ())


def test_an_answer_can_be_given_again_and_changed(review, library, call):
    lemon = ["colour", "lemon"]

    def use(page):
        page.answer((FIRST["lemon"], [], [lemon]))
        for _ in range(2):
            assert page.answer((FIRST["lemon"], [lemon], []))["problems"] == []

    review(use)
    assert read_keywords(picture(library, FIRST["lemon"])).people == (("colour", "lemon"),)
    assert json.loads(call("archive", "status", "--json")[1])["withdrawn"] == 0
    assert taught(call) == {"lemon": 1}


def test_what_cannot_be_stored_is_a_problem_in_words_and_the_rest_is_stored(review, library, call):
    gone, read_only, replaced = FIRST["blue"], FIRST["crimson"], f"lemon{LABELLED + 1}.png"
    lemon = ["colour", "lemon"]

    def use(page):
        picture(library, gone).unlink()
        picture(library, replaced).write_bytes(picture(library, "blue0.png").read_bytes())
        broken = picture(library, read_only).with_name(f"{read_only}.xmp")
        broken.write_text("<x:xmpmeta", "utf-8")
        replied = page.answer(
            ("unknown", [lemon], []),
            (gone, [lemon], []),
            (replaced, [lemon], []),
            (read_only, [lemon], []),
            (FIRST["lemon"], [["x" * 101]], []),
            (f"blue{LABELLED + 1}.png", [["a\x1bb"]], []),
            (f"blue{LABELLED + 2}.png", [lemon], [lemon]),
            (f"lemon{LABELLED + 2}.png", [lemon], []),
        )
        texts = [problem["text"] for problem in replied["problems"]]
        words = ("not part", "cannot be read", "another picture", "well-formed", "101 characters", "U+001B", "both")
        assert [word in text for word, text in zip(words, texts, strict=True)] == [True] * len(words)
        assert [question["name"] for question in replied["pictures"]] == [f"lemon{LABELLED + 2}.png"]
        assert broken.read_text("utf-8") == "<x:xmpmeta"

    review(use)
    assert read_keywords(picture(library, f"lemon{LABELLED + 2}.png")).people == (("colour", "lemon"),)
    assert taught(call) == {"lemon": 1}  # nothing of what was not stored


def test_what_is_asked_after_a_reload_is_what_is_left(review):
    lemon, blue, crimson = (["colour", kind] for kind in ("lemon", "blue", "crimson"))

    def use(page):
        page.answer((FIRST["lemon"], [lemon], []), (FIRST["blue"], [], [blue]))
        again = {question["name"]: question["asked"] for question in Page(page.server).questions}
        assert set(page.ids) - set(again) == {FIRST["lemon"]}
        assert again[FIRST["blue"]] is None
        answer = {"picture": page.ids[FIRST["crimson"]], "confirmed": [], "rejected": [crimson], "looked": True}
        page.ask("answers", "POST", json.dumps([answer]).encode())
        assert FIRST["crimson"] not in Page(page.server).ids

    review(use)


def test_a_keyword_that_was_confirmed_before_is_not_rejected_behind_its_back(review, library, call):
    lemon = ["colour", "lemon"]

    def use(page):
        page.answer((FIRST["lemon"], [lemon], []))
        (problem,) = page.answer((FIRST["lemon"], [], [lemon]))["problems"]  # of a page that was opened before
        assert "you confirmed it before" in problem["text"]
        assert "delete it in your photo manager" in problem["text"]

    review(use)
    assert read_keywords(picture(library, FIRST["lemon"])).people == (("colour", "lemon"),)
    assert json.loads(call("archive", "status", "--json")[1])["withdrawn"] == 0


def test_if_the_catalogue_fails_the_answers_before_are_still_stored(review, monkeypatch):
    lemon, blue = ["colour", "lemon"], ["colour", "blue"]

    def fail(catalogue, path, *rest):
        if path.name == FIRST["blue"]:
            raise CatalogueError("the disk is full")
        record_answer(catalogue, path, *rest)

    def use(page):
        monkeypatch.setattr(answers, "record_answer", fail)
        replied = page.answer((FIRST["lemon"], [lemon], []), (FIRST["blue"], [blue], []))
        assert [problem["text"] for problem in replied["problems"]] == ["the disk is full"]
        assert [question["name"] for question in replied["pictures"]] == [FIRST["lemon"]]
        assert set(page.ids) - set(Page(page.server).ids) == {FIRST["lemon"]}

    review(use)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'[{"picture": "a"}]', b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_refused(review, body):
    def use(page):
        assert "expected a list of them" in page.ask("answers", "POST", body)

    review(use)


def test_a_tag_that_cannot_be_taught_is_in_the_sidecar_all_the_same(review, library, tmp_path):
    def use(page):
        lessons = tmp_path / "data" / "lessons.zip"
        lessons.write_bytes(b"no lessons")
        (problem,) = page.answer((FIRST["lemon"], [["colour", "lemon"]], []))["problems"]
        assert problem["text"].startswith("stored, but not learned: ")
        assert lessons.read_bytes() == b"no lessons"

    review(use)
    assert read_keywords(picture(library, FIRST["lemon"])).people == (("colour", "lemon"),)


def test_pictures_are_sent_as_small_jpegs(review):
    def use(page):
        headers = {"host": "127.0.0.1", "authorization": f"Bearer {page.server.access.token}"}
        for kind in ("square", "whole"):
            response = page.server.respond_review("GET", f"/review/{kind}/{page.ids[FIRST['blue']]}", headers, b"")
            assert response.body.startswith(b"\xff\xd8")
        assert page.server.respond_review("GET", "/review/whole/none", headers, b"").status == 404

    review(use)


def test_copies_of_a_picture_all_get_the_answer(review, library):
    original = picture(library, FIRST["lemon"])
    (library / "copies").mkdir()
    copy = library / "copies" / "copy.png"
    copy.write_bytes(original.read_bytes())

    def use(page):
        (name,) = {"copy.png", FIRST["lemon"]} & set(page.ids)
        page.answer((name, [["colour", "lemon"]], []))

    review(use)
    assert {read_keywords(path).people for path in (original, copy)} == {(("colour", "lemon"),)}


def test_without_a_picture_to_look_at_no_page_is_opened(call, library):
    for path in [*library.rglob(f"*{LABELLED}.*"), *library.rglob("*1?.*"), *library.rglob(f"*{LABELLED + 1}.*")]:
        path.unlink()
    assert call("archive", "learn", library)[0] == 0
    assert call("archive", "review", library) == (0, "no picture wants your look\n", "")


def test_another_bundle_needs_lessons_of_its_own(call, library, tmp_path):
    code, _, err = call("archive", "review", "--bundle", tmp_path / "everyday.zip", library)
    assert code == 1
    assert "--lessons" in err


@pytest.mark.parametrize("action", ["tag", "review"])
def test_tags_that_were_learned_from_other_embeddings_are_not_silently_left_out(call, library, action):
    assert call("archive", "learn", "--exact", library)[0] == 0
    code, _, err = call("archive", action, library)
    assert code == 1
    assert "3 tags were learned, but from embeddings by the tagger" in err
    assert "decoded in full (--exact); these options use" in err
    assert "archive learn` again" in err
    assert not list(library.rglob("lemon8*.xmp"))
    assert call("archive", "tag", "--everyday", "--dry-run", library)[0] == 0
    out = call("archive", "status")[1]
    assert "\n  36 by tagger " in out
    assert "decoded in full (--exact); 3 tags learned" in out
    assert "at a smaller scale (the default)" in out
    assert list(json.loads(call("archive", "status", "--json")[1])["learned"].values()) == [3]
