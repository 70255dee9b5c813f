"""The app in German: as its user chose, or as the browser is set; with what was done in English worded in German."""

import re

import pytest

from imagetagger.tagger.lessons import encode_crop
from tests.helpers.app import (
    PATIENCE,
    add_tag,
    browsed,
    choose,
    free_port,
    go,
    learn,
    needs_app,
    picture,
    served,
    start,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.taught import folder, pixels

pytestmark = needs_app


@pytest.fixture(scope="module")
def address():
    with served(folder(*WHITENED), free_port()) as address:
        yield address


def add_in_german(page, name: str, data: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Bilder auswählen").first.click()
    chooser.value.set_files([picture(name, data)])
    page.get_by_role("heading", name=name, exact=True).wait_for()


def history(page) -> list[str]:
    """What the last steps did, the newest first."""
    go(page, "Mehr")
    steps = page.get_by_role("region", name="Verlauf").get_by_role("listitem")
    return steps.locator("span[dir]").all_inner_texts()


def test_the_app_speaks_german_from_adding_a_picture_to_undo(playwright, address, tmp_path):
    with browsed(playwright, tmp_path / "profile", locale="en-GB") as context:
        page = start(context, address)
        choose(page, [picture("red.png", encode_crop(pixels("red", 1)))], "1 picture added")
        add_tag(page, "Rex")
        learn(page)
        go(page, "More")
        page.get_by_role("combobox", name="Language").select_option("Deutsch")
        page.get_by_role("heading", name="Mehr", exact=True).wait_for()
        assert page.evaluate("() => document.documentElement.lang") == "de"
        assert history(page) == ["„Rex“ bei red.png bestätigt", "red.png hinzugefügt"]
        go(page, "Bilder")
        add_in_german(page, "blue.png", encode_crop(pixels("blue", 1)))
        page.get_by_role("button", name=re.compile(" bestätigen$")).click()
        page.get_by_role("button", name="Bestätigt", exact=True).wait_for()
        page.get_by_role("status").filter(has_text="„blue“ bei blue.png bestätigt").wait_for()
        page.get_by_role("status").get_by_role("button", name="Rückgängig").click()
        page.get_by_role("status").filter(has_text="Rückgängig gemacht: „blue“ bei blue.png bestätigt").wait_for()
        page.get_by_role("button", name="blue bestätigen").wait_for()
        assert history(page)[0] == "blue.png hinzugefügt"
        page.reload()
        page.get_by_role("heading", name="Mehr", exact=True).wait_for()
        page.get_by_role("combobox", name="Sprache").select_option("Wie im Browser")
        page.get_by_role("heading", name="More", exact=True).wait_for()
        assert page.errors == []


def test_without_a_choice_the_app_follows_the_browser_and_refuses_files_in_its_language(playwright, address, tmp_path):
    with browsed(playwright, tmp_path / "profile", locale="de-AT") as context:
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        page.goto(address)
        page.get_by_role("heading", name="Deine Bilder, verschlagwortet").wait_for()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Bilder auswählen").first.click()
        chooser.value.set_files([picture("notes.txt", b"remember the milk"), picture("empty.png", b"")])
        dialog = page.get_by_role("dialog", name="2 nicht hinzugefügt")
        dialog.wait_for()
        refused = dialog.get_by_role("listitem").all_inner_texts()
        assert [line.split("\n")[-1] for line in refused] == ["Kein Bild.", "Eine leere Datei."]
        page.keyboard.press("Escape")
        go(page, "Stichwörter")
        page.get_by_role("button", name="Neu", exact=True).click()
        page.get_by_role("dialog").get_by_role("textbox").fill("red")
        page.get_by_role("button", name="Stichwort hinzufügen").click()
        page.get_by_role("alert").filter(has_text="Das Stichwort „red“ gibt es schon").wait_for()


def test_another_tab_and_a_failure_are_explained_in_german(playwright, address, tmp_path):
    with browsed(playwright, tmp_path / "profile", locale="de-DE", service_workers="block") as context:
        page = context.new_page()
        page.route("**/bundle/manifest.json", lambda route: route.fulfill(status=404))
        page.goto(address)
        page.get_by_role("alert").filter(has_text="Der Server antwortet mit 404").wait_for()
        page.unroute("**/bundle/manifest.json")
        page.get_by_role("button", name="Noch einmal versuchen").click()
        page.get_by_role("button", name="Bilder auswählen").first.wait_for()
        second = context.new_page()
        second.goto(address)
        second.get_by_role("alert").filter(has_text="schon in einem anderen Tab oder Fenster offen").wait_for()
        second.get_by_role("button", name="Hier verwenden").click()
        second.get_by_role("button", name="Bilder auswählen").first.wait_for()
        page.get_by_role("alert").filter(has_text="weitergemacht").wait_for()
