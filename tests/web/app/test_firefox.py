"""The main journey in Firefox: add, see tags, correct, confirm, search, undo, return without a network, export."""

import numpy as np

from imagetagger.tagger.lessons import encode_crop as encode
from imagetagger.tagger.tagger import Tagger
from tests.helpers.app import (
    browsed_in_firefox,
    choose,
    draft_tags,
    free_port,
    go,
    learn,
    look_at,
    needs_firefox,
    picture,
    saved,
    served,
    start,
    stored,
    teach_only,
    wait_until_offline,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.precision import rounding
from tests.helpers.taught import YELLOW, folder, pixels

pytestmark = needs_firefox
LEMONS = [encode(pixels(YELLOW, seed)) for seed in range(6)]
FILES = {**{f"lemon{i}.png": data for i, data in enumerate(LEMONS)}, "red.png": encode(pixels("red", 1))}


def found(page) -> list[str]:
    """Files of the pictures that the gallery shows, in order."""
    labels = page.locator("[data-grid] [data-id]").evaluate_all("tiles => tiles.map((tile) => tile.ariaLabel)")
    return [label.partition(":")[0] for label in labels]


def test_the_main_journey_in_firefox_ends_with_pythons_rows_and_tags(playwright, tmp_path):
    profile, downloads, bundle = tmp_path / "profile", tmp_path / "downloads", folder(*WHITENED)
    with served(bundle, free_port()) as address, browsed_in_firefox(playwright, profile, downloads) as context:
        page = start(context, address)
        choose(page, [picture(*each) for each in FILES.items()], "7 pictures added")
        look_at(page, "red.png")
        assert draft_tags(page) == ["red"]
        learn(page)
        for i in range(5):
            look_at(page, f"lemon{i}.png")
            if i == 0:
                assert draft_tags(page) != ["Lemon"]
            teach_only(page, "Lemon")
        look_at(page, "lemon5.png")
        assert draft_tags(page) == ["Lemon"]
        teach_only(page, "Lime")
        page.get_by_role("button", name="Undo", exact=True).click()
        page.get_by_text("Undone: Confirmed Lime on lemon5.png").wait_for()
        assert draft_tags(page) == ["Lemon"]
        go(page, "Pictures")
        page.get_by_role("combobox", name="Search").fill("lem")
        page.get_by_role("option", name="Lemon").click()
        page.get_by_text("6 pictures shown").wait_for()
        assert sorted(found(page)[:5]) == [f"lemon{i}.png" for i in range(5)]
        assert found(page)[5] == "lemon5.png"  # likely, after those that are confirmed
        wait_until_offline(page)
        assert page.errors == []

    with browsed_in_firefox(playwright, profile, downloads) as context:  # the server is gone, the browser starts cold
        page = start(context, address)
        look_at(page, "lemon5.png")
        assert draft_tags(page) == ["Lemon"]
        go(page, "More")
        page.get_by_role("button", name="Export", exact=True).click()
        tagger = Tagger.load(bundle, saved(downloads, "what-you-taught-*.zip"))
        rows = {tag: row["total"] for tag, row in stored(page, "rows").items()}
        assert page.errors == []

    expected = {tag: row.total for tag, row in tagger._state.rows.by_tag.items() if row.pictures}
    assert set(rows) == set(expected) >= {"user:lemon"}
    for tag, row in expected.items():
        magnitude = max(1, np.square(row.mean).max(), row.m2.max())
        for part, value in row._asdict().items():
            np.testing.assert_allclose(rows[tag][part], value.ravel(), rtol=0, atol=rounding(16, magnitude))
    assert [tag.name for tag in tagger.tag(LEMONS[5])] == ["Lemon"]
