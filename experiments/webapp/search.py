"""Search the web app for photographs: is the one that is meant found first?

python -m experiments.webapp.search PHOTOGRAPHS [--count 400]

PHOTOGRAPHS is a .zip of pictures named by the WordNet id of what they show, n01440764_tench.jpg, one for each tag of
the everyday bundle that is searched. Needs `make webapp`, and Chromium.
"""

import random
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from experiments.common.arguments import study_parser
from experiments.common.tables import Column, markdown_table
from experiments.webapp.opened import everyday_app
from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import everyday_bundle
from tests.helpers.app import choose, go, picture, tags_as_json

TOP = 3

BATCH = 50
"""Pictures added at once, so that a slow machine adds them before the helper gives up."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how often the right picture comes first and among the first three, and how often a likely tag is right."""
    parser = study_parser(__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args(arguments)
    names = {label.id: label.name for label in read_bundle(everyday_bundle()).labels}
    files = gather(options.photographs, options.count)
    with tempfile.TemporaryDirectory() as folder, everyday_app(1280, 800) as page:
        for begin in range(0, len(files), BATCH):
            batch = list(files.items())[begin : begin + BATCH]
            choose(page, [picture(*file, "image/jpeg") for file in batch], f"{len(batch)} pictures added")
            page.get_by_text("pictures added").wait_for(state="hidden")
        exported = {entry["picture"]: entry for entry in tags_as_json(page, Path(folder) / "tags.json")}
        go(page, "Pictures")
        typed = [place(page, names[file[:9]], file, picks=False) for file in files]
        picked = [place(page, names[file[:9]], file, picks=True) for file in files]
    columns = (Column("search", "searched for by"), Column("first", "first"), Column("top", f"first {TOP}"))
    rows = [("its tag's name, typed", typed), ("its tag, chosen from the list", picked)]
    print(markdown_table([{"search": text, **found(places)} for text, places in rows], columns))
    likely = {file: entry for file, entry in exported.items() if is_likely(entry)}
    right = sum(entry["suggested"][0]["id"] == file[:9] for file, entry in likely.items())
    print(f"\n{len(likely)} of {len(files)} have a likely tag, which is right for {right / len(likely):.1%}.")


def gather(source: Path, count: int) -> dict[str, bytes]:
    """Photographs of a .zip by file name, as many as asked for, drawn with a fixed seed."""
    with zipfile.ZipFile(source) as archive:
        members = sorted(name for name in archive.namelist() if name.lower().endswith(".jpg"))
        chosen = random.Random(0).sample(members, min(count, len(members)))
        return {Path(name).name: archive.read(name) for name in chosen}


def place(page: Page, tag: str, file: str, *, picks: bool) -> int | None:
    """The place of a picture in the search for a tag, from 0; None if it is not among the first screens."""
    field = page.get_by_role("combobox", name="Search")
    field.fill(tag)
    if picks:
        page.get_by_role("option").filter(has=page.get_by_text(tag, exact=True)).first.click()
    else:
        page.keyboard.press("Escape")
    labels = page.locator("[data-grid] [data-id]").evaluate_all("tiles => tiles.map((tile) => tile.ariaLabel)")
    return next((i for i, label in enumerate(labels) if label.startswith(f"{file}:")), None)


def found(places: list[int | None]) -> dict[str, str]:
    """The shares of pictures that come first, and among the first three."""
    first, top = (sum(place is not None and place < n for place in places) for n in (1, TOP))
    return {"first": f"{first / len(places):.1%}", "top": f"{top / len(places):.1%}"}


def is_likely(entry: dict[str, Any]) -> bool:
    """Whether the app takes the best suggestion of a picture to be right."""
    return not entry["unknown"] and bool(entry["suggested"]) and entry["suggested"][0]["probability"] > 0.5


if __name__ == "__main__":
    main()
