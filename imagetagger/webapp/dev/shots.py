"""Photographs every screen with the made-up engine, and runs axe-core on each: `python dev/shots.py OUT`."""

import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ADDRESS = "http://localhost:5199/dev/index.html"
AXE = (Path(__file__).parent.parent / "node_modules/axe-core/axe.min.js").read_text()
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}


def nothing(_: Page) -> None:
    """The screen as it opens."""


def select(page: Page) -> None:
    """Three pictures selected."""
    page.get_by_role("button", name="Select").click()
    for i in (0, 1, 4):
        page.locator(".tile button").nth(i).click()


def teach(page: Page) -> None:
    """The dialog that tags several pictures."""
    select(page)
    page.get_by_role("button", name="Tag these").click()
    page.get_by_role("dialog").get_by_role("combobox").fill("Mimi")


def draft(page: Page) -> None:
    """A picture with a list of tags open."""
    page.get_by_role("combobox", name="Add a tag").fill("ki")


def learned(page: Page) -> None:
    """A picture that was just confirmed."""
    page.get_by_role("combobox", name="Add a tag").fill("Rex Junior")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Learn:").click()
    page.get_by_text("Undo").wait_for()


def refused(page: Page) -> None:
    """The summary of files of which some were refused."""
    files = [{"name": f"notes{i}.txt", "mimeType": "text/plain", "buffer": b"x"} for i in range(2)]
    page.get_by_label("Picture files").set_input_files(files)
    page.get_by_role("dialog").wait_for()


def tag(page: Page) -> None:
    """A tag's panel."""
    page.get_by_role("button", name="the lake").click()


def delete(page: Page) -> None:
    """The question before a tag goes."""
    tag(page)
    page.get_by_role("button", name="Delete").click()


def confirming(page: Page) -> None:
    """The pictures that wait to be confirmed."""
    page.get_by_role("button", name="To confirm").click()


def search(page: Page) -> None:
    """The gallery's search."""
    page.get_by_role("combobox", name="Search by tag").fill("go")


def update(page: Page) -> None:
    """A new version waits."""


SCREENS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "empty": ("?n=0", nothing),
    "opening": ("?slow", nothing),
    "failure": ("?fail", nothing),
    "gallery": ("", nothing),
    "search": ("", search),
    "confirming": ("", confirming),
    "selecting": ("", select),
    "teach": ("", teach),
    "refused": ("", refused),
    "picture": ("#/picture/p0", nothing),
    "picture-tall": ("#/picture/p2", nothing),
    "picture-small": ("#/picture/p6", draft),
    "unknown": ("#/picture/p7", nothing),
    "learned": ("#/picture/p1", learned),
    "tags": ("#/tags", nothing),
    "tag": ("#/tags", tag),
    "delete": ("#/tags", delete),
    "more": ("#/more", nothing),
    "update": ("?update", update),
}


def main(out: Path, only: list[str]) -> None:
    """Every screen, or some."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for size, (width, height) in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    has_touch=size == "phone",
                    is_mobile=size == "phone",
                )
                for name, (address, act) in SCREENS.items():
                    if only and name not in only:
                        continue
                    page = context.new_page()
                    page.on("pageerror", lambda error, at=name: print(at, error))
                    page.goto(ADDRESS + address)
                    page.locator("main > *").first.wait_for()
                    page.wait_for_timeout(400)
                    act(page)
                    page.wait_for_timeout(500)
                    page.screenshot(path=out / f"{name}-{size}-{scheme}.png")
                    page.evaluate(AXE)
                    found = page.evaluate("async () => (await axe.run()).violations")
                    for each in found:
                        nodes = [node["html"][:160] for node in each["nodes"][:3]]
                        print(size, scheme, name, each["id"], each["help"], nodes)
                    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
                    if wide > 0:
                        print(size, name, "is wider than the window by", wide)
                    page.close()
                context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
