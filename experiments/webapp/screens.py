"""Photograph every screen of the web app, on a phone and a desktop, light and dark: one sheet each.

python experiments/webapp.py BUNDLE PICTURES DESTINATION

PICTURES is a folder. Those whose names begin with CAT are taught as Chelsea; one begins with STRANGE and fits nothing.
Needs `make webapp`, and Chromium.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from app import add_tag, browsed, choose, free_port, kept, served, start, stored  # the app as its tests have it
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, sync_playwright

DEVICES = {"phone": (390, 844, 2, 5), "desktop": (1280, 800, 1, 3)}
"""Width, height, pixels a CSS pixel, and screens in a row of the sheet."""

STRIP = ("Pictures, tagged", "Corrected, before it is learned", "Nothing known fits", "Tags", "More")
CAT, STRANGE = "chelsea", "summer palace"
GAP, BACK = 24, {"light": "#e9e7e1", "dark": "#2b2b29"}


def main() -> None:
    """Write webapp_DEVICE_THEME.png, and webapp.png, some of them in a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("destination", type=Path)
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.iterdir() if path.is_file())
    with sync_playwright() as playwright, served(arguments.bundle, free_port()) as address:
        for device, (width, height, scale, columns) in DEVICES.items():
            for theme in ("light", "dark"):
                options = {
                    "viewport": {"width": width, "height": height},
                    "device_scale_factor": scale,
                    "color_scheme": theme,
                    "has_touch": device == "phone",
                    "is_mobile": device == "phone",
                    "reduced_motion": "reduce",
                }
                with tempfile.TemporaryDirectory() as profile, browsed(playwright, Path(profile), **options) as context:
                    shots = story(start(context, address), files)
                save(sheet(shots, columns, BACK[theme]), arguments.destination / f"webapp_{device}_{theme}.png")
                if (device, theme) == ("phone", "light"):
                    few = {title: shots[title] for title in STRIP}
                    save(sheet(few, len(few), BACK[theme]), arguments.destination / "webapp.png")


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG of 256 colours: a third of the bytes, and no difference to see."""
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def story(page: Page, files: list[Path]) -> dict[str, Image.Image]:
    """Go through all screens; return their pictures by what they show."""
    shots: dict[str, Image.Image] = {}

    def shoot(what: str) -> None:
        page.wait_for_timeout(700)  # until pictures are decoded and notices have come
        shots[what] = Image.open(io.BytesIO(page.screenshot())).convert("RGB")

    def visit(screen: str) -> None:
        page.evaluate("(hash) => { location.hash = hash; }", f"#/{screen}")

    shoot("Nothing yet")
    choose(page, [*files, Path(__file__).with_name("webapp.md")], said(files))
    shoot("A file that is no picture")
    page.get_by_role("button", name="OK").click()
    page.get_by_text(said(files)).wait_for(state="hidden")
    shoot("Pictures, tagged")
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
        page.wait_for_timeout(500)  # until what was just learned is told of this one, too
        for tag in kept(page):
            page.get_by_role("button", name=f"Remove {tag}", exact=True).click()
        add_tag(page, "Chelsea")
        if name == cats[0]:
            shoot("Corrected, before it is learned")
        page.get_by_role("button", name="Learn:").click()
        page.get_by_role("button", name="Learned", exact=True).wait_for()
    shoot("Learned")
    page.get_by_text("Learned Chelsea").wait_for(state="hidden")
    visit(next(screen for name, screen in screens.items() if name.startswith(STRANGE)))
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


def said(files: list[Path]) -> str:
    """What the app says after it was given all files, and one that is no picture."""
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
