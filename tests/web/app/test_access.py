"""The app is for everybody: screen readers, small windows, light and dark; test_keyboard.py is for the keyboard."""

from pathlib import Path

import pytest

from imagetagger import web
from tests.helpers.app import (
    BROWSER,
    QUIET,
    add_tag,
    choose,
    draft_tags,
    free_port,
    learn,
    look_at,
    needs_app,
    picture,
    served,
    start,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.screens import (
    ARABIC,
    FRESH,
    LONG,
    PICTURES,
    SCREENS,
    deleting,
    empty,
    grid,
    impossible_tag,
    leave,
    suggested,
)
from tests.helpers.taught import folder

pytestmark = needs_app
AXE = Path(web.__file__).parent / "app" / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESKTOP, NARROW = {"width": 390, "height": 844}, {"width": 1280, "height": 800}, {"width": 360, "height": 740}
VIOLATIONS = """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
  nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.any.map((check) => check.message)}`))"""
SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts.push(value);
}).observe({ type: "layout-shift", buffered: true });"""
BEYOND = """() => {
  const main = [document.documentElement, ...document.querySelectorAll("dialog[open], dialog[open] > div")];
  return Math.max(...main.map((element) => element.scrollWidth - element.clientWidth));
}"""


@pytest.fixture(scope="module")
def browser(playwright):
    browser = playwright.chromium.launch(executable_path=BROWSER, args=[*QUIET])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address():
    with served(folder(*WHITENED), free_port()) as address:
        yield address


@pytest.fixture(scope="module", params=["light", "dark"])
def context(browser, request):
    """A browser set to light or dark, and without animations."""
    context = browser.new_context(color_scheme=request.param, reduced_motion="reduce")
    yield context
    context.close()


@pytest.fixture(scope="module")
def page(context, address):
    """The app with 30 pictures, one of which has the user's own tags, long and from right to left."""
    page = start(context, address)
    choose(page, [picture(name, data) for name, data in PICTURES.items()], "30 pictures added")
    look_at(page, "confirmed.png")
    add_tag(page, LONG)
    add_tag(page, ARABIC)
    learn(page)
    yield page
    assert page.errors == []


def violations(page):
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    return page.evaluate(VIOLATIONS)


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_no_fault_and_no_window_is_too_narrow(page, screen):
    page.set_viewport_size(DESKTOP)
    try:
        SCREENS[screen](page)
        assert violations(page) == []
        page.set_viewport_size(PHONE)
        assert violations(page) == []
        page.set_viewport_size(NARROW)
        assert page.evaluate(BEYOND) <= 0
    finally:
        page.set_viewport_size(DESKTOP)
        leave(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_has_no_fault_either(browser, address, scheme):
    with browser.new_context(color_scheme=scheme, viewport=NARROW) as context:
        page = start(context, address)
        empty(page)
        assert page.evaluate(BEYOND) <= 0
        assert violations(page) == []
        page.set_viewport_size(DESKTOP)
        assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", FRESH)
def test_a_screen_of_an_app_that_was_just_opened_has_no_fault_either(browser, address, screen, scheme):
    with browser.new_context(color_scheme=scheme, viewport=NARROW, service_workers="block") as context:
        page = FRESH[screen](context, address)
        assert page.evaluate(BEYOND) <= 0
        assert violations(page) == []
        page.set_viewport_size(DESKTOP)
        assert violations(page) == []


def test_a_screen_opens_without_a_jump(page):
    """Of the gallery with 30 pictures, and of a picture: a fifth of the layout shift that counts as good."""
    page.add_init_script(SHIFTS)
    for screen, there in ((grid, "[data-id] img"), (suggested, "article img")):
        screen(page)
        page.set_viewport_size(PHONE)
        page.reload()
        page.locator(there).first.wait_for()
        shifts = page.evaluate("() => new Promise((done) => setTimeout(() => done(window.shifts), 300))")
        page.set_viewport_size(DESKTOP)
        assert sum(shifts) < 0.02


QUICK = """() => new MutationObserver((_, observer) => {
  const field = document.querySelector("[aria-label='Add a tag']");
  if (field === null) return;
  observer.disconnect();
  field.focus();
}).observe(document.body, { childList: true, subtree: true })"""


def test_typing_before_a_slow_device_has_painted_a_new_screen_goes_on(page):
    grid(page)
    page.evaluate(QUICK)  # as soon as the field is there, before it is painted
    look_at(page, "wide.png")
    page.wait_for_function("() => document.title.startsWith('wide.png')")  # set with the focus
    page.keyboard.type("gre")
    page.get_by_role("option", name="green").click()
    assert "green" in draft_tags(page)
    page.get_by_role("button", name="Remove green", exact=True).click()


def test_an_error_in_a_dialog_is_announced_there_and_the_text_stays(page):
    impossible_tag(page)
    field = page.get_by_role("dialog").get_by_role("textbox")
    assert field.input_value() == "red"
    assert page.evaluate("() => document.activeElement.closest('dialog') !== null")
    field.fill("Ruby")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("status").filter(has_text="Added the tag Ruby").wait_for()
    assert page.get_by_role("alert").filter(has_text="already").count() == 0


def test_after_a_tag_is_deleted_the_focus_is_on_the_screens_heading(page):
    deleting(page)
    page.get_by_role("dialog", name=f"Delete {LONG}?").get_by_role("button", name="Delete").click()
    page.get_by_role("status").filter(has_text="Deleted").wait_for()
    page.get_by_role("dialog").first.wait_for(state="detached")
    page.wait_for_function("() => document.activeElement.matches('main h1')")


SECOND = """() => new MutationObserver((_, observer) => {
  if (document.querySelector("main h1").textContent === "unknown.png") return;
  observer.disconnect();
  document.querySelector("main footer button").dispatchEvent(new MouseEvent("click", { detail: 2, bubbles: true }));
}).observe(document.body, { childList: true, subtree: true, characterData: true })"""


def test_a_double_click_does_not_confirm_the_next_picture(page):
    leave(page)
    page.get_by_role("button", name="To confirm").click()
    page.locator("section:has([data-grid])").last.scroll_into_view_if_needed()
    look_at(page, "unknown.png")
    page.evaluate(SECOND)  # the second press, as soon as the next picture is there
    page.get_by_role("button", name="No tag fits", exact=True).click()
    page.get_by_role("heading", name="unknown.png", exact=True).wait_for(state="detached")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    page.get_by_role("status").filter(has_text="Undone: Confirmed that no tag fits unknown.png").wait_for()
    leave(page)
    page.get_by_role("group", name="Which pictures").get_by_role("button", name="All").click()
