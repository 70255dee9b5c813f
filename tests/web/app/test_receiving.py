"""Pictures that other apps share or open with the app, of a folder, and from the camera; none leaves the device."""

import contextlib
import json

import pytest

from imagetagger.tagger.lessons import encode_crop
from imagetagger.web.site import build_site
from tests.helpers.app import BROWSER, QUIET, browsed, go, needs_app, picture, start, wait_until_offline
from tests.helpers.recorded import recorded
from tests.helpers.taught import bundle, pixels
from tests.helpers.web_pictures import plain_png
from tests.web.app.test_access import NARROW, violations
from tests.web.app.test_keyboard import FOCUS, tab_to

pytestmark = needs_app
PHONE = {"viewport": NARROW, "has_touch": True, "is_mobile": True}
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
RED, BLUE = (encode_crop(pixels(name, 3, 300)) for name in ("red", "blue"))


@pytest.fixture(scope="module")
def server():
    with recorded(build_site(bundle())) as server:
        yield server


@pytest.fixture(scope="module")
def address(server):
    return server.address


@pytest.fixture
def context(playwright, tmp_path):
    with browsed(playwright, tmp_path / "profile") as context:
        yield context


@contextlib.contextmanager
def filmed(playwright, *arguments, **options):
    """A browser on a phone with a made-up camera."""
    browser = playwright.chromium.launch(executable_path=BROWSER, args=[*QUIET, *arguments])
    with contextlib.closing(browser), browser.new_context(**PHONE, **options) as context:
        yield context


FORM = """<form method=post enctype="multipart/form-data">
  <input type=file name=pictures multiple><button>Share</button>
</form>"""


def share(context, address, *files):
    """Post files to the app as the system does for another app; return the page."""
    page = context.new_page()
    page.set_content(FORM)
    page.locator("form").evaluate("(form, action) => { form.action = action; }", f"{address}share")
    page.locator("input").set_input_files(list(files))
    page.get_by_role("button", name="Share").click()
    return page


NOTHING_SHARED = """async () => {
  const shared = await caches.open(new URL("./share", location.href).href);
  for (let i = 0; i < 600; i++) {
    if ((await shared.keys()).length === 0) return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}"""
"""Whether no shared picture waits within a minute; `wait_for_function` does not wait for what is asynchronous."""


def answer(page, count: int, button: str) -> None:
    """Press a button where the app asks about shared pictures, so many of them."""
    title = f"Add {count} shared picture{'s' if count > 1 else ''}?"
    page.get_by_role("dialog", name=title).get_by_role("button", name=button, exact=True).click()


def shown(page, count: int) -> None:
    """Wait until the app shows so many pictures, and no more."""
    images = page.get_by_role("list", name="Pictures").locator("img")
    images.nth(count - 1).wait_for()
    assert images.count() == count


def linked_manifest(page) -> str:
    return page.locator("link[rel=manifest]").get_attribute("href").removeprefix("./")


def test_shared_pictures_are_added_once_and_never_sent(server, address, context):
    first = start(context, address)
    assert linked_manifest(first) == "manifest.webmanifest"
    wait_until_offline(first)
    first.close()
    server.requests.clear()
    page = share(context, address, picture("red.png", RED), picture("blue.png", BLUE))
    answer(page, 2, "Add")
    page.get_by_text("2 pictures added").wait_for()
    assert page.url == address
    assert linked_manifest(page) == "manifest-share.webmanifest"
    assert [method for method, _ in server.requests if method not in ("GET", "HEAD")] == []
    assert page.evaluate(NOTHING_SHARED)
    page.reload()
    shown(page, 2)
    go(page, "More")
    steps = page.get_by_role("region", name="History").get_by_role("listitem")
    steps.filter(has_text="Added 2 pictures").wait_for()
    assert steps.count() == 1


def test_shared_pictures_wait_for_an_answer_as_any_web_page_can_share_some(server, address, context):
    wait_until_offline(start(context, address))
    context.pages[-1].close()
    server.requests.clear()
    page = share(context, address, picture("red.png", RED))
    page.get_by_role("dialog", name="Add 1 shared picture?").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.reload()
    answer(page, 1, "Do not add")
    assert page.evaluate(NOTHING_SHARED)
    page.reload()
    page.get_by_role("heading", name="Your pictures, tagged").wait_for()
    assert page.get_by_role("dialog").count() == 0
    assert [method for method, _ in server.requests if method not in ("GET", "HEAD")] == []


def test_a_cancelled_share_is_offered_at_the_next_opening_and_what_arrives_meanwhile_too(address, context):
    first = start(context, address)
    wait_until_offline(first)
    first.close()
    row = bytes(range(250)) * 36
    page = share(context, address, *(picture(f"{i}.png", plain_png(3000, 3000 + i, row)) for i in range(24)))
    answer(page, 24, "Add")
    page.get_by_role("progressbar").wait_for()
    share(context, address, picture("red.png", RED)).get_by_role("button", name="Use it here").wait_for()
    page.bring_to_front()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled.").wait_for()
    page.reload()
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    assert page.evaluate(NOTHING_SHARED)
    shown(page, 25)


