"""Every act of the app by keyboard: no test here uses the mouse."""

import pytest

from imagetagger.tagger.lessons import encode_crop
from tests.helpers.app import browsed, draft_tags, free_port, needs_app, picture, served, start
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import folder, pixels

pytestmark = needs_app
FOCUS = "() => document.activeElement?.ariaLabel ?? document.activeElement?.textContent.trim() ?? ''"


def tab_to(page, name):
    """Press Tab until the name of the focused element begins with `name`."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS).startswith(name):
            return
    raise AssertionError(f"40 times Tab do not lead to {name!r}")


def press(page, name):
    tab_to(page, name)
    page.keyboard.press("Enter")


def type_into(page, name, text):
    tab_to(page, name)
    page.keyboard.press("Control+a")
    page.keyboard.type(text)


@pytest.fixture(scope="module")
def address():
    with served(folder(*WHITENED), free_port()) as address:
        yield address


@pytest.fixture
def page(playwright, address, tmp_path):
    """The app with three red pictures, chosen by keyboard."""
    with browsed(playwright, tmp_path / "profile", reduced_motion="reduce") as context:
        page = start(context, address)
        with page.expect_file_chooser() as chooser:
            press(page, "Choose pictures")
        chooser.value.set_files([picture(f"red{i}.png", encode_crop(pixels("red", i))) for i in range(3)])
        page.get_by_text("3 pictures added").wait_for()
        yield page
        assert page.errors == []


def notice(page, text):
    page.get_by_role("status").filter(has_text=text).wait_for()


def test_a_picture_is_found_corrected_and_learned(page):
    tab_to(page, "red0.png")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUS).startswith("red1.png")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="red1.png").wait_for()
    press(page, "Remove red")
    page.get_by_role("button", name="Remove red").wait_for(state="detached")
    assert page.evaluate(FOCUS) == "Tags of this picture"
    type_into(page, "Add a tag", "r")
    page.keyboard.press("ArrowDown")
    name = page.get_by_role("option", selected=True).locator(".clip").inner_text()
    page.keyboard.press("Enter")
    assert draft_tags(page) == [name]
    page.keyboard.type("Rex")
    page.keyboard.press("Enter")
    press(page, "Confirm ")
    page.get_by_role("button", name="Confirmed", exact=True).wait_for()
    assert page.evaluate(FOCUS) == "Confirmed"
    assert draft_tags(page) == [name, "Rex"]
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement?.ariaLabel?.startsWith('red1.png:')")


def test_pictures_are_selected_tagged_and_removed(page):
    press(page, "Select")
    tab_to(page, "red0.png")
    page.keyboard.press("Space")
    page.get_by_text("1 selected").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+Space")  # all up to there
    page.get_by_text("3 selected").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("2 selected").wait_for()
    press(page, "Tag")
    page.get_by_role("dialog").wait_for()
    page.keyboard.type("Ruby")
    page.keyboard.press("Enter")
    press(page, "Confirm Ruby")
    notice(page, "Confirmed Ruby on 2 pictures")
    page.keyboard.press("Control+z")
    notice(page, "Undone")
    page.keyboard.press("Control+a")
    page.get_by_text("3 selected").wait_for()
    press(page, "Remove")
    page.get_by_role("dialog", name="Remove 3 pictures?").wait_for()
    press(page, "Remove")
    notice(page, "Removed 3 pictures")
    press(page, "Undo")
    notice(page, "Undone")
    page.get_by_role("link", name="red0.png").wait_for()


def test_pictures_are_sorted_searched_and_confirmed_together(page):
    tab_to(page, "Order")
    for label in ("Date taken", "Name"):
        page.keyboard.press("ArrowDown")
        assert page.evaluate("() => document.activeElement.selectedOptions[0].label") == label
    press(page, "To confirm")
    tab_to(page, "red0.png is right")
    page.keyboard.press("Space")
    press(page, "Confirm 2 of 3 red")
    notice(page, "Confirmed red on 2 pictures")
    press(page, "Confirmed")
    notice(page, "2 pictures shown")
    page.keyboard.press("/")
    page.keyboard.type("blu")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("No picture here.").wait_for()
    press(page, "Clear the search")
    press(page, "All")
    notice(page, "3 pictures shown")


def test_a_tag_is_added_renamed_merged_hidden_and_deleted(page):
    press(page, "Tags")
    press(page, "New tag")
    page.keyboard.type("Ruby")
    page.keyboard.press("Enter")
    notice(page, "Added the tag Ruby")

    def edit(name, search):
        page.get_by_role("dialog").wait_for(state="detached")
        page.keyboard.press("/")
        page.keyboard.press("Control+a")
        page.keyboard.type(search)
        press(page, name)
        page.get_by_role("dialog", name=name).wait_for()

    edit("Ruby", "rub")
    type_into(page, "Name", "Garnet")
    page.keyboard.press("Enter")
    notice(page, "Renamed Ruby to Garnet")
    edit("blue", "blu")
    press(page, "Hide from suggestions")
    notice(page, "Hid the tag blue")
    edit("Garnet", "gar")
    type_into(page, "Merge into", "gree")
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Merge into green?").wait_for()
    press(page, "Merge")
    notice(page, "Merged Garnet into green")
    edit("green", "gree")
    press(page, "Reset")
    press(page, "Reset")
    notice(page, "Reset the tag green")
    edit("green", "gree")
    press(page, "Delete")
    press(page, "Delete")
    notice(page, "Deleted the tag green")


def test_settings_files_history_and_reset_are_reached(page):
    press(page, "To confirm")
    press(page, "Confirm all 3 red")
    notice(page, "Confirmed red on 3 pictures")
    press(page, "More")
    tab_to(page, "How many suggestions")
    before = page.evaluate("() => document.activeElement.ariaValueText")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => document.activeElement.ariaValueText !== before", arg=before)
    press(page, "Back to")
    page.wait_for_function("before => document.querySelector('[type=range]').ariaValueText === before", arg=before)
    for button in ("Export", "CSV", "JSON", "XMP sidecars"):
        with page.expect_download():
            press(page, button)
    with page.expect_file_chooser() as chooser:
        press(page, "Import")
    chooser.value.set_files([picture("lessons.zip", b"no lessons", "application/zip")])
    page.get_by_role("alert").get_by_role("button", name="OK").wait_for()
    press(page, "OK")
    page.get_by_role("alert").get_by_role("button", name="OK").wait_for(state="detached")
    tab_to(page, "Licences")
    press(page, "Reset everything")
    page.get_by_role("dialog", name="Reset everything?").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    press(page, "Undo")
    notice(page, "Undone")


def test_a_picture_is_enlarged_moved_shown_whole_and_left(page):
    press(page, "red0.png")
    page.get_by_role("img", name="red0.png").wait_for()
    page.keyboard.press("+")
    page.locator("[data-zoomed]").wait_for()
    across = "() => parseFloat(document.querySelector('[data-zoomed]').style.getPropertyValue('--x'))"
    before = page.evaluate(across)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(across) < before
    page.keyboard.press("0")
    page.locator("[data-zoomed]").wait_for(state="detached")
    page.keyboard.press("ArrowRight")
    page.get_by_role("heading", name="red1.png").wait_for()
    press(page, "Remove this picture")
    page.get_by_role("dialog").wait_for()
    press(page, "Cancel")
    page.get_by_role("dialog").wait_for(state="detached")
    assert page.evaluate(FOCUS) == "Remove this picture"
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    press(page, "Close")
    page.get_by_role("dialog").wait_for(state="detached")


AT_ONCE = """(keys) => keys.forEach((key) =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))"""
"""Presses keys faster than any page is drawn."""


@pytest.mark.parametrize("number", [0, 1])
def test_an_arrow_key_right_after_plus_moves_the_enlarged_picture(page, number):
    """On the first picture that is opened, and on one that the arrow keys led to."""
    press(page, "red0.png")
    page.get_by_role("heading", name="red0.png").wait_for()
    if number == 1:
        page.keyboard.press("ArrowRight")
    page.get_by_role("img", name=f"red{number}.png").wait_for()
    page.evaluate(AT_ONCE, ["+", "ArrowRight", "ArrowRight"])
    view = page.locator("[data-zoomed]")
    view.wait_for()
    moved = view.evaluate("box => -parseFloat(box.style.getPropertyValue('--x')) / box.clientWidth")
    assert moved == pytest.approx(0.5, abs=0.01)  # to the edge; plus alone leads to 0.25
    assert page.get_by_role("heading", level=1).inner_text() == f"red{number}.png"
    page.evaluate(AT_ONCE, ["0", "ArrowRight"])
    page.get_by_role("heading", name=f"red{number + 1}.png").wait_for()


def test_the_summary_of_refused_files_is_closed(page):
    with page.expect_file_chooser() as chooser:
        press(page, "Choose pictures")
    chooser.value.set_files([picture("text.png", b"no picture")])
    page.get_by_role("dialog", name="1 not added").wait_for()
    press(page, "OK")
    page.get_by_role("dialog").wait_for(state="detached")
