"""The app is for everybody: screen readers, the keyboard alone, small windows, light and dark."""

from pathlib import Path

import pytest

from imagetagger import web
from imagetagger.tagger.lessons import encode_crop
from tests.helpers.app import (
    BROWSER,
    QUIET,
    add_tag,
    choose,
    draft_tags,
    free_port,
    go,
    learn,
    look_at,
    needs_app,
    picture,
    served,
    start,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.pictures import COLOURS
from tests.helpers.taught import YELLOW, folder, pixels

pytestmark = needs_app
AXE = Path(web.__file__).parent / "app" / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESKTOP, NARROW = {"width": 390, "height": 844}, {"width": 1280, "height": 800}, {"width": 360, "height": 740}
LONG, ARABIC = "Donau" + "dampf" * 18 + "fahrt", "مكتبة الصور القديمة"
PICTURES = {
    "unknown.png": encode_crop(pixels(YELLOW, 1, 300)),
    "confirmed.png": encode_crop(pixels("green", 1, 300)),
    **{f"{name}{i}.png": encode_crop(pixels(name, 10 + i)) for i in range(9) for name in COLOURS},
    "wide.png": encode_crop(pixels("blue", 2)),
}
VIOLATIONS = """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
  nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.any.map((check) => check.message)}`))"""
SHIFTS = """window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts.push(value);
}).observe({ type: "layout-shift", buffered: true });"""
BEYOND = """() => {
  const main = [document.documentElement, ...document.querySelectorAll("dialog[open], .dialog-body")];
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


def empty(page):
    page.get_by_role("heading", name="Your pictures, tagged").wait_for()


def grid(page):
    go(page, "Pictures")
    page.wait_for_function("() => document.querySelectorAll('.tile img').length > 9")


def suggested(page):
    look_at(page, "red3.png")
    assert draft_tags(page) == ["red"]
    page.get_by_role("img", name="red3.png").wait_for()


def unknown(page):
    look_at(page, "unknown.png")
    page.get_by_text("Nothing I know fits well.").wait_for()


def confirmed(page):
    look_at(page, "confirmed.png")
    assert draft_tags(page)[-2:] == [LONG, ARABIC]


def dismissed(page):
    look_at(page, "blue5.png")
    for name in draft_tags(page):
        page.get_by_role("button", name=f"Remove {name}", exact=True).click()
    page.get_by_role("button", name="No tag fits", exact=True).click()
    page.get_by_role("button", name="Confirmed: no tag fits", exact=True).wait_for()


def adding_a_tag(page):
    look_at(page, "red4.png")
    page.get_by_role("combobox", name="Add a tag").fill("d")
    page.get_by_role("option", name="New tag").wait_for()


def tags(page):
    go(page, "Tags")
    page.get_by_role("button", name=LONG).wait_for()


def tag(page):
    tags(page)
    page.get_by_role("button", name=LONG).click()
    page.get_by_role("dialog").wait_for()


def deleting(page):
    tag(page)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name=f"Delete {LONG}?").wait_for()


def impossible_tag(page):
    tags(page)
    page.get_by_role("button", name="New tag").click()
    dialog = page.get_by_role("dialog", name="New tag")
    dialog.get_by_role("textbox").fill("red")
    dialog.get_by_role("button", name="Add").click()
    dialog.get_by_role("alert").filter(has_text="already").wait_for()


def more(page):
    go(page, "More")
    page.get_by_text("used").first.wait_for()


def refused(page):
    go(page, "Pictures")
    choose(page, [picture(f"{LONG}.png", b"no picture"), picture("empty.png", b"")], "2 not added")


def teaching(page):
    go(page, "Pictures")
    page.get_by_role("button", name="Select").click()
    for tile in page.get_by_role("list", name="Pictures").get_by_role("button").all()[:3]:
        tile.click()
    page.get_by_role("button", name="Tag", exact=True).click()
    for name in (LONG, ARABIC):
        page.get_by_role("dialog").get_by_role("combobox").fill(name)
        page.get_by_role("dialog").get_by_role("option").first.click()


SCREENS = {
    screen.__name__: screen
    for screen in (
        grid,
        suggested,
        unknown,
        confirmed,
        dismissed,
        adding_a_tag,
        tags,
        tag,
        deleting,
        impossible_tag,
        more,
        refused,
        teaching,
    )
}


def leave(page):
    """Close every dialog and end the selection."""
    while page.get_by_role("dialog").count():
        page.keyboard.press("Escape")
    go(page, "Pictures")
    if page.get_by_role("button", name="Done").count():
        page.get_by_role("button", name="Done").click()


def violations(page):
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    return page.evaluate(VIOLATIONS)


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_no_fault_and_no_window_is_too_narrow(page, screen):
    page.set_viewport_size(DESKTOP)
    SCREENS[screen](page)
    faults = violations(page)
    page.set_viewport_size(PHONE)
    faults += violations(page)
    page.set_viewport_size(NARROW)
    beyond = page.evaluate(BEYOND)
    page.set_viewport_size(DESKTOP)
    leave(page)
    assert faults == []
    assert beyond <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_screen_has_no_fault_either(browser, address, scheme):
    with browser.new_context(color_scheme=scheme, viewport=NARROW) as context:
        page = start(context, address)
        empty(page)
        assert page.evaluate(BEYOND) <= 0
        assert violations(page) == []
        page.set_viewport_size(DESKTOP)
        assert violations(page) == []


def test_a_screen_opens_without_a_jump(page):
    """Of the gallery with 30 pictures, and of a picture: a fifth of the layout shift that counts as good."""
    page.add_init_script(SHIFTS)
    for screen, there in ((grid, ".tile img"), (suggested, ".frame img")):
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


FOCUS = "() => document.activeElement?.ariaLabel ?? document.activeElement?.textContent.trim() ?? ''"


def tab_to(page, name):
    """Press Tab until the name of the focused element begins with `name`."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUS).startswith(name):
            return
    raise AssertionError(f"30 times Tab do not lead to {name!r}")


def test_a_picture_is_found_corrected_and_learned_by_keyboard_only(browser, address):
    with browser.new_context(reduced_motion="reduce") as context:
        page = start(context, address)
        choose(page, [picture(f"red{i}.png", encode_crop(pixels("red", i))) for i in range(3)], "3 pictures added")
        tab_to(page, "red0.png")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(FOCUS).startswith("red1.png")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="red1.png").wait_for()
        tab_to(page, "Remove red")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Remove red").wait_for(state="detached")
        assert page.evaluate(FOCUS) == "Tags of this picture"
        tab_to(page, "Add a tag")
        page.keyboard.type("r")
        page.keyboard.press("ArrowDown")
        name = page.get_by_role("option", selected=True).locator(".clip").inner_text()
        page.keyboard.press("Enter")
        assert draft_tags(page) == [name]
        page.keyboard.type("Rex")
        page.keyboard.press("Enter")
        tab_to(page, "Confirm ")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Confirmed", exact=True).wait_for()
        assert page.evaluate(FOCUS) == "Confirmed"
        assert draft_tags(page) == [name, "Rex"]
        page.keyboard.press("Escape")
        page.wait_for_function("() => document.activeElement?.ariaLabel?.startsWith('red1.png:')")
        assert page.errors == []


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
  document.querySelector(".confirm button").dispatchEvent(new MouseEvent("click", { detail: 2, bubbles: true }));
}).observe(document.body, { childList: true, subtree: true, characterData: true })"""


def test_a_double_click_does_not_confirm_the_next_picture(page):
    leave(page)
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("heading", name="To look at one by one").scroll_into_view_if_needed()
    look_at(page, "unknown.png")
    page.evaluate(SECOND)  # the second press, as soon as the next picture is there
    page.get_by_role("button", name="No tag fits", exact=True).click()
    page.get_by_role("heading", name="unknown.png", exact=True).wait_for(state="detached")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    page.get_by_role("status").filter(has_text="Undone: Confirmed that no tag fits unknown.png").wait_for()
    leave(page)
    page.get_by_role("group", name="Which pictures").get_by_role("button", name="All").click()
