"""Broader terms, score offsets and hidden tags in the app, and what Python makes of its lessons."""

import json

import numpy as np
import pytest
from safetensors.numpy import load as load_tensors

from imagetagger.bundle.archive import write_folder
from imagetagger.tagger.lessons import encode_crop as encode
from imagetagger.tagger.tagger import Tagger
from tests.helpers.app import (
    browsed,
    choose,
    export_lessons,
    free_port,
    go,
    look_at,
    needs_app,
    picture,
    served,
    start,
    tags_as_json,
    teach_only,
)
from tests.helpers.bundles import WHITENED
from tests.helpers.sealing import reseal, with_statistics
from tests.helpers.taught import CRIMSON, YELLOW, files, pixels

pytestmark = needs_app
BROADER = {"red": ["warm"], "n01": ["warm"]}
TERMS = [
    {"id": "hue", "name": "hue", "synonyms": []},
    {"id": "warm", "name": "warm colour", "synonyms": ["warm hue"], "broader": ["hue"], "everyday": True},
]
PICTURES = {
    "red.png": pixels("red", 1),
    "blue.png": pixels("blue", 1),
    "crimson.png": pixels(CRIMSON, 1),
    **{f"lemon{i}.png": pixels(YELLOW, i) for i in range(4)},
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The small bundle with broader terms and offsets that change predictions."""
    made = files(*WHITENED)
    labels = [label | {"broader": BROADER.get(label["id"], [])} for label in json.loads(made["labels.json"])]
    tensors = load_tensors(made["statistics.safetensors"])
    tensors["score_offset"] = np.array([0.5, -2, 1.5, -1], np.float32) * 1000
    words = {"labels.json": json.dumps(labels).encode(), "terms.json": json.dumps(TERMS).encode()}
    path = tmp_path_factory.mktemp("bundle") / "terms"
    write_folder(reseal(made, words | with_statistics(made, **tensors)), path)
    return path


@pytest.fixture(scope="module")
def page(playwright, bundle, tmp_path_factory):
    with (
        served(bundle, free_port()) as address,
        browsed(playwright, tmp_path_factory.mktemp("profile")) as context,
    ):
        page = start(context, address)
        choose(
            page, [picture(name, encode(data)) for name, data in PICTURES.items()], f"{len(PICTURES)} pictures added"
        )
        yield page
        assert page.errors == []


def exported(page, tmp_path) -> dict[str, list[dict]]:
    return {entry["picture"]: entry["suggested"] for entry in tags_as_json(page, tmp_path / "tags.json")}


def assert_same_tags(page, tagger, tmp_path):
    suggested = exported(page, tmp_path)
    for name, data in PICTURES.items():
        expected = tagger.tag(encode(data))
        assert [tag["id"] for tag in suggested[name]] == [tag.id for tag in expected]
        got = [tag["probability"] for tag in suggested[name]]
        np.testing.assert_allclose(got, [tag.probability for tag in expected], atol=1e-4)


def test_offsets_count_as_in_python(page, bundle, tmp_path):
    assert_same_tags(page, Tagger.load(bundle), tmp_path)


def test_pictures_are_found_by_the_broader_term_of_their_tags(page, tmp_path):
    warm = {name for name, tags in exported(page, tmp_path).items() if {"red", "n01"} & {tag["id"] for tag in tags}}
    assert 0 < len(warm) < len(PICTURES)
    go(page, "Pictures")
    search = page.get_by_role("combobox", name="Search")
    for text in ("warm hue", "WARM"):
        search.fill(text)
        page.get_by_role("option", name="warm colour 2 tags").wait_for()
        page.get_by_text(f"{len(warm)} pictures shown" if len(warm) > 1 else "1 picture shown").wait_for(
            state="attached"
        )
        labels = page.locator("[data-grid] [data-id]").evaluate_all("tiles => tiles.map((tile) => tile.ariaLabel)")
        assert {label.partition(":")[0] for label in labels} == warm
    search.fill("")


def test_a_tag_of_a_terms_name_is_that_term_also_in_python(page, bundle, tmp_path):
    for i in range(3):
        look_at(page, f"lemon{i}.png")
        teach_only(page, "Warm hue" if i else "warm colour")
    export_lessons(page, tmp_path / "lessons.zip")
    tagger = Tagger.load(bundle, tmp_path / "lessons.zip")
    assert [(tag.id, tag.name, tag.taught) for tag in tagger.tags if tag.taught] == [("warm", "warm colour", 3)]
    assert_same_tags(page, tagger, tmp_path)


def hide(page, name):
    go(page, "Tags")
    page.get_by_label("Search tags").fill(name)
    page.get_by_role("list", name="Tags").get_by_role("button").first.click()
    page.get_by_role("button", name="Hide from suggestions").click()
    page.get_by_role("status").filter(has_text=f"Hid the tag {name}").wait_for()


def test_a_hidden_tag_gives_way_to_a_broader_term_as_in_python(page, bundle, tmp_path):
    hide(page, "crimson")
    assert "n01" not in {tag["id"] for tags in exported(page, tmp_path).values() for tag in tags}
    export_lessons(page, tmp_path / "lessons.zip")
    tagger = Tagger.load(bundle, tmp_path / "lessons.zip")
    assert tagger.hidden == [("n01", "crimson")]
    assert_same_tags(page, tagger, tmp_path)
