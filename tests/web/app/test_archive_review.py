"""A person reviews an archive in the browser; what they say is in the sidecars at once."""

import json
import subprocess
from pathlib import Path

import pytest

from imagetagger import web
from imagetagger.archive.keywords import read_keywords
from tests.helpers.app import BROWSER, BUILT, QUIET, needs_app
from tests.helpers.archive_reviews import KINDS, LABELLED, PROGRAM, REST, act, make_library, review_process

pytestmark = [
    *needs_app,
    pytest.mark.skipif(not (BUILT.parent / "review").is_dir(), reason="the page is not built: make webapp"),
]
AXE = Path(web.__file__).parent / "app" / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
VIOLATIONS = """async () => (await axe.run()).violations.flatMap(({ id, nodes }) =>
  nodes.map((node) => `${id}: ${node.html.slice(0, 200)} ${node.any.map((check) => check.message)}`))"""
BEYOND = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser(playwright):
    browser = playwright.chromium.launch(executable_path=BROWSER, args=[*QUIET])
    yield browser
    browser.close()


@pytest.fixture
def library(tmp_path):
    """A library from which tags were learned."""
    made = make_library(tmp_path / "library")
    act("learn", tmp_path, made)
    return made


@pytest.fixture
def reviewed(tmp_path, library):
    """The process that reviews it, and its address."""
    with review_process(tmp_path, library) as process:
        yield process


def opened(browser, address, **settings):
    page = browser.new_context(reduced_motion="reduce", **settings).new_page()
    page.set_default_timeout(60_000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    page.goto(address)
    page.locator("main h1").wait_for()
    return page


def keywords(library, name):
    (picture,) = library.rglob(name)
    return read_keywords(picture)


def faults(page):
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    return page.evaluate(VIOLATIONS)


def test_a_library_is_reviewed(browser, reviewed, library, tmp_path):
    _, address = reviewed
    page = opened(browser, address, viewport=DESKTOP)
    assert "#" not in page.url  # the token is not left in the address
    page.get_by_text(f"{len(KINDS) * REST} pictures to look at").wait_for()
    groups = page.locator("section:has([data-grid])")
    assert groups.count() == len(KINDS)

    first, wrong = f"lemon{LABELLED}.png", f"lemon{LABELLED + 1}.png"
    lemons = page.get_by_role("region", name="lemon?")
    lemons.get_by_role("button", name=f"{wrong} is right").click()
    lemons.get_by_role("button", name=f"Confirm {REST - 1} of {REST}").click()
    page.get_by_role("status").filter(has_text=f"{REST} pictures stored").wait_for()
    assert keywords(library, first).people == (("colour", "lemon"),)
    assert keywords(library, wrong).people == ()
    page.get_by_text(f"{len(KINDS) * REST - REST + 1} pictures to look at").wait_for()

    page.get_by_role("region", name="What do these show?").get_by_role("link", name=wrong).click()
    page.get_by_role("heading", name=wrong, exact=True).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("Grapefruit")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Confirm Grapefruit").click()
    page.get_by_role("heading", name=wrong, exact=True).wait_for(state="detached")
    assert keywords(library, wrong).people == (("Grapefruit",),)

    page.reload()  # the tab knows the token
    page.get_by_role("heading", level=1).wait_for()
    page.goto(page.url.split("#")[0])
    page.get_by_text(f"{(len(KINDS) - 1) * REST} pictures to look at").wait_for()  # what is answered is not asked again
    blues = page.get_by_role("region", name="blue?")
    blues.get_by_role("button", name="Untick all").click()
    blues.get_by_role("button", name="None is right").click()
    page.get_by_role("region", name="blue?").wait_for(state="detached")
    assert keywords(library, f"blue{LABELLED}.png").people == ()
    assert page.errors == []

    status = [*PROGRAM, "status", "--json", "--state", str(tmp_path / "state"), str(library)]
    done = subprocess.run(status, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["withdrawn"] == 1 + REST


AT_THE_END = """() => {
    const last = [...document.querySelectorAll("[data-id]")].at(-1)?.getBoundingClientRect();
    return scrollY > 0 && last !== undefined && last.bottom <= innerHeight;
}"""
"""Whether the last picture of the page is drawn, and in sight."""
ANOTHER = "name => { const h = document.querySelector('article h1'); return h !== null && h.innerText !== name; }"
"""Whether another picture is shown: between two, all are for a moment."""


def test_a_picture_is_answered_by_keys_alone(browser, reviewed, library):
    _, address = reviewed
    page = opened(browser, address, viewport=DESKTOP)
    page.locator("[data-id]").first.focus()
    page.keyboard.press("Enter")
    heading = page.locator("article h1")
    name = heading.inner_text()
    page.get_by_role("button", name="Confirm ").press("Enter")
    page.wait_for_function(ANOTHER, arg=name)
    assert keywords(library, name).people == (("colour", name.removesuffix(".png").rstrip("0123456789")),)
    second = heading.inner_text()
    page.get_by_role("button", name="Remove ").click()
    page.get_by_role("button", name="No tag fits").click()
    page.wait_for_function(ANOTHER, arg=second)
    assert keywords(library, second).people == ()
    page.keyboard.press("Escape")
    page.get_by_text(f"{len(KINDS) * REST - 2} pictures to look at").wait_for()
    assert page.errors == []


def test_leaving_a_picture_returns_to_its_place_and_what_was_chosen_stays(browser, reviewed):
    _, address = reviewed
    page = opened(browser, address, viewport={"width": 500, "height": 400})
    page.locator("[data-id]").first.wait_for()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(AT_THE_END)
    shown = page.locator("[data-id]").last.get_attribute("data-id")
    page.locator(f'[data-id="{shown}"]').press("Enter")
    page.locator("article h1").wait_for()
    page.get_by_role("button", name="Remove ").click()
    page.keyboard.press("Escape")
    page.wait_for_function("id => document.activeElement.dataset.id === id", arg=shown)
    assert page.evaluate("scrollY") > 0
    page.keyboard.press("Enter")
    page.locator("article h1").wait_for()
    assert page.get_by_role("button", name="Remove ").count() == 0
    assert page.errors == []


def test_what_was_chosen_before_a_tag_was_rejected_is_not_chosen_any_more(browser, reviewed):
    _, address = reviewed
    page = opened(browser, address, viewport=DESKTOP)
    name = f"lemon{LABELLED}.png"
    lemons = page.get_by_role("region", name="lemon?")
    lemons.get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name, exact=True).wait_for()
    page.keyboard.press("Escape")
    lemons.get_by_role("button", name=f"{name} is right").click()
    lemons.get_by_role("button", name=f"Confirm {REST - 1} of {REST}").click()
    page.get_by_role("region", name="What do these show?").get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name, exact=True).wait_for()
    assert page.get_by_role("button", name="Confirm lemon").count() == 0
    assert page.errors == []