def test_a_share_that_a_full_device_cannot_take_says_so(address, context):
    first = start(context, address)
    wait_until_offline(first)
    used = first.evaluate("async () => (await navigator.storage.estimate()).usage")
    first.close()
    quota = {"origin": address, "quotaSize": used + 2_000_000}
    context.new_cdp_session(context.new_page()).send("Storage.overrideQuotaForOrigin", quota)
    page = share(context, address, picture("red.png", RED), picture("large.png", bytes(8_000_000)))
    answer(page, 1, "Add")
    page.get_by_role("alert").filter(has_text="Not all shared pictures arrived").wait_for()
    assert page.url.startswith(f"{address}#/picture/")
    page.get_by_role("heading", name="red.png").wait_for()


def test_a_share_without_pictures_says_so(address, context):
    first = start(context, address)
    wait_until_offline(first)
    first.close()
    page = share(context, address)
    page.get_by_text("No pictures were found there").wait_for()
    assert page.url == address


def test_a_share_that_meets_no_service_worker_is_refused(server, address, context):
    server.requests.clear()
    page = share(context, address, picture("red.png", RED))
    page.wait_for_url("**/share")
    assert ("POST", "/share") in server.requests  # which test_server.py shows to be refused unread
    start(context, address).get_by_role("heading", name="Your pictures, tagged").wait_for()


def test_the_service_worker_lets_nothing_be_sent_elsewhere_either(server, address, context):
    page = start(context, address)
    wait_until_offline(page)
    page.reload()
    page.get_by_role("button", name="Choose pictures").first.wait_for()
    server.requests.clear()
    sent = "(target) => fetch(target, { method: 'POST', body: 'x' }).then(() => 'sent', () => 'refused')"
    assert [page.evaluate(sent, target) for target in ("./", "./share", "./share?x", "./none")] == ["refused"] * 4
    assert server.requests == []


QUEUE = """Object.defineProperty(window, "launchQueue", {
  value: { setConsumer(take) { window.launched = take; take({ files: [] }); } },
});"""
LAUNCHED = """([name, bytes]) => {
  const file = new File([new Uint8Array(bytes)], name, { type: "image/png" });
  window.launched({ files: [{ getFile: async () => file }] });
}"""


def test_pictures_opened_with_the_app_are_added(address, context):
    context.add_init_script(QUEUE)
    page = start(context, address)
    page.evaluate(LAUNCHED, ["opened.png", list(RED)])
    page.get_by_role("heading", name="opened.png").wait_for()


def test_pictures_opened_with_the_app_are_reported_in_the_language_chosen_since(address, context):
    context.add_init_script(QUEUE)
    page = start(context, address)
    go(page, "More")
    page.get_by_role("combobox", name="Language").select_option("Deutsch")
    page.evaluate(LAUNCHED, ["opened.png", list(RED)])
    page.get_by_text("1 Bild hinzugefügt").wait_for()


def test_the_manifest_offers_to_open_pictures(server):
    manifest = json.loads(build_site(bundle())["manifest.webmanifest"])
    assert "image/jpeg" in manifest["file_handlers"][0]["accept"]
    assert "share_target" not in manifest


def test_a_folder_is_chosen_with_the_pictures_in_it(address, context, tmp_path):
    inside = tmp_path / "2024" / "Rome"
    inside.mkdir(parents=True)
    (inside / "red.png").write_bytes(RED)
    (inside.parent / "blue.png").write_bytes(BLUE)
    (inside / "notes.txt").write_text("no picture")
    page = start(context, address)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(tmp_path / "2024")
    page.get_by_text("2 pictures added", exact=True).wait_for()
    assert page.get_by_role("dialog").count() == 0  # the text is not reported as refused


