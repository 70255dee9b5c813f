"""The app and Python teach each other: one file of lessons, the same rows, the same tags."""

import numpy as np
import pytest

from imagetagger.tagger.lessons import encode_crop as encode
from imagetagger.tagger.tagger import Tagger
from tests.helpers.app import (
    add_tag,
    browsed,
    choose,
    draft_tags,
    export_lessons,
    free_port,
    go,
    import_lessons,
    learn,
    look_at,
    needs_app,
    picture,
    served,
    start,
    stored,
    tags_as_json,
    teach_only,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.precision import rounding
from tests.helpers.taught import YELLOW, folder, pixels

pytestmark = needs_app
LEMONS = [encode(pixels(YELLOW, seed)) for seed in range(6)]


@pytest.fixture(scope="module")
def address():
    with served(folder(*WHITENED), free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def page(playwright, address, tmp_path_factory):
    with browsed(playwright, tmp_path_factory.mktemp("profile")) as context:
        page = start(context, address)
        files = [picture(f"lemon{i}.png", data) for i, data in enumerate(LEMONS)]
        choose(page, [*files, picture("red.png", encode(pixels("red", 1)))], "7 pictures added")
        yield page
        assert page.errors == []


def rows(tagger):
    return {tag: row.total for tag, row in tagger._state.rows.by_tag.items() if row.pictures}


@pytest.fixture(scope="module")
def lessons(page, tmp_path_factory):
    """A tag taught with five pictures, a known one with one; exported."""
    for i in range(5):
        look_at(page, f"lemon{i}.png")
        teach_only(page, "Lemon")
    look_at(page, "red.png")
    if "red" not in draft_tags(page):
        add_tag(page, "red")
    learn(page)
    path = tmp_path_factory.mktemp("exported") / "lessons.zip"
    export_lessons(page, path)
    return path


def test_a_tag_that_five_pictures_taught_is_suggested_on_a_sixth(page, lessons):
    look_at(page, "lemon5.png")
    assert draft_tags(page) == ["Lemon"]


def test_python_has_the_rows_and_tags_of_the_app(page, lessons, tmp_path):
    tagger = Tagger.load(folder(*WHITENED), lessons)
    ours, theirs = stored(page, "rows"), rows(tagger)
    assert set(ours) == set(theirs) >= {"user:lemon"}
    for tag, row in theirs.items():
        magnitude = max(1, np.square(row.mean).max(), row.m2.max())
        for part, value in row._asdict().items():
            np.testing.assert_allclose(ours[tag]["total"][part], value.ravel(), rtol=0, atol=rounding(16, magnitude))
    exported = {entry["picture"]: entry for entry in tags_as_json(page, tmp_path / "tags.json")}
    for name, data in (("lemon5.png", LEMONS[5]), ("red.png", encode(pixels("red", 1)))):
        expected = tagger.tag(data)
        assert [tag["name"] for tag in exported[name]["suggested"]] == [tag.name for tag in expected]
        np.testing.assert_allclose(
            [tag["probability"] for tag in exported[name]["suggested"]],
            [tag.probability for tag in expected],
            atol=1e-4,  # the two runtimes differ in the last digits of embeddings
        )


def test_another_profile_has_the_same_tags_after_importing_the_lessons(page, lessons, playwright, address, tmp_path):
    with browsed(playwright, tmp_path / "profile") as context:
        other = start(context, address)
        import_lessons(other, lessons)
        other.get_by_text("6 pictures and 1 tag imported", exact=True).wait_for()
        ours, theirs = stored(page, "rows"), stored(other, "rows")
        assert {tag: row["total"] for tag, row in ours.items()} == {tag: row["total"] for tag, row in theirs.items()}
        go(other, "Pictures")
        choose(other, [picture("sixth.png", LEMONS[5])], "1 picture added")
        other.get_by_role("heading", name="sixth.png").wait_for()
        assert draft_tags(other) == ["Lemon"]
        assert other.errors == []


def test_a_dismissed_picture_is_confirmed_and_teaches_nothing(page):
    go(page, "Pictures")
    choose(page, [picture("blue.png", encode(pixels("blue", 1)))], "1 picture added")
    page.get_by_role("heading", name="blue.png", exact=True).wait_for()
    for name in draft_tags(page):
        page.get_by_role("button", name=f"Remove {name}", exact=True).click()
    page.get_by_role("button", name="No tag fits", exact=True).click()
    page.get_by_role("button", name="Confirmed: no tag fits", exact=True).wait_for()
    page.reload()
    page.get_by_role("button", name="Confirmed: no tag fits", exact=True).wait_for()
    go(page, "Pictures")
    page.get_by_label("blue.png: no tag, confirmed", exact=True).wait_for()
    go(page, "Tags")
    page.get_by_role("button", name="blue").wait_for()
    assert "of yours" not in page.get_by_role("button", name="blue").inner_text()
    go(page, "More")
    step = page.get_by_role("region", name="History").get_by_role("listitem").first
    assert "Confirmed that no tag fits blue.png" in step.inner_text()
    step.get_by_role("button", name="Undo").click()
    page.get_by_role("status").filter(has_text="Undone: Confirmed that no tag fits blue.png").wait_for()
    look_at(page, "blue.png")
    assert draft_tags(page) == ["blue"]