def test_the_page_ends_with_the_server_and_says_so(browser, reviewed, library):
    process, address = reviewed
    page = opened(browser, address, viewport=DESKTOP)
    page.get_by_role("region", name="lemon?").get_by_role("button", name="Confirm all").click()
    page.get_by_role("status").filter(has_text="stored").wait_for()
    process.kill()
    process.wait()
    page.get_by_role("region", name="blue?").get_by_role("button", name="Confirm all").click()
    page.get_by_role("alert").filter(has_text="The review has ended").wait_for()
    assert page.get_by_role("region", name="blue?").is_visible()
    assert keywords(library, f"lemon{LABELLED}.png").people == (("colour", "lemon"),)


def test_an_address_without_the_word_shows_nothing(browser, reviewed):
    _, address = reviewed
    page = opened(browser, address.partition("#")[0], viewport=DESKTOP)
    page.get_by_role("alert").filter(has_text="This address does not open the review").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_and_no_window_is_too_narrow(browser, reviewed, scheme):
    _, address = reviewed
    page = opened(browser, address, viewport=DESKTOP, color_scheme=scheme, locale="de-DE")
    for is_alone in (False, True):
        if is_alone:
            page.locator("[data-id]").first.click()
            page.locator("article img").wait_for()
        else:
            page.locator("[data-id] img").first.wait_for()
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            assert faults(page) == []
            assert page.evaluate(BEYOND) <= 0
