"""Draw the PNG icons of public/ from icon.svg, with Chromium."""

from pathlib import Path

from playwright.sync_api import sync_playwright

PUBLIC = Path(__file__).parent / "public"
SVG = (PUBLIC / "icon.svg").read_text()
# Maskable icons are cut to any shape: the drawing stays within the inner 80 %, its colour reaches the edge.
INSET = SVG.replace('viewBox="0 0 512 512"', 'viewBox="-64 -64 640 640"').replace(
    '<rect width="512" height="512" rx="116"', '<rect x="-64" y="-64" width="640" height="640"'
)
SQUARE = SVG.replace(' rx="116"', "", 1)
ICONS = {
    "icon-192.png": (SVG, 192),
    "icon-512.png": (SVG, 512),
    "icon-maskable-512.png": (INSET, 512),
    "apple-touch-icon.png": (SQUARE, 180),
}


def main() -> None:
    """Draw every icon."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, (svg, size) in ICONS.items():
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{svg}")
            page.screenshot(path=PUBLIC / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
