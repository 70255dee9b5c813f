"""The app from the first picture to Python, with real Tiny ImageNet, full-size photographs and a real network."""

import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

from imagetagger.data.tiny_imagenet import open_archive, read_examples, read_tags
from imagetagger.tagger.tagger import Tagger
from tests.helpers.app import (
    browsed,
    choose,
    draft_tags,
    export_lessons,
    free_port,
    go,
    import_lessons,
    look_at,
    needs_app,
    picture,
    served,
    squares,
    start,
    stored,
    tags_as_json,
    teach_only,
    wait_until_offline,
)
from tests.helpers.precision import rounding
from tests.helpers.web_pictures import pictures

pytestmark = needs_app
ROOT = Path(__file__).parents[3]
NEW = "golden retriever"
"""A tag of Tiny ImageNet that the bundle below does not know."""


@pytest.fixture(scope="module")
def bundle(real_zip, shared_weights, tmp_path_factory):
    """Thirty tags of Tiny ImageNet, whitened, int8."""
    folder = tmp_path_factory.mktemp("real")
    cut = ["experiments.folder.cut", real_zip, folder / "pictures", "--tags", "30", "--per-tag", "60"]
    subprocess.run([sys.executable, "-m", *map(str, cut)], check=True, cwd=ROOT)
    settings = (
        "+experiment=folder",
        f"data.path={folder / 'pictures'}",
        f"backbone.weights={shared_weights / 'mobilenet_v2_1.0_224_no_top.weights.h5'}",
        "export.onnx=false",
        f"hydra.run.dir={folder / 'run'}",
    )
    subprocess.run([sys.executable, "-m", "imagetagger.run", *settings], check=True, capture_output=True, cwd=folder)
    return folder / "run" / "bundle"


@pytest.fixture(scope="module")
def retrievers(real_zip):
    """Six pictures of the new tag."""
    archive = open_archive(real_zip)
    (wnid,) = [tag.id for tag in read_tags(archive) if tag.name == NEW]
    files = [example.file for example in read_examples(archive, "train") if example.wnid == wnid][:6]
    return [picture(f"rex{i}.jpg", archive.read(file), "image/jpeg") for i, file in enumerate(files)]


def photographs():
    """Photographs of half to twelve megapixels."""
    folder = Path(sklearn.datasets.__file__).parent / "images"
    paths = [folder / "china.jpg", folder / "flower.jpg"]
    paths.append(Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg")
    buffer = io.BytesIO()
    Image.open(paths[1]).resize((4032, 3024)).save(buffer, "JPEG", quality=92)
    files = [picture(path.name, path.read_bytes(), "image/jpeg") for path in paths]
    return [*files, picture("large.jpg", buffer.getvalue(), "image/jpeg")]


def shown_tags(page) -> list[str]:
    """All tags on the page of a picture: chosen ones, then candidates."""
    chosen = draft_tags(page)
    return [*chosen, *page.get_by_role("list", name="Perhaps").locator(".clip").all_inner_texts()]


def test_the_app_from_the_first_picture_to_python(playwright, bundle, retrievers, tmp_path):
    profile, lessons = tmp_path / "profile", tmp_path / "lessons.zip"
    with served(bundle, free_port()) as address, browsed(playwright, profile) as context:
        page = start(context, address)
        choose(page, [*photographs(), *retrievers], "10 pictures added")
        look_at(page, "rex0.jpg")
        assert "Rex" not in shown_tags(page)
        teach_only(page, "Rex")  # correct it, and teach a new tag
        for i in range(1, 5):
            look_at(page, f"rex{i}.jpg")
            teach_only(page, "Rex")
        look_at(page, "rex5.jpg")
        assert "Rex" in shown_tags(page)  # it learned
        teach_only(page, "Rex")
        page.get_by_role("button", name="Undo").click()
        page.get_by_text("Undone: Confirmed Rex on rex5.jpg").wait_for()
        assert stored(page, "rows")["user:rex"]["total"]["count"] == [5]
        go(page, "Tags")
        page.get_by_role("button", name="Rex").click()
        page.get_by_role("textbox", name="Name").fill("Rex the dog")
        page.get_by_role("button", name="Rename").click()
        page.get_by_text("Renamed Rex to Rex the dog").wait_for()
        page.reload()
        look_at(page, "rex0.jpg")
        assert draft_tags(page) == ["Rex the dog"]
        wait_until_offline(page)
        assert page.errors == []

    with browsed(playwright, profile) as context:  # the server is gone, the browser starts cold
        page = start(context, address)
        look_at(page, "rex0.jpg")
        assert draft_tags(page) == ["Rex the dog"]
        shown = {}
        for name in ("rex5.jpg", "china.jpg", "large.jpg", "grace_hopper.jpg"):
            look_at(page, name)
            shown[name] = shown_tags(page)
        export_lessons(page, lessons)
        rows = {tag: row["total"] for tag, row in stored(page, "rows").items()}
        assert page.errors == []

    with served(bundle, free_port()) as address, browsed(playwright, tmp_path / "other") as context:
        page = start(context, address)
        import_lessons(page, lessons)
        page.get_by_text("5 pictures and 1 tag imported", exact=True).wait_for()
        assert {tag: row["total"] for tag, row in stored(page, "rows").items()} == rows

    tagger = Tagger.load(bundle, lessons)
    mine = {tag: row.total for tag, row in tagger._state.rows.by_tag.items() if row.pictures}
    assert set(mine) == set(rows)
    for tag, row in mine.items():
        magnitude = max(1, np.square(row.mean).max(), row.m2.max())
        for part, value in row._asdict().items():
            np.testing.assert_allclose(rows[tag][part], value.ravel(), rtol=0, atol=rounding(16, magnitude))
    for file in (*photographs(), *retrievers):
        if file["name"] in shown:
            assert sorted(shown[file["name"]]) == sorted(tag.name for tag in tagger.tag(file["buffer"]))


def test_500_pictures_of_all_formats_have_pythons_bytes_and_pythons_tags(playwright, bundle, tmp_path):
    """Decoders convert JPEGs of four colours differently: these are left out."""
    made = [drawn for drawn in pictures(520) if drawn.kind != "jpeg, cmyk"][:500]
    (tmp_path / "files").mkdir()
    for drawn in made:
        (tmp_path / "files" / drawn.name).write_bytes(drawn.data)
    with served(bundle, free_port()) as address, browsed(playwright, tmp_path / "profile") as context:
        page = start(context, address)
        choose(page, sorted((tmp_path / "files").iterdir()), f"{len(made)} pictures added")
        exported = {entry["picture"]: entry for entry in tags_as_json(page, tmp_path / "tags.json")}
        seen = squares(page, [entry["id"] for entry in exported.values()])
    assert len(exported) == len(made) == 500
    tagger = Tagger.load(bundle)
    for drawn in made:
        entry = exported[drawn.name]
        square = np.asarray(Image.open(io.BytesIO(seen[entry["id"]])).convert("RGB"))
        np.testing.assert_array_equal(square, tagger.crop(drawn.data), drawn.name)
        expected = tagger.describe(drawn.data)
        assert [tag["id"] for tag in entry["suggested"]] == [tag.id for tag in expected.tags], drawn.name
        probabilities = [tag["probability"] for tag in entry["suggested"]]
        np.testing.assert_allclose(probabilities, [tag.probability for tag in expected.tags], atol=1e-4)
        assert entry["unknown"] == expected.is_novel
