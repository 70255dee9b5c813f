"""Every screen of the app, for tests that look at each: functions that lead there."""

from imagetagger.tagger.lessons import encode_crop
from tests.helpers.app import choose, draft_tags, go, look_at, picture, start
from tests.helpers.pictures import COLOURS
from tests.helpers.taught import YELLOW, pixels
from tests.helpers.web_pictures import plain_png

LONG, ARABIC = "Donau" + "dampf" * 18 + "fahrt", "مكتبة الصور القديمة"
PICTURES = {
    "unknown.png": encode_crop(pixels(YELLOW, 1, 300)),
    "confirmed.png": encode_crop(pixels("green", 1, 300)),
    **{f"{name}{i}.png": encode_crop(pixels(name, 10 + i)) for i in range(9) for name in COLOURS},
    "wide.png": encode_crop(pixels("blue", 2)),
}
OVER = """() => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([], "red.png", { type: "image/png" }));
  document.dispatchEvent(new DragEvent("dragover", { dataTransfer, cancelable: true }));
}"""


def empty(page):
    page.get_by_role("heading", name="Your pictures, tagged").wait_for()


def grid(page):
    go(page, "Pictures")
    page.wait_for_function("() => document.querySelectorAll('[data-id] img').length > 9")


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


def selecting(page):
    grid(page)
    page.keyboard.press("Control+a")
    page.get_by_text("30 selected").wait_for()


def searched(page):
    go(page, "Pictures")
    page.get_by_role("combobox", name="Search").fill("red")
    page.get_by_role("option", name="red").first.click()
    page.get_by_role("heading", name="Perhaps").wait_for()


def searching(page):
    go(page, "Pictures")
    page.get_by_role("combobox", name="Search").fill("r")
    page.get_by_role("listbox", name="Search").get_by_role("option").first.wait_for()


def nothing_found(page):
    go(page, "Pictures")
    page.get_by_role("combobox", name="Search").fill("zebra")
    page.get_by_text("No picture here.").wait_for()


def to_confirm(page):
    go(page, "Pictures")
    page.get_by_role("button", name="To confirm").click()
    page.get_by_role("button", name="is right").first.click()
    page.get_by_role("button", name="is right", pressed=False).first.wait_for()


def keys(page):
    grid(page)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()


def zoomed(page):
    suggested(page)
    page.keyboard.press("+")
    page.locator("[data-zoomed]").wait_for()


def missing(page):
    page.evaluate("() => { location.hash = '#/picture/none'; }")
    page.get_by_role("heading", name="This picture is not here").wait_for()


def removing(page):
    confirmed(page)
    page.get_by_role("button", name="Remove this picture").click()
    page.get_by_role("checkbox").check()


def merging(page):
    tag(page)
    page.get_by_role("combobox", name="Merge into").fill("blue")
    page.get_by_role("option", name="blue").click()
    page.get_by_role("dialog", name="Merge into blue?").wait_for()


def hidden_tag(page):
    tags(page)
    name = "Unseen"
    if page.get_by_role("button", name=name).count() == 0:
        page.get_by_role("button", name="New tag").click()
        page.get_by_role("textbox", name="Name").fill(name)
        page.keyboard.press("Enter")
        page.get_by_role("dialog").wait_for(state="detached")
        page.get_by_role("button", name=name).click()
        page.get_by_role("button", name="Hide from suggestions").click()
    page.get_by_role("button", name=name).filter(has_text="hidden").wait_for()


def starting_over(page):
    more(page)
    page.get_by_role("button", name="Reset everything").click()
    page.get_by_role("dialog", name="Reset everything?").wait_for()


def wrong_lessons(page):
    go(page, "More")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import", exact=True).click()
    chooser.value.set_files([picture("lessons.zip", b"no lessons", "application/zip")])
    page.get_by_role("alert").get_by_role("button", name="OK").wait_for()


def dropping(page):
    grid(page)
    page.evaluate(OVER)
    page.get_by_text("Drop the pictures to add them").wait_for()


SCREENS = {
    screen.__name__: screen
    for screen in (
        grid,
        searching,
        searched,
        nothing_found,
        to_confirm,
        selecting,
        keys,
        zoomed,
        missing,
        removing,
        merging,
        starting_over,
        wrong_lessons,
        dropping,
        hidden_tag,
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
    """Close every dialog, end the selection, and show all pictures."""
    page.evaluate("() => document.dispatchEvent(new DragEvent('dragleave'))")
    while page.get_by_role("dialog").count():
        page.keyboard.press("Escape")
    go(page, "Pictures")
    for button in ("Done", "Clear the search", "OK"):
        if page.get_by_role("button", name=button, exact=True).count():
            page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("group", name="Which pictures").get_by_role("button", name="All").click()


def opening(context, address):
    """The screen until the tagger is here."""
    page = context.new_page()
    page.route("**/model.tflite", lambda route: None)
    page.goto(address)
    page.get_by_text("Opening …").first.wait_for()
    return page


def failed(context, address):
    page = context.new_page()
    page.route("**/manifest.json", lambda route: route.fulfill(status=404))
    page.goto(address)
    page.get_by_role("heading", name="The app could not be opened").wait_for()
    return page


def elsewhere(context, address):
    start(context, address)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Use it here").wait_for()
    return page


def adding(context, address):
    page = start(context, address)
    row = bytes(range(250)) * 36
    large = [picture(f"{i}.png", plain_png(3000, 3000 + i, row)) for i in range(60)]
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").first.click()
    chooser.value.set_files(large)
    page.get_by_role("progressbar").wait_for()
    return page


NEW_VERSION = """Object.defineProperty(navigator, "serviceWorker", {
  value: Object.assign(new EventTarget(), {
    controller: {},
    ready: new Promise(() => {}),
    register: async () => Object.assign(new EventTarget(), { waiting: { postMessage() {} }, installing: null }),
  }),
});"""


def updating(context, address):
    """The banner of a new version, which a service worker that waits for its turn stands for."""
    context.add_init_script(NEW_VERSION)
    page = start(context, address)
    page.get_by_role("status").filter(has_text="A new version is ready.").wait_for()
    return page


def installing(context, address):
    """The card of More where the browser offers to install the app."""
    page = start(context, address)
    page.evaluate("() => window.dispatchEvent(new Event('beforeinstallprompt'))")
    go(page, "More")
    page.get_by_role("button", name="Install the app").wait_for()
    return page


FRESH = {screen.__name__: screen for screen in (opening, failed, elsewhere, adding, updating, installing)}
"""Those of an app that has just been opened: functions of a browser's context and the app's address."""
