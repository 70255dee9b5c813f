"""The web app with the everyday tagger, open in a browser."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from imagetagger.everyday import everyday_bundle
from tests.helpers.app import browsed, free_port, served, start


@contextlib.contextmanager
def everyday_app(width: int, height: int) -> Iterator[Page]:
    """Open the app in a window of this size, in pixels, with a profile that ends with it."""
    with (
        tempfile.TemporaryDirectory() as profile,
        sync_playwright() as playwright,
        served(everyday_bundle(), free_port()) as address,
        browsed(playwright, Path(profile), viewport={"width": width, "height": height}) as context,
    ):
        yield start(context, address)
