"""The app in a browser as users run it: with a profile that stays, and a server that may stop."""

import base64
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
BUILT = Path(__file__).parents[2] / "imagetagger" / "web" / "app" / "dist" / "index.html"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60
"""Seconds to wait for what takes less than one where nothing else runs: tests also run on busy machines."""
CONFIRM = re.compile("^Confirm ")
"""The button of a picture while its tags can be confirmed."""

needs_build = [
    pytest.mark.slow,
    pytest.mark.skipif(not BUILT.exists(), reason="the app is not built: make webapp"),
]
needs_app = [*needs_build, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]
needs_firefox = [*needs_build, pytest.mark.skipif(FIREFOX is None, reason="no Firefox is installed")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(bundle: Path, port: int) -> Iterator[str]:
    """Serve a bundle as a user does; yields the app's address."""
    program = (sys.executable, "-c", "from imagetagger.cli import main; main()")
    command = [*program, "serve", str(bundle), "--port", str(port), "--no-browser"]
    address = f"http://127.0.0.1:{port}/"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            for _ in range(10 * PATIENCE):
                if server.poll() is not None:
                    raise RuntimeError(f"the server ended: {server.stdout.read()}")
                with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=PATIENCE):
                    break
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait(PATIENCE)


@contextlib.contextmanager
def browsed(playwright, profile: Path, **options):
    """Open a browser with a profile that stays; yields its context. `playwright` is the fixture of conftest.py."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=BROWSER, args=[*QUIET], headless=True, **options
    )
    try:
        yield context
    finally:
        context.close()


BY_BIDI = {"executable_path": FIREFOX, "channel": "moz-firefox"}
"""An unpatched Firefox, by WebDriver BiDi; Playwright's other channels need its own build."""


@contextlib.contextmanager
def browsed_in_firefox(playwright, profile: Path, downloads: Path):
    """Open Firefox with a profile that stays; yields its context. Files are saved in `downloads`."""
    context = playwright.firefox.launch_persistent_context(profile, downloads_path=downloads, **BY_BIDI)
    try:
        yield context
    finally:
        context.close()


def saved(downloads: Path, pattern: str) -> Path:
    """Wait for a complete file in a folder of downloads: Playwright does not hear of those of a page in Firefox."""
    for _ in range(10 * PATIENCE):
        files = [path for path in downloads.glob(pattern) if path.stat().st_size]
        if files and not [*downloads.glob("*.part")]:
            return files[0]
        time.sleep(0.1)
    found = [path.name for path in downloads.iterdir()]
    raise AssertionError(f"no {pattern} was saved within {PATIENCE} seconds, but {found}")


def picture(name: str, data: bytes, kind: str = "image/png") -> dict[str, object]:
    """A file as Playwright chooses it."""
    return {"name": name, "mimeType": kind, "buffer": data}


def start(context, address: str):
    """Open the app and wait until pictures can be added."""
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    page.goto(address)
    page.get_by_role("button", name="Choose pictures").first.wait_for()
    return page


def choose(page, files: list, notice: str) -> None:
    """Add files by the button, and wait for the notice of the app."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures").first.click()
    chooser.value.set_files(files)
    page.get_by_text(notice, exact=True).first.wait_for(timeout=2000 * PATIENCE)


def go(page, screen: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=screen).click()


def look_at(page, name: str) -> None:
    """Open the page of a picture by its file's name."""
    go(page, "Pictures")
    page.locator(f'[aria-label^="{name}:"]').click()
    page.get_by_role("heading", name=name, exact=True).wait_for()


def draft_tags(page) -> list[str]:
    """The chosen tags on the page of a picture, once that page is there and the tagger has looked at the picture."""
    page.locator("article > section[aria-busy=false]").wait_for()
    tags = page.get_by_role("list", name="Tags of this picture")
    tags.wait_for(state="attached")  # without tags it is invisible
    chips = tags.get_by_role("button")
    return [
        label.removeprefix("Remove ") for label in chips.evaluate_all("chips => chips.map((chip) => chip.ariaLabel)")
    ]


def add_tag(page, text: str) -> None:
    """Add a tag, known or new, to the picture on the page."""
    page.get_by_role("combobox", name="Add a tag").fill(text)
    page.get_by_role("option").first.click()


def learn(page) -> None:
    """Press the button that confirms, and wait until it is done."""
    page.get_by_role("button", name=CONFIRM).click()
    page.get_by_role("button", name="Confirmed", exact=True).wait_for()


def teach_only(page, tag: str) -> None:
    """Teach the picture on the page one tag, known or new, and no other."""
    for other in draft_tags(page):
        page.get_by_role("button", name=f"Remove {other}", exact=True).click()
    add_tag(page, tag)
    learn(page)


def export_lessons(page, path: Path) -> None:
    go(page, "More")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    download.value.save_as(path)


def import_lessons(page, path: Path) -> None:
    go(page, "More")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import", exact=True).click()
    chooser.value.set_files(path)


def wait_until_offline(page) -> None:
    """Wait until the service worker has cached every file of the app."""
    page.evaluate("async () => { await navigator.serviceWorker.ready; }")


READ = """async ([store, ids]) => {
  const done = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
  const [{ name }] = await indexedDB.databases();
  const db = await done(indexedDB.open(name));
  const all = db.transaction(store).objectStore(store);
  const keys = ids ?? (await done(all.getAllKeys()));
  const values = await Promise.all(keys.map((key) => done(all.get(key))));
  db.close();
  const address = async (blob) => {
    const reader = new FileReader();
    const read = new Promise((resolve) => { reader.onload = () => resolve(reader.result); });
    reader.readAsDataURL(blob);
    return read;
  };
  const plain = async (value) => {
    if (value instanceof Blob) return address(value);
    if (ArrayBuffer.isView(value)) return [...value];
    if (Object.getPrototypeOf(value ?? 0) !== Object.prototype) return value;
    const entries = Object.entries(value).map(async ([key, inner]) => [key, await plain(inner)]);
    return Object.fromEntries(await Promise.all(entries));
  };
  return Object.fromEntries(await Promise.all(keys.map(async (key, i) => [key, await plain(values[i])])));
}"""


def stored(page, store: str, ids: list[str] | None = None) -> dict:
    """Contents of a store of the app's database, by key; arrays as lists, blobs as data: addresses."""
    return page.evaluate(READ, [store, ids])


def squares(page, ids: list[str]) -> dict[str, bytes]:
    """The PNG of the square that the network saw of each picture, by id."""
    result: dict[str, bytes] = {}
    for i in range(0, len(ids), 50):
        part = stored(page, "squares", ids[i : i + 50])
        result |= {key: base64.b64decode(address.split(",")[1]) for key, address in part.items()}
    return result


def tags_as_json(page, path: Path) -> list[dict]:
    """The tags of all pictures, as the app exports them."""
    go(page, "More")
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    download.value.save_as(path)
    return json.loads(path.read_text())
