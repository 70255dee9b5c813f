"""Many pictures reviewed with few presses: of one tag together, the others one by one; and by keys alone."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import taught
from tests.helpers.app import (
    CONFIRM,
    browsed,
    choose,
    draft_tags,
    free_port,
    go,
    import_lessons,
    needs_app,
    picture,
    served,
    start,
    tags_as_json,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.pictures import COLOURS, encode, noisy
from tests.helpers.reviewing import review
from tests.helpers.taught import folder

pytestmark = needs_app
MORE = {
    "yellow": (220, 210, 40),
    "cyan": (40, 210, 210),
    "pink": (240, 130, 200),
    "black": (15, 15, 15),
    "white": (240, 240, 240),
    "brown": (110, 70, 30),
    "violet": (110, 30, 160),
}
"""Colours that a user teaches."""

MIXED = {
    ("pink", "green"): 0.6,
    ("violet", "yellow"): 0.7,
    ("brown", "white"): 0.8,
    ("cyan", "white"): 0.6,
    ("yellow", "blue"): 0.8,
}
"""Shares of the first colour: pictures that look like another one, or like none."""

SHOWN = (("red", 3), ("blue", 2), ("green", 1))
LONG = (("red", 40), ("blue", 2))


@pytest.fixture
def page(playwright, tmp_path):
    """Three reds, two blues and one green."""
    made = [(f"{name} {i}.png", encode(noisy(COLOURS[name], i))) for name, count in SHOWN for i in range(count)]
    with served(folder(*WHITENED), free_port()) as address, browsed(playwright, tmp_path / "profile") as context:
        page = start(context, address)
        choose(page, [picture(*each) for each in made], "6 pictures added")
        yield page
        assert page.errors == []


def titles(page) -> dict[str, int]:
    """Headings with their numbers of pictures, in order."""
    lines = [heading.rsplit(None, 1) for heading in page.locator("section h2").all_inner_texts()]
    return {title: int(count) for title, count in lines}


def confirmed(page, path: Path) -> dict[str, list[str]]:
    """Names of the tags of confirmed pictures, by file name."""
    found = tags_as_json(page, path)
    return {entry["picture"]: [tag["name"] for tag in entry["tags"]] for entry in found if entry["confirmed"]}


def test_pictures_of_a_tag_are_confirmed_together_but_for_unticked_ones(page, tmp_path):
    page.get_by_role("button", name="To confirm").click()
    assert titles(page) == {"red": 3, "blue": 2, "Tags seen once": 1}
    page.get_by_role("button", name="red 1.png is right").click()
    page.get_by_role("button", name="Confirm 2 of 3 red").click()
    page.get_by_text("Confirmed red on 2 pictures").wait_for()
    assert titles(page) == {"blue": 2, "Tags seen once": 1, "Tick what is right": 1}
    page.get_by_role("button", name="Confirm Tags seen once").click()
    page.get_by_text("Confirmed green on green 0.png").wait_for()
    assert confirmed(page, tmp_path / "tags.json") == {
        "red 0.png": ["red"],
        "red 2.png": ["red"],
        "green 0.png": ["green"],
    }


def test_a_section_that_was_far_below_is_drawn_when_those_above_it_are_confirmed(playwright, tmp_path):
    made = [(f"{name} {i}.png", encode(noisy(COLOURS[name], i))) for name, count in LONG for i in range(count)]
    small = {"viewport": {"width": 600, "height": 300}}
    with (
        served(folder(*WHITENED), free_port()) as address,
        browsed(playwright, tmp_path / "profile", **small) as context,
    ):
        page = start(context, address)
        choose(page, [picture(*each) for each in made], f"{len(made)} pictures added")
        page.get_by_role("button", name="To confirm").click()
        page.get_by_role("button", name=f"Confirm all {LONG[0][1]} red").click()
        page.get_by_role("link", name="blue 0.png").wait_for()


def test_a_guess_is_confirmed_once_it_is_ticked(page, tmp_path):
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("button", name="red 1.png is right").click()
    page.get_by_role("button", name="Confirm 2 of 3 red").click()
    page.get_by_text("Confirmed red on 2 pictures").wait_for()
    guesses = page.get_by_role("region", name="Tick what is right")
    assert guesses.get_by_role("button", name="Confirm").get_attribute("aria-disabled") == "true"
    assert guesses.locator("[data-id]").get_attribute("aria-label") == "red 1.png: crimson, perhaps"
    guesses.get_by_role("button", name="Tick all").click()
    page.wait_for_timeout(1100)
    guesses.get_by_role("button", name="Confirm").click()
    page.get_by_text("Confirmed crimson on red 1.png").wait_for()
    assert confirmed(page, tmp_path / "tags.json")["red 1.png"] == ["crimson"]


def test_what_came_just_now_is_not_confirmed_as_nobody_saw_it(page, tmp_path):
    page.evaluate("() => { performance.now = () => 100000; }")  # no time goes by
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("button", name="red 1.png is right").click()
    page.get_by_role("button", name="Confirm 2 of 3 red").click()
    page.get_by_text("Confirmed red on 2 pictures").wait_for()
    guesses = page.get_by_role("region", name="Tick what is right")
    guesses.get_by_role("button", name="Tick all").click()
    guesses.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Confirm all 2 blue").click()  # this group was there before
    page.get_by_text("Confirmed blue on 2 pictures").wait_for()
    assert "red 1.png" not in confirmed(page, tmp_path / "tags.json")


def test_a_rejected_suggestion_stays_rejected_until_it_is_undone(page):
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("button", name="red 1.png is right").click()
    page.get_by_role("button", name="Confirm 2 of 3 red").click()
    page.get_by_text("Confirmed red on 2 pictures").wait_for()
    page.reload()
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("region", name="Tick what is right").wait_for()  # once the tagger is there
    assert titles(page) == {"blue": 2, "Tags seen once": 1, "Tick what is right": 1}
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Confirm all 3 red").wait_for()


def test_nothing_is_confirmed_by_ticks_that_do_not_show(page):
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("button", name="Confirm all 3 red").wait_for()
    page.get_by_role("button", name="Select").click()
    assert page.locator("main section > header").get_by_role("button").count() == 0


def test_a_hundred_pictures_of_ten_tags_take_few_presses(playwright, tmp_path):
    tagger = taught.tagger(*WHITENED)
    for name, colour in MORE.items():
        tag = tagger.add_tag(name)
        for seed in range(5):
            tagger.learn(taught.pixels(colour, 100 + seed), [tag])
    tagger.save(tmp_path / "lessons.zip")
    colours = COLOURS | MORE
    made = {f"{name} {i}.png": encode(noisy(colour, 200 + i)) for name, colour in colours.items() for i in range(10)}
    for (one, other), share in MIXED.items():
        mixed = share * np.array(colours[one]) + (1 - share) * np.array(colours[other])
        made[f"{one} 0.png"] = encode(noisy(tuple(mixed), 300))
    large = {"viewport": {"width": 1600, "height": 3000}}
    with (
        served(folder(*WHITENED), free_port()) as address,
        browsed(playwright, tmp_path / "profile", **large) as context,
    ):
        page = start(context, address)
        import_lessons(page, tmp_path / "lessons.zip")
        page.get_by_role("status").filter(has_text="imported").wait_for()
        go(page, "Pictures")
        choose(page, [picture(*each) for each in made.items()], f"{len(made)} pictures added")
        presses = review(page, lambda file, tag: file.startswith(f"{tag} "), lambda file: file.split()[0])
        found = confirmed(page, tmp_path / "tags.json")
        assert {file: found[file] for file in made} == {file: [file.split()[0]] for file in made}
        assert presses <= 25
        assert page.errors == []


def test_together_is_one_step_and_undone_as_one(page, tmp_path):
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("button", name="Confirm all 3 red").click()
    page.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Undone").wait_for()
    page.get_by_role("button", name="Confirm all 3 red").wait_for()
    assert confirmed(page, tmp_path / "tags.json") == {}


def test_selected_pictures_are_confirmed_each_with_its_likely_tag_or_none_fits(page, tmp_path):
    page.keyboard.press("Control+a")
    page.get_by_text("6 selected").wait_for()
    page.get_by_role("button", name="blue 0.png").click()
    page.get_by_role("button", name="Confirm 5").click()
    page.get_by_text("Confirmed the tags of 5 pictures").wait_for()
    page.get_by_role("button", name="Select").click()
    page.get_by_role("button", name="blue 0.png").click()
    page.get_by_role("button", name="No tag fits").click()
    page.get_by_text("Confirmed that no tag fits blue 0.png").wait_for()
    assert confirmed(page, tmp_path / "tags.json") == {
        f"{name} {i}.png": [name] if (name, i) != ("blue", 0) else [] for name, count in SHOWN for i in range(count)
    }


def test_a_correction_does_not_teach_the_mistake(page, tmp_path):
    page.get_by_role("link", name="red 0.png").click()
    assert draft_tags(page) == ["red"]
    page.keyboard.press("/")
    page.keyboard.type("Ruby")
    page.keyboard.press("Enter")
    assert draft_tags(page) == ["Ruby"]
    page.get_by_role("button", name="Confirm Ruby").click()
    page.get_by_text("Confirmed Ruby on red 0.png").wait_for()
    assert confirmed(page, tmp_path / "tags.json") == {"red 0.png": ["Ruby"]}


def test_pictures_are_reviewed_by_keys_alone(page, tmp_path):
    page.get_by_role("link", name="red 0.png").focus()
    page.keyboard.press("Enter")
    for number in range(6):
        page.get_by_role("button", name=CONFIRM).wait_for()
        before = page.get_by_role("heading", level=1).inner_text()
        page.wait_for_timeout(500)  # a faster press was meant for the picture before
        page.keyboard.press("Enter")
        if number < 5:
            page.wait_for_function("name => document.querySelector('h1').innerText !== name", arg=before)
    page.get_by_text("Confirmed").first.wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("list", name="Pictures").wait_for()
    assert len(confirmed(page, tmp_path / "tags.json")) == 6


def test_a_long_press_selects_and_drawing_on_selects_up_to_there(playwright, tmp_path):
    made = [picture(f"red {i}.png", encode(noisy(COLOURS["red"], i))) for i in range(6)]
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with (
        served(folder(*WHITENED), free_port()) as address,
        browsed(playwright, tmp_path / "profile", **phone) as context,
    ):
        page = start(context, address)
        choose(page, made, "6 pictures added")
        tiles = page.get_by_role("list", name="Pictures").get_by_role("listitem").all()
        middles = [(box["x"] + 20, box["y"] + 20) for box in (tile.bounding_box() for tile in tiles)]
        touch = context.new_cdp_session(page)

        def send(kind: str, *at: tuple[float, float]) -> None:
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in at]})

        send("touchStart", middles[1])
        page.get_by_text("1 selected").wait_for()
        send("touchMove", middles[2])
        send("touchMove", middles[4])
        send("touchEnd")
        page.get_by_text("4 selected").wait_for()
        assert page.errors == []
