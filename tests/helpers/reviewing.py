"""A user who reviews pictures in the app with as few presses as its screens allow."""

import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from playwright.sync_api import Page

SECTION = "section:has([data-grid])"
READ = """selector => [...document.querySelectorAll(selector)].map((section) =>
  [...section.querySelectorAll("li:has([data-id])")].map((tile) => ({
    label: tile.querySelector("[data-id]").ariaLabel,
    ticked: tile.querySelector("button")?.ariaPressed ?? null,
  })))"""
GONE = """files => !files.some((file) => document.querySelector(`section [aria-label^="${file}:"]`))"""


class Shown(NamedTuple):
    """A picture to confirm: its file, the tag under it, and whether it is ticked; None where that is not asked."""

    file: str
    tag: str
    ticked: bool | None


def review(page: Page, is_right: Callable[[str, str], bool], tag_of: Callable[[str], str]) -> int:
    """Review all pictures that are to be confirmed, and return how many presses that took.

    A tag that is typed counts as one press; so does each click and each other key.

    Args:
        page: the app, in a window so large that all of its squares are drawn.
        is_right: whether a picture, by its file, has a tag, by its name.
        tag_of: the tag of a picture, for those without a right suggestion.
    """
    page.get_by_role("button", name="To confirm").click()
    presses = 1
    while True:
        sections = settled(page)
        rights = [{s.file for s in each if s.ticked is not None and is_right(s.file, s.tag)} for each in sections]
        at = next((i for i, right in enumerate(rights) if right), None)
        if at is None:
            return presses + one_by_one(page, is_right, tag_of)
        section = page.locator(SECTION).nth(at)
        ticks_all, files = fewest_ticks(sections[at], rights[at])
        if ticks_all:
            section.get_by_role("button", name="Tick all").click()
        for file in files:
            section.get_by_role("button", name=f"{file} is right", exact=True).click()
        section.get_by_role("button", name=re.compile("^Confirm ")).click()
        presses += ticks_all + len(files) + 1
        page.wait_for_function(GONE, arg=sorted(rights[at]))


def fewest_ticks(section: list[Shown], right: set[str]) -> tuple[bool, list[str]]:
    """How to tick the right pictures of a section and no others: whether all at first, and which to press then."""
    now = [s.file for s in section if s.ticked is not (s.file in right)]
    after_all = [s.file for s in section if s.file not in right]
    ticks_all = not all(s.ticked for s in section) and len(after_all) + 1 < len(now)
    return ticks_all, after_all if ticks_all else now


def settled(page: Page, seconds: float = 1.3) -> list[list[Shown]]:
    """The sections, once they have stayed the same for so long."""
    before, since = page.evaluate(READ, SECTION), time.monotonic()
    while time.monotonic() - since < seconds:
        page.wait_for_timeout(150)
        now = page.evaluate(READ, SECTION)
        if now != before:
            before, since = now, time.monotonic()
    return [[shown(tile) for tile in section] for section in before]


def shown(tile: dict[str, Any]) -> Shown:
    """A square, from its label: `FILE: TAG, likely`, or `FILE: unknown, perhaps TAG`."""
    file, words = tile["label"].rsplit(": ", 1)
    return Shown(
        file,
        words.removeprefix("unknown, perhaps ").rsplit(", ", 1)[0],
        None if tile["ticked"] is None else tile["ticked"] == "true",
    )


def one_by_one(page: Page, is_right: Callable[[str, str], bool], tag_of: Callable[[str], str]) -> int:
    """Confirm the pictures that are left on their own screens, and return the presses."""
    left = {s.file for section in settled(page) for s in section}
    if not left:
        return 0
    page.locator("section [data-id]").first.click()
    presses = 1
    while left:
        file = page.get_by_role("heading", level=1).inner_text()
        left.discard(file)
        page.wait_for_timeout(500)  # a faster press was meant for the picture before
        names = page.get_by_role("list", name="Perhaps").locator(".clip").all_inner_texts()
        place = next((i for i, name in enumerate(names[:9]) if is_right(file, name)), None)
        if place is not None:
            page.keyboard.press(str(place + 1))
        else:
            page.keyboard.press("/")
            page.keyboard.type(tag_of(file))
            page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        presses += 4 if place is None else 2
        if left:
            page.wait_for_function("file => document.querySelector('h1').innerText !== file", arg=file)
        else:
            page.get_by_role("button", name="Confirmed", exact=True).wait_for()
    return presses
