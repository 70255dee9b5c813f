"""Photograph every screen of the web app, on a phone and a desktop, light and dark: one sheet each.

python -m experiments.webapp.screens BUNDLE PICTURES [--out docs/images]

PICTURES is a folder. Those whose names begin with CAT are taught as Chelsea; one begins with UNKNOWN and fits no tag.
Needs `make webapp`, and Chromium.
"""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, sync_playwright

from experiments.common.arguments import study_parser
from tests.helpers.app import add_tag, browsed, choose, draft_tags, free_port, learn, served, start, stored

DEVICES = {"phone": (390, 844, 2, 5), "desktop": (1280, 800, 1, 3)}
"""Width, height, pixels per CSS pixel, and screens in a row of the sheet."""

STRIP = ("Pictures, tagged", "Corrected, before it is confirmed", "Nothing known fits", "Tags", "More")
CAT, UNKNOWN = "chelsea", "coins"
QUALITY = 60
SHEET_WIDTH = 1280  # pixels, at most: more than a page of documents is wide
GAP, BACK = 24, {"light": "#e9e7e1", "dark": "#2b2b29"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write webapp_DEVICE_THEME.webp, and webapp.webp with some screens in a row."""
    parser = study_parser(__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "docs" / "images")
    options = parser.parse_args(arguments)
    files = sorted(path for path in options.pictures.iterdir() if path.is_file())
    with sync_playwright() as playwright, served(options.bundle, free_port()) as address:
        for device, (width, height, scale, columns) in DEVICES.items():
            for theme in ("light", "dark"):
                context_options = {
                    "viewport": {"width": width, "height": height},
                    "device_scale_factor": scale,
                    "color_scheme": theme,
                    "has_touch": device == "phone",
                    "is_mobile": device == "phone",
                    "reduced_motion": "reduce",
                }
                with (
                    tempfile.TemporaryDirectory() as profile,
                    browsed(playwright, Path(profile), **context_options) as context,
                ):
                    shots = story(start(context, address), files)
                save(sheet(shots, columns, BACK[theme]), options.out / f"webapp_{device}_{theme}.webp")
                if (device, theme) == ("phone", "light"):
                    strip = {title: shots[title] for title in STRIP}
                    save(sheet(strip, len(strip), BACK[theme]), options.out / "webapp.webp")


def save(image: Image.Image, path: Path) -> None:
    """Write a WebP, a fraction of the size of a PNG, as wide as documents show it."""
    image.thumbnail((SHEET_WIDTH, image.height), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=QUALITY, method=6)
    print(path)


def story(page: Page, files: list[Path]) -> dict[str, Image.Image]:
    """Go through all screens; return their pictures by title."""
    shots: dict[str, Image.Image] = {}

    def shoot(title: str) -> None:
        page.wait_for_timeout(700)  # until pictures are decoded and notices are shown
        shots[title] = Image.open(io.BytesIO(page.screenshot())).convert("RGB")

    def visit(screen: str) -> None:
        page.evaluate("(hash) => { location.hash = hash; }", f"#/{screen}")

    shoot("Nothing yet")
    choose(page, [*files, Path(__file__).with_name("README.md")], notice(files))
    shoot("A file that is not a picture")
    page.get_by_role("button", name="OK").click()
    page.get_by_text(notice(files)).wait_for(state="hidden")
    shoot("Pictures, tagged")
    page.get_by_role("button", name="To confirm").click()
    page.mouse.move(0, 0)
    shoot("To confirm, by tag")
    page.get_by_role("button", name="All", exact=False).first.click()
    page.keyboard.press("?")
    shoot("Keys")
    page.keyboard.press("Escape")
    screens = {picture["name"]: f"picture/{key}" for key, picture in stored(page, "pictures").items()}
    cats = [name for name in sorted(screens) if name.startswith(CAT)]
    visit(screens[cats[0]])
    shoot("What a picture shows")
    page.get_by_role("combobox", name="Add a tag").fill("Chelsea")
    page.get_by_role("option").first.wait_for()
    shoot("A new tag on the spot")
    page.keyboard.press("Escape")
    for name in cats:
        visit(screens[name])
        page.get_by_role("heading", name=name, exact=True).wait_for()
        page.wait_for_timeout(500)  # until the last lesson has changed the tags of this picture
        for tag in draft_tags(page):
            page.get_by_role("button", name=f"Remove {tag}", exact=True).click()
        add_tag(page, "Chelsea")
        if name == cats[0]:
            shoot("Corrected, before it is confirmed")
        learn(page)
    shoot("Confirmed")
    page.get_by_text("Confirmed Chelsea on").wait_for(state="hidden")
    visit(next(screen for name, screen in screens.items() if name.startswith(UNKNOWN)))
    shoot("Nothing known fits")
    visit("")
    page.get_by_role("button", name="Select").click()
    for tile in page.get_by_role("list", name="Pictures").get_by_role("button").all()[:3]:
        tile.click()
    shoot("Several at once")
    visit("tags")
    shoot("Tags")
    page.get_by_role("button", name="Chelsea").click()
    shoot("A tag")
    page.keyboard.press("Escape")
    visit("more")
    shoot("More")
    page.mouse.wheel(0, 5000)
    shoot("More, below")
    return shots


def notice(files: list[Path]) -> str:
    """The app's notice after all files, and one that is not a picture, were added."""
    return f"{len(files)} pictures added, 1 not added"


def sheet(shots: dict[str, Image.Image], columns: int, back: str) -> Image.Image:
    """Lay screens side by side, each with its title."""
    half = [image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS) for image in shots.values()]
    width, height = half[0].size
    rows = -(-len(half) // columns)
    page = Image.new("RGB", (columns * (width + GAP) + GAP, rows * (height + 2 * GAP) + GAP), back)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for i, (title, image) in enumerate(zip(shots, half, strict=True)):
        x, y = GAP + i % columns * (width + GAP), GAP + i // columns * (height + 2 * GAP)
        pen.text((x, y - 4), title, font=font, fill="#777")
        page.paste(image, (x, y + GAP - 4))
    return page


if __name__ == "__main__":
    main()