TRACKS = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await open(wish);
    tracks.push(...stream.getTracks());
    return stream;
  };
}"""


NEXT_FRAMES = """() => {
  const video = document.querySelector("video");
  window.isNextFrame = false;
  video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() => { window.isNextFrame = true; }));
}"""


def wait_for_next_frame(page) -> None:
    """Wait until the made-up camera has moved on: no two of its frames are the same.

    `evaluate` of a promise would wait for ever where no frame is drawn.
    """
    page.evaluate(NEXT_FRAMES)
    page.wait_for_function("() => window.isNextFrame")


def test_pictures_are_taken_in_a_row_by_keyboard(playwright, address):
    with filmed(playwright, *CAMERA) as context:
        page = start(context, address)
        page.evaluate(TRACKS)
        tab_to(page, "Take pictures")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Take a picture", disabled=False).wait_for()
        assert page.evaluate(FOCUS) == "Take a picture"
        assert violations(page) == []
        for i in range(1, 4):
            wait_for_next_frame(page)
            page.keyboard.press("Enter")
            page.get_by_text(f"{i} picture{'s' if i > 1 else ''} taken").wait_for()
        page.get_by_role("dialog").locator("img").wait_for()
        tab_to(page, "Done")
        page.keyboard.press("Enter")
        page.get_by_text("3 pictures added").wait_for()
        assert page.evaluate("() => tracks.map((track) => track.readyState)") == ["ended"]
        assert page.errors == []


def test_escape_ends_the_camera_and_loses_no_picture(playwright, address):
    with filmed(playwright, *CAMERA) as context:
        page = start(context, address)
        page.evaluate(TRACKS)
        page.get_by_role("button", name="Take pictures").click()
        page.get_by_role("button", name="Take a picture").click()
        page.get_by_text("1 picture taken").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("heading", level=1, name="(1).jpg").wait_for()
        assert page.evaluate("() => tracks.map((track) => track.readyState)") == ["ended"]


def test_a_screen_that_goes_with_its_camera_loses_no_picture(playwright, address):
    with filmed(playwright, *CAMERA) as context:
        page = start(context, address)
        go(page, "Tags")
        go(page, "Pictures")
        page.get_by_role("button", name="Take pictures").click()
        page.get_by_role("button", name="Take a picture").click()
        page.get_by_text("1 picture taken").wait_for()
        page.evaluate("() => history.back()")
        page.get_by_role("heading", level=1, name="(1).jpg").wait_for()
        assert page.get_by_role("dialog").count() == 0
        assert page.errors == []


def take_two(page) -> None:
    page.get_by_role("button", name="Take pictures").click()
    for i in (1, 2):
        page.get_by_role("button", name="Take a picture").click()
        page.get_by_text(f"{i} picture{'s' if i > 1 else ''} taken").wait_for()
        wait_for_next_frame(page)


def test_a_tab_that_takes_the_app_over_adds_what_the_camera_of_the_other_one_took(playwright, address):
    with filmed(playwright, *CAMERA) as context:
        page = start(context, address)
        take_two(page)
        other = context.new_page()
        other.goto(address)
        other.get_by_role("button", name="Use it here").click()
        other.get_by_text("2 pictures added").wait_for()
        page.get_by_role("alert").filter(has_text="Nothing was lost").wait_for()
        other.reload()
        shown(other, 2)


def test_pictures_of_a_camera_whose_page_was_closed_are_added_once(playwright, address):
    with filmed(playwright, *CAMERA) as context:
        page = start(context, address)
        take_two(page)
        page.close()
        again = start(context, address)
        again.get_by_text("2 pictures added").wait_for()
        again.reload()
        shown(again, 2)
        assert again.get_by_text("already here").count() == 0


SLOW = """() => {
  const encode = OffscreenCanvas.prototype.convertToBlob;
  OffscreenCanvas.prototype.convertToBlob = async function (options) {
    await new Promise((done) => setTimeout(done, 500));
    return encode.call(this, options);
  };
}"""


HANDED_OVER = """() => {
  window.handedOver = 0;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...rest) {
    if (message.path?.[0] === "take") window.handedOver += 1;
    return post.call(this, message, ...rest);
  };
}"""


def test_a_camera_that_is_closed_twice_adds_its_pictures_once(playwright, address):
    with filmed(playwright, *CAMERA) as context:
        page = start(context, address)
        page.evaluate(SLOW)
        page.evaluate(HANDED_OVER)
        page.get_by_role("button", name="Take pictures").click()
        page.get_by_role("button", name="Take a picture").click()
        page.get_by_role("button", name="Done").dblclick()
        page.get_by_text("1 picture added").wait_for()
        page.evaluate("() => { location.hash = '#/more'; }")
        page.get_by_text(" used").first.wait_for()  # by then the worker got all that was handed over
        assert page.evaluate("() => handedOver") == 1


def test_a_refused_camera_leaves_that_of_the_device(playwright, address):
    with filmed(playwright, "--use-fake-device-for-media-stream") as context:  # a permission that nobody grants
        page = start(context, address)
        page.get_by_role("button", name="Take pictures").click()
        page.get_by_role("alert").filter(has_text="could not be opened").wait_for()
        assert violations(page) == []
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Take one picture").click()
        chooser.value.set_files([picture("taken.png", BLUE)])
        page.get_by_role("heading", name="taken.png").wait_for()


def test_without_https_the_device_takes_the_picture(playwright, address):
    with filmed(playwright) as context:
        context.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined });")
        page = start(context, address)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Take pictures").click()
        assert chooser.value.element.get_attribute("capture") == "environment"
        chooser.value.set_files([picture("taken.png", BLUE)])
        page.get_by_role("heading", name="taken.png").wait_for()
