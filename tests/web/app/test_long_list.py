"""Long lists of pictures to confirm: many grids one below the other, each drawn only where the window is near."""

import itertools

import pytest

from tests.helpers import taught
from tests.helpers.app import browsed, choose, free_port, go, import_lessons, needs_app, picture, served, start
from tests.helpers.bundles import WHITENED
from tests.helpers.pictures import encode, noisy

pytestmark = needs_app
COLOURS = [*itertools.product((20, 125, 235), repeat=3)]
PER_COLOUR = 12
"""Complete rows of 2, 3, 4 and 6."""

SCROLLED = """async (to) => {
  window.scrollTo(0, to);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const { scrollHeight } = document.documentElement;
  const isThere = to === 0 ? window.scrollY === 0 : window.scrollY + window.innerHeight >= scrollHeight - 1;
  return isThere && scrollHeight;
}"""
"""Scrolls, and returns the page's height two frames later."""

LAID_OUT = """([width, height]) => {
  const { scrollHeight } = document.documentElement;
  const isSame = window.innerWidth === width && window.innerHeight === height && window.lastHeight === scrollHeight;
  window.sameFrames = isSame ? (window.sameFrames ?? 0) + 1 : 0;
  window.lastHeight = scrollHeight;
  return window.sameFrames >= 5;
}"""
"""Whether the window has its new size, and the page has had the same height in several frames: it is asked in each."""

DRAWN = """() => {
  const tiles = [...document.querySelectorAll("main section:last-child [data-id]")];
  return tiles.length > 0 && tiles.at(-1).getBoundingClientRect().top < window.innerHeight;
}"""


@pytest.fixture(scope="module")
def page(playwright, tmp_path_factory):
    """27 groups of pictures to confirm."""
    folder = tmp_path_factory.mktemp("long")
    tagger = taught.tagger(*WHITENED)
    for i, colour in enumerate(COLOURS):
        tag = tagger.add_tag(f"colour {i}")
        for seed in range(5):
            tagger.learn(taught.pixels(colour, 100 + seed), [tag])
    tagger.save(folder / "lessons.zip")
    made = [
        picture(f"{i} {j}.png", encode(noisy(colour, 200 + j, (16, 16))))
        for i, colour in enumerate(COLOURS)
        for j in range(PER_COLOUR)
    ]
    with (
        served(taught.folder(*WHITENED), free_port()) as address,
        browsed(playwright, folder / "profile") as context,
    ):
        page = start(context, address)
        import_lessons(page, folder / "lessons.zip")
        page.get_by_role("status").filter(has_text="imported").wait_for()
        go(page, "Pictures")
        choose(page, made, f"{len(made)} pictures added")
        page.get_by_role("button", name="To confirm").click()
        page.wait_for_function("() => document.querySelectorAll('main section h2').length > 20")
        yield page
        assert page.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_end_of_a_long_list_is_reached_in_a_window_of_any_height(page, width):
    """`wait_for_function`, as `evaluate` would wait for ever for a page that lays itself out without end."""
    for height in range(500, 1001, 20):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => { window.sameFrames = 0; }")
        page.wait_for_function(LAID_OUT, arg=[width, height])
        heights = [page.wait_for_function(SCROLLED, arg=to).json_value() for to in (0, 10**9, 0, 10**9)]
        assert len(set(heights)) == 1
        page.wait_for_function(DRAWN)
        page.wait_for_function(SCROLLED, arg=0)
