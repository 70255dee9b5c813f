"""The app works without its server, after a restart of the browser, and with a new bundle."""

import functools
import http.server
import threading

import pytest

from imagetagger.tagger.lessons import encode_crop
from imagetagger.web.site import write_site
from tests.helpers.app import (
    browsed,
    choose,
    draft_tags,
    free_port,
    look_at,
    needs_app,
    picture,
    served,
    start,
    stored,
    teach_only,
    wait_until_offline,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import YELLOW, bundle, folder, pixels

pytestmark = needs_app
FILES = [picture(f"lemon{i}.png", encode_crop(pixels(YELLOW, i))) for i in range(4)]


def teach(page):
    for i in range(3):
        look_at(page, f"lemon{i}.png")
        teach_only(page, "Lemon")


def test_the_app_works_without_its_server_and_after_a_cold_start(playwright, tmp_path):
    with served(folder(), free_port()) as address, browsed(playwright, tmp_path / "profile") as context:
        page = start(context, address)
        choose(page, FILES[:3], "3 pictures added")
        teach(page)
        wait_until_offline(page)
        rows = stored(page, "rows")
    with browsed(playwright, tmp_path / "profile") as context:  # the server is gone, the browser is new
        page = start(context, address)
        look_at(page, "lemon1.png")
        assert draft_tags(page) == ["Lemon"]
        assert stored(page, "rows") == rows
        page.get_by_role("link", name="All pictures").click()
        choose(page, FILES[3:], "1 picture added")
        assert draft_tags(page) == ["Lemon"]
        assert page.errors == []


def test_a_new_bundle_keeps_the_lessons(playwright, tmp_path):
    port = free_port()
    with browsed(playwright, tmp_path / "profile") as context:
        with served(folder(), port) as address:
            page = start(context, address)
            choose(page, FILES, "4 pictures added")
            teach(page)
            wait_until_offline(page)
        with served(folder(*WHITENED), port):
            page.reload()
            page.get_by_role("button", name="Update").click()
            page.get_by_text("It looked again at your 4 pictures").wait_for()
            assert {entry["space"] for entry in stored(page, "pictures").values()} == {
                bundle(*WHITENED).manifest.embedding_space
            }
            row = stored(page, "rows")["user:lemon"]
            assert row["total"]["count"] == [3]
            assert row["digest"] == bundle(*WHITENED).manifest.digest
            look_at(page, "lemon1.png")
            assert draft_tags(page) == ["Lemon"]


def test_a_second_tab_says_that_the_app_is_open_already_and_takes_it_over(playwright, tmp_path):
    with served(folder(*WHITENED), free_port()) as address, browsed(playwright, tmp_path) as context:
        first = start(context, address)
        choose(first, FILES, "4 pictures added")
        teach(first)
        second = context.new_page()
        second.goto(address)
        second.get_by_role("alert").filter(has_text="open in another tab").wait_for()
        second.get_by_role("button", name="Use it here").click()
        look_at(second, "lemon1.png")  # what the first one learned is here
        assert draft_tags(second) == ["Lemon"]
        first.get_by_role("alert").filter(has_text="went on in another tab").wait_for()
        first.get_by_role("button", name="Use it here").click()
        look_at(first, "lemon1.png")
        second.get_by_role("alert").filter(has_text="went on in another tab").wait_for()


@pytest.fixture
def static_host(tmp_path):
    """A plain web host of files, with the app in a sub-folder."""
    write_site(bundle(), tmp_path / "host" / "photos" / "app")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "host")
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/photos/app/"
        server.shutdown()


def test_a_written_site_works_in_a_folder_of_any_web_host(static_host, playwright, tmp_path):
    with browsed(playwright, tmp_path / "profile") as context:
        page = start(context, static_host)
        choose(page, FILES[:1], "1 picture added")
        wait_until_offline(page)
        context.set_offline(True)
        page.goto(static_host)
        look_at(page, "lemon0.png")
        assert page.errors == []
