"""The app in Chromium, as a user has it: a profile of their own, a server that can go away."""

import contextlib
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BUILT = Path(__file__).parents[1] / "imagetagger" / "webapp" / "dist" / "index.html"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
needs_app = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed"),
    pytest.mark.skipif(not BUILT.exists(), reason="the app is not built: make webapp"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def served(bundle: Path, port: int) -> Iterator[str]:
    """Serve a bundle as a user does; yields the app's address."""
    command = [sys.executable, "-m", "imagetagger.serve", str(bundle), "--port", str(port), "--no-browser"]
    address = f"http://127.0.0.1:{port}/"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            for _ in range(200):
                if server.poll() is not None:
                    raise RuntimeError(f"the server ended: {server.stdout.read()}")
                with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=1):
                    break
            yield address
        finally:
            server.terminate()
            server.wait(10)


@contextlib.contextmanager
def browsed(profile: Path, **options):
    """Open a browser with a profile that stays; yields its context."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=BROWSER, args=[*QUIET], headless=True, **options
        )
        try:
            yield context
        finally:
            context.close()
