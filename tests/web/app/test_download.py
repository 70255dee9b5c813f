"""What a browser downloads on its first visit, until the app works and opens without a network."""

import pytest

from imagetagger.bundle.reader import read_bundle
from imagetagger.everyday import EVERYDAY_BUNDLE
from imagetagger.web.site import build_site
from tests.helpers.app import browsed, needs_app, start, wait_until_offline
from tests.helpers.recorded import recorded
from tests.helpers.taught import bundle

pytestmark = needs_app

APP_BYTES = 3_300_000
"""What the app and one build of LiteRT may take, compressed."""

EVERYDAY_BYTES = 8_200_000
"""What they may take together with the everyday bundle."""


@pytest.mark.parametrize("everyday", [False, True], ids=["small", "everyday"])
def test_the_first_visit_downloads_each_file_once_and_one_build_of_litert(playwright, tmp_path, everyday):
    files = build_site(read_bundle(EVERYDAY_BUNDLE) if everyday else bundle())
    with recorded(files) as server, browsed(playwright, tmp_path / "profile") as context:
        page = start(context, server.address)
        wait_until_offline(page)
        page.get_by_role("link", name="More").click()
        page.get_by_text("Ready to work offline").wait_for()
        visited = len(server.sent)
        page.reload()
        page.get_by_text("Ready to work offline").wait_for()
        assert server.sent[visited:] == [], "nothing by opening it again"
        assert page.errors == []
    targets = [target for target, _ in server.sent]
    assert sorted(targets) == sorted(set(targets)), "each file once"
    assert len([target for target in targets if target.endswith(".wasm")]) == 1
    assert sum(size for target, size in server.sent if not target.startswith("/bundle/")) <= APP_BYTES
    assert sum(size for _, size in server.sent) <= EVERYDAY_BYTES
